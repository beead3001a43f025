"""A real Kubernetes API for tests: kube-apiserver on etcd, without nodes and controllers."""

import contextlib
import http.client
import secrets
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import yaml

from tests.conftest import build_tools
from tests.integration.certificates import Certificate, openssl, self_signed, signed
from tests.servers import Server, free_ports, running

READY_SECONDS: Final = 60
"""How long the API may take to be ready; it takes 3 seconds on an idle machine."""

ATTEMPTS: Final = 3
"""How often other ports are tried: another program may take a free one before we do."""


@dataclass(frozen=True)
class Cluster:
    """A running Kubernetes API.

    Attributes:
        server: its URL.
        ca_file: the CA certificate that signed its own certificate, in PEM. The certificate is for
            127.0.0.1, `kubernetes.default.svc` and the like; not for `localhost`.
        admin_token: a token that may do anything.
        client_authority: the CA that signs the certificates of clients.
        kubectl: the program.
        folder: a temporary folder; it is removed with the test session.
    """

    server: str
    ca_file: Path
    admin_token: str
    client_authority: Certificate
    kubectl: Path
    folder: Path

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        port = urlsplit(self.server).port
        assert port is not None
        return port

    def command(self, *arguments: str) -> Sequence[str]:
        """The argv that runs kubectl as the administrator."""
        return [
            str(self.kubectl),
            f"--server={self.server}",
            f"--certificate-authority={self.ca_file}",
            f"--token={self.admin_token}",
            f"--cache-dir={self.folder / 'kubectl'}",
            *arguments,
        ]

    def try_run(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run kubectl as the administrator, whether it succeeds or not."""
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"HOME": str(self.folder)},
        )

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl as the administrator; return what it printed."""
        done = self.try_run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, manifests: str) -> None:
        """Create or change objects, in their order, from YAML."""
        self.run("apply", "--server-side", "--validate=false", "-f", "-", stdin=manifests)

    def token(self, namespace: str, account: str, *options: str) -> str:
        """A fresh token of a ServiceAccount that exists; options are those of `create token`."""
        return self.run("create", "token", account, "--namespace", namespace, *options).strip()

    def kubeconfig(self, folder: Path, token_file: Path | None = None) -> Path:
        """Write a kubeconfig into a folder; return its path.

        Args:
            folder: the folder.
            token_file: the file with the user's token; None for the administrator.
        """
        user = {"tokenFile": str(token_file)} if token_file else {"token": self.admin_token}
        path = folder / "kubeconfig"
        access = {
            "clusters": [{"name": "c", "cluster": {"server": self.server,
                          "certificate-authority": str(self.ca_file)}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }  # fmt: skip
        path.write_text(yaml.safe_dump(access))
        path.chmod(0o600)
        return path

    def client_certificate(self, user: str, *groups: str) -> Certificate:
        """A certificate of a user whom the API considers a member of the groups."""
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        return signed(self.client_authority, self.folder, subject)


@contextmanager
def serve(folder: Path) -> Iterator[Cluster]:
    """Run etcd and kube-apiserver on loopback, and end them. They also end with this process.

    Args:
        folder: an empty folder for all that they write.
    """
    programs = build_tools("etcd", "kube-apiserver", "kubectl")
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    openssl("genrsa", "-out", folder / "accounts.key", "2048")
    clients = self_signed(folder, "client-ca")
    for attempt in range(1, ATTEMPTS + 1):
        run_folder = folder / f"attempt-{attempt}"
        run_folder.mkdir()
        port, etcd_port, peer_port = free_ports(3)
        certificate = run_folder / "certificates" / "apiserver.crt"
        server = f"https://127.0.0.1:{port}"
        with ExitStack() as stack:
            # etcd sets 64 MB aside for its log, and pytest keeps the folders of some runs.
            stack.callback(shutil.rmtree, run_folder / "etcd", ignore_errors=True)
            # Stopped in reverse order: without etcd, the API would wait for it.
            servers = [
                stack.enter_context(running(argv, run_folder / f"{name}.log"))
                for name, argv in (
                    ("etcd", _etcd(programs, run_folder, etcd_port, peer_port)),
                    ("api", _kube_apiserver(programs, folder, run_folder, port, etcd_port)),
                )
            ]
            if _is_ready(servers, server, certificate, token):
                yield Cluster(server, certificate, token, clients, programs["kubectl"], folder)
                return
    tails = "\n".join(each.tail() for each in servers)
    raise AssertionError(f"the Kubernetes API does not start\n{tails}")


def _etcd(
    programs: Mapping[str, Path], folder: Path, port: int, peer_port: int
) -> Sequence[object]:
    return (
        programs["etcd"],
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls=http://127.0.0.1:{port}",
        f"--advertise-client-urls=http://127.0.0.1:{port}",
        f"--listen-peer-urls=http://127.0.0.1:{peer_port}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer_port}",
        f"--initial-cluster=default=http://127.0.0.1:{peer_port}",
    )


def _kube_apiserver(
    programs: Mapping[str, Path], folder: Path, run_folder: Path, port: int, etcd_port: int
) -> Sequence[object]:
    return (
        programs["kube-apiserver"],
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={run_folder / 'certificates'}",
        f"--client-ca-file={folder / 'client-ca.crt'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'accounts.key'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",
        "--disable-admission-plugins=ServiceAccount",
    )


def _is_ready(servers: Sequence[Server], server: str, certificate: Path, token: str) -> bool:
    """Wait until the API is ready; fail at once if a server has ended."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and all(each.is_running for each in servers):
        with contextlib.suppress(OSError, http.client.HTTPException):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(certificate)
            connection = http.client.HTTPSConnection(
                urlsplit(server).netloc, timeout=5, context=context
            )
            with contextlib.closing(connection):
                connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {token}"})
                if connection.getresponse().status == 200:
                    return True
        time.sleep(0.05)
    return False
