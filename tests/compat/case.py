"""What both programs are given."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Link:
    """A file that is a symlink.

    Attributes:
        to: where it leads.
    """

    to: str


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: what to call it where it fails.
        stdin: the manifests, or what else comes on standard input.
        argv: the command line; `{files}` stands for the folder of `files`.
        files: files by their names below a fresh folder.
        env: variables beside those that lead to Vault; None takes one of those away.
    """

    name: str
    stdin: bytes = b""
    argv: tuple[str, ...] = ("generate", "-")
    files: Mapping[str, str | bytes | Link] = field(default_factory=dict)
    env: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The manifests on standard input."""
        return self.stdin.decode("utf-8-sig", "replace")


def manifests(name: str, text: str | bytes) -> Case:
    """A case whose manifests come on standard input."""
    return Case(name, text.encode() if isinstance(text, str) else text)
