"""A proxy in front of Vault that delays each request, and counts requests and logins.

    python -m benchmarks.proxy HOST:PORT

It prints its own port, and then obeys a command a line on standard input: `delay MILLISECONDS`, or
`count`, to which it prints the requests and the logins since the last time, as JSON. It ends with
its standard input.
"""

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass, field
from typing import Final

_MAX_HEAD: Final = 1 << 20


@dataclass
class _Counts:
    """What has passed since the last `count`."""

    requests: int = 0
    logins: int = 0


@dataclass
class Proxy:
    """The proxy.

    Attributes:
        host: Vault's host.
        port: Vault's port.
        delay: what is added to each request, in seconds.
    """

    host: str
    port: int
    delay: float = 0
    counts: _Counts = field(default_factory=_Counts)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client, over one connection to Vault."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            vault_reader, vault_writer = await asyncio.open_connection(
                self.host, self.port, limit=_MAX_HEAD
            )
            try:
                while True:
                    request = await _message(reader)
                    self._count(request)
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    vault_writer.write(request)
                    writer.write(await _message(vault_reader))
            finally:
                vault_writer.close()
        writer.close()

    def _count(self, request: bytes) -> None:
        method, path, *_ = request.split(b" ", 2)
        self.counts.requests += 1
        is_login = path.startswith(b"/v1/auth/") and path.endswith(b"/login")
        self.counts.logins += is_login and method in (b"POST", b"PUT")

    def obey(self, command: str) -> str:
        """Return the answer to a command."""
        name, _, argument = command.strip().partition(" ")
        if name == "delay":
            self.delay = float(argument) / 1000
            return "{}"
        counts, self.counts = self.counts, _Counts()
        return json.dumps(vars(counts))


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read a request or a response: its head, and the body that the head announces."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = head.lower()
    if b"\r\ntransfer-encoding: chunked" in fields:
        return head + await _chunks(reader)
    _, found, rest = fields.partition(b"\r\ncontent-length:")
    return head + await reader.readexactly(int(rest.partition(b"\r\n")[0]) if found else 0)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    size = -1
    while size != 0:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        parts += [line, await reader.readexactly(size + 2)]
    return b"".join(parts)


async def main(address: str) -> None:
    """Serve until standard input ends."""
    host, _, port = address.rpartition(":")
    proxy = Proxy(host, int(port))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=_MAX_HEAD, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while line := await commands.readline():
        print(proxy.obey(line.decode()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
