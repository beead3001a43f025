"""Applications for tests of the resident core: variables, directories, requests that wait."""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cmp.application import identity, secret
from tests.integration.core import Core
from tests.integration.stand_in import Answer, Exchange, StandIn, forward, stand_in
from tests.integration.vault import Vault
from tests.trees import write

MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {text: here}\n"
NO_SECRETS: Final = {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP}


PATIENT_GIT: Final = {
    "AVP_RENDER_ENV": "GIT_HTTP_LOW_SPEED_TIME",
    "GIT_HTTP_LOW_SPEED_TIME": "1000",
}
"""What an operator sets so that git waits for a silent server; else it gives up after 20 s."""


def variables(app: str = "web", project: str = "default") -> Mapping[str, str]:
    """What Argo CD sets for an Application of a project; kustomize edits a copy of its tree."""
    of_app = identity(app, APP_REPO="https://git.example/team/web")
    return {**of_app, "ARGOCD_APP_PROJECT_NAME": project}


def value(app: str) -> str:
    """The value in Vault that is an Application's own."""
    return f"hunter22-of-{app}"


def manifest(path: str = "", **fields: str) -> bytes:
    """A Secret for `generate -`; without a path, its path is the one of AVP_PATH_TEMPLATE."""
    return secret(path, **fields or {"password": "<password>"}).encode()


def with_secret(folder: Path) -> Path:
    """A directory with a kustomization, whose Secret has its values at AVP_PATH_TEMPLATE."""
    files: Mapping[str, str | bytes] = {
        "kustomization.yaml": "resources: [map.yaml, secret.yaml]\n",
        "map.yaml": MAP,
        "secret.yaml": manifest(),
    }
    return write(folder, files)


def operator(
    vault: Vault, address: str, mount: str, tools: Mapping[str, Path], **further: str
) -> dict[str, str]:
    """The operator's environment: an AppRole that may read a mount, a path for each Application.

    Args:
        vault: where the role is created.
        address: where Vault is reached.
        mount: a mount of KV 2.
        tools: the programs.
        further: more variables, which win.
    """
    role_id, secret_id = vault.approle(f"{mount}/*")
    return {
        "VAULT_ADDR": address,
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": secret_id,
        "AVP_PATH_TEMPLATE": mount + "/data/{{ app }}",
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
        "AVP_SANDBOX": "required",
        **further,
    }


class Gate:
    """A proxy in front of Vault that can let requests wait.

    Attributes:
        stand_in: the proxy.
    """

    def __init__(self, stand_in: StandIn, forward: Answer) -> None:
        self.stand_in = stand_in
        self._forward = forward
        self._open = threading.Event()
        self._open.set()
        self._part = ""
        stand_in.answer = self._answer

    def close(self, part: str = "") -> None:
        """Let requests wait from now on whose targets contain a text."""
        self._part = part
        self._open.clear()

    def open(self) -> None:
        """Let all go on."""
        self._open.set()

    def count(self, part: str) -> int:
        """How many requests arrived whose targets contain a text."""
        return sum(part in path for path in self.stand_in.paths)

    def _answer(self, exchange: Exchange) -> None:
        if self._part in exchange.path:
            self._open.wait()
        self._forward(exchange)


@contextmanager
def gate(address: str) -> Iterator[Gate]:
    """A gate in front of a Vault."""
    passing = forward(address)
    with stand_in(passing) as server:
        made = Gate(server, passing)
        try:
            yield made
        finally:
            made.open()


@contextmanager
def hanging() -> Iterator[StandIn]:
    """A server that never answers git."""
    over = threading.Event()

    def answer(exchange: Exchange) -> None:
        if "git-upload-pack" in exchange.path:
            over.wait()
        exchange.reply(404, b"")

    with stand_in(answer) as server:
        try:
            yield server
        finally:
            over.set()


def with_remote_base(above: Path, server: StandIn) -> Path:
    """A directory, made in another one, whose kustomization has its base in git, at a server.

    Each has another base, as requests at the same time share what is fetched.
    """
    folder = Path(tempfile.mkdtemp(dir=above))
    base = f"{server.address}/{folder.name}.git?timeout=1000s"
    return write(folder, {"kustomization.yaml": f"resources: ['{base}']\n"})


def names_of(core: Core) -> list[str]:
    """The Applications of the requests that have ended, in that order."""
    return [line.partition("app='")[2].partition("'")[0] for line in _lines(core)]


def ended(core: Core, app: str) -> list[str]:
    """The log lines of an Application's requests that have ended."""
    return [line for line in _lines(core) if f"app='{app}'" in line]


def _lines(core: Core) -> list[str]:
    return [line for line in core.log.read_text().splitlines() if " outcome='" in line]
