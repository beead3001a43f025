"""What Argo CD's own libraries read in the output of a plugin: tools/reader, one process."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Read:
    """One object as it is in Argo CD.

    Attributes:
        kind: its kind.
        seen: the kind that the API server finds in what Argo CD sends it; empty if it refuses that.
        is_list: whether Argo CD takes it apart.
        annotations: its annotations as they are.
        content: all of it.
        items: what it is taken apart into.
    """

    kind: str
    seen: str
    is_list: bool
    annotations: Any
    content: Any
    items: Sequence["Read"]


class UnreadableError(ValueError):
    """Argo CD refuses the output."""


class Reader:
    """A running reader."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def read(self, output: str) -> list[Read]:
        """The objects in a plugin's output.

        Raises:
            UnreadableError: Argo CD refuses it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(output) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer.get("error"):
            raise UnreadableError(answer["error"])
        return [_read(each) for each in answer["objects"]]


def _read(answer: Mapping[str, Any]) -> Read:
    items = tuple(map(_read, answer["items"] or ()))
    return Read(
        answer["kind"],
        answer["seen"],
        answer["list"],
        answer["annotations"],
        answer["content"],
        items,
    )


@contextmanager
def start(program: Path) -> Iterator[Reader]:
    """Runs the program."""
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Reader(process)
