"""What requests share in the keeper: logins, reads and connections, and what they never share."""

import base64
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.conftest import ROOT
from tests.integration.certificates import openssl
from tests.integration.cluster import Cluster
from tests.integration.core import Core, serve
from tests.integration.stand_in import Exchange, StandIn, as_json, forward
from tests.integration.tenants import gate, manifest, operator, variables
from tests.integration.vault import Vault
from tests.processes import until

pytestmark = pytest.mark.usefixtures("any_machine")

PATIENCE: Final = 30.0

Ended = subprocess.CompletedProcess[bytes]


def generate(
    core: Core, path: str = "", *, project: str = "default", secret: str = "", key: str = "password"
) -> Ended:
    """Run a request for one secret."""
    client = start(core, path, project=project, secret=secret, key=key)
    out, err = client.communicate(timeout=PATIENCE)
    return Ended(client.args, client.returncode, out, err)


def start(
    core: Core, path: str = "", *, project: str = "default", secret: str = "", key: str = "password"
) -> "subprocess.Popen[bytes]":
    argv = [*(("-s", secret) if secret else ()), "generate", "-"]
    client = core.start(*argv, cwd=ROOT, variables=variables(project=project))
    assert client.stdin is not None
    client.stdin.write(manifest(path, field=f"<{key}>"))
    client.stdin.close()
    client.stdin = None
    return client


def field(done: Ended) -> str:
    """The value that a request got."""
    assert (done.returncode, done.stderr.decode()) == (0, "")
    found: str = yaml.safe_load(done.stdout)["stringData"]["field"]
    return found


def failed(done: Ended) -> str:
    """What a request said that failed."""
    assert (done.returncode, done.stdout) == (1, b"")
    return done.stderr.decode()


def logins(server: StandIn) -> int:
    return sum(path.endswith("/login") for path in server.paths)


def reads(server: StandIn) -> Counter[str]:
    """How often each secret was read."""
    return Counter(path for path in server.paths if "/data/" in path)


# --- Shared ---


def test_fifty_requests_share_one_login_and_five_reads(
    vault: Vault, kv2: str, tools: Mapping[str, Path]
) -> None:
    names = [f"secret{number}" for number in range(5)]
    for name in names:
        vault.write(f"{kv2}/data/{name}", {"password": f"hunter22-of-{name}"})
    with gate(vault.address) as at:
        env = operator(vault, at.stand_in.address, kv2, tools, AVP_PARALLEL="4")
        with serve(env) as core:
            # The login waits until the last request has begun: none of the reads is older then.
            at.close("/login")
            clients = [
                (name, start(core, f"{kv2}/data/{name}", project=f"project{number % 7}"))
                for number in range(10)
                for name in names
            ]
            assert until(lambda: core.connections == len(clients), PATIENCE)
            at.open()
            for name, client in clients:
                out, err = client.communicate(timeout=PATIENCE)
                assert field(Ended([], client.returncode, out, err)) == f"hunter22-of-{name}"
        assert logins(at.stand_in) == 1
        assert reads(at.stand_in) == {f"/v1/{kv2}/data/{name}": 1 for name in names}


def test_a_request_gets_what_was_written_before_it_began(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path]
) -> None:
    path = f"{kv2}/data/web"
    vault.write(path, {"password": "0"})
    over, ages = threading.Event(), list[int]()

    def ask(core: Core, project: str) -> None:
        while not over.is_set():
            written = newest[0]
            ages.append(int(field(generate(core, path, project=project))) - written)

    newest = [0]
    env = operator(vault, proxy.address, kv2, tools, AVP_PARALLEL="3")
    with serve(env) as core, ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask, core, f"project{number}") for number in range(4)]
        try:
            for number in range(1, 60):
                vault.write(path, {"password": str(number)})
                newest[0] = number
                time.sleep(0.05)
        finally:
            over.set()
        for each in running:
            each.result(PATIENCE)
    assert len(ages) > 10
    assert min(ages) >= 0, "an older value than when the request began"
    assert logins(proxy) == 1


def test_a_cache_has_the_old_value_for_its_time(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path]
) -> None:
    path = f"{kv2}/data/web"
    vault.write(path, {"password": "hunter22-old"})
    with serve(operator(vault, proxy.address, kv2, tools, AVP_CACHE_TTL="30")) as core:
        assert field(generate(core, path)) == "hunter22-old"
        vault.write(path, {"password": "hunter22-new"})
        # Longer than the keeper keeps what nobody may use.
        time.sleep(2.5)
        assert field(generate(core, path)) == "hunter22-old"
        assert reads(proxy)[f"/v1/{path}"] == 1
    with serve(operator(vault, proxy.address, kv2, tools, AVP_CACHE_TTL="1")) as core:
        assert field(generate(core, path)) == "hunter22-new"
        vault.write(path, {"password": "hunter22-newest"})
        time.sleep(1.1)
        assert field(generate(core, path)) == "hunter22-newest"


def test_a_failure_is_not_kept_for_later_requests(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path]
) -> None:
    path = f"{kv2}/data/web"
    vault.write(path, {"password": "hunter22"})
    env = operator(vault, proxy.address, kv2, tools, AVP_CACHE_TTL="30", VAULT_MAX_RETRIES="0")
    with serve(env) as core:
        passing = proxy.answer
        for status in (500, 503, 429, 403):
            broken = as_json(status, {"errors": ["a fault of the test"]})
            proxy.answer = lambda each, broken=broken: (  # type: ignore[misc]
                broken if "/data/" in each.path else passing
            )(each)
            failed(generate(core, path, key=f"password{status}"))
            proxy.answer = passing
            said = failed(generate(core, path, key=f"password{status}"))
            assert f"the key 'password{status}' is not in the secret" in said
            os.kill(core.process.pid, signal.SIGHUP)


@pytest.mark.parametrize("ttl", ["0", "30"])
def test_the_policy_denies_what_another_project_has_cached(
    ttl: str, vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path], tmp_path: Path
) -> None:
    path = f"{kv2}/data/web"
    vault.write(path, {"password": "hunter22"})
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump({"rules": [{"projects": ["own"], "allow": [path]}]}))
    further = {"AVP_CACHE_TTL": ttl, "AVP_POLICY": str(policy)}
    with serve(operator(vault, proxy.address, kv2, tools, **further)) as core:
        for _ in range(2):
            assert field(generate(core, path, project="own")) == "hunter22"
            said = failed(generate(core, path, project="other"))
            assert f"the policy does not allow the path {path}" in said


# --- Not shared ---


@pytest.fixture
def two_secrets(cluster: Cluster, vault: Vault, kv2: str, tmp_path: Path) -> Mapping[str, str]:
    """Secrets in the real Kubernetes API, each with an AppRole that may read its own path."""
    namespace = f"sharing-{kv2}"
    objects: list[Mapping[str, object]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    ]
    for name in ("one", "two"):
        vault.write(f"{kv2}/data/{name}", {"password": f"hunter22-of-{name}"})
        role_id, secret_id = vault.approle(f"{kv2}/data/{name}")
        objects.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace},
                "stringData": {"AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id},
            }
        )
    cluster.apply(yaml.safe_dump_all(objects))
    return {
        "KUBECONFIG": str(cluster.kubeconfig(tmp_path)),
        "one": f"{namespace}:one",
        "two": f"{namespace}:two",
    }


def test_two_secrets_with_settings_never_share(
    kv2: str,
    proxy: StandIn,
    tools: Mapping[str, Path],
    two_secrets: Mapping[str, str],
) -> None:
    env = {
        "VAULT_ADDR": proxy.address,
        "KUBECONFIG": two_secrets["KUBECONFIG"],
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
        "AVP_CACHE_TTL": "30",
        "AVP_PARALLEL": "3",
    }
    with serve(env) as core, ThreadPoolExecutor(4) as pool:
        asked = [(name, path) for name in ("one", "two") for path in ("one", "two")] * 5
        done = pool.map(
            lambda each: generate(core, f"{kv2}/data/{each[1]}", secret=two_secrets[each[0]]), asked
        )
        for (name, path), each in zip(asked, done, strict=True):
            if name == path:
                assert field(each) == f"hunter22-of-{name}"
            else:
                assert f"Vault denied read access to {kv2}/data/{path} (403)" in failed(each)
    assert logins(proxy) == 2


# --- The file with a credential ---


class Signer:
    """Signs JWTs that a Vault accepts."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder = folder
        self._key = folder / "signer.pem"
        public = folder / "signer.pub"
        openssl("genrsa", "-out", self._key, "2048")
        openssl("rsa", "-in", self._key, "-pubout", "-out", public)
        vault.enable("jwt", "jwt")
        vault.call("post", "auth/jwt/config", {"jwt_validation_pubkeys": [public.read_text()]})

    def token(self, subject: str) -> str:
        """A token of a subject."""
        now = int(time.time())
        claims = {"sub": subject, "aud": "vault", "nbf": now - 9, "iat": now - 9, "exp": now + 600}
        text = b".".join((_encoded({"alg": "RS256", "typ": "JWT"}), _encoded(claims)))
        data, signature = self._folder / "data", self._folder / "signature"
        data.write_bytes(text)
        openssl("dgst", "-sha256", "-sign", self._key, "-out", signature, data)
        return b".".join((text, _base64(signature.read_bytes()))).decode()


def _encoded(value: Mapping[str, object]) -> bytes:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.fixture
def signer(vault: Vault, tmp_path: Path) -> Signer:
    return Signer(tmp_path, vault)


def jwt_role(vault: Vault, mount: str, **further: object) -> str:
    """A role for any subject, which may read a mount."""
    name = vault.policy(f"{mount}/*")
    role = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["vault"],
        "token_policies": [name],
        **further,
    }
    vault.call("post", f"auth/jwt/role/{name}", role)
    return name


def replace(file: Path, text: str) -> None:
    """Write a file as Kubernetes does: the old one is there until the new one is."""
    new = file.with_name("new")
    new.write_text(text)
    new.rename(file)


def sent(server: StandIn) -> Sequence[str]:
    """The tokens of the logins, in order."""
    return [json.loads(each.body)["jwt"] for each in server.asked if each.path.endswith("/login")]


def test_a_rotated_jwt_is_noticed(
    vault: Vault,
    kv2: str,
    proxy: StandIn,
    tools: Mapping[str, Path],
    tmp_path: Path,
    signer: Signer,
) -> None:
    path, file = f"{kv2}/data/web", tmp_path / "token"
    vault.write(path, {"password": "hunter22"})
    tokens = [signer.token("one"), signer.token("two")]
    env = {
        "VAULT_ADDR": proxy.address,
        "AVP_AUTH_TYPE": "jwt",
        "AVP_JWT_ROLE": jwt_role(vault, kv2),
        "AVP_JWT_PATH": str(file),
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
    }
    replace(file, tokens[0])
    with serve(env) as core:
        for each in tokens:
            replace(file, each)
            assert [field(generate(core, path)) for _ in range(2)] == ["hunter22"] * 2
        assert sent(proxy) == tokens
        file.unlink()
        assert f"cannot read the token file {file}" in failed(generate(core, path))


def test_a_rotated_service_account_token_is_noticed(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path], tmp_path: Path
) -> None:
    path, file = f"{kv2}/data/web", tmp_path / "token"
    vault.write(path, {"password": "hunter22"})
    passing, vault_token = proxy.answer, vault.token(f"{kv2}/*")

    def answer(exchange: Exchange) -> None:
        # A login whose JWT the Kubernetes API would have to review.
        granted = {"auth": {"client_token": vault_token, "lease_duration": 3600}}
        is_login = exchange.path == "/v1/auth/kubernetes/login"
        (as_json(200, granted) if is_login else passing)(exchange)

    proxy.answer = answer
    env = {
        "VAULT_ADDR": proxy.address,
        "AVP_K8S_ROLE": "role",
        "AVP_K8S_TOKEN_PATH": str(file),
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
    }
    tokens = ["token-one", "token-two"]
    replace(file, tokens[0])
    with serve(env) as core:
        for each in tokens:
            replace(file, each)
            assert [field(generate(core, path)) for _ in range(2)] == ["hunter22"] * 2
    assert sent(proxy) == tokens


@pytest.mark.parametrize("status", [429, 503])
def test_a_session_that_must_wait_delays_no_other(
    status: int,
    vault: Vault,
    kv2: str,
    proxy: StandIn,
    tools: Mapping[str, Path],
    tmp_path: Path,
    signer: Signer,
) -> None:
    path, file = f"{kv2}/data/web", tmp_path / "token"
    vault.write(path, {"password": "hunter22"})
    env = {
        "VAULT_ADDR": proxy.address,
        "AVP_AUTH_TYPE": "jwt",
        "AVP_JWT_ROLE": jwt_role(vault, kv2),
        "AVP_JWT_PATH": str(file),
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
        "AVP_PARALLEL": "2",
        # As long as it may wait: it does not give up before the others are done.
        "VAULT_CLIENT_TIMEOUT": "50",
    }
    replace(file, signer.token("busy"))
    passing = forward(vault.address)
    wait = as_json(status, {"errors": ["wait"]}, Retry_After="40")
    busy: list[str] = []

    def answer(exchange: Exchange) -> None:
        token = exchange.headers.get("X-Vault-Token", "")
        (wait if token in busy and "/data/" in exchange.path else passing)(exchange)

    with serve(env) as core:
        assert field(generate(core, path)) == "hunter22"
        busy += [each.headers["X-Vault-Token"] for each in proxy.asked if "/data/" in each.path]
        proxy.answer = answer
        count = len(proxy.replied)
        waiting = start(core, path)
        assert until(lambda: any(found == status for _, found in proxy.replied[count:]), PATIENCE)

        replace(file, signer.token("other"))
        for _ in range(3):
            assert field(generate(core, path)) == "hunter22"

        assert waiting.poll() is None
        waiting.kill()
        waiting.communicate()


# --- Tokens that end ---


def test_a_revoked_token_costs_one_login(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path]
) -> None:
    names = [f"secret{number}" for number in range(4)]
    for name in names:
        vault.write(f"{kv2}/data/{name}", {"password": f"hunter22-of-{name}"})
    with (
        serve(operator(vault, proxy.address, kv2, tools, AVP_PARALLEL="3")) as core,
        ThreadPoolExecutor(6) as pool,
    ):
        for expected in (1, 2):
            asked = names * 3
            done = pool.map(lambda name: generate(core, f"{kv2}/data/{name}"), asked)
            assert [field(each) for each in done] == [f"hunter22-of-{name}" for name in asked]
            assert logins(proxy) == expected
            vault.client.auth.token.revoke(proxy.asked[-1].headers["X-Vault-Token"])


def test_a_token_is_replaced_before_it_ends(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path]
) -> None:
    path = f"{kv2}/data/web"
    vault.write(path, {"password": "hunter22"})
    role_id, secret_id = vault.approle(f"{kv2}/*", token_ttl="3s", token_max_ttl="3s")
    own = {"AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id, "AVP_PARALLEL": "2"}
    end = time.monotonic() + 5

    def ask(core: Core) -> int:
        count = 0
        while time.monotonic() < end:
            assert field(generate(core, path)) == "hunter22"
            count += 1
        return count

    with (
        serve(operator(vault, proxy.address, kv2, tools, **own)) as core,
        ThreadPoolExecutor(3) as pool,
    ):
        assert sum(pool.map(ask, [core] * 3)) > 10
    # None was ever rejected, and none was replaced much earlier than it had to be.
    assert {status for _, status in proxy.replied} == {200}
    assert 2 <= logins(proxy) <= 4


def test_a_role_whose_tokens_may_be_used_twice(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path]
) -> None:
    names = [f"secret{number}" for number in range(12)]
    for name in names:
        vault.write(f"{kv2}/data/{name}", {"password": f"hunter22-of-{name}"})
    role_id, secret_id = vault.approle(f"{kv2}/*", token_num_uses=2)
    own = {"AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id, "AVP_PARALLEL": "3"}
    with (
        serve(operator(vault, proxy.address, kv2, tools, **own)) as core,
        ThreadPoolExecutor(len(names)) as pool,
    ):
        done = pool.map(lambda name: generate(core, f"{kv2}/data/{name}"), names)
        assert [field(each) for each in done] == [f"hunter22-of-{name}" for name in names]
    assert len(names) / 2 <= logins(proxy) <= len(names)


def test_after_sighup_the_next_request_logs_in_anew(
    vault: Vault, kv2: str, tools: Mapping[str, Path]
) -> None:
    path = f"{kv2}/data/web"
    vault.write(path, {"password": "hunter22"})
    with gate(vault.address) as at:
        env = operator(vault, at.stand_in.address, kv2, tools, AVP_CACHE_TTL="30")
        with serve(env) as core:
            assert field(generate(core, path)) == "hunter22"
            keeper = core.keeper
            vault.write(path, {"password": "hunter22-new"})
            assert field(generate(core, path)) == "hunter22"

            os.kill(core.process.pid, signal.SIGHUP)

            assert until(lambda: field(generate(core, path)) == "hunter22-new", PATIENCE)
            assert logins(at.stand_in) == 2
            assert core.keeper == keeper


def test_a_token_cache_outlives_the_keeper_and_not_sighup(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path], tmp_path: Path
) -> None:
    path, cache = f"{kv2}/data/web", tmp_path / "cache"
    vault.write(path, {"password": "hunter22"})
    cache.mkdir(mode=0o700)
    with serve(operator(vault, proxy.address, kv2, tools, AVP_TOKEN_CACHE=str(cache))) as core:
        for expected in (1, 1):
            assert field(generate(core, path)) == "hunter22"
            assert logins(proxy) == expected
            keeper = core.keeper
            os.kill(keeper, signal.SIGKILL)
            assert until(lambda gone=keeper: core.keeper not in (0, gone), PATIENCE)  # type: ignore[misc]
        assert field(generate(core, path)) == "hunter22"
        assert logins(proxy) == 1

        os.kill(core.process.pid, signal.SIGHUP)

        assert until(lambda: bool(field(generate(core, path))) and logins(proxy) > 1, 5)
        assert field(generate(core, path)) == "hunter22"
        assert logins(proxy) == 2


def test_many_sighups_fail_no_request(
    vault: Vault, kv2: str, proxy: StandIn, tools: Mapping[str, Path]
) -> None:
    path = f"{kv2}/data/web"
    vault.write(path, {"password": "hunter22"})
    with serve(operator(vault, proxy.address, kv2, tools, AVP_PARALLEL="2")) as core:
        over = threading.Event()
        with _signals(core, over), ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda _: generate(core, path), range(30)))
        assert {field(each) for each in done} == {"hunter22"}
        assert logins(proxy) > 1
        keeper = core.keeper
        assert field(generate(core, path)) == "hunter22"
        assert core.keeper == keeper


@contextmanager
def _signals(core: Core, over: threading.Event) -> Iterator[None]:
    """Send SIGHUP again and again."""

    def send() -> None:
        while not over.wait(0.002):
            os.kill(core.process.pid, signal.SIGHUP)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
