"""Where the Kubernetes API is, how its certificate is verified, and our credentials for it."""

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
from avp_py.settings.parse import MalformedError
from avp_py.settings.parse import token as parse_token

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account (InClusterConfig in client-go's rest/config.go, v0.34)."""

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
"""More than any token, certificate or kubeconfig has; /dev/zero has no end."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----", re.ASCII)
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate that says who we are.

    Attributes:
        chain: the certificate, and those of the CAs between it and the root, in PEM.
        key: its private key, in PEM.
    """

    chain: str
    key: Sensitive


@dataclass(frozen=True)
class Access:
    """The way to one Kubernetes API.

    Attributes:
        server: its URL, without a slash at the end; it can have a path before `/api`.
        source: the file or folder with the credentials, for messages.
        ca_certificates: the CA certificates, in PEM, that its own is verified with; None for the
            system's.
        verify: whether its certificate is verified at all.
        server_name: the name that its certificate must have; None for the server's.
        proxy: the URL of the HTTP proxy, with its user and password.
        token: our bearer token.
        client_certificate: our certificate. There can be both, and with `kubectl proxy` neither.
        is_pod: whether all this is what Kubernetes provides to a pod.
    """

    server: str
    source: str
    ca_certificates: str | None
    verify: bool = True
    server_name: str | None = None
    proxy: Sensitive | None = None
    token: Sensitive | None = None
    client_certificate: ClientCertificate | None = None
    is_pod: bool = False

    @property
    def address_setting(self) -> str:
        """Where the URL is set."""
        if self.is_pod:
            return "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT"
        return f"the server in {self.source}"

    @property
    def ca_setting(self) -> str:
        """Where the CA certificates are set."""
        return f"{self.source}/ca.crt" if self.is_pod else f"certificate-authority in {self.source}"


def in_cluster(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Access:
    """Return the access that Kubernetes provides to every pod, through the pod's service account.

    Args:
        environ: the environment of the process.
        folder: the folder with the service account.

    Raises:
        ClusterError: not running in a pod, or in one without a service account's token.
        SettingsError: an environment variable or file of the pod is malformed.
    """
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise ClusterError(
            "no Kubernetes API to read the Secret from: not running in a pod, and KUBECONFIG is "
            "not set",
            hint="set KUBECONFIG to a file with access to the cluster, or set the settings in "
            "the environment or in a file (-c)",
        )
    raw_token = _read_in_pod(folder / "token")
    raw_certificates = _read_in_pod(folder / "ca.crt")
    return Access(
        server=f"https://{_url_host(host)}:{_port(port)}",
        source=str(folder),
        ca_certificates=read_certificates(raw_certificates, str(folder / "ca.crt")),
        token=read_token(raw_token, str(folder / "token")),
        is_pod=True,
    )


def _read_in_pod(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise ClusterError(
            f"cannot read the pod's service account: {path}: {error.strerror}",
            hint="mount a projected token there, or set automountServiceAccountToken: true (Argo "
            "CD's own manifests set false for the repo-server)",
        ) from error


def read_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: it cannot be read, or is longer than MAX_FILE_BYTES.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return data


def _url_host(host: str) -> str:
    """Return a host as it is written in a URL: an IPv6 address in brackets."""
    if not is_host(host):
        raise SettingsError(
            "KUBERNETES_SERVICE_HOST is not a host name or an IP address",
            hint="do not set it: Kubernetes sets it in each pod",
        )
    return f"[{host}]" if ":" in host else host


def _port(port: str) -> int:
    if port.isascii() and port.isdigit() and 0 < int(port) < 65536:
        return int(port)
    raise SettingsError(
        "KUBERNETES_SERVICE_PORT is not a port number",
        hint="do not set it: Kubernetes sets it in each pod",
    )


def is_host(text: str) -> bool:
    """Return whether this is an IP address, or a name that can be in DNS and in a certificate."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return "%" not in text


def read_token(data: bytes, what: str) -> Sensitive:
    """Return a token, without the white space around it.

    Args:
        data: the token.
        what: the file or field that it is from, for messages.

    Raises:
        SettingsError: it is empty, or has a character that a header cannot have.
    """
    if not data.strip():
        raise SettingsError(f"{what} is empty", hint="it must contain the token and nothing else")
    try:
        return parse_token(data.decode("ascii"))
    except (UnicodeDecodeError, MalformedError):
        raise SettingsError(
            f"{what} contains characters that are not printable ASCII",
            hint="it must contain the token and nothing else",
        ) from None


def read_certificates(data: bytes, what: str) -> str:
    """Return the certificates in a PEM text, without the comments between them.

    Args:
        data: the text.
        what: the file or field that it is from, for messages.

    Raises:
        SettingsError: there is no certificate in it.
    """
    found = _CERTIFICATE.findall(data.decode(errors="replace"))
    if not found:
        raise SettingsError(
            f"{what} has no PEM certificate", hint="a certificate begins with BEGIN CERTIFICATE"
        )
    return "\n".join(found) + "\n"
