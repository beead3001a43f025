"""What a kustomization refers to, read as kustomize reads it: files, directories, charts, URLs.

For clear errors before anything starts. kustomize makes more of a kustomization than its text says
(patches on generators, remote bases), so this overlooks some; the sandbox does not.

Source: api/types/kustomization.go and helmchartargs.go, api/internal/loader/fileloader.go and
api/internal/git/repospec.go of kustomize, api v0.21.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from avp_py.golang import yaml_reader
from avp_py.golang.yaml_reader import YamlTextError
from avp_py.values import Value

_TEXTS_OR_PATHS: Final = frozenset(
    {
        "resources", "bases", "components", "crds", "configurations", "generators", "transformers",
        "validators", "patchesstrategicmerge",
    }
)  # fmt: skip
"""The fields that hold paths, or YAML texts in their place."""

_PATHS: Final = frozenset(
    {
        "path", "env", "envs", "valuesfile", "additionalvaluesfiles", "charthome",
    }
)  # fmt: skip
"""The fields that hold paths wherever they are."""

_CHARTS: Final = frozenset(["helmcharts", "helmchartinflationgenerator"])
_OF_CHARTS: Final = frozenset(["name", "version", "chartname", "chartversion"])
"""The fields of a chart that become part of a path."""

_URLS: Final = frozenset(["repo", "chartrepourl"])

_OPAQUE: Final = frozenset(
    {
        "literals", "valuesinline", "options", "patch", "target", "targets", "fieldspecs",
        "fieldpaths", "jsonop", "labels", "annotations", "commonlabels", "commonannotations",
        "metadata", "select", "reject",
    }
)  # fmt: skip
"""The fields below which nothing is a path."""

_REMOTE: Final = re.compile(
    r"(?:git::)?(?:(?:https?|ssh|git|oci|file)://|[a-z][a-z0-9-]*@[^/\s]|github\.com[/:])",
    re.IGNORECASE,
)

_LOCAL_GIT: Final = re.compile(r"(?:git::)?file://", re.IGNORECASE)


@dataclass(frozen=True)
class References:
    """What a kustomization, or the configuration of a generator, refers to.

    Attributes:
        paths: files and directories, relative to the directory of the kustomization.
        charts: names of charts, which become parts of paths.
        remotes: what is fetched over the network, or by git from this machine.
        is_read: whether the text could be read. kustomize then complains about it, or reads YAML
            that Kubernetes does not.
    """

    paths: tuple[str, ...]
    charts: tuple[str, ...]
    remotes: tuple[str, ...]
    is_read: bool = True

    def __or__(self, other: "References") -> "References":
        """Return what either refers to."""
        return References(
            self.paths + other.paths,
            self.charts + other.charts,
            self.remotes + other.remotes,
            self.is_read and other.is_read,
        )


NOTHING: Final = References((), (), ())


def references(text: str) -> References:
    """Return what a kustomization refers to; inline configurations of generators included.

    Args:
        text: the kustomization, or the configurations of generators.
    """
    return _references(text, inline=True)


def is_local_git(reference: str) -> bool:
    """Return whether git would read a directory of this machine for a reference."""
    return _LOCAL_GIT.match(reference) is not None


def _references(text: str, *, inline: bool) -> References:
    found: dict[tuple[str, str], None] = {}
    is_read = True
    for document in _documents(text):
        try:
            root = yaml_reader.read(document)
        except YamlTextError:
            is_read = False
        else:
            found |= dict.fromkeys(_walk(root, "", in_chart=False, inline=inline))
    paths, charts, remotes = (
        tuple(value for kind, value in found if kind == wanted)
        for wanted in ("path", "chart", "remote")
    )
    return References(paths, charts, remotes, is_read)


def _documents(text: str) -> Sequence[str]:
    """Return the documents of a YAML text, as a reader that splits it by lines sees them."""
    if "\n---" not in text:
        return (text,)
    documents: list[list[str]] = [[]]
    for line in text.splitlines(keepends=True):
        if line.startswith("---"):
            documents.append([])
        documents[-1].append(line)
    return ["".join(lines) for lines in documents]


def _walk(value: Value, field: str, *, in_chart: bool, inline: bool) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each reference at or below a value.

    Args:
        value: the value.
        field: the name of the field that holds it, casefolded, as encoding/json of Go takes any
            case (U+017F folds to s).
        in_chart: whether it belongs to a chart.
        inline: whether texts in place of paths are read, too.
    """
    match value:
        case str():
            yield from _of_text(value, field, in_chart=in_chart, inline=inline)
        case Mapping():
            is_chart = in_chart or value.get("kind") == "HelmChartInflationGenerator"
            for name, item in value.items():
                below = name.casefold()
                if below not in _OPAQUE:
                    yield from _walk(
                        item, below, in_chart=is_chart or below in _CHARTS, inline=inline
                    )
        case Sequence():
            for item in value:
                yield from _walk(item, field, in_chart=in_chart, inline=inline)


def _of_text(text: str, field: str, *, in_chart: bool, inline: bool) -> Iterator[tuple[str, str]]:
    is_path = field in _TEXTS_OR_PATHS | _PATHS or (field == "values" and in_chart)
    if field in _TEXTS_OR_PATHS and "\n" in text.strip():
        if inline:
            found = _references(text, inline=False)
            yield from (("path", each) for each in found.paths)
            yield from (("chart", each) for each in found.charts)
            yield from (("remote", each) for each in found.remotes)
        return
    if field == "files":
        # `key=path`: the key in the ConfigMap or Secret, and the file.
        text, is_path = text.rpartition("=")[2], True
    if (is_path or field in _URLS) and _REMOTE.match(text.strip()):
        yield "remote", text.strip()
    elif is_path:
        yield "path", text
    elif field in _OF_CHARTS and in_chart:
        yield "chart", text
