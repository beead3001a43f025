"""Which files an operator's variables open for a child."""

import os
import socket
from pathlib import Path

import pytest

from avp_py.sandbox import named_access


@pytest.mark.parametrize("value", ["/", "//", "https://", "a=//", "/proc/..", "file:///"])
def test_the_root_of_the_file_system_is_never_opened(value: str) -> None:
    assert named_access({"X": value}, ["X"]).read == ()
    # A path with this prefix is opened.
    (below,) = named_access({"X": f"{value}/keys/id"}, ["X"]).read
    assert os.path.realpath(below) == "/keys/id"


def test_a_file_is_opened_anywhere_in_a_value() -> None:
    value = "ssh -i /keys/id -o UserKnownHostsFile=/keys/hosts"

    assert named_access({"X": value}, ["X"]).read == (Path("/keys/id"), Path("/keys/hosts"))


def test_a_socket_is_connected_to_where_the_operator_names_one(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    environ = {"SSH_AUTH_SOCK": str(path)}
    assert not named_access(environ, ["SSH_AUTH_SOCK"]).unix_sockets
    path.write_text("a file")
    assert not named_access(environ, ["SSH_AUTH_SOCK"]).unix_sockets
    path.unlink()

    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(path))
        assert named_access(environ, ["SSH_AUTH_SOCK"]).unix_sockets
        assert not named_access(environ, []).unix_sockets


@pytest.mark.parametrize("name", ["ARGOCD_ENV_KEYS", "ARGOCD_APP_NAME", "KUBE_VERSION", "PARAM_A"])
def test_a_tenant_names_no_file_and_no_socket(name: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        access = named_access({name: f"/keys/id {tmp_path}/agent"}, [name])
    assert access.read == ()
    assert not access.unix_sockets
