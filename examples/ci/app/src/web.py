"""The example application: it needs a secret to start, and answers on port 8080 (or $PORT)."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Handler(BaseHTTPRequestHandler):
    """Answers `/healthz`, which the Deployment probes."""

    def do_GET(self) -> None:
        """Answer 200 for `/healthz`, 404 for anything else."""
        self.send_response(200 if self.path == "/healthz" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    """Serve until SIGTERM."""
    database = urlsplit(os.environ.get("DATABASE_URL", ""))
    if not database.hostname:
        sys.exit("DATABASE_URL is not set to a URL")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler)
    # The host only: the URL has a password.
    print(f"web: port {server.server_port}, database on {database.hostname}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
