"""The fetching process, as the keeper runs it: a directory with a job, and what it leaves there."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avp_py.fetch.credential import Credential
from avp_py.fetch.job import DATA, INDEX, PREVIOUS, Job, Outcome
from avp_py.remotes import Remote
from avp_py.settings import Sensitive

LOOPBACK: Final = ("127.0.0.1", "localhost")
"""AVP_RENDER_HOSTS, without which nothing is fetched from loopback."""

MAX_BYTES: Final = 4 << 20
MEMORY: Final = 1 << 30


@dataclass(frozen=True)
class Done:
    """What the fetching process has left.

    Attributes:
        outcome: its outcome.
        data: the data; None where it left none.
        index: the index of a chart repository; None where it left none.
        seconds: how long it took.
        err: what it wrote on standard error.
    """

    outcome: Outcome
    data: bytes | None
    index: bytes | None
    seconds: float
    err: str

    @property
    def message(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.outcome.reason} / next: {self.outcome.hint}"


def credential(url: str, **fields: Any) -> Mapping[str, Any]:
    """A credential as a job has it; passwords, tokens and keys are plain texts here."""
    secret = {"password", "token", "key", "ssh_key"}
    given: dict[str, Any] = {
        name: Sensitive(each) if name in secret else each for name, each in fields.items()
    }
    return Credential(url=url, source="the test", **given).as_mapping()


def fetch(
    folder: Path,
    remote: Remote,
    *,
    previous: bytes | None = None,
    env: Mapping[str, str] | None = None,
    **fields: Any,
) -> Done:
    """Run the fetching process.

    Args:
        folder: where its directory is made.
        remote: what it fetches.
        previous: what the server sent before.
        env: variables of its environment.
        fields: further attributes of the job.
    """
    place = folder / f"job-{time.monotonic_ns()}"
    place.mkdir()
    given = {
        "hosts": LOOPBACK,
        "seconds": 20,
        "max_bytes": MAX_BYTES,
        "memory_bytes": MEMORY,
        **fields,
    }
    Job(remote=remote, **given).write(place)
    if previous is not None:
        (place / PREVIOUS).write_bytes(previous)
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "avp_py.fetch.child", place],
        env={"PATH": os.environ["PATH"], **(env or {})},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    return Done(
        Outcome.read(place), _read(place / DATA), _read(place / INDEX), seconds, done.stderr
    )


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
