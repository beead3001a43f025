"""What git and ssh say about a failure, in words of ours.

Source: the messages of git 2.39 (remote.c, http.c, remote-curl.c, connect.c, fetch-pack.c),
of libcurl 7.88 and of OpenSSH 9.2.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from avp_py.errors import FetchError

_FILE: Final = "AVP_REPOSITORIES"

_CREDENTIALS: Final = (
    f"check the credentials for this URL in the file of {_FILE}, or in Argo CD's Secret; without "
    "any, add them; some servers answer so where nothing exists, too"
)


class _Row(NamedTuple):
    """What git says, and our words for it.

    Attributes:
        phrases: what is in its message, in small letters.
        reason: what is wrong.
        hint: what to do.
        is_down: whether the server, or a proxy, cannot be reached or fails.
    """

    phrases: Sequence[str]
    reason: str
    hint: str
    is_down: bool = False


_TABLE: Final = (
    _Row(
        ("certificate has expired", "expiration date has passed", "is not yet valid"),
        "its TLS certificate is expired, or not valid yet",
        "renew the certificate of the server, and check the clock of this machine",
        # It will be renewed.
        is_down=True,
    ),
    _Row(
        ("host key verification failed", "host key is known for", "remote host identification has"),
        "its host key is not the one that is expected, or is not known",
        f"name its lines of a known_hosts file (ssh-keyscan) for this URL in the file of {_FILE}",
    ),
    _Row(
        ("authentication failed for", "could not read username", "could not read password",
         "returned error: 401", "returned error: 403", "permission denied (",
         "unable to get password", "too many authentication failures"),
        "the server wants credentials, or rejected those that it got",
        _CREDENTIALS,
    ),
    _Row(
        ("couldn't find remote ref", "not our ref", "unadvertised object", "no such remote ref",
         "no such ref was fetched"),
        "it has no such branch, tag or commit",
        "check the ref; of a commit the full hash is needed",
    ),
    _Row(
        ("returned error: 404", "does not appear to be a git repository", "repository not found",
         "not found: did you run", "not valid: is this a git repository", "' not found\n",
         "dumb http transport does not support"),
        "there is no git repository, or not without credentials",
        f"check the URL; credentials belong into the file of {_FILE}",
    ),
    _Row(
        ("' not allowed\n",),
        "the operator's git configuration (GIT_CONFIG_GLOBAL) changes the protocol of the URL",
        "write the URL that git is to use into the kustomization; or remove url.….insteadOf, and "
        f"name credentials for the URL as it is in the file of {_FILE}",
    ),
    _Row(
        # With a space, which no URL has that a tenant could write.
        ("certificate verif", "ssl certificate", "peer certificate", "client certificate",
         "local certificate", "issuer certificate", "bad certificate", "certificate required",
         "certificate unknown", "certificate subject", "no certificate", "ssl peer",
         "problem with the local ssl", "alert unknown ca"),
        "its TLS certificate is not trusted, or it wants one from us",
        "name the CA certificate, or a certificate and its key, for this URL in the file of "
        f"{_FILE}",
    ),
    _Row(
        ("permission denied\n", "connect: permission denied", "operation not permitted"),
        "the sandbox does not permit connections to its port",
        "the operator's setting AVP_RENDER_PORTS lists the permitted ports",
    ),
    _Row(
        # libcurl may have either TLS library.
        ("could not resolve", "failed to connect", "couldn't connect", "connection refused",
         "connection timed out", "connection reset", "connection closed", "operation timed out",
         "operation too slow", "less than 1 bytes/sec", "early eof", "unexpected disconnect",
         "hung up unexpectedly", "empty reply", "no route to host", "network is unreachable",
         "returned error: 5", "returned error: 429", "did not finish within", "transfer closed",
         "non-properly terminated", "error in the pull function", "error in the push function",
         "ssl_error_syscall", "unexpected eof", "tunnel failed, response 5", "http code 5"),
        "the server could not be reached, or failed",
        "try again, and check the URL, the server and the network; the operator's setting "
        "AVP_RENDER_PORTS lists the ports that are permitted",
        is_down=True,
    ),
)  # fmt: skip
"""The first row that fits counts."""

_REDIRECTED: Final = tuple(f"returned error: {status}" for status in (301, 302, 303, 307, 308))


def _without_server(said: str, hidden: Collection[str]) -> str:
    """Return what git said without the text of the server, which may echo what it was sent."""
    # As a terminal shows them, and not at the further characters that Python takes for line ends.
    every = said.replace("\r", "\n").split("\n")
    lines = (line for line in every if not line.lstrip().startswith("remote:"))
    found = "\n".join(_without_quotations(lines))
    for each in sorted(filter(None, hidden), key=len, reverse=True):
        found = found.replace(each, "…")
    return found


_QUOTING: Final = (
    "remote error:", "invalid server response; got", "protocol error:", "expected wanted-ref, got",
    "unexpected wanted-ref:", "unexpected acknowledgment line:", "expected ack/nak, got",
    "invalid shallow line:", "invalid unshallow line:", "expected shallow/unshallow, got",
    "invalid ls-refs response:", "expected flush after", "not valid:", ", received '", "got: ",
)  # fmt: skip
"""What git says, in small letters, before it quotes the server."""

_OWN: Final = ("fatal:", "error:", "warning:", "hint:")
"""How git's own lines begin."""


def _without_quotations(lines: Iterable[str]) -> Iterator[str]:
    """Yield git's lines without what it quotes of the server, which may have several lines."""
    is_quoted = False
    for line in lines:
        if is_quoted and not line.startswith(_OWN):
            continue
        text = line.lower()
        ends = [text.index(each) + len(each) for each in _QUOTING if each in text]
        is_quoted = bool(ends)
        yield line[: min(ends)] if ends else line


def is_redirect(said: str) -> bool:
    """Return whether a message of git says that a server has redirected it."""
    return any(words in said for words in _REDIRECTED)


def is_unconnected(said: str) -> bool:
    """Return whether ssh says that it could not connect to an address."""
    return "ssh: connect to host " in said


def git_failure(everything: str, hidden: Collection[str] = ()) -> FetchError:
    """Return our error for a failure of git.

    Args:
        everything: what git and ssh said about it.
        hidden: the credentials of the job.
    """
    text = f"{everything}\n".lower()
    said = _without_server(everything, hidden)
    for row in _TABLE:
        if any(each in text for each in row.phrases):
            return FetchError(row.reason, hint=row.hint, detail=said, is_down=row.is_down)
    return FetchError("git failed", hint="fix the git error below", detail=said)
