"""Which renderer a folder needs."""

import os
from collections.abc import Mapping
from typing import Final

from avp_py.errors import RenderError
from avp_py.limits import Limits
from avp_py.render.interface import CHART_FILE, Mode, Remotes, Renderer, Source
from avp_py.render.kustomization import kustomization_files
from avp_py.render.plain import PlainRenderer
from avp_py.render.repository import find_repository
from avp_py.settings import Identity, RenderSettings, declared


def open_renderer(
    source: Source,
    mode: Mode,
    settings: RenderSettings,
    limits: Limits,
    identity: Identity,
    environ: Mapping[str, str],
    remotes: Remotes,
) -> Renderer:
    """Return the renderer for a folder.

    Args:
        source: the folder, or one plain file.
        mode: as `choose_mode` reads it.
        settings: how to render.
        limits: how much it may read, print and write.
        identity: the Application; a chart's release gets its name and namespace.
        environ: the environment, of which children see a part.
        remotes: how it gets what is on other machines.

    Raises:
        RenderError: the folder cannot be read or is not in the repository, or the Application sets
            what only a kustomization (an image) or only a chart (values) has.
    """
    mode = choose_mode(source, mode, names_chart=settings.names_chart)
    _require_place(source, mode, settings)
    if mode == "plain" and source.path.is_file():
        return PlainRenderer(source, limits)
    repository = find_repository(source.path.resolve(), settings.source_path, environ)
    # Late: manifests need neither, and each loads all that it may need of archives and wrappers.
    if mode == "kustomize":
        from avp_py.render.kustomize import KustomizeRenderer

        return KustomizeRenderer(source, repository, settings, limits, environ, remotes)
    if mode == "helm":
        from avp_py.render.helm import HelmRenderer

        return HelmRenderer(source, repository, settings, limits, identity, environ, remotes)
    return PlainRenderer(source, limits)


def load_renderers() -> None:
    """Load what open_renderer loads only when it is needed."""
    import avp_py.render.helm
    import avp_py.render.kustomize  # noqa: F401 - it is loaded


def _require_place(source: Source, mode: Mode, settings: RenderSettings) -> None:
    for renderer, place in _PLACES.items():
        names = [
            name
            for field, setting in declared(RenderSettings)
            if setting.renderer == renderer and (value := getattr(settings, field))
            for name in (value if setting.is_family else (setting.name,))
        ]
        if names and mode != renderer:
            if mode == "kustomize" and settings.names_chart:
                raise RenderError(
                    f"the Application names a chart ({', '.join(names)}), and {source} has a "
                    "kustomization, which is rendered",
                    hint="name the chart in helmCharts of the kustomization, or name a directory "
                    "with values files only",
                )
            raise RenderError(
                f"the Application sets {', '.join(names)}, and there is no {place} in {source} to "
                "set it in",
                hint=f"add a {place}, or remove it from plugin.env and plugin.parameters",
            )


_PLACES: Final = {"kustomize": "kustomization", "helm": "chart"}
"""What each way to render needs in a directory."""


def choose_mode(source: Source, mode: Mode, *, names_chart: bool) -> Mode:
    """Return how a folder is rendered.

    Args:
        source: the folder, or one plain file.
        mode: `auto` looks for a kustomization, then for a Chart.yaml, then for plain files.
        names_chart: whether the Application names a chart in a repository. A folder that would be
            plain then has its values: Argo CD lets no plugin but that for plain files have it.

    Raises:
        RenderError: the folder cannot be read.
    """
    chosen = _detect_mode(source, mode)
    return "helm" if chosen == "plain" and names_chart else chosen


def _detect_mode(source: Source, mode: Mode) -> Mode:
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
        return "helm" if (path / CHART_FILE).is_file() else "plain"
    except OSError as error:
        raise RenderError(
            f"{source} cannot be read: {error.strerror}",
            hint="name a folder or a regular file; - reads standard input",
        ) from error
