"""The parameters that Argo CD's UI shows for an Application, found without a render.

The form is Argo CD's ParameterAnnouncement (reposerver/repository/repository.proto, v3.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from avp_py.render import Mode, detect_mode


@dataclass(frozen=True)
class Announcement:
    """One parameter.

    Attributes:
        name: its name in `plugin.parameters` of the Application.
        title: what the UI writes beside the field.
        tooltip: what the UI shows for the field.
        collection: what it takes: one text, a list, or a map.
    """

    name: str
    title: str
    tooltip: str
    collection: Literal["string", "array", "map"] = "string"

    def as_json(self) -> Mapping[str, Any]:
        """The announcement in Argo CD's own names."""
        return {
            "name": self.name,
            "title": self.title,
            "tooltip": self.tooltip,
            "required": False,
            "itemType": "string",
            "collectionType": self.collection,
        }


_KUSTOMIZE: Final = (
    Announcement("IMAGE_NAME", "Image", "the image whose tag is set; IMAGE_TAG goes with it"),
    Announcement("IMAGE_TAG", "Image tag", "the tag of IMAGE_NAME, or a digest sha256:…"),
    Announcement("APP_REPO", "Repository", "the value of the repository annotation"),
)
_ALL: Final = (
    Announcement("AVP_SECRET", "Settings Secret", "the Secret with the settings of the backend"),
)


def announce(path: Path, mode: Mode) -> Sequence[Announcement]:
    """The parameters that an Application may set for a folder.

    Args:
        path: the folder.
        mode: how it is rendered.

    Raises:
        RenderError: the folder cannot be read.
    """
    return (*(_KUSTOMIZE if detect_mode(path, mode) == "kustomize" else ()), *_ALL)
