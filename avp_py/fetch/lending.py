"""Asks Argo CD's program for the name and the password that it lends.

git would start the program by itself. But it reads them from a socket of the repo-server, and the
sandbox cannot tell one socket from another: what talks to a hostile server must reach none, as the
core listens on one, too. So the program runs before, apart, and without any network.

Source: cmd/argocd-git-ask-pass of Argo CD, v3.2; credential.c and prompt.c of git 2.39.
"""

import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from avp_py.errors import AvpError, ChildError
from avp_py.fetch.job import HEADERS, PASSWORD, USERNAME, Job
from avp_py.remotes import RemoteCommit
from avp_py.sandbox import (
    SYSTEM,
    Access,
    Limits,
    Places,
    child_environment,
    confine,
    program_access,
    run,
    search_path,
)
from avp_py.settings import RenderSettings

logger: Final = logging.getLogger(__name__)

ASKPASS: Final = "GIT_ASKPASS"
NONCE: Final = "ARGOCD_GIT_ASKPASS_NONCE"
"""The variable with which the repo-server knows whose credentials are asked for."""

_SECONDS: Final = 5.0
_MAX_ANSWER: Final = 64 * 1024


def borrow(
    job: Job, folder: Path, settings: RenderSettings, environ: Mapping[str, str]
) -> tuple[Job, str]:
    """Return a job with what Argo CD lends for it, and why that is nothing.

    Args:
        job: the job.
        folder: a directory for the program.
        settings: the sandbox.
        environ: the environment in which the program is looked up.
    """
    program = job.askpass.get(ASKPASS)
    if not program or not isinstance(job.remote, RemoteCommit):
        return job, ""
    variables = {name: text for name, text in job.askpass.items() if name != ASKPASS}
    if any(map(variables.get, HEADERS)):
        return replace(job, askpass=variables), ""
    begin = time.monotonic()
    problem = ""
    try:
        url = _server(job.remote.repository)
        ask = _Program(program, variables, folder, settings, environ)
        seconds = min(job.seconds / 4, _SECONDS)
        if name := ask(f"Username for '{url}': ", seconds):
            variables[USERNAME] = name
            user = url.replace("://", f"://{name}@", 1)
            variables[PASSWORD] = ask(f"Password for '{user}': ", seconds)
    except AvpError as error:
        # What the program says is the operator's to read.
        logger.warning("provideGitCreds: %s: %s", error.reason, error.detail)
        problem = "Argo CD lends credentials (provideGitCreds), but its program did not print them"
    left = job.seconds - (time.monotonic() - begin)
    return replace(job, askpass=variables, seconds=max(left, 0)), problem


class _Program:
    """The program, which answers questions of git."""

    def __init__(
        self,
        name: str,
        variables: Mapping[str, str],
        folder: Path,
        settings: RenderSettings,
        environ: Mapping[str, str],
    ) -> None:
        found = shutil.which(name, path=search_path(environ))
        if found is None or ("/" in name and not name.startswith("/")):
            raise ChildError(
                f"the program {Path(name).name} of Argo CD is not on PATH",
                hint="mount it from the image of Argo CD",
            )
        self._argv = [found]
        self._folder = folder
        self._env = child_environment(environ, (), {"HOME": str(folder), **variables})
        access = SYSTEM | program_access(found) | Access(unix_sockets=True)
        self._access = confine(access, settings.sandbox)

    def __call__(self, question: str, seconds: float) -> str:
        """Return the answer.

        Raises:
            ChildError: the program failed, or took too long.
        """
        limits = Limits(seconds, time.monotonic() + seconds, seconds, 0, 0, _MAX_ANSWER)
        said = run(
            [*self._argv, question],
            cwd=self._folder,
            env=self._env,
            limits=limits,
            access=self._access,
            places=Places(self._folder, self._folder, None),
        )
        # As git cuts it.
        return said.decode("utf-8", "replace").replace("\r", "\n").partition("\n")[0]


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
