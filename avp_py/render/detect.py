"""Which renderer a folder needs."""

import os
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from avp_py.errors import RenderError
from avp_py.render.helm import HelmRenderer
from avp_py.render.interface import Renderer, Source
from avp_py.render.kustomization import kustomization_files
from avp_py.render.kustomize import KustomizeRenderer
from avp_py.render.plain import PlainRenderer
from avp_py.render.repository import find_repository
from avp_py.sandbox import Limits
from avp_py.settings import Identity, RenderSettings, declared

Mode: TypeAlias = Literal["auto", "kustomize", "helm", "plain"]

MODES: Final[tuple[Mode, ...]] = ("auto", "kustomize", "helm", "plain")


def open_renderer(
    source: Source,
    mode: Mode,
    settings: RenderSettings,
    limits: Limits,
    identity: Identity,
    environ: Mapping[str, str],
) -> Renderer:
    """Return the renderer for a folder.

    Args:
        source: the folder, or one plain file.
        mode: `auto` looks for a kustomization, then for a Chart.yaml, then for plain files.
        settings: how to render.
        limits: how much it may read, print and write.
        identity: the Application; a chart's release gets its name and namespace.
        environ: the environment, of which children see a part.

    Raises:
        RenderError: the folder cannot be read or is not in the repository, or the Application sets
            what only a kustomization (an image) or only a chart (values) has.
    """
    mode = detect_mode(source, mode)
    _require_place(source, mode, settings)
    if mode == "plain" and source.path.is_file():
        return PlainRenderer(source, limits)
    repository = find_repository(source.path.resolve(), settings.source_path, environ)
    if mode == "kustomize":
        return KustomizeRenderer(source, repository, settings, limits, environ)
    if mode == "helm":
        return HelmRenderer(source, repository, settings, limits, identity, environ)
    return PlainRenderer(source, limits)


def _require_place(source: Source, mode: Mode, settings: RenderSettings) -> None:
    for renderer, place in _PLACES.items():
        names = [
            name
            for field, setting in declared(RenderSettings)
            if setting.renderer == renderer and (value := getattr(settings, field))
            for name in (value if setting.is_family else (setting.name,))
        ]
        if names and mode != renderer:
            raise RenderError(
                f"the Application sets {', '.join(names)}, and there is no {place} in {source} to "
                "set it in",
                hint=f"add a {place}, or remove it from plugin.env and plugin.parameters",
            )


_PLACES: Final = {"kustomize": "kustomization", "helm": "chart"}
"""What each way to render needs in a directory."""


def detect_mode(source: Source, mode: Mode) -> Mode:
    """Return the mode itself, or for `auto` the one that fits the files of the folder.

    Raises:
        RenderError: the folder cannot be read.
    """
    path = source.path
    try:
        if not path.is_file():
            os.scandir(path).close()
        if mode != "auto":
            return mode
        if kustomization_files(path):
            return "kustomize"
        return "helm" if (path / "Chart.yaml").is_file() else "plain"
    except OSError as error:
        raise RenderError(
            f"{source} cannot be read: {error.strerror}",
            hint="name a folder or a regular file; - reads standard input",
        ) from error
