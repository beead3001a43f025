"""What remains when Argo CD's time limit ends a request, or when ours ends it first."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.cmp.application import identity, secret
from tests.cmp.client import CallError
from tests.cmp.server import END_SECONDS
from tests.integration import leaks
from tests.integration.charts import host_of
from tests.integration.conftest import StartCmpServer
from tests.integration.stand_in import Exchange, StandIn, stand_in
from tests.processes import until
from tests.trees import found_in, write

pytestmark = pytest.mark.usefixtures("any_machine")

CHART: Final = "{apiVersion: v2, name: x, version: 1.0.0}\n"
MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {text: here}\n"
GOOD: Final = {
    "Chart.yaml": CHART,
    "kustomization.yaml": "resources: [map.yaml]\n",
    "map.yaml": MAP,
    "templates/map.yaml": MAP,
}
PATIENCE: Final = 6.0
"""Argo CD's time limit of a request, in seconds: long enough for avp-py to ask Vault."""

# helm renders for hours.
ENDLESS: Final = "{{ range until 99999 }}{{ range until 99999 }}{{ end }}{{ end }}" * 99
TREES: Final[Mapping[str, Mapping[str, str]]] = {
    "helm": {"Chart.yaml": CHART, "templates/a": ENDLESS},
    "helm below kustomize": {
        "kustomization.yaml": "helmCharts: [{name: x}]\n",
        "charts/x/Chart.yaml": CHART,
        "charts/x/values.yaml": "{}",
        "charts/x/templates/a": ENDLESS,
    },
    "a chart that is pulled": {
        "kustomization.yaml": "helmCharts: [{name: x, repo: ADDRESS, version: 1.0.0}]\n"
    },
}
PLUGINS: Final = {"helm": "plugin-avp-helm.yaml"}
SLOW: Final = (
    r"\n1\. ((kustomize build|helm template) did not finish within the time limit of the "
    "whole run\n   next: .*AVP_RUN_TIMEOUT sets the limit$"
    "|the chart x 1.0.0 from http://127.0.0.1:[0-9]+ cannot be fetched: .* within .* s\n)"
)
"""What our own time limit says."""
CREDENTIALS: Final = {"AVP_ROLE_ID": "role-id-in-the-sidecar", "AVP_SECRET_ID": "hunter22-of-role"}


@pytest.fixture
def silent() -> Iterator[StandIn]:
    """A server that accepts a request and never answers."""
    over = threading.Event()

    def answer(_exchange: Exchange) -> None:
        over.wait()

    with stand_in(answer) as server:
        yield server
        over.set()


@pytest.fixture(params=TREES)
def slow(request: pytest.FixtureRequest, tmp_path: Path, silent: StandIn) -> tuple[str, Path]:
    """A plugin file, and an Application that it does not finish in time."""
    files = TREES[request.param].items()
    tree = {name: text.replace("ADDRESS", silent.address) for name, text in files}
    return PLUGINS.get(request.param, "plugin.yaml"), write(tmp_path / "slow", tree)


def text_of(tree: Path) -> str:
    """The kustomization of a tree, where there is one."""
    file = tree / "kustomization.yaml"
    return file.read_text() if file.exists() else ""


def test_a_request_that_is_given_up_leaves_no_program_and_no_secret(
    cmp_server: StartCmpServer, slow: tuple[str, Path], silent: StandIn, tmp_path: Path
) -> None:
    plugin_file, tree = slow
    env = {**CREDENTIALS, "AVP_RENDER_HOSTS": host_of(silent.address)}
    server = cmp_server(plugin_file, env)
    server.client.give_up(
        tree, env=identity(), when=lambda: "/helm " in " ".join(server.children().values())
    )

    assert server.wait_for_children() == {}

    # Without a core avp-py was killed at once, so its temporary folder remains, and that of what
    # was fetching a chart, if it was.
    left = server.files()
    names = {Path(name).parts[1] for name in left if name.startswith("tmp/")}
    texts = []
    for each in filter(Path.is_file, found_in(server.scratch)):
        # Below a core, what is left is removed meanwhile.
        with suppress(FileNotFoundError):
            texts.append(each.read_text())
    most = 2 if "repo:" in text_of(tree) else 1
    assert 1 <= len(names) <= most or not server.is_plain
    assert leaks.found("".join(texts), CREDENTIALS.values()) == []

    server.client.generate(write(tmp_path / "good", GOOD), env=identity())

    assert until(lambda: server.files() == ["work/_cmp_server"], END_SECONDS)


def test_what_waits_for_vault_is_killed_and_leaves_nothing(
    cmp_server: StartCmpServer, silent: StandIn, tmp_path: Path
) -> None:
    tree = write(
        tmp_path / "tree",
        {
            "kustomization.yaml": "resources: [secret.yaml]\n",
            "secret.yaml": secret("kv/data/web", password="<password>"),
        },
    )
    server = cmp_server("plugin.yaml", {"VAULT_ADDR": silent.address, "VAULT_TOKEN": "hunter22"})

    with pytest.raises(CallError):
        server.client.generate(tree, env=identity(), timeout=PATIENCE)

    assert silent.paths == ["/v1/kv/data/web"]
    assert server.wait_for_children() == {}
    assert until(lambda: server.files() == ["work/_cmp_server"], END_SECONDS)


def test_our_own_limit_comes_first_and_says_what_was_slow(
    cmp_server: StartCmpServer, slow: tuple[str, Path], silent: StandIn
) -> None:
    plugin_file, tree = slow
    env = {**CREDENTIALS, "AVP_RUN_TIMEOUT": "2", "AVP_RENDER_HOSTS": host_of(silent.address)}
    server = cmp_server(plugin_file, env)

    with pytest.raises(CallError) as raised:
        server.client.generate(tree, env=identity())

    assert re.search(SLOW, raised.value.message), raised.value.message
    assert server.wait_for_children() == {}
    assert server.files() == ["work/_cmp_server"]
