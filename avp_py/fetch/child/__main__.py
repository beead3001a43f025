"""The process that fetches: reads the job in a directory, and leaves the outcome there."""

import math
import os
import resource
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from avp_py.errors import AvpError, FetchError
from avp_py.fetch.job import Job, Outcome
from avp_py.kernel import die_with_parent
from avp_py.remotes import RemoteCommit, RemoteFile


def main(folder: Path) -> None:
    """Do the job in a directory.

    Raises:
        OSError: the outcome cannot be written.
    """
    _end_with_parent()
    try:
        job = Job.read(folder)
        # The last resort: everything else ends by itself within the time limit.
        signal.alarm(math.ceil(job.seconds) + 1)
        _limit_memory(job.memory_bytes)
        outcome = _fetch(job, folder)
    except AvpError as error:
        is_down = isinstance(error, FetchError) and error.is_down
        outcome = Outcome(
            reason=error.reason, hint=error.hint, detail=error.detail, is_down=is_down
        )
    except MemoryError:
        outcome = Outcome(
            reason="fetching takes more memory than it may have",
            hint="check that what is fetched is what is meant",
        )
    except Exception as error:
        # Its text may hold a credential.
        outcome = Outcome(
            reason=f"internal error of the fetching process, {type(error).__name__}",
            hint="please report it",
        )
    outcome.write(folder)


def _fetch(job: Job, folder: Path) -> Outcome:
    remote = job.remote
    # Late: each kind loads only what it needs.
    if isinstance(remote, RemoteCommit):
        from avp_py.fetch.child.git import fetch_commit

        return fetch_commit(job, folder, os.environ)
    from avp_py.fetch.child.http import Client

    client = Client(job, os.environ)
    if isinstance(remote, RemoteFile):
        from avp_py.fetch.child.file import fetch_file

        return fetch_file(job, remote, folder, client)
    if urlsplit(remote.repository).scheme == "oci":
        from avp_py.fetch.child import registry

        return registry.fetch_chart(job, remote, folder, client)
    from avp_py.fetch.child import repository

    return repository.fetch_chart(job, remote, folder, client)


def _limit_memory(size: int) -> None:
    """Limit the memory of this process and those that it starts: the keeper itself has no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or size < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _end_with_parent() -> None:
    """Have the kernel tell us when the process ends that started this one, to end git with us."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, lambda _number, _frame: os.killpg(0, signal.SIGKILL))
    die_with_parent(os.getppid(), signal.SIGTERM)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
