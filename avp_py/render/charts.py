"""Which charts helm may render, and which command lines kustomize may call it with.

kustomize passes the fields of `helmCharts` to helm as they are: a release named `--set-file=x=FILE`
or `--post-renderer=PROGRAM` is an option, and helm follows symlinks in a chart to any file that it
may read. What kustomize will pass can only be known once it does, as charts come from generators
and remote bases too.

The command lines are those of kustomize's api v0.21: pullCommand and checkHelmVersion in
HelmChartInflationGenerator.go, AsHelmArgs in helmchartargs.go.
"""

import io
import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from avp_py.errors import RenderError
from avp_py.limits import Limits
from avp_py.remotes import RemoteChart
from avp_py.render.follow import follow

VALUED: Final = {
    "template": (
        "--namespace", "--name-template", "-f", "--api-versions", "--kube-version",
    ),
    "pull": ("--untardir", "--repo", "--version"),
}  # fmt: skip
"""The options with a value that kustomize writes, each after the command that has it."""

BARE: Final = {
    "template": (
        "--generate-name", "--include-crds", "--skip-tests", "--no-hooks", "--debug", "--devel",
    ),
    "pull": ("--untar", "--devel"),
}  # fmt: skip
"""Those without."""

VERSION: Final = (["version", "--short"], ["version", "-c", "--short"])
"""How kustomize queries helm's version, from api v0.21 on and before."""

REVEALING: Final = r"\b(?:env|expandenv|getHostByName)\b"
"""Functions that helm knows in the template of a name and nowhere else: the first two show its
environment, in which a proxy's password may be, and the last one queries the network."""

SCHEMA: Final = "values.schema.json"
PACKED: Final = ".tgz"
"""How the names of packed charts end."""

SCHEMA_URIS: Final = ("$ref", "$dynamicRef", "$recursiveRef", "$schema")
"""The keys of a JSON schema whose values helm may load."""

MAX_NESTED: Final = 40
"""How many symlinks of one path the kernel follows; helm opens files through all of a chart's."""


@dataclass(frozen=True)
class ChartRules:
    """What helm may render.

    Attributes:
        roots: the directories that may be read from, symlinks resolved.
        limits: how many bytes and how many files a chart may have.
        confined: whether a sandbox keeps helm from reading other files. Otherwise the schemas of
            packed charts in a chart are checked, too.
    """

    roots: tuple[str, ...]
    limits: Limits
    confined: bool


@dataclass(frozen=True)
class Pull:
    """A chart that kustomize wants to be pulled.

    Attributes:
        chart: the chart.
        folder: the absolute path of the directory that its own is to be in.
    """

    chart: RemoteChart
    folder: str


@dataclass(frozen=True)
class LocalChart:
    """A chart that kustomize wants to be rendered.

    Attributes:
        path: the absolute path of its directory, symlinks resolved.
        number: which argument it is, counted from 1.
    """

    path: str
    number: int


def check_arguments(
    arguments: Sequence[str], folder: str, rules: ChartRules
) -> Pull | LocalChart | None:
    """Check a command line that kustomize made.

    Args:
        arguments: what follows the program.
        folder: the working directory.
        rules: what helm may render.

    Returns:
        What it is about; None where it only queries the version. Where a chart is pulled to is not
        checked.

    Raises:
        RenderError: it holds what a kustomization cannot mean, or reads elsewhere.
    """
    if arguments in VERSION:
        return None
    command = arguments[0] if arguments else ""
    if command not in VALUED:
        raise _refused("helm is called with a command that kustomize does not know")
    names, options = _split(command, arguments[1:])
    for option, value in options:
        _check_option(option, value, folder, rules)
    if command == "pull":
        return _pull(arguments, names, dict(options), folder)
    if len(names) not in (1, 2):
        raise _refused("helm is called without a chart, or with more than one")
    path = check_chart(os.path.join(folder, names[-1]), rules)
    return LocalChart(path, len(arguments) - arguments[::-1].index(names[-1]))


def _pull(
    arguments: Sequence[str], names: Sequence[str], options: Mapping[str, str], folder: str
) -> Pull:
    """Return what `helm pull` would do (pullCommand in HelmChartInflationGenerator.go)."""
    if len(names) != 1:
        raise _refused("helm is called without a chart to pull, or with more than one")
    repository, name = options.get("--repo", ""), names[0]
    if not repository and name.lower().startswith("oci://"):
        repository, _, name = name.rpartition("/")
    if not name or "/" in name or name in (".", ".."):
        raise _refused("the name of a chart to pull is a path")
    if not repository:
        raise _refused("a chart is to be pulled, and it has no repository")
    version = options.get("--version", "")
    if not version and "--devel" in arguments:
        # What helm makes of it (run in pkg/cmd/pull.go).
        version = ">0.0.0-0"
    target = os.path.join(folder, options.get("--untardir", "."))
    return Pull(RemoteChart(repository, name, version), target)


def _split(command: str, arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names on a command line, and the options that have values.

    Raises:
        RenderError: an option is not one that kustomize writes.
    """
    names: list[str] = []
    options: list[tuple[str, str]] = []
    rest = iter(arguments)
    for word in rest:
        if word in VALUED[command]:
            options.append((word, next(rest, "")))
        elif word.startswith("-") and word not in BARE[command]:
            raise _refused(
                "a name, release or version in helmCharts begins with a dash: helm would read it "
                "as an option"
            )
        elif word not in BARE[command]:
            names.append(word)
    return names, options


def _check_option(option: str, value: str, folder: str, rules: ChartRules) -> None:
    """Check an option that names what is read or holds a template."""
    path = os.path.join(folder, value)
    if option == "--name-template" and _is_revealing(value):
        raise _refused(
            "the nameTemplate of a chart holds env, expandenv or getHostByName, which show the "
            "sidecar's environment or query the network"
        )
    if option == "-f":
        # helm reads the value as a line of CSV (pflag's StringSlice): each field is a file.
        if any(char in value for char in ',"\r\n'):
            raise _refused(
                "the path of a values file has a comma, a quote or a line break, at which helm "
                "would split it"
            )
        if "://" in value or follow(path, rules.roots) is None:
            raise _refused("a values file is outside of the repository")


def check_chart(chart: str, rules: ChartRules) -> str:
    """Check all that helm would read of a chart; return its directory, symlinks resolved.

    Args:
        chart: the absolute path of its directory.
        rules: what helm may render.

    Raises:
        RenderError: it leads out of the directories, is too large, holds what is neither a file nor
            a directory, or has a schema that refers to files or to other machines.
    """
    top = follow(chart, rules.roots)
    if top is None:
        raise _refused("the chart is outside of the repository")
    most = rules.limits
    waiting = [(top, 0)]
    size = count = 0
    while waiting:
        folder, links = waiting.pop()
        for entry in _entries(folder):
            count += 1
            target = follow(entry.path, rules.roots) if entry.is_symlink() else entry.path
            if target is None:
                name = _shown(entry.path, top)
                raise _refused(f"{name} in the chart is a symlink that leads out of the repository")
            try:
                status = os.stat(target)
            except OSError:
                # Helm cannot read it either, and says so.
                continue
            if stat.S_ISDIR(status.st_mode):
                # helm loads a directory once for each symlink that leads to it.
                inner = links + entry.is_symlink()
                if inner > MAX_NESTED:
                    name = _shown(entry.path, top)
                    raise _refused(f"{name} in the chart is a symlink that leads in a circle")
                waiting.append((target, inner))
            elif stat.S_ISREG(status.st_mode):
                size += status.st_size
                if size > most.input_bytes:
                    raise _refused(
                        f"the chart is larger than AVP_MAX_INPUT ({most.input_bytes} bytes)"
                    )
                _check_file(entry.path, target, top, rules)
            else:
                name = _shown(entry.path, top)
                raise _refused(f"{name} in the chart is neither a file nor a directory")
            if count > most.files:
                raise _refused(f"the chart has more files than AVP_MAX_FILES ({most.files})")
    return top


def _check_file(path: str, target: str, top: str, rules: ChartRules) -> None:
    """Check a file in a chart; where it is a symlink, it is read from its target."""
    if os.path.basename(path) == SCHEMA:
        _check_schema(_contents(target), _shown(path, top), rules)
    elif path.endswith(PACKED) and not rules.confined:
        _check_packed(_contents(target), _shown(path, top), rules)


def _shown(path: str, top: str) -> str:
    """Return a path in the chart as one line of moderate length."""
    name = os.path.relpath(path, top)[:200]
    return name if name.isprintable() else ascii(name)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except OSError:
        return []


def _is_revealing(template: str) -> bool:
    begin = template.find("{{")
    if begin < 0:
        return False
    # A text in a template may hold braces, too: all up to the last ones counts.
    return re.search(REVEALING, template[begin : template.rfind("}}")]) is not None


def _contents(path: str) -> bytes:
    """Return the contents of a file; none of one that cannot be read, which helm reports."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _check_schema(text: bytes, name: str, rules: ChartRules) -> None:
    """Refuse a schema that makes helm read other files, or contact other machines.

    helm loads what it refers to by file, http and https, and resolves a relative reference against
    `file:///` (pkg/chartutil/jsonschema.go, v3.19; pkg/chart/common/util/jsonschema.go, v4.2). What
    the words around a reference mean is not considered, as that differs between the drafts of JSON
    schema.
    """
    try:
        # Go replaces what is not UTF-8.
        waiting = [json.loads(text.decode("utf-8", "replace"))]
    except (ValueError, RecursionError):
        if rules.confined:
            # Mostly it is not JSON to helm either, which says so.
            return
        raise _refused(
            f"{name} in the chart cannot be read as JSON, so that what it refers to is not known"
        ) from None
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            for key in SCHEMA_URIS:
                uri = value.get(key)
                if isinstance(uri, str) and _leads_out(uri, rules):
                    raise _refused(
                        f"{name} in the chart refers to a file, or to another machine ({key})"
                    )


def _leads_out(uri: str, rules: ChartRules) -> bool:
    scheme = uri.strip().lower().partition(":")[0]
    if scheme in ("http", "https"):
        # helm knows the specification's own schemas.
        known = uri.lower().partition("://")[2].startswith("json-schema.org/")
        return not known
    if uri.startswith("#") or scheme == "urn":
        return False
    # A name alone may be the $id of a part of the schema; if not, it is a file in `/`.
    return not rules.confined or any(char in uri.partition("#")[0] for char in ":/\\%")


def _check_packed(data: bytes, name: str, rules: ChartRules) -> None:
    """Check the schemas of a packed chart, and of those packed in it."""
    # Few charts are packed, and loading these takes time.
    import gzip
    import tarfile
    import zlib

    waiting = [data]
    size = count = 0
    while waiting:
        try:
            # tarfile's own "r|gz" fails at the extra field that helm writes into the header.
            packed = gzip.GzipFile(fileobj=io.BytesIO(waiting.pop()))
            with packed, tarfile.open(fileobj=packed, mode="r|") as archive:
                for member in archive:
                    size += member.size
                    count += 1
                    if size > rules.limits.input_bytes or count > rules.limits.files:
                        raise _refused(
                            f"{name} in the chart holds more than AVP_MAX_INPUT or AVP_MAX_FILES"
                        )
                    file = archive.extractfile(member) if member.isfile() else None
                    if file is not None and os.path.basename(member.name) == SCHEMA:
                        _check_schema(file.read(), f"a schema in {name}", rules)
                    elif file is not None and member.name.endswith(PACKED):
                        waiting.append(file.read())
        except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error):
            raise _refused(
                f"{name} in the chart cannot be unpacked, so that its schemas are not known"
            ) from None


def _refused(reason: str) -> RenderError:
    return RenderError(reason, hint="put the file itself into the chart, or remove it")
