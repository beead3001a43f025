"""A client of argocd-cmp-server that takes little time itself: it packs a repository only once."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import grpc

from tests.cmp import messages
from tests.cmp.client import PATIENCE_SECONDS, stream

PATIENCE: Final = 5 * PATIENCE_SECONDS
"""How long a request may take: a burst is measured also where Argo CD would have given up."""

_MAX_BYTES: Final = 100 * 1024 * 1024


class Packed:
    """A request, serialised: what is sent is the same bytes each time."""

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        self._messages: Sequence[bytes] = [
            each.SerializeToString() for each in stream(root, ".", env)
        ]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._messages)


class Caller:
    """Calls GenerateManifest of a plugin."""

    def __init__(self, channel: grpc.Channel) -> None:
        # Without serialisers: bytes are sent and received as they are.
        self._call: Any = channel.stream_unary(f"/{messages.SERVICE}/GenerateManifest")

    def generate(self, request: Packed) -> bytes:
        """Send a request, and return the response.

        Raises:
            grpc.RpcError: it failed.
        """
        response: bytes = self._call(iter(request), timeout=PATIENCE)
        return response

    def burst(self, requests: Sequence[Packed]) -> tuple[Sequence[float], Sequence[bytes]]:
        """Send all requests at once.

        Returns:
            When they were answered, in seconds from the start, and the responses.

        Raises:
            grpc.RpcError: one of them failed.
        """
        times: list[float] = []
        all_are_done = threading.Event()

        def note(_: object) -> None:
            times.append(time.perf_counter() - started)
            if len(times) == len(requests):
                all_are_done.set()

        started = time.perf_counter()
        running = [self._call.future(iter(each), timeout=PATIENCE) for each in requests]
        for each in running:
            each.add_done_callback(note)
        all_are_done.wait()
        return times, [each.result() for each in running]


def manifests(response: bytes) -> Sequence[str]:
    """Return the manifests of a response."""
    return list(messages.ManifestResponse.FromString(response).manifests)


@contextlib.contextmanager
def connect(socket: Path) -> Iterator[Caller]:
    """Connect to the server that listens there."""
    options = [("grpc.max_receive_message_length", _MAX_BYTES)]
    with grpc.insecure_channel(f"unix:{socket}", options) as channel:
        yield Caller(channel)
