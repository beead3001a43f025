"""Runs either program as a process, with its command line, files and environment."""

import dataclasses
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.compat.case import Case, Link
from tests.compat.outcome import Outcome, printed
from tests.compat.vault_plugin import PANIC, SECONDS
from tests.integration.reader import Reader

_CRASHED: Final = "goroutine "


def run(
    argv: Sequence[str | Path],
    case: Case,
    env: Mapping[str, str],
    facts: Mapping[str, str],
    reader: Reader,
) -> Outcome:
    """Run a case in its own process.

    Args:
        argv: the program.
        case: the case.
        env: the whole environment, except for what the case adds or removes; HOME is a fresh
            folder, to which the files are written.
        facts: the values of `{NAME}` in the command line, the variables and the files.
        reader: reads what the program prints.
    """
    folder = Path(env["HOME"]) / "files"
    facts = {**facts, "files": str(folder)}
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.to)
            continue
        data = _filled(content, facts).encode() if isinstance(content, str) else content
        path.write_bytes(data)
    changed = {**env, **case.env}
    done = subprocess.run(
        [*argv, *(_filled(word, facts) for word in case.argv)],
        env={name: _filled(value, facts) for name, value in changed.items() if value is not None},
        input=case.stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    err = done.stderr.decode(errors="replace")
    if done.returncode == 0:
        return dataclasses.replace(printed(done.stdout.decode(), reader), code=0)
    panicked = done.returncode == PANIC and _CRASHED in err
    return Outcome(done.stdout.decode(), error=err, panicked=panicked, code=done.returncode)


def _filled(text: str, facts: Mapping[str, str]) -> str:
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    return text
