"""The real Vault, the real Kubernetes API, and runs that must fail without showing a secret."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cmp.server import CmpServer
from tests.cmp.server import serve as serve_cmp
from tests.conftest import ROOT, Result, Run, build_tools
from tests.integration import cluster as kubernetes
from tests.integration import leaks, repo_server
from tests.integration import reader as readers
from tests.integration.cluster import Cluster
from tests.integration.core import AVP
from tests.integration.helm import Helm
from tests.integration.laboratory import Laboratory
from tests.integration.reader import Reader
from tests.integration.stand_in import StandIn, forward, stand_in
from tests.integration.vault import Vault, serve

OF_THE_MACHINE = (
    *(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")),
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL", "NO")),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"),
)
"""What libraries read of the environment by themselves."""

CREDENTIALS = ("VAULT_TOKEN", "AVP_ROLE_ID", "AVP_SECRET_ID")

_NUMBERS = itertools.count(1)

Fails = Callable[..., str]
StartCmpServer = Callable[[str | Path, Mapping[str, str]], CmpServer]


@pytest.fixture
def any_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Isolate tests from the machine's own proxies, CA certificates and home."""
    for name in OF_THE_MACHINE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def vault(tools: Mapping[str, Path]) -> Iterator[Vault]:
    """One real Vault for the session."""
    with serve(tools["vault"]) as facts:
        yield Vault(facts["address"], facts["root_token"])


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    """Argo CD's own libraries, one process for all tests."""
    with readers.start(build_tools("reader")["reader"]) as running:
        yield running


@pytest.fixture
def proxy(vault: Vault) -> Iterator[StandIn]:
    """A proxy in front of the real Vault."""
    with stand_in(forward(vault.address)) as server:
        yield server


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One real Kubernetes API for the session, started when a test first needs it."""
    with kubernetes.serve(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def accounts(cluster: Cluster) -> Cluster:
    """The Kubernetes API with a namespace and accounts: the app's, another, and Vault's own."""
    cluster.apply(
        """
apiVersion: v1
kind: Namespace
metadata: {name: demo}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: app, namespace: demo}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: other, namespace: demo}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: vault, namespace: demo}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: vault-reviews-tokens}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:auth-delegator}
subjects: [{kind: ServiceAccount, name: vault, namespace: demo}]
"""
    )
    return cluster


@pytest.fixture(scope="session")
def only_kubectl(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment whose PATH has kubectl and nothing else."""
    folder = tmp_path_factory.mktemp("kubectl")
    (folder / "kubectl").symlink_to(build_tools("kubectl")["kubectl"])
    return {"PATH": str(folder)}


@pytest.fixture
def helm(environ: Mapping[str, str], tmp_path: Path) -> Helm:
    """The real helm, on our chart."""
    return Helm(Path(environ["AVP_HELM"]), tmp_path)


@pytest.fixture
def argocd(cluster: Cluster) -> str:
    """The namespace of a repo-server, as Argo CD's own manifests install it."""
    namespace = f"argocd-{next(_NUMBERS)}"
    cluster.run("create", "namespace", namespace)
    repo_server.apply(cluster, namespace)
    return namespace


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    """A child that runs Python, and its directories."""
    return Laboratory(tmp_path)


@pytest.fixture
def kv2(vault: Vault) -> str:
    """A fresh mount of the KV engine, version 2."""
    return vault.mount(2)


@pytest.fixture
def kv1(vault: Vault) -> str:
    """A fresh mount of the KV engine, version 1."""
    return vault.mount(1)


@pytest.fixture
def env(vault: Vault) -> Mapping[str, str]:
    """Variables with which a run reads from the real Vault as root."""
    return {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.root_token}


@pytest.fixture
def fails(run: Run, vault: Vault) -> Fails:
    """Run on standard input, which must fail; return what it printed, with `-vv`.

    Neither a credential of the run nor any value in Vault, encoded or not, may occur in that.
    """

    def run_to_fail(
        stdin: bytes, env: Mapping[str, str], *, secrets: tuple[str, ...] = (), code: int = 1
    ) -> str:
        result: Result = run("generate", "-vv", "-", env=env, stdin=stdin)
        assert result.code == code, result.err
        assert result.out == ""
        assert "please report it" not in result.err
        credentials = [env[name].strip() for name in CREDENTIALS if name in env]
        assert leaks.found(result.err, [*credentials, *vault.written, *secrets]) == []
        return result.err

    return run_to_fail


@pytest.fixture(scope="session")
def argocd_program() -> Path:
    """The program of Argo CD's servers."""
    return build_tools("argocd")["argocd"]


@pytest.fixture(params=["plain", "serve"])
def cmp_server(
    request: pytest.FixtureRequest, argocd_program: Path, environ: Mapping[str, str]
) -> Iterator[StartCmpServer]:
    """Start the real argocd-cmp-server: `cmp_server("plugin.yaml", env)`.

    The file is one of the repository's, or any by its absolute path; `env` is what the operator
    sets in the sidecar, in addition to the paths of kustomize and helm. Each test runs twice: with
    the server by itself, and below the resident core.
    """
    above = (AVP, "serve", "--") if request.param == "serve" else ()
    programs = {name: environ[name] for name in ("AVP_KUSTOMIZE", "AVP_HELM")}
    with ExitStack() as stack:
        yield lambda plugin_file, env: stack.enter_context(
            serve_cmp(argocd_program, ROOT / plugin_file, programs | dict(env), *above)
        )
