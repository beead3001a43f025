"""What a renderer gives."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from avp_py.errors import Failure


@dataclass(frozen=True)
class Rendered:
    """A text that holds manifests.

    Attributes:
        source: what to call it in errors: a file's name, or `the rendered manifests`.
        data: the text in UTF-8.
        warnings: what is probably not meant about it.
    """

    source: str
    data: bytes
    warnings: tuple[Failure, ...] = ()


class Renderer(ABC):
    """A way to turn one folder into manifests.

    Attributes:
        name: what to call it, as `--render` does.
    """

    name: ClassVar[str]

    @abstractmethod
    def render(self) -> Sequence[Rendered]:
        """Renders the folder and leaves it as it was.

        Raises:
            RenderError: the folder cannot be rendered, or gave nothing.
        """
