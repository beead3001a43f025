"""Connections to one Vault: the few calls of hvac's client that are needed."""

import functools
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import hvac
import hvac.exceptions

from avp_py.backends.vault.adapter import Adapter, StatusError
from avp_py.backends.vault.auth import LoginRequest
from avp_py.backends.vault.rate import RateLimiter
from avp_py.backends.vault.route import open_route
from avp_py.backends.vault.translate import Translator
from avp_py.errors import BackendError
from avp_py.settings import Sensitive, VaultSettings
from avp_py.transport import Problem, RequestFailedError, open_session
from avp_py.values import Number

MAX_DEPTH: Final = 310
"""How deep an answer may nest. Vault accepts no secret that nests deeper than 300 levels
(max_json_depth; http/handler.go, v1.21), and an answer wraps it in a few more."""

_UNREACHABLE: Final = frozenset(
    {
        Problem.CONNECTION,
        Problem.LOST,
        Problem.NOT_HTTP,
        Problem.PROXY,
        Problem.TIMEOUT,
        Problem.TLS,
    }
)
"""What will be the same for the next request; each could last as long, with all its attempts."""

_TOKEN = re.compile(r"[!-~]+")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")


@dataclass(frozen=True)
class LoginResult:
    """The result of a login.

    Attributes:
        token: the token.
        seconds: how long it can be reused; 0 if its number of uses is limited, or it has no end.
        is_limited: whether its number of uses is limited.
    """

    token: Sensitive
    seconds: int
    is_limited: bool = False


class Connection:
    """Connections to one Vault, kept open, for any number of threads."""

    def __init__(
        self,
        client: hvac.Client,
        translator: Translator,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._translator = translator
        self._clock = clock
        self._unreachable: tuple[float, BackendError] | None = None
        """When a request began that did not reach Vault, and its error."""

    @classmethod
    def open(
        cls,
        settings: VaultSettings,
        environ: Mapping[str, str],
        concurrency: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> "Connection":
        """Make the client; nothing is sent.

        Args:
            settings: Vault's.
            environ: the environment of the run, which may name proxies.
            concurrency: how many threads read at once, and so how many connections are kept.
            sleep: waits for so many seconds before another attempt.

        Raises:
            SettingsError: a file for TLS cannot be used, or the address is not valid.
        """
        route = open_route(settings, environ, concurrency)
        client = hvac.Client(
            url=settings.address if settings.socket is None else "http://localhost",
            token="",  # none yet; hvac would look for one in the environment and the home folder
            verify=True,  # the session decides; hvac would look for files in the environment
            timeout=settings.timeout,  # type: ignore[arg-type]  # its stubs know whole seconds only
            namespace=settings.namespace,
            session=open_session(route),
            adapter=functools.partial(  # type: ignore[arg-type]
                Adapter,
                peer=route.peer,
                max_retries=settings.max_retries,
                rate=RateLimiter(settings.rate_limit) if settings.rate_limit else None,
                sleep=sleep,
            ),
        )
        return cls(client, Translator(settings))

    def use(self, token: Sensitive) -> None:
        """Send this token from now on."""
        self._client.token = token.reveal()

    def log_in(self, request: LoginRequest) -> LoginResult:
        """Log in, and send the token from now on.

        Raises:
            BackendError: Vault cannot be reached, or rejects the login.
        """
        body = {name: value.reveal() for name, value in request.body.items()}
        with self._translated():
            response = self._client.adapter.post(f"/v1/{quote(request.path)}", json=body)
        try:
            auth = json.loads(response.content)["auth"]
            token, seconds = auth["client_token"], auth.get("lease_duration")
            is_known = isinstance(token, str) and _TOKEN.fullmatch(token) is not None
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
            is_known = False
        if not is_known:
            raise self._translator.not_vault()
        is_limited = bool(auth.get("num_uses"))
        if type(seconds) is not int or is_limited:
            seconds = 0
        result = LoginResult(Sensitive(token), seconds, is_limited)
        self.use(result.token)
        return result

    def read(
        self, path: str, parameters: Mapping[str, str], since: float = -math.inf
    ) -> Mapping[str, Any]:
        """Return Vault's answer to a read of a path; its numbers keep their text.

        Args:
            path: the path, without `/v1/`.
            parameters: of the query.
            since: once a request that began after this could not reach Vault, or found it sealed,
                nothing more is sent; a time on the clock.

        Raises:
            ForbiddenError: the token may not read the path.
            LoginError: Vault rejected the token.
            BackendError: any other failure. An answer with status 404 is not one.
        """
        if self._unreachable is not None and self._unreachable[0] >= since:
            raise self._unreachable[1]
        url = f"/v1/{quote(path, safe='/')}"
        with self._translated():
            try:
                response = self._client.adapter.get(url, params=dict(parameters))
            except StatusError as failed:
                if isinstance(failed.error, hvac.exceptions.InvalidPath):
                    # The body says whether the mount, the secret or the version is missing.
                    return self._answer(failed.error.text or "")
                raise
        return self._answer(response.content)

    def health(self) -> str:
        """Return Vault's version, from a node that can serve, standby or not, without a token.

        The path and its parameters are those of Vault's API (sys/health, v1.21).

        Raises:
            BackendError: Vault cannot be reached, is sealed or not initialised.
        """
        with self._translated():
            response = self._client.adapter.get("/v1/sys/health?standbyok=true&perfstandbyok=true")
        try:
            version = json.loads(response.content)["version"]
        except (LookupError, TypeError, ValueError, RecursionError):
            version = None
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise self._translator.not_vault()
        return version

    def close(self) -> None:
        """Close the connections."""
        self._client.adapter.close()

    def _answer(self, body: str | bytes) -> Mapping[str, Any]:
        try:
            answer = json.loads(
                body, parse_int=Number, parse_float=Number, parse_constant=_reject_constant
            )
            is_vaults = _depth(answer) <= MAX_DEPTH and (
                isinstance(answer["errors"], list) if "errors" in answer else "data" in answer
            )
        except (TypeError, ValueError, RecursionError):
            is_vaults = False
        if not is_vaults or not isinstance(answer, dict):
            raise self._translator.not_vault()
        return answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        begun = self._clock()
        try:
            yield
        except (RequestFailedError, StatusError) as failed:
            error = self._translator.translate(failed)
            if (
                failed.problem in _UNREACHABLE
                if isinstance(failed, RequestFailedError)
                else isinstance(failed.error, hvac.exceptions.VaultDown)
            ):
                self._unreachable = begun, error
            raise error from failed


def _reject_constant(name: str) -> None:
    """Reject NaN and Infinity, which Python's parser accepts, and JSON does not have."""
    raise ValueError(name)


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)
