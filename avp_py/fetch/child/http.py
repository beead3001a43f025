"""GET requests: redirects, credentials, and how large an answer may be."""

import http.client
import posixpath
import ssl
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

from avp_py.errors import FetchError
from avp_py.expressions import Expression
from avp_py.fetch.child import failures
from avp_py.fetch.child.connection import Connections
from avp_py.fetch.child.gunzip import Gunzip, TooLargeError
from avp_py.fetch.child.target import Origin, Target
from avp_py.fetch.job import Job
from avp_py.network import authorization
from avp_py.network.deadline import Deadline
from avp_py.network.tls import load_client_certificate, new_context, trust_system
from avp_py.remotes import shown
from avp_py.urls import normalise

MAX_REDIRECTS: Final = 10
"""As many as Go's client follows."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 64 * 1024
_MAX_ETAG: Final = 1024


@dataclass(frozen=True)
class Grant:
    """The header that authorizes requests to some URLs.

    Attributes:
        header: the value of Authorization.
        below: the URL that they begin with.
    """

    header: str = field(repr=False)
    below: Target


@dataclass(frozen=True)
class Answer:
    """An answer, other than a redirect.

    Attributes:
        target: the URL that it is from.
        status: the status of HTTP.
        headers: its headers.
        body: its body; empty where the status is not 2xx.
        was_authorized: whether credentials were sent with the request.
    """

    target: Target
    status: int
    headers: http.client.HTTPMessage
    body: bytes = field(repr=False)
    was_authorized: bool

    @property
    def etag(self) -> str:
        """Its ETag; empty where there is none that can be sent back."""
        etag: str = self.headers.get("ETag", "")
        return etag if len(etag) <= _MAX_ETAG and etag.isascii() and etag.isprintable() else ""


class Client:
    """Sends the requests of a job, whose time begins now.

    Args:
        job: the job.
        environ: the environment, for its proxies.
    """

    def __init__(self, job: Job, environ: Mapping[str, str]) -> None:
        self.credential: Mapping[str, Any] = job.credential
        self.deadline = Deadline(job.seconds)
        self.trusted: set[Origin] = set()
        """The servers that get the client certificate, and whose own need not be verified if the
        operator says so."""
        self._denied = [Expression(each) for each in job.denied]
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._connections = Connections(job.hosts, job.ports, self.deadline, self._context, environ)

    def use_credential(self, remote: str) -> Grant | None:
        """Return the grant of the credential of an HTTP server, which is trusted from now on.

        It is for what is below the remote alone, whatever else the credential is for: what a server
        names besides, or redirects to, was not checked against the policy.

        Args:
            remote: the URL of the repository or the file.

        Raises:
            FetchError: its URL is not one.
        """
        if not self.credential:
            return None
        self.trusted.add(Target.read(self.credential["url"]).origin)
        header = login(self.credential)
        return Grant(header, Target.read(remote)) if header else None

    def check(self, url: str) -> None:
        """Check whether a URL may be requested that a server names or redirects to.

        Raises:
            FetchError: the policy denies it.
        """
        if self._denied:
            readings = set(_readings(url))
            if any(each.groups(text) is not None for each in self._denied for text in readings):
                raise FetchError(
                    f"the policy does not allow fetching {shown(url)}, which a server names",
                    hint="ask the operator to allow it, or use another repository",
                )

    def get(
        self,
        target: Target,
        limit: int,
        *,
        headers: Mapping[str, str] | None = None,
        grant: Grant | None = None,
        decode: bool = False,
        expected: Collection[int] = (),
    ) -> Answer:
        """Return the answer to a GET, after any redirects.

        The grant is not sent any more once a redirect has led elsewhere.

        Args:
            target: the URL.
            limit: how many bytes the body may have, decompressed.
            headers: further headers.
            grant: what authorizes the request, where the URL is below that of the grant.
            decode: whether the body may be compressed for the transfer.
            expected: the statuses that are returned besides 2xx.

        Raises:
            FetchError: there is no answer, or one of another status, or the policy denies a URL.
        """
        sent = {"Accept-Encoding": "gzip" if decode else "identity", **(headers or {})}
        first = target
        for _ in range(MAX_REDIRECTS + 1):
            self.check(target.url)
            if grant is not None and not target.is_below(grant.below):
                grant = None
            authorization = {"Authorization": grant.header} if grant else {}
            response, body = self._get_once(target, {**sent, **authorization}, limit, decode=decode)
            if response.status in _REDIRECTS and (location := response.headers.get("Location")):
                target = target.joined(location)
                continue
            answer = Answer(
                target, response.status, response.headers, body, was_authorized=grant is not None
            )
            if not 200 <= answer.status < 300 and answer.status not in expected:
                raise self.refusal(answer)
            return answer
        raise FetchError(
            f"{first} redirects more than {MAX_REDIRECTS} times", hint="check the server"
        )

    def refusal(self, answer: Answer) -> FetchError:
        """Return the error for the status of an answer."""
        if answer.status in {401, 403}:
            url = shown(self.credential.get("url", ""))
            return failures.refused(
                answer.status, answer.target, url, was_sent=answer.was_authorized
            )
        return failures.unexpected(answer.status, answer.target)

    def _get_once(
        self, target: Target, headers: Mapping[str, str], limit: int, *, decode: bool
    ) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            response = self._connections.get(target, headers)
            if 200 <= response.status < 300:
                body = _read_body(response, target, limit, decode=decode)
            else:
                body = b""
                _skip_body(response)
            if not response.isclosed():
                self._connections.drop(target)
        except (OSError, http.client.HTTPException) as error:
            raise failures.connection_failed(error, target, self.deadline.seconds) from None
        return response, body

    def _context(self, origin: Origin) -> ssl.SSLContext:
        is_trusted = origin in self.trusted
        if is_trusted not in self._contexts:
            self._contexts[is_trusted] = _open_context(self.credential, is_trusted=is_trusted)
        return self._contexts[is_trusted]


def _readings(url: str) -> Iterator[str]:
    """Yield a URL as the patterns of a policy are compared with it, and as some servers read it.

    Raises:
        FetchError: it is not one.
    """
    base = url.partition("?")[0]
    with suppress(FetchError):
        yield normalise(base).removesuffix("/")
    # They decode it twice, and leave out what follows a semicolon. No tenant has written it.
    scheme, _, rest = base.partition("://")
    authority, _, path = rest.partition("/")
    parts = unquote(unquote(path)).replace("\\", "/").split("/")
    path = posixpath.normpath("/" + "/".join(each.partition(";")[0] for each in parts))
    path = quote(path.lstrip("/"), safe="/+")
    yield normalise(f"{scheme}://{authority}/{path}").removesuffix("/")


def login(credential: Mapping[str, Any]) -> str:
    """Return the value of Authorization for a credential that is sent unasked, or an empty text."""
    if token := credential.get("token"):
        return f"Bearer {token}"
    return basic(credential)


def basic(credential: Mapping[str, Any]) -> str:
    """Return its value for basic authentication, or an empty text.

    As helm, which sends it only with both a name and a password.
    """
    name, password = credential.get("username"), credential.get("password")
    return f"Basic {authorization.basic(name, password)}" if name and password else ""


def _open_context(credential: Mapping[str, Any], *, is_trusted: bool) -> ssl.SSLContext:
    verify = not is_trusted or credential.get("verify", True)
    context = new_context(verify=bool(verify))
    where = f"for {shown(credential.get('url', ''))} in the file of {failures.FILE}"
    if verify:
        trust_system(context)
    if verify and (ca := credential.get("ca")):
        try:
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError):
            raise FetchError(
                f"the CA certificates {where} are invalid", hint="they must be complete, in PEM"
            ) from None
    if is_trusted and (certificate := credential.get("certificate")):
        try:
            load_client_certificate(context, certificate, credential.get("key", ""))
        except OSError:
            raise FetchError(
                f"the client certificate and its key {where} cannot be used",
                hint="they must be in PEM, belong together, and the key must not be encrypted",
            ) from None
    return context


def _read_body(
    response: http.client.HTTPResponse, target: Target, limit: int, *, decode: bool
) -> bytes:
    encoding = response.headers.get("Content-Encoding", "").strip().lower() if decode else ""
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise FetchError(
            f"the server of {target} sends an encoding that was not asked for",
            hint="check the server",
        )
    if (response.length or 0) > limit:
        raise failures.too_large(target, limit)
    body = bytearray()
    while chunk := response.read(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise failures.too_large(target, limit)
    if response.length:
        # Of a body that ends early, http.client says so only if it is chunked.
        raise http.client.IncompleteRead(b"")
    if not encoding.endswith("gzip"):
        return bytes(body)
    try:
        return Gunzip(bytes(body), limit).read(limit + 1)
    except TooLargeError:
        raise failures.too_large(target, limit) from None
    except (zlib.error, EOFError):
        raise FetchError(
            f"the answer from {target} cannot be decompressed", hint="check the server"
        ) from None


def _skip_body(response: http.client.HTTPResponse) -> None:
    """Read a short body that says nothing, so that the connection can be used again."""
    if response.length is not None and response.length <= _CHUNK:
        response.read()
