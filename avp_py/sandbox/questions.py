"""Questions that scripts ask us while a child runs which has started them."""

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from shlex import quote
from typing import Final, TypeAlias

MAX_QUESTION: Final = 8 << 20
"""How many bytes a question may have: more than the arguments of a program can (execve(2))."""

_MAX_DIGITS: Final = 7
"""How many digits the number of arguments may have."""

ASK: Final = """\
printf '%s\\0' "{nonce}-$$" {name} "$PWD" "$#" "$@" >/dev/fd/{question}
read -r asker verdict </dev/fd/{answer}
[ "$asker" = "{nonce}-$$" ] || verdict='the question was not understood'
"""
"""Lines of a shell script that ask whether its arguments are allowed, and wait for the verdict."""

Decide: TypeAlias = Callable[[str, Sequence[str]], str]
"""Returns the verdict, one line, about a working directory and arguments."""


class Questions:
    """Two pipes: questions come in by one, answers go out by the other.

    Nobody but a child and what it starts has the other ends. One question is answered at a time: a
    shell whose number is not in the answer has asked at the same moment as another one. Where
    something else comes than a question, nothing is answered any more.
    """

    def __init__(self) -> None:
        """Open the pipes."""
        self._deciders: dict[str, Decide] = {}
        self._data = bytearray()
        self._is_over = False
        self._nonce = secrets.token_hex(8)
        self._reading, question = os.pipe()
        try:
            answer, self._writing = os.pipe()
        except OSError:
            os.close(self._reading)
            os.close(question)
            raise
        self.inherited = (question, answer)
        # What does not read its answers must not hold us up.
        os.set_blocking(self._writing, False)

    def script(self, name: str, decide: Decide) -> str:
        """Return the lines of a script that ask; see ASK.

        Args:
            name: what the script stands for.
            decide: decides about its questions from now on.
        """
        self._deciders[name] = decide
        question, answer = self.inherited
        name = quote(name)
        return ASK.format(nonce=self._nonce, name=name, question=question, answer=answer)

    def fileno(self) -> int:
        """Return the descriptor that is readable when a question has come."""
        return self._reading

    def respond(self) -> None:
        """Read what has come, and answer it once it is complete."""
        data = os.read(self._reading, 1 << 16)
        if self._is_over:
            return
        self._data += data
        try:
            question = self._question()
        except ValueError:
            self._is_over = True
            self._data.clear()
            self._say("?")
            return
        if question is not None:
            self._data.clear()
            asker, name, folder, *arguments = map(os.fsdecode, question)
            self._say(f"{asker} {self._deciders[name](folder, arguments)}")

    def _question(self) -> Sequence[bytes] | None:
        """Return who asks, for what, the working directory and the arguments.

        Returns:
            None while some are missing.

        Raises:
            ValueError: it is something else.
        """
        if len(self._data) > MAX_QUESTION:
            raise ValueError
        *parts, rest = bytes(self._data).split(b"\0")
        if len(parts) < 4:
            return None
        asker, name, folder, count, *arguments = parts
        if not asker.startswith(self._nonce.encode()) or len(count) > _MAX_DIGITS:
            raise ValueError
        if os.fsdecode(name) not in self._deciders:
            raise ValueError
        missing = int(count) - len(arguments)
        if missing < 0 or (missing == 0 and rest):
            raise ValueError
        return None if missing else (asker, name, folder, *arguments)

    def _say(self, answer: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._writing, os.fsencode(f"{answer}\n"))

    def close(self) -> None:
        """Close all ends."""
        for descriptor in (self._reading, self._writing, *self.inherited):
            os.close(descriptor)
