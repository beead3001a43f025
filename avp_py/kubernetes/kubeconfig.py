"""The file that KUBECONFIG names: the server, its certificate, and our credentials in it.

Fields, their precedence and the folder that relative paths start from are client-go's
(tools/clientcmd/api/v1/types.go, client_config.go and loader.go, v0.34). Unlike there, files of a
list are not merged, and nothing is run to get a credential.
"""

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from avp_py.errors import DocumentError, SettingsError
from avp_py.kubernetes.access import (
    Access,
    ClientCertificate,
    is_host,
    read_certificates,
    read_file,
    read_token,
)
from avp_py.nodes import MappingNode, Node, ScalarNode, SequenceNode, parse, position, resolve
from avp_py.settings import Sensitive

NO_CREDENTIALS_OF_OURS: Final = (
    "exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra",
)  # fmt: skip
"""Fields of a user that say who we are in a way that is not understood here."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""The hosts that may be spoken to without TLS: `kubectl proxy` serves so."""

_INSTEAD = (
    "give the user a token, a tokenFile, or client-certificate and client-key; "
    "`kubectl create token ACCOUNT` makes a token"
)
_CHOOSE = "choose another: kubectl config use-context NAME"
_LOOK = "`kubectl config view` shows whether kubectl can read the file"
_URL = re.compile(r"[a-z]+://[!-~]+")


def read_kubeconfig(listed: str) -> Access:
    """The access of the current context.

    Args:
        listed: the value of KUBECONFIG: files, separated as in PATH; the first that exists counts.

    Raises:
        DocumentError: the file is not YAML, or something in it has not the form it must have.
        SettingsError: the file cannot be read, names what is not there, or wants a way to log in
            that is not known here.
    """
    path = _first_existing(listed)
    return _Kubeconfig(path, _read(path, "KUBECONFIG").decode(errors="replace")).access()


def _first_existing(listed: str) -> Path:
    paths = [Path(each) for each in listed.split(os.pathsep) if each]
    for path in paths:
        if path.exists():
            return path
    names = ", ".join(map(str, paths)) or "file named"
    raise SettingsError(
        f"KUBECONFIG: there is no {names}", hint="name a file that is there, or unset KUBECONFIG"
    )


def _read(path: Path, what: str) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise SettingsError(
            f"{what}: {path} cannot be read: {error.strerror}", hint="name a file that can be read"
        ) from None


class _Kubeconfig:
    """One file, and what its nodes mean."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text.removeprefix("\N{BYTE ORDER MARK}")

    def access(self) -> Access:
        """What the current context leads to."""
        try:
            documents = parse(self._text, str(self._path))
        except DocumentError as error:
            raise DocumentError(error.reason, hint=error.hint or _LOOK) from None
        root = resolve(documents[0].root) if documents and documents[0].root else None
        if not isinstance(root, MappingNode):
            raise self._malformed("the file", "a mapping", root)
        current = self._string(root, "current-context")
        if current is None:
            raise self._unusable("no current-context is set", _CHOOSE)
        context = self._named(root, "contexts", "context", current)
        cluster = self._named(root, "clusters", "cluster", self._string(context, "cluster"))
        server = self._server(cluster)
        address_setting = f"the server in {self._path}"
        ca_setting = f"certificate-authority in {self._path}"
        if server.startswith("http:"):
            # As client-go: credentials are for a server that has proved who it is.
            return Access(server, str(self._path), address_setting, ca_setting, None)

        verify = not self._boolean(cluster, "insecure-skip-tls-verify")
        certificates = self._content(cluster, "certificate-authority")
        if certificates and not verify:
            raise self._unusable(
                "insecure-skip-tls-verify and a certificate-authority are both set", "keep one"
            )
        user = self._named(root, "users", "user", self._string(context, "user"))
        self._refuse_other_credentials(user)
        token, certificate = self._token(user), self._client_certificate(user)
        if not token and not certificate:
            raise self._unusable("the current context's user has no credentials", _INSTEAD)
        return Access(
            server=server,
            source=str(self._path),
            address_setting=address_setting,
            ca_setting=ca_setting,
            ca_certificates=read_certificates(*certificates) if certificates else None,
            verify=verify,
            server_name=self._server_name(cluster),
            proxy=self._proxy(cluster),
            token=token,
            client_certificate=certificate,
        )

    def _server(self, cluster: MappingNode) -> str:
        address = (self._string(cluster, "server") or "").rstrip("/")
        parts = _split_url(address)
        if parts is None or parts.scheme not in ("http", "https") or parts.username is not None:
            raise self._malformed(
                "server", "a URL as https://api.example:6443", cluster.get("server")
            )
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise self._unusable(
                f"the server {address} is spoken to without TLS",
                "write https://; http:// is for loopback, as `kubectl proxy` serves it",
            )
        return address

    def _server_name(self, cluster: MappingNode) -> str | None:
        name = self._string(cluster, "tls-server-name")
        if name is not None and not is_host(name):
            node = cluster.get("tls-server-name")
            raise self._malformed("tls-server-name", "the name of a host", node)
        return name

    def _proxy(self, cluster: MappingNode) -> Sensitive | None:
        address = self._string(cluster, "proxy-url")
        if address is None:
            return None
        parts = _split_url(address)
        if parts is None or parts.scheme != "http":
            raise self._malformed(
                "proxy-url", "a URL as http://host:port", cluster.get("proxy-url")
            )
        return Sensitive(address)

    def _refuse_other_credentials(self, user: MappingNode) -> None:
        for field in NO_CREDENTIALS_OF_OURS:
            if not _is_empty(user.get(field)):
                raise self._unusable(
                    f"the current context's user has `{field}`, which is not supported here",
                    _INSTEAD,
                )

    def _token(self, user: MappingNode) -> Sensitive | None:
        file = self._string(user, "tokenFile")
        if file is not None:
            path = self._beside(file)
            return read_token(_read(path, f"{self._path}: tokenFile"), str(path))
        token = self._string(user, "token")
        return None if token is None else read_token(token.encode(), f"{self._path}: token")

    def _client_certificate(self, user: MappingNode) -> ClientCertificate | None:
        chain = self._content(user, "client-certificate")
        key = self._content(user, "client-key")
        if not chain and not key:
            return None
        if not chain or not key:
            raise self._unusable(
                f"{'client-key' if chain else 'client-certificate'} is not set",
                "set client-certificate and client-key, or neither",
            )
        return ClientCertificate(
            chain=read_certificates(*chain), key=Sensitive(key[0].decode(errors="replace"))
        )

    def _content(self, mapping: MappingNode, field: str) -> tuple[bytes, str] | None:
        """What `<field>-data` or the file that `<field>` names holds, and what to call it."""
        data = self._string(mapping, f"{field}-data")
        if data is not None:
            try:
                decoded = base64.b64decode("".join(data.split()), validate=True)
            except ValueError:
                node = mapping.get(f"{field}-data")
                raise self._malformed(f"{field}-data", "base64", node) from None
            return decoded, f"{self._path}: {field}-data"
        file = self._string(mapping, field)
        if file is None:
            return None
        path = self._beside(file)
        return _read(path, f"{self._path}: {field}"), str(path)

    def _beside(self, file: str) -> Path:
        """Relative paths start from the folder of the file that has them."""
        return self._path.absolute().parent / file

    def _named(self, root: MappingNode, group: str, kind: str, name: str | None) -> MappingNode:
        """The item of a list of `{name: …, <kind>: {…}}` that has this name."""
        if name is None:
            raise self._unusable(f"the current context names no {kind}", _CHOOSE)
        for each in self._items(root, group):
            item = resolve(each)
            if not isinstance(item, MappingNode):
                raise self._malformed(f"an item of {group}", "a mapping", item)
            if self._string(item, "name") == name:
                found = item.get(kind)
                if not isinstance(found, MappingNode):
                    raise self._malformed(kind, "a mapping", found or item)
                return found
        raise self._unusable(
            f"{group} has no {name[:80]!r}, which the current context needs",
            "files of a KUBECONFIG list are not merged: `kubectl config view --flatten --minify` "
            "prints one file that holds it all",
        )

    def _items(self, root: MappingNode, group: str) -> Sequence[Node]:
        node = root.get(group)
        if node is None or _is_empty(node):
            return ()
        if not isinstance(node, SequenceNode):
            raise self._malformed(group, "a list", node)
        return tuple(node.items)

    def _string(self, mapping: MappingNode, field: str) -> str | None:
        """The text of a field; None where it is missing, null or empty."""
        node = mapping.get(field)
        if node is None or _is_empty(node):
            return None
        if not isinstance(node, ScalarNode):
            raise self._malformed(field, "a string", node)
        return node.value

    def _boolean(self, mapping: MappingNode, field: str) -> bool:
        text = self._string(mapping, field)
        if text not in (None, "true", "false"):
            raise self._malformed(field, "true or false", mapping.get(field))
        return text == "true"

    def _malformed(self, what: str, form: str, node: Node | None) -> DocumentError:
        where = position(self._text, node.start if node is not None else 0)
        return DocumentError(
            f"{self._path}, {where}: {what} must be {form}",
            hint=_LOOK,
        )

    def _unusable(self, reason: str, hint: str) -> SettingsError:
        return SettingsError(f"{self._path}: {reason}", hint=hint)


def _split_url(address: str) -> SplitResult | None:
    """The parts of a URL with a host, without query and fragment; None for any other text."""
    try:
        parts = urlsplit(address)
        named = is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        return None
    return parts if named and _URL.fullmatch(address) and not parts.query + parts.fragment else None


def _is_empty(node: Node | None) -> bool:
    """Whether a field is missing, null or the empty string."""
    return node is None or (isinstance(node, ScalarNode) and (node.is_null or not node.value))
