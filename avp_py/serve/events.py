"""What happens in the core, as it is sent to the process that serves metrics.

A datagram for each event: JSON with the name of a metric, a number, and labels. The sender never
waits: where the receiver is slow or gone, an event is lost rather than a request delayed.
"""

import contextlib
import json
import socket
from typing import Final

MAX_EVENT: Final = 4096
"""How long an event may be, in bytes."""

PING: Final = "ping"
"""The command that the supervisor answers itself: whether it has a keeper."""


class Events:
    """Sends events, if anybody is interested in them."""

    def __init__(self, sender: socket.socket | None) -> None:
        """Make it.

        Args:
            sender: a socket for datagrams; None where no metrics are served.
        """
        self._sender = sender
        if sender is not None:
            sender.setblocking(False)

    def send(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Send an event.

        Args:
            name: a metric of avp_py/serve/metrics.py: a counter grows by the value, a gauge is set
                to it, a histogram observes it.
            value: the number.
            labels: the labels of the metric.
        """
        if self._sender is not None:
            with contextlib.suppress(OSError):
                self._sender.send(json.dumps([name, value, labels]).encode()[:MAX_EVENT])
