"""Stands between kustomize and helm: what a tenant's kustomization makes of helm's command line.

kustomize hands the fields of `helmCharts` to helm as they are: a release named `--set-file=x=FILE`
or `--post-renderer=PROGRAM` is an option, and helm follows symlinks in a chart to any file that it
may read. What kustomize will hand over can only be known once it does, as charts come from
generators and remote bases too. So it starts this in helm's place, which looks at the arguments
and at the chart, and then becomes helm.

Standard library only, and little of it: it runs in an interpreter of its own (`python -IS`) for
each call of helm. The command lines are those of kustomize's api v0.21: pullCommand and
checkHelmVersion in HelmChartInflationGenerator.go, AsHelmArgs in helmchartargs.go.
"""

import os
import stat
import sys

VALUED = {
    "template": (
        "--namespace", "--name-template", "-f", "--api-versions", "--kube-version",
    ),
    "pull": ("--untardir", "--repo", "--version"),
}  # fmt: skip
"""The options with a value that kustomize writes, each behind the command that has it."""

BARE = {
    "template": (
        "--generate-name", "--include-crds", "--skip-tests", "--no-hooks", "--debug", "--devel",
    ),
    "pull": ("--untar", "--devel"),
}  # fmt: skip
"""Those without."""

VERSION = (["version", "--short"], ["version", "-c", "--short"])
"""How kustomize asks helm for its version, from api v0.21 on and before."""

REVEALING = ("env", "getHostByName")
"""Functions that helm knows in the template of a name and nowhere else: `env` and `expandenv` show
its environment, in which a proxy's password may be, and the last one asks the network."""

Most = tuple[int, int]


class RefusedError(Exception):
    """Helm may not see this; the message says why."""


def check_arguments(
    arguments: list[str], tops: tuple[str, ...], writable: str, network: bool, most: Most
) -> None:
    """Looks at a command line that kustomize made.

    Args:
        arguments: what stands behind the program.
        tops: the folders that may be read from, symlinks resolved.
        writable: the folder that charts may be pulled to, symlinks resolved.
        network: whether anything may be pulled.
        most: how many bytes and how many files a chart may have.

    Raises:
        RefusedError: it holds what a kustomization cannot mean, or leads out of these folders.
    """
    if arguments in VERSION:
        return
    command = arguments[0] if arguments else ""
    if command not in VALUED:
        raise RefusedError("helm is called with a command that kustomize does not know")
    names: list[str] = []
    values: list[str] = []
    rest = iter(arguments[1:])
    for word in rest:
        if word in VALUED[command]:
            value = next(rest, "")
            if word == "-f":
                values.append(value)
            elif word == "--untardir" and not _is_below(os.path.realpath(value), (writable,)):
                raise RefusedError("a chart would be pulled into the folder, which stays as it is")
            elif word == "--name-template" and _is_revealing(value):
                raise RefusedError(
                    "the nameTemplate of a chart holds env or getHostByName, which show what is "
                    "the sidecar's"
                )
        elif word.startswith("-") and word not in BARE[command]:
            raise RefusedError(
                "a name, release or version in helmCharts begins with a dash: helm would take it "
                "for an option"
            )
        elif word not in BARE[command]:
            names.append(word)
    if command == "pull":
        if not network:
            raise RefusedError("AVP_RENDER_NETWORK forbids to pull charts")
        return
    for value in values:
        if not _is_below(os.path.realpath(value), tops):
            raise RefusedError("a file of values lies outside of the repository")
    if len(names) not in (1, 2):
        raise RefusedError("helm is called without a chart, or with more than one")
    check_chart(names[-1], tops, most)


def check_chart(chart: str, tops: tuple[str, ...], most: Most) -> None:
    """Looks at all that helm would read of a chart.

    Args:
        chart: its folder.
        tops: the folders that it may lie in and lead to, symlinks resolved.
        most: how many bytes and how many files it may have.

    Raises:
        RefusedError: it leads out of these folders, is too large, or holds what is neither file
            nor folder.
    """
    top = os.path.realpath(chart)
    if not _is_below(top, tops):
        raise RefusedError("the chart lies outside of the repository")
    waiting, seen = [top], {top}
    size = count = 0
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder):
            count += 1
            if entry.is_symlink():
                target = os.path.realpath(entry.path)
                if not _is_below(target, tops):
                    name = os.path.relpath(entry.path, top)
                    raise RefusedError(
                        f"{name} in the chart is a symlink that leads out of the repository"
                    )
                if target in seen:
                    continue
            else:
                target = entry.path
            try:
                status = os.stat(target)  # noqa: PTH116 - pathlib takes long to load
            except OSError:
                # Helm cannot read it either, and says so.
                continue
            if stat.S_ISDIR(status.st_mode):
                seen.add(target)
                waiting.append(target)
            elif stat.S_ISREG(status.st_mode):
                size += status.st_size
            else:
                name = os.path.relpath(entry.path, top)
                raise RefusedError(f"{name} in the chart is neither a file nor a folder")
            if size > most[0]:
                raise RefusedError(f"the chart is larger than AVP_MAX_INPUT ({most[0]} bytes)")
            if count > most[1]:
                raise RefusedError(f"the chart has more files than AVP_MAX_FILES ({most[1]})")


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        return list(os.scandir(folder))
    except OSError:
        return []


def _is_revealing(template: str) -> bool:
    return "{{" in template and any(name in template for name in REVEALING)


def _is_below(path: str, tops: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith(top.rstrip("/") + "/") for top in tops)


def become_helm(helm: str, tops: tuple[str, ...], writable: str, network: bool, most: Most) -> None:
    """Looks at this process' arguments, and becomes helm or ends with a message."""
    try:
        check_arguments(sys.argv[1:], tops, writable, network, most)
    except RefusedError as refused:
        sys.exit(f"avp-py: {refused}")
    os.execv(helm, [helm, *sys.argv[1:]])  # noqa: S606 - to be no child is the point
