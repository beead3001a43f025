"""What a tenant may pass to helm: values, a release's name, and a list of harmless options.

Nothing of it may make helm read a file outside the repository, fetch, run a program or reach a
cluster. So options are known ones (`helm template --help`, v3.19 and v4), and files are checked.
"""

import argparse
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avp_py.errors import RenderError, SettingsError
from avp_py.limits import Limits
from avp_py.render.follow import follow
from avp_py.render.repository import Repository
from avp_py.settings import RenderSettings, parse

_VALUED: Final = (
    "--set", "--set-string", "--set-json", "--set-literal", "--kube-version", "--api-versions",
)  # fmt: skip
_FLAGS: Final = ("--include-crds", "--skip-crds", "--skip-tests", "--no-hooks", "--is-upgrade")
ALLOWED: Final = ("--values", "--name-template", *_VALUED, *_FLAGS)
"""The options that HELM_ARGS may hold; `-f` and `-a` are short for two of them."""

_SEPARATED = re.compile(r'[,"\r\n]')
_COMMA: Final = r"\\,"
_BARE_COMMA = re.compile(r"(?<!\\),")


def api_version_arguments(option: str, versions: Sequence[str]) -> Sequence[str]:
    """Return the arguments that name the cluster's API versions: few, however many there are.

    helm reads a value of its option as a line of CSV (pflag's StringSlice, v1.0.10), and kustomize
    passes on each of its own as it is. Linux lets one argument have 128 KiB (MAX_ARG_STRLEN).

    Args:
        option: the option, of helm or of kustomize.
        versions: the versions, such as `apps/v1` or `apps/v1/Deployment`.
    """
    values: list[str] = []
    for version in versions:
        if values and len(values[-1]) + len(version) < _MAX_VALUE:
            values[-1] += f",{version}"
        else:
            values.append(version)
    return [f"{option}={value}" for value in values]


_MAX_VALUE: Final = 64 << 10
"""How long one value of an option may be, in bytes."""


def helm_arguments(
    settings: RenderSettings, folder: Path, repository: Repository, limits: Limits, scratch: Path
) -> tuple[str | None, Sequence[str]]:
    """Return the release name that the Application sets, and the options of `helm template`.

    Args:
        settings: the settings.
        folder: the folder of the chart, symlinks resolved.
        repository: what values files must be in.
        limits: how large they may be together.
        scratch: a folder for the file with HELM_VALUES.

    Raises:
        SettingsError: an argument is not among those that are allowed, or a values file is not in
            the repository.
        RenderError: the values files are too large.
    """
    words = _words(settings)
    given = _parse(words)
    names = [*settings.helm_values_files]
    names += [name for each in given.values for name in each.split(",")]
    files = [_values_file(folder, name, repository.root) for name in names]
    if sum(file.stat().st_size for file in files) > limits.input_bytes:
        raise RenderError(
            f"the values files are larger than AVP_MAX_INPUT ({limits.input_bytes} bytes)",
            hint="name smaller ones; an operator can permit more",
        )
    options = [f"--values={file}" for file in files]
    if settings.helm_values:
        inline = scratch / "HELM_VALUES"
        # Variables may hold what is not UTF-8; helm reports it.
        inline.write_text(settings.helm_values, "utf-8", "surrogateescape")
        options.append(f"--values={inline}")
    options += [] if given.skip_crds else ["--include-crds"]
    options += [flag for flag in _FLAGS[2:] if getattr(given, flag[2:].replace("-", "_"))]
    for option in _VALUED:
        options += [f"{option}={each}" for each in getattr(given, option[2:].replace("-", "_"))]
    for key, value in settings.helm_parameters.items():
        # helm would read a bare comma as the begin of the next value; Argo CD hides it so, too.
        options.append(f"--set={key}={_BARE_COMMA.sub(_COMMA, value)}")
    return _release(settings, given.name_template), options


def _words(settings: RenderSettings) -> Sequence[str]:
    try:
        return shlex.split(settings.helm_args or "")
    except ValueError:
        raise SettingsError(
            "HELM_ARGS has a quote that is not closed", hint="close it, as for a shell"
        ) from None


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-f", "--values", action="append", default=[])
    parser.add_argument("--name-template")
    parser.add_argument("-a", "--api-versions", action="append", default=[])
    for option in _VALUED[:-1]:
        parser.add_argument(option, action="append", default=[])
    for flag in _FLAGS:
        parser.add_argument(flag, action="store_true")
    try:
        given, others = parser.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise SettingsError(
            f"HELM_ARGS: {error.argument_name} has no value, or one where none is wanted",
            hint="see helm template --help for its form",
        ) from None
    if others:
        unknown = next((each.partition("=")[0] for each in others if each.startswith("-")), "")
        # After one dash and a letter its value may follow.
        unknown = unknown if unknown.startswith("--") else unknown[:2]
        what = f"the option {unknown}" if unknown else "an argument that is not an option"
        raise SettingsError(
            f"HELM_ARGS holds {what}, which is not among those that an Application may set",
            hint=f"the options are -f, -a, {', '.join(ALLOWED)}",
        )
    return given


def _release(settings: RenderSettings, given: str | None) -> str | None:
    if given is None:
        return settings.helm_release_name
    try:
        # helm accepts a template here, which could read its environment for a tenant.
        name = parse.release_name(given)
    except parse.MalformedError as error:
        reason = f"HELM_ARGS: --name-template is not {error.expected}"
        raise SettingsError(reason, hint=error.form) from error
    if settings.helm_release_name not in (None, name):
        raise SettingsError(
            "HELM_RELEASE_NAME and --name-template in HELM_ARGS name the release differently",
            hint="set it in one place only",
        )
    return name


def _values_file(folder: Path, name: str, root: Path) -> Path:
    """Return the absolute path of a values file, which helm cannot read as a URL or an option.

    Raises:
        SettingsError: it is not a file of the repository.
    """
    if "://" in name or name.startswith("/") or not name:
        raise SettingsError(
            f"the values file {name!r} is not a path relative to the chart's folder",
            hint="put the file into the repository, and name it relative to the chart's folder",
        )
    path = follow(str(folder / name), (str(root),))
    if path is None:
        raise SettingsError(
            f"the values file {name!r} leads out of the repository",
            hint="put the file into the repository",
        )
    if _SEPARATED.search(path):
        raise SettingsError(
            f"the values file {name!r} has a comma, a quote or a line break in its path, at which "
            "helm would split it",
            hint="rename it, or its folder",
        )
    # Path.is_file() would fail where a folder may not be entered.
    if not os.path.isfile(path):  # noqa: PTH113
        raise SettingsError(
            f"the values file {name!r} was not found, or is not a regular file",
            hint=f"name it relative to the chart's folder{_rooted(root, folder)}",
        )
    return Path(path)


def _rooted(root: Path, folder: Path) -> str:
    return "" if root == folder else f"; the repository begins at {os.path.relpath(root, folder)}"
