"""Questions that a script asks us while a child runs which has started it."""

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Final

MAX_QUESTION: Final = 4 << 20
"""How many bytes a question may have: more than the arguments of a program can (execve(2))."""

ASK: Final = """\
printf '%s\\0' "$$" "$PWD" "$#" "$@" >/dev/fd/{question}
read -r asker verdict </dev/fd/{answer}
[ "$asker" = "$$" ] || verdict='somebody else was answered'
"""
"""Lines of a shell script that ask whether its arguments are allowed, and wait for the verdict."""


class Questions:
    """Two pipes: questions come in by one, answers go out by the other.

    Nobody but a child and what it starts has the other ends. One question is answered at a time: a
    shell whose number is not in the answer has asked at the same moment as another one.
    """

    def __init__(self, decide: Callable[[str, Sequence[str]], str]) -> None:
        """Open the pipes.

        Args:
            decide: returns the verdict, one line, about a working directory and arguments.
        """
        self._decide = decide
        self._data = bytearray()
        self._reading, question = os.pipe()
        answer, self._writing = os.pipe()
        self.inherited = (question, answer)
        # What does not read its answers must not hold us up.
        os.set_blocking(self._writing, False)

    @property
    def script(self) -> str:
        """The lines of a script that ask; see ASK."""
        question, answer = self.inherited
        return ASK.format(question=question, answer=answer)

    def fileno(self) -> int:
        """Return the descriptor that is readable when a question has come."""
        return self._reading

    def respond(self) -> None:
        """Read what has come, and answer what is complete."""
        self._data += os.read(self._reading, 1 << 16)
        if len(self._data) > MAX_QUESTION:
            self._data.clear()
        *parts, _ = bytes(self._data).split(b"\0")
        if len(parts) < 3 or not parts[2].isdigit() or len(parts) < 3 + int(parts[2]):
            return
        self._data.clear()
        asker, folder, _, *arguments = map(os.fsdecode, parts)
        verdict = self._decide(folder, arguments)
        with contextlib.suppress(OSError):
            os.write(self._writing, os.fsencode(f"{asker} {verdict}\n"))

    def close(self) -> None:
        """Close all ends."""
        for descriptor in (self._reading, self._writing, *self.inherited):
            os.close(descriptor)
