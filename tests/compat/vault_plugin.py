"""Runs the real argocd-vault-plugin on a case, or on many at once.

It prints each manifest with a `---` after it, and stops at the first that fails. So one process
gets many documents: the number of manifests in its output says which document failed, and another
process continues after that one.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.compat.case import Case
from tests.compat.outcome import Outcome, printed
from tests.integration.reader import Reader, UnreadableError

SECONDS = 120
"""The time limit of one process, which needs a few milliseconds for each document."""

PANIC = 2
"""The exit code of a Go program that panics."""


class VaultPlugin:
    """The real program.

    Attributes:
        program: its path.
        env: its whole environment.
        reader: reads its output.
    """

    def __init__(self, program: Path, env: Mapping[str, str], reader: Reader) -> None:
        self.program = program
        self.env = env
        self.reader = reader

    def run(self, case: Case) -> Outcome:
        """Run one case on standard input, in its own process."""
        code, out, err = self._start(case.stdin)
        if code == 0:
            return printed(out, self.reader)
        return Outcome(error=err, panicked=code == PANIC)

    def run_all(self, cases: Sequence[Case]) -> list[Outcome]:
        """Run many cases on standard input; those that are one document share processes."""
        outcomes: dict[int, Outcome] = {}
        together: list[int] = []
        for index, case in enumerate(cases):
            if self._is_one_document(case.stdin):
                together.append(index)
            else:
                outcomes[index] = self.run(case)
        for index, outcome in zip(
            together, self._share([cases[index] for index in together]), strict=True
        ):
            outcomes[index] = outcome
        return [outcomes[index] for index in range(len(cases))]

    def _share(self, cases: Sequence[Case]) -> list[Outcome]:
        done: list[Outcome] = []
        while len(done) < len(cases):
            rest = cases[len(done) :]
            code, out, err = self._start(b"".join(_set_off(each) for each in rest))
            good = [printed(each, self.reader) for each in _outputs(out)]
            done += good
            if code == 0:
                assert len(good) == len(rest), "a case was counted as one document, and is not one"
                break
            if not good and _was_unreadable(err) and len(rest) > 1:
                # One of them cannot be read, so none was printed.
                half = len(rest) // 2
                return done + self._share(rest[:half]) + self._share(rest[half:])
            done.append(Outcome(error=err, panicked=code == PANIC))
        return done

    def _is_one_document(self, stdin: bytes) -> bool:
        """Return whether a text is one manifest, also after the `---` of another one."""
        try:
            text = stdin.decode()
        except UnicodeDecodeError:
            return False
        if text.startswith(("{", "\ufeff")) or any(
            line.startswith("---") for line in text.splitlines()
        ):
            return False
        try:
            # After a marker, a brace does not make it JSON.
            found = self.reader.read(f"---\n{text}")
        except UnreadableError:
            return False
        return len(found) == 1 and bool(found[0].kind)

    def _start(self, stdin: bytes) -> tuple[int, str, str]:
        done = subprocess.run(
            [self.program, "generate", "-"],
            env=self.env,
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        err = done.stderr.decode(errors="replace")
        return done.returncode, done.stdout.decode(), err.partition("\nUsage:")[0]


def _set_off(case: Case) -> bytes:
    # An extra line break would become part of a block scalar at the end.
    return b"---\n" + case.stdin + (b"" if case.stdin.endswith(b"\n") else b"\n")


def _was_unreadable(err: str) -> bool:
    """Return whether the error is about reading, before the first manifest is processed."""
    if err.removeprefix("Error: ").startswith(_OF_READING):
        return True
    assert err.removeprefix("Error: ").startswith(_OF_A_MANIFEST), err
    return False


_OF_READING = (
    "error converting YAML to JSON",
    "error unmarshaling JSON",
    "invalid Yaml document separator",
    "Object 'Kind' is missing",
)

_OF_A_MANIFEST = (
    "Replace:",
    "ToYAML:",
    "panic:",
    "Could not find secrets",
    "Could not get data from Vault",
    "Error making API request",
    "The secret version",
    "The Vault path",
    "Unsupported kvVersion",
    "json: ",
    "invalid character ",
)


def _outputs(out: str) -> list[str]:
    """Return the manifests that were printed; no line of a manifest begins with `---`."""
    return [f"{each}\n" for each in f"\n{out}".split("\n---\n")[:-1]]
