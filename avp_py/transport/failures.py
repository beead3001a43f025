"""Messages for requests that got no usable answer.

No text of another library is shown, as it can hold headers, and with them a token: only what
OpenSSL and the operating system call a failure.
"""

import os
import socket
from urllib.parse import urlsplit

from avp_py.errors import AvpError
from avp_py.transport.peer import Peer
from avp_py.transport.problems import Problem, chain, classify
from avp_py.transport.tls_errors import explain_tls


class RequestFailedError(AvpError):
    """A request got no usable answer.

    Attributes:
        problem: why.
        attempts: how often it was sent.
        cause: what the operating system says of the connection; `""` where it says nothing.
    """

    def __init__(
        self, problem: Problem, attempts: int, reason: str, *, hint: str, cause: str = ""
    ) -> None:
        super().__init__(reason, hint=hint)
        self.problem = problem
        self.attempts = attempts
        self.cause = cause


def translate(error: Exception, peer: Peer, *, attempts: int, seconds: float) -> RequestFailedError:
    """Return our error for one of another library.

    Args:
        error: what a request raised, one of `problems.ROOTS`.
        peer: the server.
        attempts: how often the request was sent.
        seconds: its time limit.
    """
    problem, cause = classify(error), _system_message(error)
    if problem is Problem.TLS:
        reason, hint = explain_tls(error, _contacted(error, peer), peer)
    elif problem is Problem.TIMEOUT:
        reason, hint = _explain_timeout(peer, seconds)
    elif problem is Problem.CONNECTION:
        reason, hint = _explain_connection(cause, peer, attempts)
    elif problem is Problem.REDIRECT:
        reason, hint = _explain_redirect(peer)
    else:
        reason, hint = _explain(problem, peer, attempts)
    return RequestFailedError(problem, attempts, reason, hint=hint, cause=cause)


def too_large(peer: Peer, max_bytes: int) -> RequestFailedError:
    """Return the error for an answer that is larger than its limit."""
    return RequestFailedError(
        Problem.TOO_LARGE,
        1,
        f"the answer of {peer.name} at {peer.address} is larger than {max_bytes >> 20} MiB",
        hint=f"check {peer.address_setting}, and what is stored there",
    )


def not_the_peer(peer: Peer) -> tuple[str, str]:
    """Return the message for an answer that this kind of server would not give."""
    return (
        f"what answers at {peer.address} is not {peer.name}",
        f"check {peer.address_setting}, https or http included; a proxy or a login page may be in "
        f"front of {peer.name}",
    )


def needs_tls(peer: Peer) -> tuple[str, str]:
    """Return the message for a server that does not accept plain HTTP."""
    address = peer.address.replace("http://", "https://", 1)
    return (
        f"the server at {peer.address} speaks TLS, not plain HTTP",
        f"set {peer.address_setting} to {address}",
    )


def count_attempts(attempts: int) -> str:
    """Return a number of attempts in words."""
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"


def _explain(problem: Problem, peer: Peer, attempts: int) -> tuple[str, str]:
    server = f"{peer.name} at {peer.address}"
    log = f"check the log of {peer.name}, or of a proxy in front of it"
    match problem:
        case Problem.LOST:
            return (
                f"{server} closed the connection before its answer was complete "
                f"({count_attempts(attempts)})",
                f"try again; {log}",
            )
        case Problem.UNREADABLE:
            return f"the answer of {server} cannot be decoded ({count_attempts(attempts)})", log
        case Problem.PROXY:
            return (
                f"the proxy on the way to {peer.address} cannot be used",
                f"check {peer.proxy_setting}",
            )
        case Problem.HEADER:
            return (
                "a header of the request has a character that is not allowed in one",
                f"check {peer.header_settings}",
            )
        case Problem.ADDRESS:
            return (
                f"{peer.address_setting} is not a valid URL: {peer.address!r}",
                f"set it to https://HOST:PORT, and check {peer.proxy_setting}",
            )
        case Problem.NEEDS_TLS:
            return needs_tls(peer)
        case _:
            return not_the_peer(peer)


def _explain_connection(cause: str, peer: Peer, attempts: int) -> tuple[str, str]:
    because = f": {cause}" if cause else ""
    return (
        f"no connection to {peer.name} at {peer.address}{because} ({count_attempts(attempts)})",
        f"check {peer.address_setting}, and that {peer.name} can be reached from here",
    )


def _explain_timeout(peer: Peer, seconds: float) -> tuple[str, str]:
    change = f"; {peer.timeout_setting} sets the time" if peer.timeout_setting else ""
    return (
        f"{peer.name} at {peer.address} did not answer within {round(seconds, 1):g} s",
        f"check {peer.address_setting} and the network{change}",
    )


def _explain_redirect(peer: Peer) -> tuple[str, str]:
    if peer.redirect_setting:
        return (
            f"{peer.name} at {peer.address} sends a redirect, and {peer.redirect_setting} is true",
            f"name the active node in {peer.address_setting}",
        )
    return (
        f"{peer.name} at {peer.address} redirects more than once, or away from https",
        f"check {peer.address_setting}",
    )


def _contacted(error: Exception, peer: Peer) -> str:
    """Return the address that a request was sent to; a redirect may have changed it."""
    contacted = getattr(getattr(error, "request", None), "url", None) or ""
    url = urlsplit(contacted)
    if not url.hostname or contacted.startswith(f"{peer.address}/"):
        return peer.address
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


def _system_message(error: Exception) -> str:
    """Return what the operating system says of a connection, as `Connection refused`."""
    for each in chain(error):
        if isinstance(each, socket.gaierror):
            return "its name does not resolve"
        if isinstance(each, OSError) and each.errno:
            return os.strerror(each.errno)
    return ""
