"""A repository of charts on loopback, made by helm itself."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.trees import write

CHART: Final[Mapping[str, str]] = {
    "Chart.yaml": "{apiVersion: v2, name: remote, version: 1.2.3}\n",
    "values.yaml": "text: of the chart\n",
    "templates/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n"
    "  name: {{ .Release.Name }}-settings\ndata:\n  text: {{ .Values.text }}\n",
}


def host_of(url: str) -> str:
    """The host and the port of a URL, for AVP_RENDER_HOSTS."""
    return urlsplit(url).netloc


@contextmanager
def serve_chart(folder: Path, helm: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve the chart `remote` 1.2.3; yield the repository's URL and its requests."""
    write(folder / "remote", CHART)
    asked: list[str] = []
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Handler, asked=asked, directory=str(folder))
    )
    url = f"http://127.0.0.1:{server.server_port}"
    for argv in (["package", "remote"], ["repo", "index", ".", "--url", url]):
        subprocess.run(
            [helm, *argv], cwd=folder, check=True, capture_output=True, env={"HOME": str(folder)}
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield url, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, asked: list[str], **keywords: Any) -> None:
        self._asked = asked
        super().__init__(*arguments, **keywords)

    def do_GET(self) -> None:
        self._asked.append(self.path)
        super().do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Print nothing: some tests kill the client on purpose."""
