"""What Argo CD's own libraries read in the output of a plugin: tools/reader, one process."""

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_INT64: Final = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Read:
    """One object as it is in Argo CD.

    Attributes:
        kind: its kind.
        seen: the kind that the API server finds in what Argo CD sends it; empty if it refuses that.
        is_list: whether Argo CD splits it into items.
        annotations: its annotations as they are.
        content: all of it.
        items: its items.
    """

    kind: str
    seen: str
    is_list: bool
    annotations: Any
    content: Any
    items: Sequence["Read"]


class UnreadableError(ValueError):
    """Argo CD rejects the output."""


class Reader:
    """A running reader; it is safe to share between threads."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lock = threading.Lock()

    def read(self, output: str) -> list[Read]:
        """The objects in a plugin's output.

        Raises:
            UnreadableError: Argo CD rejects it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(output) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        answer = json.loads(line, parse_int=_number)
        if answer.get("error"):
            raise UnreadableError(answer["error"])
        return [_read(each) for each in answer["objects"]]


def _number(text: str) -> int | float:
    """Return a whole number as Kubernetes holds it: beyond int64 it is a float64."""
    return int(text) if int(text) in _INT64 else float(text)


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
    """Run the program."""
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Reader(process)
