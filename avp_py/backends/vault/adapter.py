"""The transport to Vault: proxies, redirects, tries, and limits on the time and size of an answer.

It follows Vault's own client (api/client.go, v1.22), as far as a read and a login need it.
"""

import base64
import functools
import io
import ipaddress
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import hvac.adapters
import hvac.exceptions
import requests
import requests.adapters
import requests.utils
import urllib3
import urllib3.exceptions

from avp_py.backends.vault.rate import RateLimiter
from avp_py.backends.vault.tls import names_files, open_context
from avp_py.errors import SettingsError
from avp_py.settings import VaultSettings
from avp_py.transport.deadline import POOLS, pools_to

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Vault's own limit for a request is 32 MiB (max_request_size); no secret can be larger."""

BACKOFF_SECONDS: Final = 0.5
"""How long the first new try waits, if Vault does not say; each further waits twice as long."""


class TriedError(Exception):
    """A request that came to nothing.

    Attributes:
        error: an error of requests or urllib3, or hvac's for a status that is none of success; its
            `errors` are what Vault said, or None where the answer is not Vault's.
        tries: how often the request was sent.
        status: the status of the answer, or None where there was none.
    """

    def __init__(self, error: Exception, tries: int = 1, status: int | None = None) -> None:
        super().__init__()
        self.error = error
        self.tries = tries
        self.status = status


class TooLargeError(requests.RequestException):
    """An answer that is larger than any of Vault's."""


def open_session(settings: VaultSettings, concurrency: int) -> requests.Session:
    """A session that keeps a connection for each of `concurrency` threads.

    It is safe to share: nothing in it changes from one request to the next, cookies included.

    Raises:
        SettingsError: a file for TLS cannot be used, or the address is none.
    """
    try:
        url = urlsplit(settings.address)
        host, port = url.hostname, url.port
    except ValueError:
        raise SettingsError(
            f"{settings.address_setting}, {settings.address}, is not an address",
            hint="write it as https://vault.example:8200",
        ) from None
    if settings.srv_lookup and settings.socket is None and port is None:
        raise SettingsError(
            "VAULT_SRV_LOOKUP is true, but SRV records of DNS are not looked up",
            hint="name Vault's host and port in VAULT_ADDR",
        )
    session = _Session()
    transport = _Transport(settings, concurrency)
    if url.scheme == "https" or names_files(settings):
        transport.context()
    session.mount("https://", transport)
    session.mount("http://", transport)
    # Of the environment, the proxies count; passwords in .netrc and REQUESTS_CA_BUNDLE do not.
    session.trust_env = False
    session.proxies = _proxies(settings, host or "")
    session.max_redirects = 0 if settings.disable_redirects else 1
    return session


def _proxies(settings: VaultSettings, host: str) -> dict[str, str]:
    """The proxy of each scheme."""
    if settings.socket is not None:
        return {}
    if settings.proxy is not None:
        return dict.fromkeys(("http", "https"), settings.proxy.reveal())
    return {} if _is_here(host) else dict(requests.utils.get_environ_proxies(settings.address))


def _is_here(host: str) -> bool:
    """Whether the host is this machine, which Go's client never asks a proxy for."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Session(requests.Session):
    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Keeps the token on a redirect, whose target can be another host: the active node.

        Raises:
            TooManyRedirects: the redirect leads from https to http, or out of both.
        """
        allowed = ("https:",) if response.url.startswith("https:") else ("https:", "http:")
        if not (prepared_request.url or "").startswith(allowed):
            raise requests.TooManyRedirects


class _Transport(requests.adapters.HTTPAdapter):
    """Keeps a connection for each thread, and reads every answer whole, within limits."""

    def __init__(self, settings: VaultSettings, concurrency: int) -> None:
        self._pools = POOLS if settings.socket is None else pools_to(settings.socket)
        self._server_name = settings.tls_server_name
        # Reading the authorities takes 50 ms: only once, and only for https.
        self.context = functools.cache(lambda: open_context(settings))
        super().__init__(pool_maxsize=concurrency)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] != "https":
            return host, {}
        return host, {"ssl_context": self.context(), "server_hostname": self._server_name}

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the context knows whom to trust, and requests would add certifi's list."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        response = super().send(request, *args, **kwargs)
        if response.status_code in (301, 302):
            # Vault's own client sends the same again, where requests would make a GET of a login.
            response.status_code = requests.codes.temporary_redirect
        response.raw = io.BytesIO(_read_body(response.raw))
        return response


def _read_body(raw: urllib3.HTTPResponse) -> bytes:
    body = bytearray()
    for chunk in raw.stream(64 * 1024, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raw.close()
            raise TooLargeError
    raw.release_conn()
    return bytes(body)


class Adapter(hvac.adapters.RawAdapter):
    """hvac's adapter, with new tries, and one time limit for all of them."""

    def __init__(
        self, *args: Any, max_retries: int, rate: RateLimiter | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._max_retries = max_retries
        self._rate = rate
        self._timeout: float = kwargs["timeout"]

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        raise_exception: bool = True,
        **kwargs: Any,
    ) -> requests.Response:
        """Sends a request, again if that may help.

        Raises:
            TriedError: no answer came, or one whose status is none of success.
        """
        if self._rate is not None:
            self._rate.wait()
        end = time.monotonic() + self._timeout
        tries = 0
        while True:
            tries += 1
            pause = BACKOFF_SECONDS * 2 ** (tries - 1)
            timeout = urllib3.Timeout(total=max(end - time.monotonic(), 0.001))
            try:
                response = super().request(
                    method, url, headers, raise_exception=False, timeout=timeout, **kwargs
                )
            except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
                failure, is_passing = TriedError(error, tries), _is_lost(error)
            else:
                if response.ok or not raise_exception:
                    return response
                status = response.status_code
                failure = TriedError(self._refusal(response, kwargs), tries, status)
                is_passing = status in (412, 429) or (status >= 500 and status != 501)
                is_passing = is_passing and not is_refused_behind(failure.error)
                pause = max(pause, _retry_after(response))
            if not is_passing or tries > self._max_retries or time.monotonic() + pause >= end:
                raise failure
            time.sleep(pause)

    def _refusal(
        self, response: requests.Response, sent: Mapping[str, Any]
    ) -> hvac.exceptions.VaultError:
        credentials = [
            each for name, each in (sent.get("json") or {}).items() if name not in ("role", "name")
        ]
        text = response.content.decode(errors="replace")
        errors = _errors(text, [self.token, *credentials])
        return hvac.exceptions.VaultError.from_status(
            response.status_code, "", errors=errors, text=text
        )


def is_refused_behind(error: Exception) -> bool:
    """Whether Vault says that it failed, and means that a credential was refused."""
    return isinstance(error, hvac.exceptions.InternalServerError) and any(
        _REFUSED.search(str(each)) for each in error.errors or ()
    )


_REFUSED = re.compile(
    r"\b401\b|user is not part of required org|failed to verify client's certificate"
    r"|exceeds allowed length"
)
"""What Vault 1.21 says with status 500: GitHub's answer (go-github's ErrorResponse), its github and
cert methods, and its limit for the texts of a request."""


def _is_lost(error: Exception) -> bool:
    """Whether a connection failed, in the middle of an answer included; TLS stays as it is."""
    return isinstance(
        error, requests.ConnectionError | urllib3.exceptions.ProtocolError
    ) and not isinstance(error, requests.exceptions.SSLError)


def _retry_after(response: requests.Response) -> float:
    """The seconds that Vault asks us to wait, as its rate limits do; 0 where it does not."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0


def _errors(text: str, sent: list[str | None]) -> list[str] | None:
    """Vault's list of errors, with nothing in it of what we sent; None for any other text."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not isinstance(errors, list):
        return None
    said = [str(each) for each in errors]
    for secret in filter(None, sent):
        for form in _forms(secret):
            said = [_mask(each, form) for each in said]
    return said


LONG_CREDENTIAL: Final = 8
"""From this length on, in characters, a credential is masked within a word, too."""


def _mask(text: str, form: str) -> str:
    """The text without a form of a credential.

    A short one is masked where it is a word of its own: the words that it is a part of are not its,
    and with the gaps in them they would tell it. A single character is in every text.
    """
    if len(form) >= LONG_CREDENTIAL:
        return text.replace(form, "***")
    if len(form) == 1:
        return text
    return re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", text)


def _forms(text: str) -> Iterator[str]:
    """A text, and what it may have become on its way into a message."""
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield quote(text)
    yield quote(text, safe="")
    yield base64.b64encode(text.encode()).decode()
