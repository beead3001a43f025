"""What a renderer gets, and what it returns."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from avp_py.errors import Failure

if TYPE_CHECKING:
    from avp_py.remotes import Fetcher

Mode: TypeAlias = Literal["auto", "kustomize", "helm", "plain"]

MODES: Final[tuple[Mode, ...]] = ("auto", "kustomize", "helm", "plain")
"""How to render a directory; see avp_py/render/detect.py."""

CHART_FILE: Final = "Chart.yaml"
"""The file that makes a directory a chart."""


@dataclass(frozen=True)
class Source:
    """A directory, or one plain file, to render.

    Attributes:
        path: its absolute path.
        name: what messages call it: the path as it was written.
    """

    path: Path
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Remotes:
    """How a render gets what is on other machines.

    Attributes:
        fetcher: fetches it.
        ranges: whether a dependency of a chart without a lock file may name a range of versions.
    """

    fetcher: "Fetcher"
    ranges: bool = False


@dataclass(frozen=True)
class Rendered:
    """A text that holds manifests.

    Attributes:
        source: what to call it in errors: a file's name, or `the rendered manifests`.
        data: the text in UTF-8.
        warnings: what is probably not meant about it.
        is_source: whether the text is just what somebody wrote in the file `source`.
        names_templates: whether helm names the template of each document, in a comment before it.
        inputs: the paths of what it was rendered from, as far as that is known.
        has_all_inputs: whether nothing in it can come from elsewhere, such as a chart.
        root: the directory that those are in, symlinks resolved; None if nothing is looked for.
    """

    source: str
    data: bytes
    warnings: tuple[Failure, ...] = ()
    is_source: bool = False
    names_templates: bool = False
    inputs: tuple[Path, ...] = ()
    has_all_inputs: bool = True
    root: Path | None = None


class Renderer(ABC):
    """A way to turn one folder into manifests.

    Attributes:
        name: what to call it, as `--render` does.
    """

    name: ClassVar[str]

    @abstractmethod
    def render(self) -> Sequence[Rendered]:
        """Render the folder and leave it as it was.

        Raises:
            RenderError: the folder cannot be rendered, or renders nothing.
        """
