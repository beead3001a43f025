"""One GET to the Kubernetes API, sent again as client-go does."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import requests

from avp_py.errors import ClusterError
from avp_py.kubernetes.access import Access
from avp_py.kubernetes.tls import open_context
from avp_py.transport import (
    Peer,
    Problem,
    RequestFailedError,
    Route,
    not_the_peer,
    open_session,
    retry_after,
    send,
)

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""A Secret holds at most 1 MiB (MaxSecretSize in Kubernetes' pkg/apis/core/types.go, v1.34), a
third more in base64; its other fields must fit into etcd's 1.5 MiB with it."""

LOST_PAUSE_SECONDS: Final = 1.0
"""How long to wait after a lost connection before the next attempt."""

MAX_LOST: Final = 3
"""How many connections may be lost; client-go makes ten attempts."""


@dataclass(frozen=True)
class Answer:
    """An answer of the API.

    Attributes:
        status: the status of HTTP.
        body: the whole body.
    """

    status: int
    body: bytes = field(repr=False)


def get(
    access: Access, path: str, seconds: float, sleep: Callable[[float], None] = time.sleep
) -> Answer:
    """Return the answer to a GET. A redirect is not followed.

    Args:
        access: the way to the API, and the credentials.
        path: the path of the URL, from `/api` on.
        seconds: how long all attempts may take together.
        sleep: waits for so many seconds before another attempt.

    Raises:
        ClusterError: there is no usable answer.
        SettingsError: a certificate or key of `access` cannot be used.
    """
    route = _route(access)
    headers = {"Accept": "application/json"}
    if access.token is not None:
        headers["Authorization"] = f"Bearer {access.token.reveal()}"
    try:
        with closing(open_session(route)) as session:
            ask = partial(session.request, "GET", f"{access.server}{path}", headers=headers)
            response, _ = send(
                lambda deadline: ask(timeout=deadline),  # type: ignore[arg-type]
                route.peer,
                seconds,
                _pause_after,
                sleep,
            )
    except RequestFailedError as failed:
        reason, hint = failed.reason, failed.hint
        is_redirect = failed.problem is Problem.REDIRECT
        if is_redirect:
            reason, hint = not_the_peer(route.peer)
        raise ClusterError(reason, hint=hint, is_down=not is_redirect) from failed
    return Answer(response.status_code, response.content)


def not_the_api(access: Access, status: int) -> ClusterError:
    """Return the error for an answer that the Kubernetes API would not give."""
    reason, hint = not_the_peer(_peer(access))
    return ClusterError(f"{reason} (HTTP status {status})", hint=hint)


def _pause_after(outcome: requests.Response | RequestFailedError, attempt: int) -> float | None:
    """Return when to send the request again, by client-go's rules.

    Those are (rest/request.go and with_retry.go, v0.34): a connection that is reset or ends early,
    and 429 or 5xx with Retry-After.
    """
    if isinstance(outcome, RequestFailedError):
        is_lost = outcome.problem is Problem.LOST
        return LOST_PAUSE_SECONDS if is_lost and attempt < MAX_LOST else None
    is_busy = outcome.status_code == 429 or outcome.status_code >= 500
    return retry_after(outcome) if is_busy else None


def _route(access: Access) -> Route:
    # Proxies of the environment do not count: they are for what is outside of the cluster.
    proxy = access.proxy.reveal() if access.proxy is not None else None
    return Route(
        peer=_peer(access),
        open_context=partial(open_context, access),
        max_bytes=MAX_ANSWER_BYTES,
        server_name=access.server_name,
        proxies={"https": proxy} if proxy is not None else {},
    )


def _peer(access: Access) -> Peer:
    source = access.source
    return Peer(
        name="the Kubernetes API",
        address=access.server,
        address_setting=access.address_setting,
        timeout_setting="",
        proxy_setting=f"proxy-url in {source}",
        header_settings=f"the token in {source}",
        ca_hint=f"put the CA certificate that signed it into {access.ca_setting}",
        server_name_setting=f"tls-server-name in {source}",
        client_certificate_setting=f"client-certificate and client-key in {source}",
        has_client_certificate=access.client_certificate is not None,
        redirect_setting="",
    )
