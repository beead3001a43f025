"""The registry of the distribution project, with OCI artifacts for Argo CD, and charts for Helm."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bcrypt
import requests
import yaml

from tests.conftest import build_tools
from tests.processes import until
from tests.servers import free_ports, running
from tests.trees import pack

READY_SECONDS: Final = 30
"""How long it may take to serve; it takes well below one."""

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CHART_CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
CHART_LAYER: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

_EMPTY: Final = "application/vnd.oci.empty.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_SECONDS: Final = 30


@dataclass(frozen=True)
class Registry:
    """A running registry, over HTTP without TLS.

    Attributes:
        address: its host and port.
        login: the user and the password that it wants; None where it wants none.
    """

    address: str
    login: tuple[str, str] | None = None

    def url(self, name: str) -> str:
        """The URL of a repository, for Argo CD and Helm."""
        return f"oci://{self.address}/{name}"

    def push(self, name: str, tag: str, files: Mapping[str, bytes]) -> None:
        """Push files as an artifact with one layer, as `oras push` does for a folder."""
        with self._session() as session:
            manifest = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": "application/vnd.example.manifests",
                "config": self._push_blob(session, name, b"{}", _EMPTY),
                "layers": [self._push_blob(session, name, pack(files), _LAYER)],
            }
            self._push_manifest(session, name, tag, json.dumps(manifest).encode())

    def push_chart(self, name: str, tag: str, archive: bytes) -> None:
        """Push the archive of a chart as `helm push` does.

        Args:
            name: the repository; Helm's last part of it is the chart's name.
            tag: the tag; Helm's is the version, with `_` in place of `+`.
            archive: the archive.
        """
        with self._session() as session:
            config = self._push_blob(session, name, b"{}", CHART_CONFIG)
            layer = self._push_blob(session, name, archive, CHART_LAYER)
            self._push_manifest(session, name, tag, chart_manifest(config, layer))

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.auth = self.login
        return session

    def _push_manifest(
        self, session: requests.Session, name: str, tag: str, manifest: bytes
    ) -> None:
        answer = session.put(
            f"http://{self.address}/v2/{name}/manifests/{tag}",
            data=manifest,
            headers={"Content-Type": MANIFEST},
            timeout=_SECONDS,
        )
        answer.raise_for_status()

    def _push_blob(
        self, session: requests.Session, name: str, content: bytes, media_type: str
    ) -> Mapping[str, object]:
        uploads = f"http://{self.address}/v2/{name}/blobs/uploads/"
        begun = session.post(uploads, timeout=_SECONDS)
        begun.raise_for_status()
        found = descriptor(content, media_type)
        put = session.put(
            begun.headers["Location"],
            params={"digest": str(found["digest"])},
            data=content,
            headers={"Content-Type": "application/octet-stream"},
            timeout=_SECONDS,
        )
        put.raise_for_status()
        return found


def descriptor(content: bytes, media_type: str) -> Mapping[str, object]:
    """What a manifest says of a blob."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def chart_manifest(config: Mapping[str, object], layer: Mapping[str, object]) -> bytes:
    """The manifest of a chart, of what a manifest says of its blobs."""
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    return json.dumps(manifest).encode()


@contextmanager
def serve(folder: Path, login: tuple[str, str] | None = None) -> Iterator[Registry]:
    """Run a registry that holds everything in memory.

    Args:
        folder: an existing folder.
        login: the user and the password that it wants.
    """
    (port,) = free_ports(1)
    registry = Registry(f"127.0.0.1:{port}", login)
    settings: dict[str, object] = {
        "version": "0.1",
        "storage": {"inmemory": {}},
        "http": {"addr": registry.address, "secret": "of no value"},
    }
    if login is not None:
        user, password = login
        passwords = folder / "htpasswd"
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))
        passwords.write_bytes(user.encode() + b":" + hashed + b"\n")
        settings["auth"] = {"htpasswd": {"realm": "charts", "path": str(passwords)}}
    file = folder / "registry.yaml"
    file.write_text(yaml.safe_dump(settings))

    def is_ready() -> bool:
        try:
            answer = requests.get(f"http://{registry.address}/v2/", timeout=_SECONDS)
        except requests.ConnectionError:
            return False
        return answer.status_code in {requests.codes.ok, requests.codes.unauthorized}

    program = build_tools("registry")["registry"]
    with running([program, "serve", file], folder / "registry.log") as server:
        until(lambda: not server.is_running or is_ready(), READY_SECONDS)
        assert is_ready(), server.tail()
        yield registry
