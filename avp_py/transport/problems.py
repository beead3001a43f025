"""The one table that says what an exception of requests, urllib3, http.client or ssl means."""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Final

import requests
import requests.exceptions
import urllib3.exceptions


class Problem(Enum):
    """Why a request got no usable answer."""

    CONNECTION = auto()
    """There is no connection: the name does not resolve, nobody listens."""
    LOST = auto()
    """The connection was closed before the answer was complete."""
    TIMEOUT = auto()
    TLS = auto()
    """The TLS handshake failed, or a certificate is not trusted."""
    PROXY = auto()
    REDIRECT = auto()
    """A redirect that may not be followed."""
    TOO_LARGE = auto()
    UNREADABLE = auto()
    """The answer is not in the encoding that it claims."""
    NOT_HTTP = auto()
    NEEDS_TLS = auto()
    """The server answered plain HTTP with TLS."""
    ADDRESS = auto()
    """The URL is not valid."""
    HEADER = auto()
    """A header has a character that is not allowed in it."""


_REQUESTS: Final[Mapping[type[Exception], Problem]] = {
    requests.exceptions.RequestException: Problem.CONNECTION,
    requests.exceptions.ChunkedEncodingError: Problem.LOST,
    requests.exceptions.ConnectTimeout: Problem.TIMEOUT,
    requests.exceptions.ConnectionError: Problem.CONNECTION,
    requests.exceptions.ContentDecodingError: Problem.UNREADABLE,
    requests.exceptions.HTTPError: Problem.CONNECTION,
    requests.exceptions.InvalidHeader: Problem.HEADER,
    requests.exceptions.InvalidJSONError: Problem.NOT_HTTP,
    requests.exceptions.InvalidProxyURL: Problem.PROXY,
    requests.exceptions.InvalidSchema: Problem.PROXY,  # raised for a proxy by SOCKS
    requests.exceptions.InvalidURL: Problem.ADDRESS,
    requests.exceptions.JSONDecodeError: Problem.NOT_HTTP,
    requests.exceptions.MissingSchema: Problem.ADDRESS,
    requests.exceptions.ProxyError: Problem.PROXY,
    requests.exceptions.ReadTimeout: Problem.TIMEOUT,
    requests.exceptions.RetryError: Problem.CONNECTION,
    requests.exceptions.SSLError: Problem.TLS,
    requests.exceptions.StreamConsumedError: Problem.LOST,
    requests.exceptions.Timeout: Problem.TIMEOUT,
    requests.exceptions.TooManyRedirects: Problem.REDIRECT,
    requests.exceptions.URLRequired: Problem.ADDRESS,
    requests.exceptions.UnrewindableBodyError: Problem.CONNECTION,
}

_URLLIB3: Final[Mapping[type[Exception], Problem]] = {
    urllib3.exceptions.HTTPError: Problem.CONNECTION,
    urllib3.exceptions.BodyNotHttplibCompatible: Problem.UNREADABLE,
    urllib3.exceptions.ClosedPoolError: Problem.CONNECTION,
    urllib3.exceptions.ConnectTimeoutError: Problem.TIMEOUT,
    urllib3.exceptions.DecodeError: Problem.UNREADABLE,
    urllib3.exceptions.EmptyPoolError: Problem.CONNECTION,
    urllib3.exceptions.FullPoolError: Problem.CONNECTION,
    urllib3.exceptions.HeaderParsingError: Problem.NOT_HTTP,
    urllib3.exceptions.HostChangedError: Problem.CONNECTION,
    urllib3.exceptions.IncompleteRead: Problem.LOST,
    urllib3.exceptions.InvalidChunkLength: Problem.LOST,
    urllib3.exceptions.InvalidHeader: Problem.HEADER,
    urllib3.exceptions.LocationParseError: Problem.ADDRESS,
    urllib3.exceptions.LocationValueError: Problem.ADDRESS,
    urllib3.exceptions.MaxRetryError: Problem.CONNECTION,
    urllib3.exceptions.NameResolutionError: Problem.CONNECTION,
    urllib3.exceptions.NewConnectionError: Problem.CONNECTION,
    urllib3.exceptions.PoolError: Problem.CONNECTION,
    urllib3.exceptions.ProtocolError: Problem.LOST,
    urllib3.exceptions.ProxyError: Problem.PROXY,
    urllib3.exceptions.ProxySchemeUnknown: Problem.PROXY,
    urllib3.exceptions.ProxySchemeUnsupported: Problem.PROXY,
    urllib3.exceptions.ReadTimeoutError: Problem.TIMEOUT,
    urllib3.exceptions.RequestError: Problem.CONNECTION,
    urllib3.exceptions.ResponseError: Problem.CONNECTION,
    urllib3.exceptions.ResponseNotChunked: Problem.LOST,
    urllib3.exceptions.SSLError: Problem.TLS,
    urllib3.exceptions.TimeoutError: Problem.TIMEOUT,
    urllib3.exceptions.TimeoutStateError: Problem.CONNECTION,
    urllib3.exceptions.URLSchemeUnknown: Problem.ADDRESS,
    urllib3.exceptions.UnrewindableBodyError: Problem.CONNECTION,
}

_STANDARD_LIBRARY: Final[Mapping[type[Exception], Problem]] = {
    http.client.HTTPException: Problem.NOT_HTTP,
    http.client.BadStatusLine: Problem.NOT_HTTP,
    http.client.CannotSendHeader: Problem.NOT_HTTP,
    http.client.CannotSendRequest: Problem.NOT_HTTP,
    http.client.ImproperConnectionState: Problem.NOT_HTTP,
    http.client.IncompleteRead: Problem.LOST,
    http.client.InvalidURL: Problem.ADDRESS,
    http.client.LineTooLong: Problem.NOT_HTTP,
    http.client.NotConnected: Problem.CONNECTION,
    http.client.RemoteDisconnected: Problem.LOST,
    http.client.ResponseNotReady: Problem.NOT_HTTP,
    http.client.UnimplementedFileMode: Problem.NOT_HTTP,
    http.client.UnknownProtocol: Problem.NOT_HTTP,
    http.client.UnknownTransferEncoding: Problem.NOT_HTTP,
    ssl.SSLError: Problem.TLS,
    ssl.SSLCertVerificationError: Problem.TLS,
    ssl.SSLEOFError: Problem.TLS,
    ssl.SSLSyscallError: Problem.TLS,
    ssl.SSLWantReadError: Problem.TLS,
    ssl.SSLWantWriteError: Problem.TLS,
    ssl.SSLZeroReturnError: Problem.TLS,
    socket.gaierror: Problem.CONNECTION,
    socket.herror: Problem.CONNECTION,
    BrokenPipeError: Problem.LOST,
    ConnectionResetError: Problem.LOST,
    OSError: Problem.CONNECTION,
    TimeoutError: Problem.TIMEOUT,
    UnicodeError: Problem.HEADER,
}

PROBLEMS: Final[Mapping[type[Exception], Problem]] = {**_REQUESTS, **_URLLIB3, **_STANDARD_LIBRARY}
"""What each exception means. A subclass that is not listed means the same as its nearest base."""

ROOTS: Final = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    urllib3.exceptions.ProxySchemeUnsupported,
    http.client.HTTPException,
    OSError,
    UnicodeError,
)
"""What a request can raise, and the table knows."""

_LIBRARIES = (*_REQUESTS, *_URLLIB3)


def classify(error: Exception) -> Problem:
    """Return what an exception of a request means.

    Where requests or urllib3 say no more than that there is no connection, the cause decides.
    """
    problem = _look_up(error) or Problem.CONNECTION
    if problem is not Problem.CONNECTION:
        return problem
    for cause in chain(error):
        if not isinstance(cause, _LIBRARIES):
            found = _look_up(cause) or Problem.CONNECTION
            if found is not Problem.CONNECTION:
                return found
    return problem


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes; urllib3 hides some below a cause that has none."""
    yield error
    for each in (error.__cause__, error.__context__):
        if each is not None:
            yield from chain(each)


def _look_up(error: BaseException) -> Problem | None:
    # As OpenSSL answers, and with it HAProxy: a TLS alert where the status should be.
    if isinstance(error, http.client.BadStatusLine) and str(error).startswith("\x15\x03"):
        return Problem.NEEDS_TLS
    return next((PROBLEMS[each] for each in type(error).__mro__ if each in PROBLEMS), None)
