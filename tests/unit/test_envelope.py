"""What is for the keeper alone is nothing that the supervisor and the worker need, too."""

import mmap
from collections.abc import Sequence

import pytest

from avp_py import __version__
from avp_py.serve import client
from avp_py.serve.envelope import MalformedRequestError, peek, read_header, unpack
from avp_py.serve.wire import HEADER, MAGIC, pack
from avp_py.settings import LENT_NAMES, environment_without_credentials
from avp_py.settings.declaration import ARGOCD_NAMES, ARGOCD_PREFIXES

APPLICATION = (b"ARGOCD_APP_NAME=web", b"ARGOCD_APP_PROJECT_NAME=team")
LENT = (b"ARGOCD_GIT_AUTH_HEADER=lent", b"GIT_ASKPASS=argocd")


def request(variables: Sequence[bytes] = APPLICATION, lent: Sequence[bytes] = LENT) -> bytes:
    version = __version__.encode()
    return pack(version, b"avp-py", 1.0, b"/", [b"generate", b"."], list(variables), list(lent))


def mapped(body: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(body))
    memory[:] = body
    return memory


def test_a_request_is_read_alike_by_all() -> None:
    data = request()
    length, private = read_header(data[: HEADER.size])
    body = data[HEADER.size :]
    assert (length, private) == (len(body), sum(len(each) + 1 for each in LENT))

    seen = peek(mapped(body), private)
    whole, shared = unpack(body), unpack(body[:-private])
    assert seen.application == whole.application == shared.application == "web"
    assert seen.project == whole.project == shared.project == "team"
    assert whole.variables["ARGOCD_GIT_AUTH_HEADER"] == "lent"
    assert shared.variables.keys() == {"ARGOCD_APP_NAME", "ARGOCD_APP_PROJECT_NAME"}


@pytest.mark.parametrize(
    "lent",
    [
        b"ARGOCD_APP_NAME=other",
        b"ARGOCD_APP_PROJECT_NAME=other",
        b"ARGOCD_ENV_A=b",
        b"KUBE_VERSION=1",
        *(f"{each}_A=b".encode() for each in (*ARGOCD_PREFIXES, *ARGOCD_NAMES)),
    ],
)
def test_nothing_that_all_need_is_for_the_keeper_alone(lent: bytes) -> None:
    data = request(lent=[*LENT, lent])
    _, private = read_header(data[: HEADER.size])
    with pytest.raises(MalformedRequestError):
        peek(mapped(data[HEADER.size :]), private)


def test_what_is_for_the_keeper_alone_begins_with_a_variable_of_its_own() -> None:
    data = request()
    _, own = read_header(data[: HEADER.size])
    body = data[HEADER.size :]
    # A variable less is allowed, as nobody but the keeper needs it.
    first = own - len(LENT[0]) - 1
    for private in range(1, len(body)):
        if private in (own, first):
            peek(mapped(body), private)
        else:
            with pytest.raises(MalformedRequestError):
                peek(mapped(body), private)


@pytest.mark.parametrize("name", LENT_NAMES)
def test_a_client_knows_what_is_lent(name: str) -> None:
    variable = f"{name}=value".encode()
    assert variable.startswith(client._LENT)
    assert not variable.startswith(client._ARGOCD)


@pytest.mark.parametrize("private", [10, 11, 1 << 31])
def test_more_than_all_cannot_be_for_the_keeper_alone(private: int) -> None:
    with pytest.raises(MalformedRequestError):
        read_header(HEADER.pack(MAGIC, 10, private))
    assert read_header(HEADER.pack(MAGIC, 10, 9)) == (10, 9)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_with_a_password_is_a_credential(name: str) -> None:
    environ = {name: "http://user:password@proxy.example:3128", "PATH": "/bin"}
    assert environment_without_credentials(environ) == {"PATH": "/bin"}
    # What the operator passes on, and what holds none.
    passed = {**environ, "AVP_RENDER_ENV": name}
    assert environment_without_credentials(passed) == passed
    plain = {name: "http://proxy.example:3128", "NO_PROXY": "user@example"}
    assert environment_without_credentials(plain) == plain
