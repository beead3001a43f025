"""The image, one container of it, and the sidecar next to a Vault."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.cmp.client import Client, connect
from tests.conftest import ROOT, build_tools

HERE: Final = Path(__file__).resolve().parent
PYTHON: Final = ("/opt/avp-py/bin/python", "-I")
SCRATCH: Final = "/tmp"  # noqa: S108 (the container's own)

CONFINED: Final = (
    *("--network", "none", "--read-only", "--tmpfs", f"{SCRATCH}:exec", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges:true"),
)
"""How Kubernetes runs it where a cluster allows only the strictest pods."""

SECRETS: Final = {
    "demo/web": {"PASSWORD": "7d1c-of-the-demo"},
    "other/web": {"PASSWORD": "9e2f-of-another"},
}

Completed = subprocess.CompletedProcess[str]
Start = Callable[..., Completed]


class WithHelm(NamedTuple):
    """An image that has a Helm.

    Attributes:
        start: runs a command in it.
        major: the major version of Helm, such as `v4`.
    """

    start: Start
    major: str


@pytest.fixture(scope="session")
def image() -> str:
    """The name of the image; `make image-test` passes it."""
    return os.environ["IMAGE"]


@pytest.fixture(scope="session")
def image_with_helm_3() -> str:
    """The name of the image that was built with `HELM=3`; `make image-test` passes it."""
    return os.environ["IMAGE_HELM_3"]


@pytest.fixture(scope="session")
def about(image: str) -> Mapping[str, Any]:
    """What the container engine reports about the image."""
    inspected: list[Mapping[str, Any]] = json.loads(command("docker", "image", "inspect", image))
    return inspected[0]


@pytest.fixture(scope="session")
def start(image: str) -> Start:
    """Run a command in a fresh confined container: `start("avp-py", "version", stdin="")`."""
    return _starter(image)


@pytest.fixture(scope="session")
def start_with_helm_3(image_with_helm_3: str) -> Start:
    """The same, of the image with Helm 3."""
    return _starter(image_with_helm_3)


@pytest.fixture(params=["v4", "v3"])
def with_helm(request: pytest.FixtureRequest, start: Start, start_with_helm_3: Start) -> WithHelm:
    """Each image, with the major version of its Helm."""
    return WithHelm(start if request.param == "v4" else start_with_helm_3, request.param)


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    """The compose command of the engine, or docker-compose if there is none."""
    asked = ("docker", "compose", "version")
    own = subprocess.run(asked, capture_output=True, check=False)
    return "docker compose" if own.returncode == 0 else "docker-compose"


@pytest.fixture(scope="session")
def docker_setup() -> str:
    """What starts the services: nothing is built, and version 1 knows no `--wait`."""
    return "up -d"


@pytest.fixture(scope="session")
def docker_compose_file(facts: Mapping[str, str]) -> str:
    """The services, once the variables that they name are set."""
    os.environ.update(facts)
    return str(HERE / "compose.yaml")


@pytest.fixture(scope="session")
def facts(image: str) -> Iterator[Mapping[str, str]]:
    """The variables of compose.yaml."""
    tools = build_tools("argocd", "vault")
    # The path of a socket has at most 107 bytes, so it is in none of pytest's folders.
    sockets = Path(tempfile.mkdtemp(prefix="avp-"))
    sockets.chmod(0o777)
    yield {
        "IMAGE": image,
        "VAULT": str(tools["vault"]),
        "ARGOCD": str(tools["argocd"]),
        "PLUGIN": str(ROOT / "plugin.yaml"),
        "SOCKETS": str(sockets),
        **{name: str(uuid.uuid4()) for name in ("ROOT_TOKEN", "ROLE_ID", "SECRET_ID")},
    }
    shutil.rmtree(sockets, ignore_errors=True)


class Pod:
    """The running services."""

    def __init__(self, compose: Sequence[str], client: Client) -> None:
        self._compose = compose
        self.client = client

    def exec(self, *argv: str, service: str = "sidecar", stdin: str = "") -> str:
        """Return what a command in a service prints; it must succeed."""
        return command(*self._compose, "exec", "-T", service, *argv, stdin=stdin)

    def log(self) -> str:
        """The log of the sidecar."""
        return command(*self._compose, "logs", "sidecar")


@pytest.fixture(scope="session")
def pod(
    docker_compose_command: str,
    docker_compose_file: str,
    docker_compose_project_name: str,
    docker_services: Any,
    facts: Mapping[str, str],
) -> Iterator[Pod]:
    """Vault with its secrets, and the sidecar, called through its socket."""
    compose = [
        *shlex.split(docker_compose_command),
        *("-f", docker_compose_file, "-p", docker_compose_project_name),
    ]
    socket = Path(facts["SOCKETS"]) / "avp-kustomize.sock"
    filling = {
        "root_token": facts["ROOT_TOKEN"],
        "role_id": facts["ROLE_ID"],
        "secret_id": facts["SECRET_ID"],
        "secrets": SECRETS,
    }
    with connect(socket) as client:
        pod = Pod(compose, client)
        script = (HERE / "fill_vault.py").read_text()
        pod.exec(*PYTHON, "-c", script, service="vault", stdin=json.dumps(filling))
        docker_services.wait_until_responsive(timeout=60, pause=0.1, check=socket.exists)
        # It belongs to the sidecar's user, and the tests may not run as root.
        pod.exec("chmod", "0777", "/home/argocd/cmp-server/plugins/avp-kustomize.sock")
        yield pod


def _starter(image: str) -> Start:
    def run(*argv: str, options: Sequence[str] = (), stdin: str = "") -> Completed:
        docker = ["docker", "run", "--rm", "--interactive", *CONFINED, *options, image, *argv]
        return subprocess.run(docker, input=stdin, capture_output=True, text=True, check=False)

    return run


def command(*argv: str, stdin: str = "") -> str:
    """Return what a command prints; it must succeed."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
