"""The file that KUBECONFIG names: the server, its CA certificates, and our credentials for it.

Fields, their precedence and the directory that relative paths start from are client-go's
(tools/clientcmd/api/v1/types.go, client_config.go and loader.go, v0.34). Unlike there, the files of
a list are not merged, and no program is run to get a credential.
"""

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from avp_py.errors import DocumentError, SettingsError
from avp_py.golang.documents import parse
from avp_py.golang.nodes import MappingNode, Node, ScalarNode, dereference
from avp_py.kubernetes.access import (
    Access,
    ClientCertificate,
    is_host,
    read_certificates,
    read_file,
    read_token,
)
from avp_py.settings import Sensitive

UNSUPPORTED: Final = (
    "exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra",
)  # fmt: skip
"""Fields of a user that are an error: without them, we would be another user."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""The hosts that may be contacted without TLS, as `kubectl proxy` serves it."""

_INSTEAD = (
    "give the user a token, a tokenFile, or client-certificate and client-key; "
    "`kubectl create token ACCOUNT` makes a token"
)
_VIEW = "`kubectl config view` shows what kubectl reads"
_URL = re.compile(r"[a-z]+://[!\"$->@-~]+")


def read_kubeconfig(listed: str) -> Access:
    """Return the access of the current context.

    Args:
        listed: the value of KUBECONFIG: files, separated as in PATH; the first that exists counts.

    Raises:
        DocumentError: the file is not YAML, or a field is malformed.
        SettingsError: a file cannot be read, a part is missing, or the user logs in in a way that
            is not supported.
    """
    path = _first_existing(listed)
    root = _parse(path)
    context = root.item("contexts", "context", root.text("current-context"))
    cluster = root.item("clusters", "cluster", context.text("cluster"))
    server = _server(cluster)
    if server.startswith("http:"):
        # As client-go: credentials are for a server that has proved who it is.
        return Access(server, str(path), None)
    server_name = cluster.text("tls-server-name")
    if server_name is not None and not is_host(server_name):
        raise cluster.malformed("tls-server-name", "a host name")
    verify = not cluster.flag("insecure-skip-tls-verify")
    certificates = cluster.content("certificate-authority")
    if certificates and not verify:
        raise cluster.unusable(
            "insecure-skip-tls-verify and certificate-authority are both set", "keep one of them"
        )
    user = root.item("users", "user", context.text("user"))
    for field in UNSUPPORTED:
        if field in user.values:
            raise user.unusable(f"{field} is not supported", _INSTEAD)
    token, certificate = _token(user), _client_certificate(user)
    if not token and not certificate:
        raise user.unusable("no credentials are set", _INSTEAD)
    return Access(
        server=server,
        source=str(path),
        ca_certificates=read_certificates(*certificates) if certificates else None,
        verify=verify,
        server_name=server_name,
        proxy=_proxy(cluster),
        token=token,
        client_certificate=certificate,
    )


class _Fields:
    """A mapping of the file, without the fields that are null or empty."""

    def __init__(self, path: Path, label: str, values: Mapping[str, object]) -> None:
        self.path = path
        self.values = {field: value for field, value in values.items() if value not in (None, "")}
        self._label = label

    def text(self, field: str) -> str | None:
        """Return the text of a field, or None where it is not set."""
        value = self.values.get(field)
        if value is None or isinstance(value, str):
            return value
        raise self.malformed(field, "a string")

    def flag(self, field: str) -> bool:
        """Return whether a field is true."""
        text = self.text(field)
        if text not in (None, "true", "false"):
            raise self.malformed(field, "true or false")
        return text == "true"

    def content(self, field: str) -> tuple[bytes, str] | None:
        """Return what `<field>-data`, or the file of a field, contains, and its name."""
        data, file = self.text(f"{field}-data"), self.text(field)
        if data is not None:
            try:
                decoded = base64.b64decode("".join(data.split()), validate=True)
            except ValueError:
                raise self.malformed(f"{field}-data", "base64") from None
            return decoded, f"{self._label}: {field}-data"
        return self.file(field, file) if file is not None else None

    def file(self, field: str, name: str) -> tuple[bytes, str]:
        """Return the content of the file that a field names, and its path."""
        path = self.path.absolute().parent / name
        return _read(path, f"{self._label}: {field}"), str(path)

    def item(self, group: str, kind: str, name: str | None) -> "_Fields":
        """Return the mapping of the item `{name: <name>, <kind>: {…}}` of a list."""
        if name is None:
            field = "current-context" if kind == "context" else f"the {kind} of the current context"
            raise self.unusable(f"{field} is not set", "run: kubectl config use-context NAME")
        items = self.values.get(group, [])
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise self.malformed(group, "a list of mappings")
        found = [each.get(kind) for each in items if each.get("name") == name]
        if not found:
            raise self.unusable(
                f"{group} has no item {name[:80]!r}",
                "files of a list are not merged: `kubectl config view --flatten --minify` prints "
                "one file with all that is needed",
            )
        if not isinstance(found[0], dict):
            raise self.malformed(f"{group}[{name[:80]}].{kind}", "a mapping")
        return _Fields(self.path, f"{self.path}: {group}[{name[:80]}]", found[0])

    def malformed(self, field: str, form: str) -> DocumentError:
        """Return the error for a field that has another form."""
        return DocumentError(f"{self._label}: {field} must be {form}", hint=_VIEW)

    def unusable(self, reason: str, hint: str) -> SettingsError:
        """Return the error for what is well-formed and cannot be used."""
        return SettingsError(f"{self._label}: {reason}", hint=hint)


def _first_existing(listed: str) -> Path:
    paths = [Path(each) for each in listed.split(os.pathsep) if each]
    for path in paths:
        if path.exists():
            return path
    raise SettingsError(
        f"KUBECONFIG: file not found: {', '.join(map(str, paths))}",
        hint="set it to a file that exists, or unset it",
    )


def _read(path: Path, what: str) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise SettingsError(
            f"{what}: cannot read {path}: {error.strerror}",
            hint="name a file that exists and can be read",
        ) from error


def _parse(path: Path) -> _Fields:
    text = _read(path, "KUBECONFIG").decode(errors="replace")
    try:
        documents = parse(text.removeprefix("\N{BYTE ORDER MARK}"), str(path))
    except DocumentError as error:
        raise DocumentError(error.reason, hint=error.hint or _VIEW) from error
    root = _plain(documents[0].root) if documents else None
    if not isinstance(root, dict):
        raise _Fields(path, str(path), {}).malformed("the file", "a mapping")
    return _Fields(path, str(path), root)


def _plain(node: Node | None) -> object:
    """Return a node as a dict, a list, a text, or None for null."""
    if node is None:
        return None
    node = dereference(node)
    if isinstance(node, ScalarNode):
        return None if node.is_null else node.value
    if isinstance(node, MappingNode):
        return {key: _plain(node.get(key)) for key in sorted(node.keys())}
    return [_plain(item) for item in node.items]


def _server(cluster: _Fields) -> str:
    address = (cluster.text("server") or "").rstrip("/")
    parts = _split_url(address)
    if parts is None or parts.scheme not in ("http", "https") or parts.username is not None:
        raise cluster.malformed("server", "a URL such as https://api.example:6443")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise cluster.unusable(
            f"the server {address} does not use TLS",
            "write https://; http:// is for loopback, as `kubectl proxy` serves it",
        )
    return address


def _proxy(cluster: _Fields) -> Sensitive | None:
    address = cluster.text("proxy-url")
    if address is None:
        return None
    parts = _split_url(address)
    if parts is None or parts.scheme != "http":
        raise cluster.malformed("proxy-url", "a URL such as http://proxy.example:3128")
    return Sensitive(address)


def _token(user: _Fields) -> Sensitive | None:
    file, token = user.text("tokenFile"), user.text("token")
    if file is not None:
        return read_token(*user.file("tokenFile", file))
    return None if token is None else read_token(token.encode(), f"{user.path}: token")


def _client_certificate(user: _Fields) -> ClientCertificate | None:
    chain, key = user.content("client-certificate"), user.content("client-key")
    if not chain and not key:
        return None
    if not chain or not key:
        raise user.unusable(
            f"{'client-key' if chain else 'client-certificate'} is not set",
            "set client-certificate and client-key, or neither",
        )
    return ClientCertificate(
        chain=read_certificates(*chain), key=Sensitive(key[0].decode(errors="replace"))
    )


def _split_url(address: str) -> SplitResult | None:
    """Return the parts of a URL that has a host and no query; None for other text."""
    try:
        url = urlsplit(address)
        is_valid = is_host(url.hostname or "") and url.port != 0
    except ValueError:
        return None
    return url if is_valid and _URL.fullmatch(address) else None
