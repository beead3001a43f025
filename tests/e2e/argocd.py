"""The real Argo CD: its servers as plain processes on loopback, and its command line."""

import base64
import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from engine import install

from tests.conftest import build_tools
from tests.e2e.api import Api
from tests.integration import crds
from tests.integration.cluster import Cluster
from tests.processes import until
from tests.servers import Server, free_ports

NAMESPACE: Final = "argocd"
CLUSTER_NAME: Final = "local"
"""The name of the cluster for `--dest-name`: the usual in-cluster one works in a pod only."""

READY_SECONDS: Final = 60
"""How long its servers may take to be ready; they take 5 seconds on an idle machine."""

COMMAND_SECONDS: Final = 120
"""How long a command may take, unless it is one that waits."""


@dataclass(frozen=True)
class ArgoCd:
    """A running Argo CD.

    Attributes:
        api: the Kubernetes API that it uses.
        address: host and port of argocd-server, without TLS.
        program: the argocd command.
        home: HOME of the command; `argocd login` was run there as admin.
        sockets: the folder for the sockets of plugins.
        repo_server: argocd-repo-server.
        controller: argocd-application-controller.
    """

    api: Api
    address: str
    program: Path
    home: Path
    sockets: Path
    repo_server: Server
    controller: Server

    @property
    def ci_environment(self) -> Mapping[str, str]:
        """The variables that argocd itself reads, without a token."""
        return {
            "PATH": f"{self.program.parent}:{os.defpath}",
            "HOME": str(self.home / "ci"),
            "ARGOCD_SERVER": self.address,
            "ARGOCD_OPTS": "--plaintext",
        }

    def start_command(self, *arguments: object) -> "subprocess.Popen[str]":
        """Start `argocd` as admin."""
        return subprocess.Popen(
            [str(self.program), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.defpath, "HOME": str(self.home)},
        )

    def try_run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run `argocd` as admin, to whatever end."""
        process = self.start_command(*arguments)
        out, err = process.communicate(timeout=COMMAND_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *arguments: object) -> str:
        """Run `argocd` as admin; return what it printed."""
        done = self.try_run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def project_token(self, project: str, role: str) -> str:
        """A token of a role of a project."""
        return self.run("proj", "role", "create-token", project, role, "--token-only").strip()


@contextmanager
def serve(folder: Path, cluster: Cluster) -> Iterator[ArgoCd]:
    """Install Argo CD in the cluster and run it.

    Args:
        folder: an empty folder with a short path, for the sockets.
        cluster: a Kubernetes API without Argo CD.
    """
    built = build_tools("argocd", "kustomize", "helm")
    programs, home, sockets = (folder / each for each in ("bin", "home", "sockets"))
    for each in (programs, home, home / "ci", sockets):
        each.mkdir(parents=True)
    for name, path in built.items():
        (programs / name).symlink_to(path)
    _install(cluster, built["argocd"].parent / "manifests")
    servers = _servers(folder, programs, cluster)
    with ExitStack() as stack:
        for listening in servers.values():
            listening.server.start()
            stack.callback(listening.server.kill)
        for listening in servers.values():
            until(listening.is_settled, READY_SECONDS)
            assert listening.is_ready(), listening.server.tail()
        argocd = ArgoCd(
            Api(cluster),
            f"127.0.0.1:{servers['argocd-server'].port}",
            programs / "argocd",
            home,
            sockets,
            servers["argocd-repo-server"].server,
            servers["argocd-application-controller"].server,
        )
        _log_in(argocd)
        yield argocd


@dataclass(frozen=True)
class _Listening:
    """A server with the port that it listens on, and the one with its health; 0 for none."""

    server: Server
    port: int
    health_port: int

    def is_settled(self) -> bool:
        """Whether it is ready, or has ended."""
        return not self.server.is_running or self.is_ready()

    def is_ready(self) -> bool:
        try:
            if not self.health_port:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return True
            url = f"http://127.0.0.1:{self.health_port}/healthz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _install(cluster: Cluster, manifests: Path) -> None:
    """Create what Argo CD's own manifests create, less its workloads and their accounts."""
    cluster.run("create", "namespace", NAMESPACE)
    # Its controllers wait ten seconds for a kind that they do not find at once.
    for kind in ("application", "applicationset", "appproject"):
        crds.install(
            cluster, (manifests / "crds" / f"{kind}-crd.yaml").read_text(), f"{kind}s.argoproj.io"
        )
    where = ("--namespace", NAMESPACE)
    cluster.run("apply", "--server-side", *where, "--kustomize", str(manifests / "base/config"))
    access = {"bearerToken": cluster.admin_token, "tlsClientConfig": {
        "caData": base64.b64encode(cluster.ca_file.read_bytes()).decode()}}  # fmt: skip
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": CLUSTER_NAME,
            "namespace": NAMESPACE,
            "labels": {"argocd.argoproj.io/secret-type": "cluster"},
        },
        "stringData": {
            "name": CLUSTER_NAME,
            "server": cluster.server,
            "config": json.dumps(access),
        },
    }
    cluster.apply(yaml.safe_dump(secret))


def _servers(folder: Path, programs: Path, cluster: Cluster) -> Mapping[str, _Listening]:
    """Redis and the servers, not started, in the order in which they are to be."""
    redis_port, repo_port, repo_metrics, server_port, server_metrics = free_ports(5)
    controller_metrics, sets_metrics, sets_probe, sets_webhook = free_ports(4)
    redis = f"--redis=127.0.0.1:{redis_port}"
    here = ("--address=127.0.0.1", "--metrics-address=127.0.0.1")
    repo_server = f"repo-server=127.0.0.1:{repo_port}"
    namespace = f"--namespace={NAMESPACE}"
    plaintext = "--repo-server-plaintext"
    arguments: Mapping[str, tuple[int, int, Sequence[str]]] = {
        "argocd-repo-server": (
            repo_port,
            repo_metrics,
            (redis, *here, f"--port={repo_port}", f"--metrics-port={repo_metrics}",
             "--disable-tls", "--plugin-use-manifest-generate-paths"),
        ),
        "argocd-server": (
            server_port,
            server_port,
            (redis, *here, f"--port={server_port}", f"--metrics-port={server_metrics}",
             f"--{repo_server}", plaintext, namespace, "--insecure"),
        ),
        "argocd-application-controller": (
            controller_metrics,
            controller_metrics,
            (redis, f"--metrics-port={controller_metrics}", f"--{repo_server}", plaintext,
             namespace, "--hydrator-enabled"),
        ),
        "argocd-applicationset-controller": (
            sets_metrics,
            0,
            (f"--metrics-addr=127.0.0.1:{sets_metrics}", f"--probe-addr=127.0.0.1:{sets_probe}",
             f"--webhook-addr=127.0.0.1:{sets_webhook}", f"--argocd-{repo_server}", plaintext,
             namespace),
        ),
    }  # fmt: skip
    env = {**_environment(folder, programs), "KUBECONFIG": str(cluster.kubeconfig(folder))}
    redis_argv = (_redis(programs), "--port", redis_port, "--bind", "127.0.0.1", "--save", "")
    found = {"redis": _Listening(Server(redis_argv, folder / "redis.log"), redis_port, 0)}
    for name, (port, health_port, options) in arguments.items():
        # The program takes its role from the name that it is called by.
        program = programs / name
        program.symlink_to(programs / "argocd")
        server = Server([program, *options], folder / f"{name}.log", env)
        found[name] = _Listening(server, port, health_port)
    return found


def _redis(programs: Path) -> Path:
    """The server; Debian's package of its tools has it, too, and starts no service.

    It takes its role from the name that it is called by.
    """
    install({"redis-check-rdb": "redis-tools"})
    found = shutil.which("redis-check-rdb")
    assert found is not None
    server = programs / "redis-server"
    server.symlink_to(found)
    return server


def _environment(folder: Path, programs: Path) -> Mapping[str, str]:
    env = {
        "PATH": f"{programs}:{os.defpath}",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "ARGOCD_PLUGINSOCKFILEPATH": str(folder / "sockets"),
        # The default is the same for each repo-server on this machine.
        "ARGOCD_ASK_PASS_SOCK": str(folder / "ask-pass.sock"),
        "ARGOCD_GPG_ENABLED": "false",
        # The pause between two waves is for a cluster's controllers; here there are none.
        "ARGOCD_SYNC_WAVE_DELAY": "0",
    }
    (folder / "tmp").mkdir()
    for name in ("GNUPGHOME", "TLS_DATA_PATH", "SSH_DATA_PATH"):
        path = folder / name.lower()
        path.mkdir()
        env[f"ARGOCD_{name}"] = str(path)
    return env


def _log_in(argocd: ArgoCd) -> None:
    """Log in as admin, with the password that argocd-server made at its first start."""
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/argocd-initial-admin-secret"
    assert until(lambda: argocd.api.find(path) is not None, READY_SECONDS)
    password = base64.b64decode(argocd.api.get(path)["data"]["password"]).decode()
    argocd.run(
        *("login", argocd.address, "--plaintext", "--username", "admin", "--password", password)
    )
