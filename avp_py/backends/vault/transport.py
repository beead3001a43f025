"""The transport to Vault: TLS, retries, and limits on the time and size of an answer."""

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import hvac.adapters
import hvac.utils
import requests
import requests.adapters
import urllib3
import urllib3.exceptions
from urllib3.util import Retry

from avp_py.errors import SettingsError
from avp_py.settings import VaultSettings

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Vault's own limit for a request is 32 MiB (max_request_size); no secret can be larger."""

RETRIED_STATUSES: Final = frozenset({412, 500, 502, 503, 504})
"""Those that Vault's own Go client repeats (DefaultRetryPolicy in api/client.go, v1.21)."""

BACKOFF_SECONDS: Final = 0.25
"""The first new try comes at once, the second after twice this, each further after twice that."""


def open_session(settings: VaultSettings, concurrency: int) -> requests.Session:
    """A session that keeps a connection for each of `concurrency` threads.

    Raises:
        SettingsError: a file for TLS is not there, or half of a pair.
    """
    session = requests.Session()
    transport = _Transport(settings, concurrency)
    session.mount("https://", transport)
    session.mount("http://", transport)
    session.verify = _verification(settings)
    session.cert = _certificate(settings)
    return session


def _verification(settings: VaultSettings) -> bool | str:
    if settings.skip_verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return False
    chosen = (
        ("VAULT_CACERT", settings.ca_cert)
        if settings.ca_cert
        else ("VAULT_CAPATH", settings.ca_path)
    )
    return _existing(*chosen) or True


def _certificate(settings: VaultSettings) -> tuple[str, str] | None:
    cert = _existing("VAULT_CLIENT_CERT", settings.client_cert)
    key = _existing("VAULT_CLIENT_KEY", settings.client_key)
    if cert and key:
        return cert, key
    if cert or key:
        raise SettingsError(
            f"{'VAULT_CLIENT_KEY' if cert else 'VAULT_CLIENT_CERT'} is not set",
            hint="set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY, or neither",
        )
    return None


def _existing(name: str, path: str | None) -> str | None:
    if path is not None and not Path(path).exists():
        raise SettingsError(f"{name}: there is no {path}", hint="name a file that is there")
    return path


class _Transport(requests.adapters.HTTPAdapter):
    """Keeps a connection for each thread, repeats what failed, and knows the server's name."""

    def __init__(self, settings: VaultSettings, concurrency: int) -> None:
        self._server_name = settings.tls_server_name
        retries = Retry(
            total=settings.max_retries,
            status_forcelist=RETRIED_STATUSES,
            # Reads and logins alike can be sent again.
            allowed_methods=None,
            backoff_factor=BACKOFF_SECONDS,
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        super().__init__(pool_maxsize=concurrency, max_retries=retries)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As requests does it, with the name that the certificate must carry."""
        if self._server_name:
            kwargs.update(server_hostname=self._server_name, assert_hostname=self._server_name)
        super().init_poolmanager(*args, **kwargs)


class LimitedAdapter(hvac.adapters.RawAdapter):
    """hvac's adapter with a limit on the time and the size of the whole answer.

    The time limit of requests is one between two packets: an answer that drips could last forever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timeout: float = kwargs["timeout"]

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        raise_exception: bool = True,
        **kwargs: Any,
    ) -> requests.Response:
        """As hvac does it: raises its VaultError for a status that is none of success."""
        deadline = time.monotonic() + self._timeout
        with super().request(
            method, url, headers, raise_exception=False, stream=True, **kwargs
        ) as response:
            body = _read_body(response, deadline)
        if raise_exception and not response.ok:
            text = body.decode(errors="replace")
            hvac.utils.raise_for_error(
                method, url, response.status_code, "", errors=_errors(text), text=text
            )
        whole = requests.Response()
        whole.status_code = response.status_code
        whole.headers = response.headers
        whole.raw = io.BytesIO(body)
        return whole


def _errors(text: str) -> list[str]:
    """The list of errors in an answer of Vault's; empty for any other text."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return []
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return [str(error) for error in errors] if isinstance(errors, list) else []


def _read_body(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    # read1 hands over what has come, where read waits until a whole chunk is there.
    while chunk := response.raw.read1(64 * 1024, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise requests.exceptions.ContentDecodingError
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout
    return bytes(body)
