"""Where the Kubernetes API is, what certificate it must have, and who we are to it."""

import errno
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avp_py.errors import ClusterError, SettingsError
from avp_py.settings import Sensitive
from avp_py.settings.parse import token as parse_token

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account (InClusterConfig in client-go's rest/config.go, v0.34)."""

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
"""As much as an answer of the API may have; /dev/zero has no end."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----", re.ASCII)
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate that says who we are.

    Attributes:
        chain: the certificate, and those that lead to its authority, in PEM.
        key: its private key, in PEM.
    """

    chain: str
    key: Sensitive


@dataclass(frozen=True)
class Access:
    """The way to one Kubernetes API.

    Attributes:
        server: its URL, without a slash at the end; a path before `/api` may be in it.
        source: the file or folder that says all this, for messages.
        authorities: the certificates in PEM that vouch for its own; None for the system's.
        verify: whether its certificate is checked at all.
        server_name: the name that its certificate must carry; None for the server's.
        proxy: the URL of the HTTP proxy to go through, with its user and password.
        token: what we prove who we are by; None where a client certificate does.
        client_certificate: the other means of that; both may be there.
    """

    server: str
    source: str
    authorities: str | None
    verify: bool = True
    server_name: str | None = None
    proxy: Sensitive | None = None
    token: Sensitive | None = None
    client_certificate: ClientCertificate | None = None


def in_cluster(environ: Mapping[str, str]) -> Access:
    """The access that Kubernetes gives to every pod, through the pod's service account.

    Args:
        environ: the environment of the process.

    Raises:
        ClusterError: this is no pod, or one without a service account's token.
        SettingsError: what the pod was given is malformed.
    """
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise ClusterError(
            "there is no Kubernetes API to read the Secret from: this is no pod, and KUBECONFIG "
            "is not set",
            hint="set KUBECONFIG to a file with access to the cluster, or give the settings in "
            "the environment or in a file (-c)",
        )
    folder = SERVICE_ACCOUNT
    raw_token = _read_in_pod(folder / "token")
    raw_authorities = _read_in_pod(folder / "ca.crt")
    return Access(
        server=f"https://{_url_host(host)}:{_port(port)}",
        source=str(folder),
        authorities=read_certificates(raw_authorities, str(folder / "ca.crt")),
        token=read_token(raw_token, str(folder / "token")),
    )


def _read_in_pod(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise ClusterError(
            f"the pod's service account cannot be used: {path}: {error.strerror}",
            hint="let the pod have it: automountServiceAccountToken: true (Argo CD's own "
            "manifests say false for the repo-server), or mount a projected token there",
        ) from None


def read_file(path: Path) -> bytes:
    """The content of a file, up to a length that no token, certificate or kubeconfig has.

    Raises:
        OSError: it cannot be read, or is longer.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return data


def _url_host(host: str) -> str:
    """A host as a URL has it: an IPv6 address in brackets (as client-go's InClusterConfig)."""
    if not is_host(host):
        raise SettingsError(
            "KUBERNETES_SERVICE_HOST is not an address or a name",
            hint="Kubernetes sets it in a pod",
        )
    return f"[{host}]" if ":" in host else host


def _port(port: str) -> int:
    if port.isascii() and port.isdigit() and 0 < int(port) < 65536:
        return int(port)
    raise SettingsError("KUBERNETES_SERVICE_PORT is not a port", hint="Kubernetes sets it in a pod")


def is_host(text: str) -> bool:
    """Whether this is an address, or a name that can be looked up and stand in a certificate."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return "%" not in text


def read_token(data: bytes, what: str) -> Sensitive:
    """A token that a header can carry, without the white space around it.

    Raises:
        SettingsError: it is empty, or holds other characters; `what` names it.
    """
    if not data.strip():
        raise SettingsError(f"{what} is empty", hint="put the token there, alone")
    try:
        return parse_token(data.decode("ascii"))
    except ValueError:
        raise SettingsError(
            f"{what} is not a token in printable ASCII", hint="put the token there, alone"
        ) from None


def read_certificates(data: bytes, what: str) -> str:
    """The certificates in a PEM text, without the remarks between them.

    Raises:
        SettingsError: there is none; `what` names the text.
    """
    found = _CERTIFICATE.findall(data.decode(errors="replace"))
    if not found:
        raise SettingsError(
            f"{what} holds no certificate in PEM", hint="it begins with BEGIN CERTIFICATE"
        )
    return "\n".join(found) + "\n"
