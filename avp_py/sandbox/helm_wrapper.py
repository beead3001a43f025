"""Started by kustomize in helm's place: check the command line and the chart, then become helm.

kustomize passes the fields of `helmCharts` to helm as they are: a release named `--set-file=x=FILE`
or `--post-renderer=PROGRAM` is an option, and helm follows symlinks in a chart to any file that it
may read. What kustomize will pass can only be known once it does, as charts come from generators
and remote bases too. kustomize also sets HELM_CONFIG_HOME and its like to what a kustomization
says; here they are set to the run's own directories again.

Standard library only, and little of it: it runs in an interpreter of its own (`python -IS`) for
each call of helm. The command lines are those of kustomize's api v0.21: pullCommand and
checkHelmVersion in HelmChartInflationGenerator.go, AsHelmArgs in helmchartargs.go.
"""

import errno
import os
import stat
import sys

VALUED = {
    "template": (
        "--namespace", "--name-template", "-f", "--api-versions", "--kube-version",
    ),
    "pull": ("--untardir", "--repo", "--version"),
}  # fmt: skip
"""The options with a value that kustomize writes, each after the command that has it."""

BARE = {
    "template": (
        "--generate-name", "--include-crds", "--skip-tests", "--no-hooks", "--debug", "--devel",
    ),
    "pull": ("--untar", "--devel"),
}  # fmt: skip
"""Those without."""

VERSION = (["version", "--short"], ["version", "-c", "--short"])
"""How kustomize queries helm's version, from api v0.21 on and before."""

REVEALING = r"\b(?:env|expandenv|getHostByName)\b"
"""Functions that helm knows in the template of a name and nowhere else: the first two show its
environment, in which a proxy's password may be, and the last one queries the network."""

SCHEMA = "values.schema.json"
PACKED = ".tgz"
"""How the names of packed charts end."""

SCHEMA_URIS = ("$ref", "$dynamicRef", "$recursiveRef", "$schema")
"""The keys of a JSON schema whose values helm may load."""

MAX_NESTED = 40
"""How many symlinks of one path the kernel follows; helm opens files through all of a chart's."""

LINKS = 255
"""How many symlinks of one path Go follows (path/filepath/symlink.go, Go 1.25)."""

ChartLimits = tuple[int, int]


class RefusedError(Exception):
    """Helm must not get this; the message says why."""


def check_arguments(
    arguments: list[str],
    roots: tuple[str, ...],
    writable: str,
    network: bool,
    confined: bool,
    limits: ChartLimits,
) -> None:
    """Check a command line that kustomize made.

    Args:
        arguments: what follows the program.
        roots: the directories that may be read from, symlinks resolved.
        writable: the directory that charts may be pulled to, symlinks resolved.
        network: whether anything may be pulled.
        confined: whether a sandbox keeps helm from reading other files.
        limits: how many bytes and how many files a chart may have.

    Raises:
        RefusedError: it holds what a kustomization cannot mean, or leads out of these directories.
    """
    if arguments in VERSION:
        return
    command = arguments[0] if arguments else ""
    if command not in VALUED:
        raise RefusedError("helm is called with a command that kustomize does not know")
    names, options = _split(command, arguments[1:])
    for option, value in options:
        _check_option(option, value, roots, writable)
    if command == "pull":
        if not network:
            raise RefusedError("AVP_RENDER_NETWORK forbids pulling charts")
        for name in names:
            if ".." in name.split("/") or ("/" in name and "://" not in name):
                raise RefusedError("the name of a chart to pull is a path")
        return
    if len(names) not in (1, 2):
        raise RefusedError("helm is called without a chart, or with more than one")
    check_chart(names[-1], roots, limits, network=network, confined=confined)


def _split(command: str, arguments: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names on a command line, and the options that have values.

    Raises:
        RefusedError: an option is not one that kustomize writes.
    """
    names: list[str] = []
    options: list[tuple[str, str]] = []
    rest = iter(arguments)
    for word in rest:
        if word in VALUED[command]:
            options.append((word, next(rest, "")))
        elif word.startswith("-") and word not in BARE[command]:
            raise RefusedError(
                "a name, release or version in helmCharts begins with a dash: helm would read it "
                "as an option"
            )
        elif word not in BARE[command]:
            names.append(word)
    return names, options


def _check_option(option: str, value: str, roots: tuple[str, ...], writable: str) -> None:
    """Check an option that names a place or holds a template."""
    if option == "--untardir" and not _is_below(os.path.realpath(value), (writable,)):
        raise RefusedError(
            "a chart would be pulled to a place outside of the copy that kustomize works in"
        )
    if option == "--name-template" and _is_revealing(value):
        raise RefusedError(
            "the nameTemplate of a chart holds env, expandenv or getHostByName, which show the "
            "sidecar's environment or query the network"
        )
    if option == "-f":
        # helm reads the value as a line of CSV (pflag's StringSlice): each field is a file.
        if any(char in value for char in ',"\r\n'):
            raise RefusedError(
                "the path of a values file has a comma, a quote or a line break, at which helm "
                "would split it"
            )
        if "://" in value or follow(value, roots) is None:
            raise RefusedError("a values file is outside of the repository")


def check_chart(
    chart: str, roots: tuple[str, ...], limits: ChartLimits, *, network: bool, confined: bool
) -> None:
    """Check all that helm would read of a chart.

    Args:
        chart: its directory.
        roots: the directories that it may be in and lead to, symlinks resolved.
        limits: how many bytes and how many files it may have.
        network: whether its schemas may refer to other machines.
        confined: whether a sandbox keeps helm from reading other files. Otherwise the schemas of
            packed charts in it are checked, too.

    Raises:
        RefusedError: it leads out of these directories, is too large, holds what is neither a file
            nor a directory, or has a schema that refers to files or, without the network, to URLs.
    """
    top = follow(chart, roots)
    if top is None:
        raise RefusedError("the chart is outside of the repository")
    waiting = [(top, 0)]
    size = count = 0
    while waiting:
        folder, links = waiting.pop()
        for entry in _entries(folder):
            count += 1
            target = follow(entry.path, roots) if entry.is_symlink() else entry.path
            if target is None:
                name = _shown(entry.path, top)
                raise RefusedError(
                    f"{name} in the chart is a symlink that leads out of the repository"
                )
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
                    raise RefusedError(f"{name} in the chart is a symlink that leads in a circle")
                waiting.append((target, inner))
            elif stat.S_ISREG(status.st_mode):
                size += status.st_size
                if size > limits[0]:
                    reason = f"the chart is larger than AVP_MAX_INPUT ({limits[0]} bytes)"
                    raise RefusedError(reason)
                _check_file(entry.path, target, top, limits, network, confined)
            else:
                name = _shown(entry.path, top)
                raise RefusedError(f"{name} in the chart is neither a file nor a directory")
            if count > limits[1]:
                raise RefusedError(f"the chart has more files than AVP_MAX_FILES ({limits[1]})")


def _check_file(
    path: str, target: str, top: str, limits: ChartLimits, network: bool, confined: bool
) -> None:
    """Check a file in a chart; where it is a symlink, it is read from its target."""
    if os.path.basename(path) == SCHEMA:
        _check_schema(_contents(target), _shown(path, top), network, confined)
    elif path.endswith(PACKED) and not confined:
        _check_packed(_contents(target), _shown(path, top), limits, network)


def _shown(path: str, top: str) -> str:
    """Return a path in the chart as one line of moderate length."""
    name = os.path.relpath(path, top)[:200]
    return name if name.isprintable() else ascii(name)


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        return list(os.scandir(folder))
    except OSError:
        return []


def follow(path: str, roots: tuple[str, ...]) -> str | None:
    """Follow a path as the kernel does, but without any step outside of some directories.

    `os.path.realpath` returns only where a path ends. One that leaves the directories and comes
    back, as `/outside/../proc/self/cwd`, would work or not depending on what exists outside.

    Args:
        path: the path; a relative one begins at the working directory.
        roots: the directories, symlinks resolved.

    Returns:
        The absolute path without symlinks, or None if it begins or leads outside, or has a NUL,
        which no file can have. What comes after something that does not exist, or after LINKS
        symlinks, is not followed: nobody opens it.
    """
    if "\0" in path:
        return None
    here, waiting = _enter(os.path.join(os.getcwd(), path), roots)
    links = 0
    while here is not None and waiting:
        name = waiting.pop()
        if name == "..":
            here = os.path.dirname(here)
            if not _is_below(here, roots):
                return None
            continue
        step = f"{here.rstrip('/')}/{name}"
        try:
            target = os.readlink(step)
        except OSError as error:
            if error.errno == errno.EINVAL:
                here = step
                continue
            target = ""
        if not target or links == LINKS:
            rest = os.path.normpath("/".join((step, *reversed(waiting))))
            return rest if _is_below(rest, roots) else None
        links += 1
        if target.startswith("/"):
            here, further = _enter(target, roots)
        else:
            further = _steps(target)
        waiting += further
    return here


def _enter(path: str, roots: tuple[str, ...]) -> tuple[str | None, list[str]]:
    """Return the root that an absolute path begins with, and the steps from there, last first."""
    steps = _steps(path)
    for root in roots:
        inner = _steps(root)
        if steps[len(steps) - len(inner) :] == inner:
            return root, steps[: len(steps) - len(inner)]
    return None, []


def _steps(path: str) -> list[str]:
    return [each for each in reversed(path.split("/")) if each not in ("", ".")]


def _is_revealing(template: str) -> bool:
    begin = template.find("{{")
    if begin < 0:
        return False
    # Few names are templates, and loading re costs time.
    import re

    # A text in a template may hold braces, too: all up to the last ones counts.
    return re.search(REVEALING, template[begin : template.rfind("}}")]) is not None


def _contents(path: str) -> bytes:
    """Return the contents of a file; none of one that cannot be read, which helm reports."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _check_schema(text: bytes, name: str, network: bool, confined: bool) -> None:
    """Refuse a schema that makes helm read other files, or contact other machines.

    helm loads what it refers to by file, http and https, and resolves a relative reference against
    `file:///` (pkg/chartutil/jsonschema.go, v3.19). What the words around a reference mean is not
    considered, as that differs between the drafts of JSON schema.
    """
    # Few charts have a schema, and loading json costs time.
    import json

    try:
        # Go replaces what is not UTF-8.
        waiting = [json.loads(text.decode("utf-8", "replace"))]
    except (ValueError, RecursionError):
        if network and confined:
            # Mostly it is not JSON to helm either, which says so.
            return
        raise RefusedError(
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
                if isinstance(uri, str) and _leads_out(uri, network, confined):
                    raise RefusedError(
                        f"{name} in the chart refers to a file, or to another machine where "
                        f"AVP_RENDER_NETWORK forbids it ({key})"
                    )


def _leads_out(uri: str, network: bool, confined: bool) -> bool:
    scheme = uri.strip().lower().partition(":")[0]
    if scheme in ("http", "https"):
        # helm knows the specification's own schemas.
        return not network and not uri.lower().partition("://")[2].startswith("json-schema.org/")
    if uri.startswith("#") or scheme == "urn":
        return False
    # A name alone may be the $id of a part of the schema; if not, it is a file in `/`.
    return not confined or any(char in uri.partition("#")[0] for char in ":/\\%")


def _check_packed(data: bytes, name: str, limits: ChartLimits, network: bool) -> None:
    """Check the schemas of a packed chart, and of those packed in it."""
    # Few charts are packed, and none is looked into where a sandbox is in force.
    import gzip
    import io
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
                    if size > limits[0] or count > limits[1]:
                        raise RefusedError(
                            f"{name} in the chart holds more than AVP_MAX_INPUT or AVP_MAX_FILES"
                        )
                    file = archive.extractfile(member) if member.isfile() else None
                    if file is not None and os.path.basename(member.name) == SCHEMA:
                        _check_schema(file.read(), f"a schema in {name}", network, False)
                    elif file is not None and member.name.endswith(PACKED):
                        waiting.append(file.read())
        except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error):
            raise RefusedError(
                f"{name} in the chart cannot be unpacked, so that its schemas are not known"
            ) from None


def _is_below(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def answer_version(version: str) -> None:
    """Print helm's version and end, if that is what this process is to do.

    kustomize queries it before each chart; helm itself needs not be started for that.
    """
    if sys.argv[1:] in VERSION:
        sys.stdout.write(f"{version}\n")
        sys.exit()


def exec_helm(
    helm: str,
    environment: dict[str, str],
    roots: tuple[str, ...],
    writable: str,
    network: bool,
    confined: bool,
    limits: ChartLimits,
) -> None:
    """Check this process's arguments, and become helm or end with a message.

    Args:
        helm: helm's absolute path.
        environment: variables to set for helm, whatever kustomize says.
        roots: as for check_arguments; the others, too.
        writable: see check_arguments.
        network: see check_arguments.
        confined: see check_arguments.
        limits: see check_arguments.
    """
    try:
        check_arguments(sys.argv[1:], roots, writable, network, confined, limits)
    except RefusedError as refused:
        sys.exit(f"avp-py: {refused}")
    os.execve(helm, [helm, *sys.argv[1:]], {**os.environ, **environment})  # noqa: S606
