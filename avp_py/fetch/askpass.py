"""The credentials that Argo CD lends a plugin: `provideGitCreds: true` in its plugin.yaml.

The repo-server then adds variables to a request with which git reads the credentials of the
Application's repository. GIT_ASKPASS names a program, argocd, that asks the repo-server over a
socket: the sidecar needs both, the socket from a volume that the two containers share.

Source: util/git/creds.go (Environ), util/askpass/server.go and reposerver/repository/repository.go
of Argo CD, v3.2.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from avp_py.settings import LENT_FOR_HTTP, LENT_FOR_SSH

SOURCE: Final = "ARGOCD_APP_SOURCE_REPO_URL"
"""The variable with the URL of the Application's repository, whose credentials are lent."""

_LENDING: Final = {
    "GIT_ASKPASS", "ARGOCD_GIT_AUTH_HEADER", "ARGOCD_GIT_BEARER_AUTH_HEADER", "GIT_SSL_CERT",
    "GIT_SSH_COMMAND",
}  # fmt: skip
"""Without any of these, nothing is lent."""

_PORTS: Final = {"https": 443, "http": 80, "ssh": 22}


def variables_for(url: str, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables with which git may use what Argo CD lends.

    Any other server would receive the password of the Application's own, so there are none but for
    URLs with the same scheme, host and port.

    Args:
        url: the URL of a git repository.
        environ: the variables of the request.
    """
    server = _server(url)
    if server is None or server != _server(environ.get(SOURCE, "")):
        return {}
    names = LENT_FOR_SSH if server[0] == "ssh" else LENT_FOR_HTTP
    found = {name: environ[name] for name in names if environ.get(name)}
    return found if _LENDING & found.keys() else {}


def _server(url: str) -> tuple[str, str, int] | None:
    """Return the scheme, the host and the port of a git URL; None if it has none of them."""
    if "://" not in url:
        # As git reads `user@host:path`.
        place, colon, _ = url.partition(":")
        if not colon or "/" in place:
            return None
        url = f"ssh://{place}"
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
