"""The parameters that Argo CD's UI shows for an Application: what it may set, and what is found.

The form is Argo CD's ParameterAnnouncement (reposerver/repository/repository.proto, v3.2). An
announced value is what holds when the Application says nothing; Argo CD never sends it back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avp_py.render import Mode, Source, inspect
from avp_py.render.detect import choose_mode
from avp_py.render.interface import CHART_FILE
from avp_py.render.repository import find_repository
from avp_py.settings import CHART_NAMES, Kind, Setting, Sources, set_by_tenant, tenant_settings


@dataclass(frozen=True)
class Announcement:
    """One parameter.

    Attributes:
        name: its name in `plugin.parameters` of the Application.
        title: what the UI writes beside the field.
        tooltip: what the UI says of it.
        kind: what it holds: one text, a list, or a map.
        value: what holds without it; None where nothing does.
    """

    name: str
    title: str
    tooltip: str
    kind: Kind
    value: str | Sequence[str] | Mapping[str, str] | None

    def as_json(self) -> Mapping[str, Any]:
        """Return the announcement in Argo CD's own names."""
        announced = {
            "name": self.name,
            "title": self.title,
            "tooltip": self.tooltip,
            "required": False,
            "itemType": "string",
            "collectionType": self.kind.value,
        }
        return announced if self.value is None else {**announced, self.kind.value: self.value}


def announce(source: Source, mode: Mode, sources: Sources) -> Sequence[Announcement]:
    """Return the parameters that an Application may set for a directory.

    Args:
        source: the directory; it is inspected, not rendered, and may be broken.
        mode: how it is rendered.
        sources: what the settings are resolved from: they say what the operator delegates to
            tenants, and where the repository begins.

    Raises:
        RenderError: the folder cannot be read.
    """
    names_chart = not CHART_NAMES.isdisjoint(set_by_tenant(sources))
    mode = choose_mode(source, mode, names_chart=names_chart)
    folder = source.path.resolve()
    found = _found(folder, mode, sources.environ)
    # A chart in the folder is an error beside another one.
    without = CHART_NAMES if (folder / CHART_FILE).is_file() else frozenset[str]()
    return [
        _announcement(setting, found)
        for setting in tenant_settings(sources)
        if setting.concerns(mode) and not setting.is_family and setting.name not in without
    ]


@dataclass(frozen=True)
class _Found:
    """What a folder holds: by the name of a setting its value, or words for its tooltip."""

    values: Mapping[str, Sequence[str] | Mapping[str, str]]
    words: Mapping[str, str]


def _found(folder: Path, mode: Mode, environ: Mapping[str, str]) -> _Found:
    if mode == "kustomize":
        source_path = environ.get("ARGOCD_APP_SOURCE_PATH") or None
        images = inspect.images_in(folder, find_repository(folder, source_path, environ))
        words = {"IMAGE_NAME": f"found here: {', '.join(images)}"} if images else {}
        return _Found({"IMAGES": images}, words)
    if mode == "helm":
        files = ", ".join(inspect.values_files_in(folder))
        words = {"HELM_VALUES_FILES": f"found here: {files}"} if files else {}
        # Values files of a chart that is elsewhere hold where the Application names them.
        values = inspect.values_in(folder) if (folder / CHART_FILE).is_file() else {}
        return _Found({"HELM_PARAMETERS": values}, words)
    return _Found({}, {})


def _announcement(setting: Setting, found: _Found) -> Announcement:
    name = setting.name
    tooltip = setting.summary.replace("`", "")
    if name in found.words:
        tooltip = f"{tooltip}; {found.words[name]}"
    value = found.values.get(name)
    return Announcement(
        setting.parameter, setting.title or name, tooltip, setting.kind, value or None
    )
