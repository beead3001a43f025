"""The input of both programs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Link:
    """A file that is a symlink.

    Attributes:
        to: the path that it points to.
    """

    to: str


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: its name in reports.
        stdin: standard input, mostly manifests.
        argv: the command line; `{files}` is replaced by the folder of `files`.
        files: files by their paths in a fresh folder.
        env: variables in addition to those for Vault; None removes one of those.
    """

    name: str
    stdin: bytes = b""
    argv: tuple[str, ...] = ("generate", "-")
    files: Mapping[str, str | bytes | Link] = field(default_factory=dict)
    env: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return standard input as text."""
        return self.stdin.decode("utf-8-sig", "replace")


def manifests(name: str, text: str | bytes) -> Case:
    """Return a case with manifests on standard input."""
    return Case(name, text.encode() if isinstance(text, str) else text)
