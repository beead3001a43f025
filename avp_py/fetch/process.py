"""Starts the process that fetches, and reads what it leaves, as hostile input."""

import select
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from avp_py.errors import ChildError, FetchError
from avp_py.fetch.job import DATA, INDEX, PREVIOUS, Job, Outcome, read_left
from avp_py.fetch.lending import ASKPASS, NONCE
from avp_py.limits import Limits
from avp_py.remotes import RemoteCommit
from avp_py.sandbox import (
    CERTIFICATES,
    SYSTEM,
    Access,
    Places,
    Written,
    child_environment,
    confine,
    git_access,
    named_access,
    own_directory,
    program_access,
    proxy_ports,
    python_access,
    run,
)
from avp_py.settings import RenderSettings

_OF_GIT: Final = ("GIT_", "SSH_")
"""How the names of variables begin that the operator may pass on to git."""

_MARGIN: Final = 0.5
"""How many seconds before its time limit the process ends by itself."""

_LENT_FILES: Final = ("GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CERT", "GIT_SSL_KEY")
"""The variables of Argo CD that name files for git and ssh."""

_FILES: Final = 200_000
"""How many files a process that fetches may write."""


@dataclass(frozen=True)
class Left:
    """What the process leaves.

    Attributes:
        outcome: what came of the job.
        data: the archive, the tar or the file; None where there is none.
        index: the index of the repository, where it has changed.
    """

    outcome: Outcome
    data: bytes | None = field(repr=False)
    index: bytes | None = field(repr=False)


class GivenUpError(FetchError):
    """Whoever wanted it is gone."""


def fetch(
    job: Job,
    previous: bytes,
    settings: RenderSettings,
    environ: Mapping[str, str],
    asker: int | None = None,
) -> Left:
    """Run a job in a process of its own.

    Args:
        job: the job.
        previous: what the repository served before; empty where there is nothing.
        settings: the sandbox, the ports, and the variables of the operator for git.
        environ: the environment of the operator.
        asker: a descriptor that becomes readable once nobody wants it any more.

    Raises:
        GivenUpError: nobody wants it any more.
        FetchError: the process could not be started, failed, or took too long.
    """
    end = time.monotonic() + job.seconds
    try:
        with own_directory(environ) as folder:
            # So that the process itself can say what took too long.
            own = min(_MARGIN, job.seconds / 2)
            replace(job, seconds=job.seconds - own).write(folder)
            if previous:
                (folder / PREVIOUS).write_bytes(previous)
            _run(job, folder, settings, environ, asker)
            outcome = Outcome.read(folder)
            data = read_left(folder, DATA, job.max_bytes)
            return Left(outcome, data, read_left(folder, INDEX, job.max_bytes))
    except ChildError as error:
        if asker is not None and select.select([asker], [], [], 0)[0]:
            raise GivenUpError("the request is given up", hint="try again") from error
        # Whatever took too long, the repository may be why.
        reason, hint, detail = error.reason, error.hint, error.detail
        if time.monotonic() >= end:
            reason = f"it did not come within {job.seconds:.3g} s"
        raise FetchError(reason, hint=hint, detail=detail, is_down=True) from error
    except OSError as error:
        raise FetchError(
            f"the temporary directory cannot be used: {error.strerror}",
            hint="set TMPDIR of the sidecar to a writable directory with room for what is fetched",
        ) from error


def gits_variables(settings: RenderSettings, environ: Mapping[str, str]) -> Sequence[str]:
    """Return the names of the operator's variables that git gets.

    Args:
        settings: the variables that the operator permits (AVP_RENDER_ENV).
        environ: the environment of the operator, with the variables of the request.
    """
    # What is for helm was read on the operator's side.
    names = [each for each in settings.environment if each.startswith(_OF_GIT)]
    # Argo CD's own program answers with what it lends for one server only.
    return [each for each in names if each != ASKPASS or NONCE not in environ]


def _run(
    job: Job,
    folder: Path,
    settings: RenderSettings,
    environ: Mapping[str, str],
    asker: int | None,
) -> None:
    is_git = isinstance(job.remote, RemoteCommit)
    passed = gits_variables(settings, environ) if is_git else ()
    names = (*passed, *CERTIFICATES)
    # Relative to sys.executable, so that a virtual environment is one to the process, too.
    argv = [sys.executable, "-I", "-m", "avp_py.fetch.child", str(folder)]
    ports = {int(port) for host in job.hosts if (port := _port(host))}
    access = SYSTEM | program_access(sys.executable) | python_access()
    access |= named_access(environ, names) | Access(
        write=(folder,),
        connect=(*settings.ports, *ports, *proxy_ports(environ)),
    )
    if is_git:
        lent = named_access(job.askpass, _LENT_FILES)
        access |= git_access(environ) | Access(read=lent.read)
    own = {"HOME": str(folder), "TMPDIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
    now = time.monotonic()
    limits = Limits(job.seconds, now + job.seconds, job.seconds, job.max_bytes, _FILES, 1 << 20)
    run(
        argv,
        cwd=folder,
        env=child_environment(environ, passed, own),
        limits=limits,
        access=confine(access, settings.sandbox),
        places=Places(folder, folder, None),
        written=Written((folder,), 3 * job.max_bytes, _FILES),
        asker=asker,
    )


def _port(host: str) -> str:
    """Return the port in `host:port`; an empty text without one."""
    rest = host.rpartition("]")[2]
    return rest.rpartition(":")[2] if ":" in rest else ""
