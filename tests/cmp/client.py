"""What the repo-server does with a plugin: it sends a folder, and reads the answer.

Source: util/cmp/stream.go and util/io/files/tar.go of Argo CD v3.2.1.
"""

import hashlib
import io
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from tests.cmp import messages

CHUNK_BYTES: Final = 1024
"""How much of the archive one message holds (ARGOCD_CMP_CHUNK_SIZE's default)."""

PATIENCE_SECONDS: Final = 60.0
"""Argo CD's own time limit of a request, with which it also counts git and the archive."""


class CallError(Exception):
    """The server's refusal.

    Attributes:
        code: gRPC's.
        message: what Argo CD's UI shows after a text of its own.
    """

    def __init__(self, error: grpc.RpcError) -> None:
        # Every error of a call is also a grpc.Call, which the stubs omit.
        call: Any = error
        self.code: grpc.StatusCode = call.code()
        self.message: str = call.details()
        super().__init__(f"{self.code.name}: {self.message}")


@dataclass(frozen=True)
class Configuration:
    """The configuration that a plugin reports."""

    has_discovery: bool
    wants_git_credentials: bool


@dataclass(frozen=True)
class Match:
    """Whether a plugin matches a folder."""

    supported: bool
    discovery: bool


@dataclass(frozen=True)
class Parameter:
    """A parameter as Argo CD's UI gets it."""

    name: str
    title: str
    tooltip: str
    required: bool
    collection: str
    string: str
    array: Sequence[str]
    map: Mapping[str, str]


class Client:
    """Calls a plugin's service; the methods raise CallError.

    `root` is the repository's folder and `path` the Application's in it. `env` is sent as it is:
    Argo CD's own variables, and those of `plugin.env` with their prefix.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def check(self) -> Configuration:
        """CheckPluginConfiguration."""
        call = self._channel.unary_unary(
            f"/{messages.SERVICE}/CheckPluginConfiguration",
            messages.Empty.SerializeToString,
            messages.CheckPluginConfigurationResponse.FromString,
        )
        try:
            answer = call(messages.Empty(), timeout=PATIENCE_SECONDS)
        except grpc.RpcError as error:
            raise CallError(error) from None
        return Configuration(answer.isDiscoveryConfigured, answer.provideGitCreds)

    def match(
        self, root: Path, *, path: str = ".", env: Mapping[str, str], timeout: float | None = None
    ) -> Match:
        """MatchRepository."""
        answer = self._send(
            "MatchRepository", messages.RepositoryResponse, root, path, env, timeout
        )
        return Match(answer.isSupported, answer.isDiscoveryEnabled)

    def generate(
        self, root: Path, *, path: str = ".", env: Mapping[str, str], timeout: float | None = None
    ) -> Sequence[str]:
        """GenerateManifest: the documents, as JSON."""
        answer = self._send("GenerateManifest", messages.ManifestResponse, root, path, env, timeout)
        return list(answer.manifests)

    def give_up(
        self, root: Path, *, path: str = ".", env: Mapping[str, str], when: Callable[[], bool]
    ) -> None:
        """GenerateManifest, cancelled as at a deadline, once a condition is true.

        The server cannot tell a deadline from a caller that cancels.
        """
        call = self._call("GenerateManifest", messages.ManifestResponse)
        running = call.future(stream(root, path, env), timeout=PATIENCE_SECONDS)
        while not when():
            assert not running.done(), running.details()
            time.sleep(0.02)
        running.cancel()

    def parameters(
        self, root: Path, *, path: str = ".", env: Mapping[str, str], timeout: float | None = None
    ) -> Sequence[Parameter]:
        """GetParametersAnnouncement."""
        answer = self._send(
            "GetParametersAnnouncement",
            messages.ParametersAnnouncementResponse,
            root,
            path,
            env,
            timeout,
        )
        return [
            Parameter(
                each.name,
                each.title,
                each.tooltip,
                each.required,
                each.collectionType,
                each.string,
                list(each.array),
                {entry.key: entry.value for entry in each.map},
            )
            for each in answer.parameterAnnouncements
        ]

    def _send(
        self,
        method: str,
        response: Any,
        root: Path,
        path: str,
        env: Mapping[str, str],
        timeout: float | None,
    ) -> Any:
        call = self._call(method, response)
        try:
            return call(stream(root, path, env), timeout=timeout or PATIENCE_SECONDS)
        except grpc.RpcError as error:
            raise CallError(error) from None

    def _call(self, method: str, response: Any) -> Any:
        return self._channel.stream_unary(
            f"/{messages.SERVICE}/{method}",
            messages.AppStreamRequest.SerializeToString,
            response.FromString,
        )


@contextmanager
def connect(socket: Path) -> Iterator[Client]:
    """Connect a client to the service that listens there."""
    options = [("grpc.max_receive_message_length", 100 * 1024 * 1024)]
    with grpc.insecure_channel(f"unix:{socket}", options) as channel:
        yield Client(channel)


def stream(root: Path, path: str, env: Mapping[str, str]) -> Iterator[Any]:
    """Yield the messages of one request: its metadata, then the archive in chunks."""
    archive = _archive(root)
    yield messages.AppStreamRequest(
        metadata={
            "appName": (root / path).name,
            "appRelPath": path,
            "checksum": hashlib.sha256(archive).hexdigest(),
            "size": len(archive),
            "env": [{"name": name, "value": value} for name, value in env.items()],
        }
    )
    for start in range(0, len(archive), CHUNK_BYTES):
        yield messages.AppStreamRequest(file={"chunk": archive[start : start + CHUNK_BYTES]})


def _archive(root: Path) -> bytes:
    """The folder as .tgz: files, folders and symlinks, named relative to it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for each in sorted(root.rglob("*")):
            archive.add(each, each.relative_to(root), recursive=False)
    return data.getvalue()
