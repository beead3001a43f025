"""The metrics of the resident core, as Prometheus' own client reads them."""

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from avp_py import __version__
from tests.conftest import HELM, ROOT
from tests.integration.core import Core, serve
from tests.integration.shop import open_shop
from tests.integration.stand_in import StandIn
from tests.integration.tenants import gate, operator, variables
from tests.integration.vault import Vault
from tests.processes import children, until
from tests.servers import free_ports

WEB = ROOT / "examples/web"

SECRET = """\
kind: Secret
metadata: {{name: a, annotations: {{avp.kubernetes.io/path: "{path}"}}}}
stringData: {{a: <a>}}
"""

POLICY = """\
rules:
  - projects: [web]
    allow: ["{mount}/data/web/*"]
"""

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def fetch(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def scrape(address: str) -> Samples:
    _, text = fetch(address, "/metrics")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def address() -> str:
    return f"127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture
def core(vault: Vault, proxy: StandIn, kv2: str, address: str, tmp_path: Path) -> Iterator[Core]:
    vault.write(f"{kv2}/data/web/a", {"a": "1"})
    role, secret = vault.approle(f"{kv2}/data/*")
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.format(mount=kv2))
    env = {
        "VAULT_ADDR": proxy.address,
        "AVP_ROLE_ID": role,
        "AVP_SECRET_ID": secret,
        "AVP_POLICY": str(policy),
    }
    with measured(env, address) as running:
        yield running


@contextmanager
def measured(env: Mapping[str, str], address: str) -> Iterator[Core]:
    """A core whose metrics are served."""
    with serve({**env, "AVP_METRICS_ADDRESS": address}) as running:
        assert until(lambda: _answers(address), 20), running.log.read_text()
        yield running


def _answers(address: str) -> bool:
    try:
        return fetch(address, "/healthz")[0] == 200
    except OSError:
        return False


def generate(core: Core, path: str, project: str = "web") -> int:
    """The exit code of a request for one secret."""
    variables = {"ARGOCD_APP_NAME": "web", "ARGOCD_APP_PROJECT_NAME": project}
    stdin = SECRET.format(path=path).encode()
    return core.run("generate", "-", cwd=ROOT, variables=variables, stdin=stdin).returncode


def test_requests_reads_logins_and_denials_are_counted(core: Core, kv2: str, address: str) -> None:
    assert generate(core, f"{kv2}/data/web/a") == 0
    assert generate(core, f"{kv2}/data/web/a") == 0
    assert generate(core, f"{kv2}/data/web/none") == 1
    assert generate(core, f"{kv2}/data/other/a") == 1
    expected = {
        ("avp_requests_total", (("command", "generate"), ("outcome", "ok"))): 2,
        ("avp_requests_total", (("command", "generate"), ("outcome", "failed"))): 2,
        ("avp_vault_logins_total", (("outcome", "ok"),)): 1,
        ("avp_denials_total", (("project", "web"),)): 1,
        ("avp_request_seconds_count", (("stage", "queue"),)): 4,
        ("avp_request_seconds_count", (("stage", "run"),)): 4,
        ("avp_request_seconds_count", (("stage", "read"),)): 4,
        ("avp_workers", ()): 0,
        ("avp_queue_length", ()): 0,
    }
    assert until(lambda: expected.items() <= scrape(address).items(), 10), scrape(address)
    assert scrape(address)["avp_vault_reads_total", (("outcome", "ok"),)] >= 2
    assert scrape(address)["avp_last_success_timestamp_seconds", ()] > 1e9


def test_a_read_that_two_requests_share_is_counted(
    vault: Vault, kv2: str, address: str, tools: Mapping[str, Path]
) -> None:
    vault.write(f"{kv2}/data/web/a", {"a": "1"})
    stdin = SECRET.format(path=f"{kv2}/data/web/a").encode()
    with gate(vault.address) as at:
        env = operator(vault, at.stand_in.address, kv2, tools)
        with measured(env, address) as core, ThreadPoolExecutor(2) as pool:
            # The login waits until both have begun.
            at.close("/login")
            running = [
                pool.submit(core.run, "generate", "-", cwd=ROOT, variables=variables(), stdin=stdin)
                for _ in range(2)
            ]
            assert until(lambda: core.connections == 2, 20)
            at.open()
            assert [each.result().returncode for each in running] == [0, 0]
            expected = {
                ("avp_vault_reads_total", (("outcome", "ok"),)): 1,
                ("avp_vault_shared_total", ()): 1,
            }
            assert until(lambda: expected.items() <= scrape(address).items(), 10), scrape(address)


@pytest.mark.usefixtures("any_machine")
def test_what_is_fetched_is_counted(
    tools: Mapping[str, Path], tmp_path: Path, address: str
) -> None:
    with (
        open_shop(tmp_path, tools, HELM) as shop,
        measured(shop.env, address) as core,
    ):
        for _ in range(2):
            done = core.run("generate", ".", cwd=shop.app, variables=shop.variables())
            assert done.returncode == 0, done.stderr
        expected = {
            ("avp_fetches_total", (("kind", "chart"), ("outcome", "repository"))): 1,
            ("avp_fetches_total", (("kind", "chart"), ("outcome", "cache"))): 1,
            ("avp_request_seconds_count", (("stage", "fetch"),)): 2,
        }
        assert until(lambda: expected.items() <= scrape(address).items(), 10), scrape(address)


def test_a_core_whose_supervisor_hangs_is_not_healthy(core: Core, address: str) -> None:
    os.kill(core.supervisor, signal.SIGSTOP)
    try:
        assert fetch(address, "/healthz")[0] == 503
    finally:
        os.kill(core.supervisor, signal.SIGCONT)
    assert fetch(address, "/healthz")[0] == 200


def test_a_core_without_a_keeper_is_not_healthy(core: Core, address: str) -> None:
    # What would start another one.
    os.kill(core.process.pid, signal.SIGSTOP)
    try:
        os.kill(core.keeper, signal.SIGKILL)
        assert until(lambda: fetch(address, "/healthz")[0] == 503, 20)
    finally:
        os.kill(core.process.pid, signal.SIGCONT)
    assert until(lambda: _answers(address), 20)
    expected = {
        ("avp_keeper_restarts_total", ()): 1,
        ("avp_build_info", (("version", __version__),)): 1,
    }
    assert until(lambda: expected.items() <= scrape(address).items(), 20), scrape(address)


def test_metrics_are_served_again_after_their_process_was_killed(core: Core, address: str) -> None:
    (metrics,) = children(core.process.pid) - {core.supervisor, core.keeper}
    os.kill(metrics, signal.SIGKILL)
    assert until(lambda: _answers(address) and metrics not in children(core.process.pid), 20)


@pytest.mark.usefixtures("core")
def test_other_pages_are_not_found(address: str) -> None:
    assert fetch(address, "/")[0] == 404


def test_without_an_address_nothing_is_served(vault: Vault) -> None:
    with serve({"VAULT_ADDR": vault.address, "VAULT_TOKEN": "t"}) as running:
        assert len(children(running.process.pid)) == 2
