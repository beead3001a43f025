"""What a kustomization refers to, read as kustomize reads it: files, directories, charts, URLs.

Only the fields that kustomize opens are looked at. Careful over-approximations, which refuse what
no working kustomization has: the configuration of a plugin that is a text counts as a path, too,
and so does a URL; and a plugin has the fields of every plugin.

Source: api/types/kustomization.go and helmchartargs.go, api/internal/target/kusttarget.go,
api/internal/builtins, api/internal/loader/fileloader.go and api/internal/git/repospec.go of
kustomize, api v0.21.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

import yaml

from avp_py.errors import DocumentError
from avp_py.golang import gobase64, yaml_reader
from avp_py.golang.documents import parse
from avp_py.golang.gobase64 import Base64TextError
from avp_py.golang.nodes import MappingNode, Node, ScalarNode, SequenceNode, dereference
from avp_py.golang.yaml_error import YamlTextError
from avp_py.values import Value


class _Kind(Enum):
    """What the text of a field is."""

    FILE = auto()
    KEYED_FILE = auto()
    """`key=path`: the key in the ConfigMap or Secret, and the file."""
    TEXT_OR_FILE = auto()
    BASE = auto()
    """A directory with a kustomization, a URL, or, but for components, a file."""
    PLUGIN = auto()
    """The configuration of a plugin: a text, or as BASE."""
    CHART = auto()
    """Becomes part of a path."""


_Fields: TypeAlias = "Mapping[str, _Kind | _Fields]"
"""The fields of a mapping, or of the mappings in a list, that lead to what kustomize opens."""

_DATA: Final[_Fields] = {"files": _Kind.KEYED_FILE, "envs": _Kind.FILE, "env": _Kind.FILE}
_PATCH: Final[_Fields] = {"path": _Kind.FILE}
_CHART: Final[_Fields] = {
    "name": _Kind.CHART,
    "version": _Kind.CHART,
    "valuesfile": _Kind.FILE,
    "additionalvaluesfiles": _Kind.FILE,
}

_KUSTOMIZATION: Final[_Fields] = {
    "resources": _Kind.BASE,
    "bases": _Kind.BASE,
    "components": _Kind.BASE,
    "generators": _Kind.PLUGIN,
    "transformers": _Kind.PLUGIN,
    "validators": _Kind.PLUGIN,
    "crds": _Kind.FILE,
    "configurations": _Kind.FILE,
    "openapi": {"path": _Kind.FILE},
    "patches": _PATCH,
    "patchesjson6902": _PATCH,
    "patchesstrategicmerge": _Kind.TEXT_OR_FILE,
    "replacements": _PATCH,
    "configmapgenerator": _DATA,
    "secretgenerator": _DATA,
    "helmglobals": {"charthome": _Kind.FILE},
    "helmcharts": _CHART,
    "helmchartinflationgenerator": {
        "chartname": _Kind.CHART,
        "chartversion": _Kind.CHART,
        "charthome": _Kind.FILE,
        "values": _Kind.FILE,
    },
}

_CONFIGURATION: Final[_Fields] = {
    **_DATA,
    **_CHART,
    "charthome": _Kind.FILE,
    "path": _Kind.FILE,
    "paths": _Kind.TEXT_OR_FILE,
    "targetfilepath": _Kind.FILE,
    "replacements": _PATCH,
}

_PLAIN: Final = frozenset({"apiversion", "kind", "metadata", "resources", "bases", "components"})
"""The fields that only gather what is in files."""

_WEB: Final = re.compile(r"https?:", re.IGNORECASE)
"""IsRemoteFile in fileloader.go."""

_GIT: Final = re.compile(
    r"(?:git::)?(?:(?:ssh|file)://|[a-z][a-z0-9-]*@[^/:]*[/:]|github\.com[/:]|https?://)",
    re.IGNORECASE,
)
"""What NewRepoSpecFromURL in repospec.go may accept as a repository."""

_LOCAL_GIT: Final = re.compile(r"(?:git::)?file://", re.IGNORECASE)

_MERGE: Final = "<<"

_BINARY: Final = frozenset({"tag:yaml.org,2002:binary", "!binary"})

_INVALID: Final = dict.fromkeys(range(0xDC80, 0xDD00), "\ufffd")
"""What Go's JSON makes of bytes that are not UTF-8, which base64 can say."""


@dataclass(frozen=True)
class References:
    """What a kustomization, or the configurations of plugins, refer to.

    Attributes:
        paths: files and directories, relative to the directory of the kustomization.
        bases: those of the paths that may be kustomizations.
        plugins: those of the paths that may also be the configuration of a plugin, or configure
            some as a kustomization.
        charts: names of charts, which become parts of paths.
        remotes: what is fetched over the network, or by git from this machine; but for charts,
            which are pulled only where they are not there.
        is_read: whether the text could be read. kustomize then complains about it, or reads YAML
            that Kubernetes does not.
        is_plain: whether it only gathers what is in files, without changing it.
        scalars: every scalar of the text, keys among them, up to the first error.
    """

    paths: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    remotes: tuple[str, ...] = ()
    is_read: bool = True
    is_plain: bool = True
    scalars: tuple[str, ...] = ()


def of_kustomization(text: str) -> References:
    """Return what a kustomization refers to: its first document, as kustomize reads no other."""
    scalars = _scalars(text)
    try:
        root = _read(text)
    except YamlTextError:
        return References(is_read=False, scalars=scalars)
    is_plain = not isinstance(root, Mapping) or _PLAIN.issuperset(map(str.casefold, root))
    return _collect(_walk(root, _KUSTOMIZATION), scalars, is_plain=is_plain)


def of_configurations(text: str) -> References:
    """Return what the configurations of plugins in a text refer to."""
    found: list[tuple[_Kind, str]] = []
    is_read = True
    scalars: list[str] = []
    for document in _documents(text):
        own = _scalars(document)
        scalars += own
        try:
            root = _read(document)
        except YamlTextError:
            is_read = False
            continue
        # yaml.v3, which reads it here, lets the other keys win; yaml.v2 lets the later.
        is_read = is_read and _MERGE not in own
        for each in _items(root):
            found += _walk(each, _CONFIGURATION)
    if not is_read:
        return References(is_read=False, scalars=tuple(scalars))
    return _collect(found, tuple(scalars))


@dataclass(frozen=True)
class WebReference:
    """A URL in the text of a kustomization.

    Attributes:
        url: the URL.
        key: the key that it has in a ConfigMap or Secret; None where it is in none.
        start: where its scalar begins in the text, in characters.
        end: where that ends.
        may_be_git: whether it may also be a git repository with a base.
    """

    url: str
    key: str | None
    start: int
    end: int
    may_be_git: bool


def web_references(text: str) -> Sequence[WebReference]:
    """Return the URLs (`http:`, `https:`) in a kustomization that kustomize loads as files, or may.

    Args:
        text: the kustomization, without a byte order mark.

    Returns:
        Those of its first document; none where the text cannot be read.
    """
    if not _WEB.search(text) and "\\" not in text:
        # Parsing takes longer than all else, and few have one; one may be written with escapes.
        return ()
    try:
        documents = parse(text, "the kustomization")
    except DocumentError:
        return ()
    roots = [each.root for each in documents[:1] if each.root is not None]
    found = {}
    for kind, node in (each for root in roots for each in _walk_nodes(root, _KUSTOMIZATION)):
        key, url = None, node.value
        if kind is _Kind.KEYED_FILE:
            # The name of the file is its key without another one (ParseFileSource in api/kv/kv.go).
            key, equals, url = url.partition("=")
            if not equals:
                key, url = posixpath.basename(key), key
        if _WEB.match(url):
            may_be_git = kind in (_Kind.BASE, _Kind.PLUGIN)
            found[node.start] = WebReference(url, key, node.start, node.end, may_be_git)
    return tuple(found.values())


def _walk_nodes(node: Node, fields: _Fields) -> Iterator[tuple[_Kind, ScalarNode]]:
    """Yield what `_walk` does, with the places in the text."""
    node = dereference(node)
    if isinstance(node, SequenceNode):
        for item in node.items:
            yield from _walk_nodes(item, fields)
    elif isinstance(node, MappingNode):
        for key, value in node.entries:
            below = fields.get(key.value.casefold())
            if isinstance(below, _Kind):
                yield from ((below, each) for each in _scalar_nodes(value))
            elif below is not None:
                yield from _walk_nodes(value, below)


def _scalar_nodes(node: Node) -> Iterator[ScalarNode]:
    node = dereference(node)
    items = node.items if isinstance(node, SequenceNode) else (node,)
    for item in map(dereference, items):
        if isinstance(item, ScalarNode):
            yield item


def is_web(reference: str) -> bool:
    """Return whether kustomize would request a reference as a file."""
    return _WEB.match(reference) is not None


def is_below_repository(url: str, repository: str) -> bool:
    """Return whether the URL of a base may be that of a directory in a git repository.

    Args:
        url: as a kustomization names it.
        repository: the URL that kustomize makes of such a one for git; it may add `.git`.
    """
    stem = repository.partition("://")[2] or repository
    stem = re.escape(stem.removesuffix(".git").rstrip("/"))
    return re.search(rf"(?:^|[/:@]){stem}(?:\.git)?(?:[/?]|$)", url) is not None


def is_local_git(reference: str) -> bool:
    """Return whether git would read a directory of this machine for a reference."""
    return _LOCAL_GIT.match(reference) is not None


def _read(text: str) -> Value:
    """Read YAML without its byte order mark.

    Raises:
        YamlTextError: it cannot be read; or there is another mark in it, which can make yaml.v2
            skip the first character of each line that follows: is_bom in its yamlprivateh.go,
            v2.4.2, looks at the wrong place.
    """
    if "\ufeff" in text:
        raise YamlTextError("a byte order mark")
    return yaml_reader.read(text)


def _documents(text: str) -> Sequence[str]:
    """Return the documents of a text; splitDocuments in kyaml/kio/byteio_reader.go, v0.21."""
    lines = text.replace("\r\n", "\n").split("\n")
    documents: list[list[str]] = [[]]
    for number, line in enumerate(lines):
        if line.startswith("---") and 0 < number < len(lines) - 1:
            # The line break before it ends the document.
            documents[-1].append("")
            documents.append([])
        else:
            documents[-1].append(line)
    return ["\n".join(each) for each in documents]


def _scalars(text: str) -> tuple[str, ...]:
    """Return every scalar of a YAML text, keys among them, up to the first error.

    An alias of a scalar counts as that, and bytes in base64 as the text that Go makes of them.
    """
    found: list[str] = []
    anchors: dict[str, str] = {}
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.ScalarEvent):
                value = _decoded(event.value) if event.tag in _BINARY else event.value
                found.append(value)
                if event.anchor is not None:
                    anchors[event.anchor] = value
            elif isinstance(event, yaml.AliasEvent) and event.anchor in anchors:
                found.append(anchors[event.anchor])
    except (yaml.YAMLError, UnicodeEncodeError):
        pass
    return tuple(found)


def _decoded(text: str) -> str:
    try:
        return gobase64.decode(text)
    except Base64TextError:
        return text


def _items(root: Value) -> Iterator[Value]:
    """Yield the objects of a document, those in lists of lists as well."""
    waiting = [root]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, Mapping) and isinstance(items := value.get("items"), list):
            waiting += items


def _walk(value: Value, fields: _Fields) -> Iterator[tuple[_Kind, str]]:
    """Yield kind and text of what the fields of a mapping, or of mappings in a list, refer to.

    The names of fields are casefolded, as Go's encoding/json accepts any case (U+017F folds to s).
    """
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, fields)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            below = fields.get(name.casefold())
            if isinstance(below, _Kind):
                yield from ((below, text) for text in _texts(item))
            elif below is not None:
                yield from _walk(item, below)


def _texts(value: Value) -> Iterator[str]:
    """Yield a text, or those in a list; anything else is an error to kustomize."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield item.translate(_INVALID)


def _collect(
    found: Iterable[tuple[_Kind, str]], scalars: tuple[str, ...], *, is_plain: bool = True
) -> References:
    paths: dict[str, None] = {}
    bases: dict[str, None] = {}
    plugins: dict[str, None] = {}
    charts: dict[str, None] = {}
    remotes: dict[str, None] = {}
    for kind, text in dict.fromkeys(found):
        match kind:
            case _Kind.CHART:
                charts[text] = None
                continue
            case _Kind.KEYED_FILE:
                text = text.rpartition("=")[2]
            case _Kind.TEXT_OR_FILE if _is_mapping(text):
                continue
            case _Kind.PLUGIN:
                plugins[text] = None
        paths[text] = None
        if kind in (_Kind.BASE, _Kind.PLUGIN):
            bases[text] = None
            if _GIT.match(text):
                remotes[text] = None
        if _WEB.match(text):
            remotes[text] = None
    return References(
        paths=tuple(paths),
        bases=tuple(bases),
        plugins=tuple(plugins),
        charts=tuple(charts),
        remotes=tuple(remotes),
        is_plain=is_plain,
        scalars=scalars,
    )


def _is_mapping(text: str) -> bool:
    """Return whether a text that may be a path is YAML instead."""
    # Without a colon, no key has a value.
    if ":" not in text:
        return False
    try:
        return isinstance(_read(text), Mapping)
    except YamlTextError:
        return "\n" in text
