"""The file that AVP_REPOSITORIES names: YAML to credentials.

    repositories:
      - url: https://charts.example.com/team      # for all URLs below it
        username: robot
        passwordFile: /etc/avp/charts/password
        caFile: /etc/avp/ca.pem

The other keys are in KEYS; each of _CONTENTS can be the text itself, or with `File` at its end the
absolute path of a file with it. Such files are read when their entry is chosen, anew for each
request: credentials can be replaced, and a file that is missing fails what needs it, and nothing
else. An entry without credentials is one, too: URLs below it are fetched without those of a shorter
URL, and a git repository with what Argo CD lends for its server.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from avp_py.documents import DocumentReader
from avp_py.errors import FetchError, SettingsError
from avp_py.fetch.credential import Credential
from avp_py.fetch.parts import build
from avp_py.files import read_text
from avp_py.golang.nodes import Entry, Node
from avp_py.urls import comparable, normalise

_CONTENTS: Final = {
    "username": "username",
    "password": "password",
    "token": "token",
    "ca": "ca",
    "certificate": "certificate",
    "key": "key",
    "sshKey": "ssh_key",
    "knownHosts": "known_hosts",
}
"""What can be in a file, and the attribute that it is."""

_FLAGS: Final = {
    "verify": "verify",
    "plainHTTP": "plain_http",
    "passCredentials": "pass_credentials",
}
"""What is true or false, and the attribute that it is."""

KEYS: Final = (
    "url",
    *(key for each in _CONTENTS for key in (each, f"{each}File")),
    *_FLAGS,
)
"""The keys of an entry."""

_LOGIN: Final = ("username", "password", "token")
_TLS: Final = ("ca", "certificate", "key", "verify")
_BY_SCHEME: Final = {
    "http": (*_LOGIN, "passCredentials"),
    "https": (*_LOGIN, *_TLS, "passCredentials"),
    "oci": (*_LOGIN, *_TLS, "plainHTTP"),
    "ssh": ("sshKey", "knownHosts", "verify"),
}
"""What makes sense for the URLs of a scheme."""

_WITH: Final = {
    "username": ("password", "a user name without a password"),
    "password": ("username", "a password without a user name"),
    "certificate": ("key", "a client certificate without its key"),
    "key": ("certificate", "a key without its client certificate"),
    "sshKey": ("knownHosts", "an SSH key without the known hosts that it is shown to"),
    "knownHosts": ("sshKey", "known hosts without an SSH key"),
}
"""What is nothing without another key, and how to say so."""

_EXAMPLE: Final = "docs/charts.md has examples"


def read_repositories(file: Path) -> "tuple[Repository, ...]":
    """Read the file, but none of those that it names.

    Raises:
        SettingsError: it cannot be read.
        DocumentError: it is malformed; the message has line and column.
    """
    hint = "AVP_REPOSITORIES names a YAML file with credentials for repositories"
    return _parse(read_text(file, "the file of repositories", hint), str(file))


@dataclass(frozen=True)
class Repository:
    """An entry of the file.

    Attributes:
        url: its URL, normalised.
        place: the file and the line.
        texts: what it holds itself, by attribute.
        files: the files that hold the rest: by attribute, the key and the path.
        flags: what is permitted, by attribute.
    """

    url: str
    place: str
    texts: Mapping[str, str] = field(repr=False)
    files: Mapping[str, tuple[str, str]]
    flags: Mapping[str, bool]
    project: ClassVar[str] = ""

    def read(self) -> Credential:
        """Return its credential, with what is in the files that it names.

        Raises:
            SettingsError: one cannot be read, or does not have its form.
        """
        texts = dict(self.texts)
        for name, (key, path) in self.files.items():
            what = f"{self.place}: {key}"
            texts[name] = read_text(Path(path), what, "name a file that can be read")
        try:
            return build(self.url, self.place, texts, **self.flags)
        except SettingsError as error:
            raise SettingsError(f"{self.place}: {error.reason}", hint=error.hint) from None


@functools.lru_cache(maxsize=4)
def _parse(text: str, source: str) -> tuple[Repository, ...]:
    """Return the entries in a text; one that does not change is parsed once for all requests."""
    return _Reader(text, source).repositories()


class _Reader(DocumentReader):
    """One file."""

    shows_keys = False

    def repositories(self) -> tuple[Repository, ...]:
        advice = f"write repositories, or do not set AVP_REPOSITORIES; {_EXAMPLE}"
        root = self._root("file of repositories", advice)
        top = self._mapping(root, ("repositories",), "a file of repositories")
        lines: dict[str, int] = {}
        repositories = []
        for node in self._items(top["repositories"].value, "repositories"):
            entries = self._mapping(node, KEYS, "a repository")
            if "url" not in entries:
                raise self._error(node, "a repository without url", _EXAMPLE)
            where = entries["url"].value
            url = self._url(where)
            same = lines.get(comparable(url))
            if same is not None:
                reason = f"the same URL as the entry in line {same}"
                raise self._error(where, reason, "keep one of them")
            lines[comparable(url)] = self._line(node)
            repositories.append(self._repository(node, url, entries))
        return tuple(repositories)

    def _url(self, node: Node) -> str:
        try:
            url = normalise(self._text_of(node, "url"))
        except FetchError as error:
            raise self._error(node, error.reason, error.hint) from None
        if "?" in url:
            raise self._error(node, "url has a query", "leave it out: it would not count")
        return url

    def _repository(self, node: Node, url: str, entries: Mapping[str, Entry]) -> Repository:
        keys = self._by_name(entries)
        flags = {
            attribute: self._flag(keys[name].value, name)
            for name, attribute in _FLAGS.items()
            if name in keys
        }
        self._check_scheme(node, url.partition("://")[0], keys)
        self._check_parts(keys, verify=flags.get("verify", True))
        self._check_tls(
            keys, verify=flags.get("verify", True), plain=flags.get("plain_http", False)
        )
        texts, files = {}, {}
        for name, attribute in _CONTENTS.items():
            if name not in keys:
                continue
            key, value = keys[name]
            text = self._text_of(value, key.value)
            if key.value == name:
                texts[attribute] = text
            elif Path(text).is_absolute():
                files[attribute] = (key.value, text)
            else:
                reason = f"{key.value} is not an absolute path"
                raise self._error(value, reason, "begin it with /")
        place = f"{self._source}, line {self._line(node)}"
        return Repository(url, place, texts, files, flags)

    def _by_name(self, entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
        """Return the entries but the URL; one that names a file by what is in the file."""
        keys: dict[str, Entry] = {}
        for key, entry in entries.items():
            name = key.removesuffix("File")
            if name in keys:
                raise self._error(entry.key, f"{name} and {name}File", "keep one of them")
            keys[name] = entry
        del keys["url"]
        return keys

    def _check_scheme(self, node: Node, scheme: str, keys: Mapping[str, Entry]) -> None:
        """Refuse what has no effect for URLs of a scheme."""
        for name, entry in keys.items():
            if name not in _BY_SCHEME[scheme]:
                fit = ", ".join(f"{each}://" for each, names in _BY_SCHEME.items() if name in names)
                reason = f"{entry.key.value} has no effect for {scheme}://"
                raise self._error(entry.key, reason, f"it is for {fit}")
        if scheme == "ssh" and "sshKey" not in keys:
            raise self._error(node, "ssh:// without an SSH key", "write sshKeyFile")

    def _check_parts(self, keys: Mapping[str, Entry], *, verify: bool) -> None:
        """Refuse one part of what belongs together, and two credentials."""
        if "token" in keys and keys.keys() & {"username", "password"}:
            reason = "a token, and a user name or password"
            raise self._error(keys["token"].key, reason, "keep one of them")
        for name, (other, reason) in _WITH.items():
            if name in keys and other not in keys and (verify or name != "sshKey"):
                advice = f"write {other}" + f" or {other}File" * (other in _CONTENTS)
                raise self._error(keys[name].key, reason, advice)

    def _check_tls(self, keys: Mapping[str, Entry], *, verify: bool, plain: bool) -> None:
        """Refuse what a server is verified with where it is not verified."""
        for name in ("ca", "knownHosts"):
            if name in keys and not verify:
                reason = f"verify: false, and {keys[name].key.value}"
                raise self._error(keys["verify"].key, reason, "keep one of them")
        for name in _TLS:
            if name in keys and plain:
                reason = f"plainHTTP: true, and {keys[name].key.value}, which is for TLS"
                raise self._error(keys[name].key, reason, "keep one of them")
