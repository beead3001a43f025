"""Credentials out of files that helm and docker have written, where the operator names them.

These are what HELM_REPOSITORY_CONFIG (Entry in helm's pkg/repo/v1/repo.go, v4.0),
HELM_REGISTRY_CONFIG and DOCKER_CONFIG (cli/config/configfile in docker, v28) name. As helm does,
credentials for a registry are looked up in HELM_REGISTRY_CONFIG first. What cannot be used is
passed over with a warning: the files are another program's.
"""

import base64
import dataclasses
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from avp_py.errors import AvpError, DocumentError, Failure, SettingsError, quoted
from avp_py.fetch.credential import Credential
from avp_py.fetch.parts import build
from avp_py.files import read_text
from avp_py.golang.documents import parse
from avp_py.golang.nodes import MappingNode, ScalarNode, SequenceNode, dereference
from avp_py.golang.words import BOOLEANS
from avp_py.urls import normalise

NAMES: Final = ("HELM_REPOSITORY_CONFIG", "HELM_REGISTRY_CONFIG", "DOCKER_CONFIG")
"""The variables, those that win first."""

_HUB: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")
"""The names of Docker Hub (oras-go's registry/remote/credentials/registry.go, v2.6)."""

_FIELDS: Final = (
    "name", "url", "username", "password", "certFile", "keyFile", "caFile",
    "insecure_skip_tls_verify", "pass_credentials_all",
)  # fmt: skip
"""The fields of a repository in helm's list."""

_INSTEAD: Final = "write the credentials into the file that AVP_REPOSITORIES names"


def read_helm_files(
    environ: Mapping[str, str], names: Collection[str]
) -> tuple[tuple[Credential, ...], tuple[Failure, ...]]:
    """Read the files that the operator's environment names.

    Args:
        environ: the operator's environment, without what Argo CD sets for an Application.
        names: AVP_RENDER_ENV; of NAMES, those that it contains count.

    Returns:
        The credentials, those that win first, and what to warn of.

    Raises:
        SettingsError: a file cannot be read.
        DocumentError: a file is malformed.
    """
    credentials: list[Credential] = []
    warnings: list[Failure] = []
    for name in NAMES:
        path = environ.get(name, "")
        if name not in names or not path:
            continue
        file = Path(path, "config.json") if name == "DOCKER_CONFIG" else Path(path)
        source = f"{file} ({name})"
        try:
            text = read_text(file, name, "name a file that can be read")
        except SettingsError as error:
            # To helm, it is an empty one.
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            warnings.append(Failure(f"there is no file {source}", f"create it, or unset {name}"))
            continue
        is_helms = name == "HELM_REPOSITORY_CONFIG"
        found = _repositories(text, source) if is_helms else _registries(text, source)
        for each in found:
            if isinstance(each, Failure):
                warnings.append(each)
            else:
                credentials.append(each)
    return tuple(credentials), tuple(warnings)


def _repositories(text: str, source: str) -> Iterator[Credential | Failure]:
    """Yield the repositories in helm's own list."""
    roots = [each.root for each in parse(text, source) if each.root is not None]
    found = roots[0].get("repositories") if roots and isinstance(roots[0], MappingNode) else None
    for node in found.items if isinstance(found, SequenceNode) else ():
        item = dereference(node)
        if isinstance(item, MappingNode):
            values = {key: _scalar(item, key) for key in _FIELDS}
            where = f"{source}: the repository {quoted(values['name'])}"
            yield _attempt(_repository, values, where)


def _scalar(mapping: MappingNode, key: str) -> str:
    value = mapping.get(key)
    return value.value if isinstance(value, ScalarNode) and not value.is_null else ""


def _repository(values: Mapping[str, str], source: str) -> Credential:
    is_verified = not BOOLEANS.get(values["insecure_skip_tls_verify"], False)
    files = {"certificate": "certFile", "key": "keyFile"}
    if is_verified:
        files["ca"] = "caFile"
    texts = {}
    for attribute, key in files.items():
        path = values[key]
        if path and not Path(path).is_absolute():
            raise SettingsError(f"{key} is not an absolute path", hint=_INSTEAD)
        if path:
            texts[attribute] = read_text(Path(path), key, _INSTEAD)
    if values["username"] and values["password"]:
        texts |= {key: values[key] for key in ("username", "password")}
    return build(
        normalise(values["url"]),
        source,
        texts,
        verify=is_verified,
        pass_credentials=BOOLEANS.get(values["pass_credentials_all"], False),
    )


def _registries(text: str, source: str) -> Iterator[Credential | Failure]:
    """Yield the registries in docker's configuration."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise DocumentError(
            f"{source} is not a JSON object", hint="`helm registry login` makes one"
        )
    for key in ("credHelpers", "credsStore"):
        if config.get(key):
            reason = f"{source}: {key} names programs with credentials; none is run"
            yield Failure(reason, _INSTEAD)
    auths = config.get("auths")
    for address, entry in auths.items() if isinstance(auths, dict) else ():
        # With a program for credentials, docker leaves empty entries.
        if isinstance(entry, dict) and any(entry.values()):
            first, *others = _registry_urls(address)
            values = {**entry, "url": first}
            found = _attempt(_registry, values, f"{source}: {quoted(address.rpartition('@')[2])}")
            yield found
            if isinstance(found, Credential):
                yield from (dataclasses.replace(found, url=normalise(url)) for url in others)


def _registry_urls(address: str) -> Sequence[str]:
    """Return the URLs that an entry is for.

    It is for a host; podman writes the path to repositories on it, too.
    """
    _, scheme, rest = address.rpartition("://")
    host, _, path = rest.partition("/")
    if scheme or path.strip("/") in ("v1", "v2"):
        path = ""
    return [f"oci://{each}/{path}" for each in (_HUB if host in _HUB else (host,))]


def _registry(values: Mapping[str, Any], source: str) -> Credential:
    if values.get("identitytoken"):
        raise SettingsError("an identity token is not supported", hint=_INSTEAD)
    url = normalise(values["url"])
    if values.get("registrytoken"):
        return build(url, source, {"token": str(values["registrytoken"])})
    texts = {key: str(values.get(key, "")) for key in ("username", "password")}
    if values.get("auth"):
        try:
            login = base64.b64decode(str(values["auth"]), validate=True).decode()
        except ValueError:
            raise SettingsError("auth is not base64", hint=_INSTEAD) from None
        texts["username"], _, password = login.partition(":")
        texts["password"] = password.rstrip("\0")
    return build(url, source, texts)


def _attempt(
    read: Callable[[Mapping[str, Any], str], Credential], values: Mapping[str, Any], source: str
) -> Credential | Failure:
    """Return the credential of an entry, or the warning that it cannot be used."""
    try:
        return read(values, source)
    except AvpError as error:
        return Failure(f"{source} is not used: {error.reason}", error.hint)
