"""hvac's adapter on our transport: attempts, the rate limit, and Vault's answers with an error.

It follows Vault's own client (api/client.go, v1.22), as far as a read and a login need it.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import hvac.adapters
import hvac.exceptions
import requests

from avp_py.backends.vault.rate import RateLimiter
from avp_py.errors import AvpError
from avp_py.transport import Peer, Problem, RequestFailedError, retry_after, send

BACKOFF_SECONDS: Final = 0.5
"""The pause before the second attempt, if Vault does not say; each further one is twice as long."""

_RETRIED: Final = frozenset({Problem.CONNECTION, Problem.LOST, Problem.PROXY})
"""What may be gone a moment later."""


class StatusError(AvpError):
    """Vault, or what is in its place, answered with another status than success.

    Attributes:
        error: hvac's for that status; its `errors` are what Vault said, without what we sent, or
            None where the answer is not Vault's.
        status: the status.
        attempts: how often the request was sent.
    """

    def __init__(self, error: hvac.exceptions.VaultError, status: int, attempts: int) -> None:
        super().__init__(f"the answer has the status {status}")
        self.error = error
        self.status = status
        self.attempts = attempts


class Adapter(hvac.adapters.RawAdapter):
    """Sends the requests of hvac's client."""

    def __init__(
        self,
        *args: Any,
        peer: Peer,
        max_retries: int,
        rate: RateLimiter | None,
        sleep: Callable[[float], None] = time.sleep,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._peer = peer
        self._max_retries = max_retries
        self._rate = rate
        self._sleep = sleep
        self._seconds: float = kwargs["timeout"]

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        raise_exception: bool = True,
        **kwargs: Any,
    ) -> requests.Response:
        """Send a request, and send it again if that may help.

        Raises:
            RequestFailedError: there is no usable answer.
            StatusError: the status of the answer is not one of success.
        """
        if self._rate is not None:
            self._rate.wait()
        ask = super().request
        response, attempts = send(
            lambda deadline: ask(
                method, url, headers, raise_exception=False, timeout=deadline, **kwargs
            ),
            self._peer,
            self._seconds,
            self._pause_after,
            self._sleep,
        )
        if raise_exception and not response.ok:
            credentials = [
                value
                for name, value in (kwargs.get("json") or {}).items()
                if name not in ("role", "name")
            ]
            error = _error_in(response, [self.token, *credentials])
            raise StatusError(error, response.status_code, attempts)
        return response

    def _pause_after(
        self, outcome: requests.Response | RequestFailedError, attempt: int
    ) -> float | None:
        if attempt > self._max_retries:
            return None
        pause: float = BACKOFF_SECONDS * 2 ** (attempt - 1)
        if isinstance(outcome, RequestFailedError):
            return pause if outcome.problem in _RETRIED else None
        status = outcome.status_code
        is_passing = status in (412, 429) or (status >= 500 and status != 501)
        if not is_passing or rejects_credential(_error_in(outcome, [])):
            return None
        return max(pause, retry_after(outcome) or 0)


def _error_in(response: requests.Response, sent: list[str | None]) -> hvac.exceptions.VaultError:
    text = response.content.decode(errors="replace")
    return hvac.exceptions.VaultError.from_status(
        response.status_code, "", errors=_errors(text, sent), text=text
    )


def rejects_credential(error: Exception) -> bool:
    """Return whether Vault says that it failed, and means that a credential was rejected."""
    return isinstance(error, hvac.exceptions.InternalServerError) and any(
        _REJECTED.search(str(each)) for each in error.errors or ()
    )


_REJECTED = re.compile(
    r"\b401\b|user is not part of required org|failed to verify client's certificate"
    r"|exceeds allowed length"
)
"""What Vault 1.21 says with status 500: GitHub's answer (go-github's ErrorResponse), its github and
cert methods, and its limit for the texts of a request."""


def _errors(text: str, sent: list[str | None]) -> list[str] | None:
    """Return Vault's list of errors, without what we sent; None for any other text."""
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
"""From this length on, in characters, a credential is also masked inside a word."""


def _mask(text: str, form: str) -> str:
    """Return a text without a form of a credential.

    A short one is masked only where it is a whole word: as a part of other words it is there by
    chance, and the gaps in them would reveal it. A single character is in every text.
    """
    if len(form) >= LONG_CREDENTIAL:
        return text.replace(form, "***")
    if len(form) == 1:
        return text
    return re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", text)


def _forms(text: str) -> Iterator[str]:
    """Yield a text in each form that it may have in a message."""
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield quote(text)
    yield quote(text, safe="")
    yield base64.b64encode(text.encode()).decode()
