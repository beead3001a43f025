"""The registry of the distribution project, with OCI artifacts as Argo CD reads them."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
import yaml

from tests.conftest import build_tools
from tests.processes import until
from tests.servers import free_ports, running

READY_SECONDS: Final = 30
"""How long it may take to serve; it takes well below one."""

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_EMPTY: Final = "application/vnd.oci.empty.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_SECONDS: Final = 30


@dataclass(frozen=True)
class Registry:
    """A running registry, over HTTP without TLS.

    Attributes:
        address: its host and port.
    """

    address: str

    def url(self, name: str) -> str:
        """The URL of a repository, for Argo CD."""
        return f"oci://{self.address}/{name}"

    def push(self, name: str, tag: str, files: Mapping[str, bytes]) -> None:
        """Push files as an artifact with one layer, as `oras push` does for a folder."""
        with requests.Session() as session:
            session.trust_env = False
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "artifactType": "application/vnd.example.manifests",
                "config": self._push_blob(session, name, b"{}", _EMPTY),
                "layers": [self._push_blob(session, name, _archive(files), _LAYER)],
            }
            answer = session.put(
                f"http://{self.address}/v2/{name}/manifests/{tag}",
                data=json.dumps(manifest),
                headers={"Content-Type": _MANIFEST},
                timeout=_SECONDS,
            )
            answer.raise_for_status()

    def _push_blob(
        self, session: requests.Session, name: str, content: bytes, media_type: str
    ) -> Mapping[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        uploads = f"http://{self.address}/v2/{name}/blobs/uploads/"
        begun = session.post(uploads, timeout=_SECONDS)
        begun.raise_for_status()
        put = session.put(
            begun.headers["Location"],
            params={"digest": digest},
            data=content,
            headers={"Content-Type": "application/octet-stream"},
            timeout=_SECONDS,
        )
        put.raise_for_status()
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


@contextmanager
def serve(folder: Path) -> Iterator[Registry]:
    """Run a registry that holds everything in memory.

    Args:
        folder: an existing folder.
    """
    (port,) = free_ports(1)
    registry = Registry(f"127.0.0.1:{port}")
    settings = {
        "version": "0.1",
        "storage": {"inmemory": {}},
        "http": {"addr": registry.address, "secret": "of no value"},
    }
    file = folder / "registry.yaml"
    file.write_text(yaml.safe_dump(settings))

    def is_ready() -> bool:
        try:
            answer = requests.get(f"http://{registry.address}/v2/", timeout=_SECONDS)
        except requests.ConnectionError:
            return False
        return bool(answer.status_code == requests.codes.ok)

    program = build_tools("registry")["registry"]
    with running([program, "serve", file], folder / "registry.log") as server:
        until(lambda: not server.is_running or is_ready(), READY_SECONDS)
        assert is_ready(), server.tail()
        yield registry


def _archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
