"""Asks Argo CD's program for the name and the password that it lends.

git would start the program by itself. But it reads them from a socket of the repo-server, and the
sandbox cannot tell one socket from another: what talks to a hostile server must reach none, as the
core listens on one, too. So the program runs before, apart, and without any network.

Source: cmd/argocd-git-ask-pass of Argo CD, v3.2; credential.c and prompt.c of git 2.39.
"""

import logging
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from avp_py.errors import ChildError
from avp_py.fetch.askpass import variables_for
from avp_py.fetch.job import HEADERS, PASSWORD, USERNAME
from avp_py.limits import Limits
from avp_py.sandbox import (
    SYSTEM,
    Access,
    Places,
    child_environment,
    confine,
    own_directory,
    program_access,
    run,
    search_path,
)
from avp_py.settings import RenderSettings

logger: Final = logging.getLogger(__name__)

ASKPASS: Final = "GIT_ASKPASS"
NONCE: Final = "ARGOCD_GIT_ASKPASS_NONCE"
"""The variable with which the repo-server knows whose credentials are asked for."""

CMP_SERVER: Final = "/var/run/argocd/argocd-cmp-server"
"""The program in each sidecar: all programs of Argo CD in one, and _ROLE says which one it is."""

_ROLE: Final = "ARGOCD_BINARY_NAME"

_OF_PROGRAM: Final = (ASKPASS, NONCE, _ROLE, "ARGOCD_ASK_PASS_SOCK")
"""What the program needs, and git does not, which gets its answers."""

_PROBLEM: Final = (
    "Argo CD lends credentials (provideGitCreds), but its program did not print them; "
    "the log of `avp-py serve`, or -v, says why"
)

_SECONDS: Final = 5.0
_MAX_ANSWER: Final = 64 * 1024


@dataclass(frozen=True)
class Lent:
    """What Argo CD lends for one URL.

    Attributes:
        variables: those of LENT_NAMES that git itself reads, HEADERS, and LOGIN.
        problem: why that is nothing, where it should be something.
    """

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""


class Lender:
    """Argo CD, which lends for one request: for the server of the Application's repository."""

    def __init__(self, settings: RenderSettings, environ: Mapping[str, str]) -> None:
        """Make it; nothing is asked yet.

        Args:
            settings: the sandbox.
            environ: the variables of the request, and the environment in which Argo CD's program
                is looked up.
        """
        self._settings = settings
        self._environ = environ
        self._guard = threading.Lock()
        self._lent: Lent | None = None

    def lend(self, url: str, seconds: float) -> Lent:
        """Return what is lent for the URL of a git repository.

        Args:
            url: the URL.
            seconds: how long it may take.
        """
        variables = variables_for(url, self._environ)
        if not variables:
            return Lent()
        with self._guard:
            # It does not depend on the URL: there is one such server.
            if self._lent is None:
                self._lent = self._ask(url, variables, seconds)
            return self._lent

    def _ask(self, url: str, variables: Mapping[str, str], seconds: float) -> Lent:
        kept = {name: text for name, text in variables.items() if name not in _OF_PROGRAM}
        program = variables.get(ASKPASS)
        if not program or any(map(kept.get, HEADERS)):
            return Lent(kept)
        try:
            with own_directory(self._environ) as folder:
                ask = _Program(program, variables, folder, self._settings, self._environ)
                server = _server(url)
                seconds = min(seconds / 4, _SECONDS)
                if name := ask(f"Username for '{server}': ", seconds):
                    user = server.replace("://", f"://{name}@", 1)
                    password = ask(f"Password for '{user}': ", seconds)
                    kept |= {USERNAME: name, PASSWORD: password}
        except ChildError as error:
            # What the program says is the operator's to read.
            logger.warning("provideGitCreds: %s: %s", error.reason, error.detail)
            return Lent(kept, _PROBLEM)
        except OSError as error:
            logger.warning("provideGitCreds: the temporary directory: %s", error.strerror)
            return Lent(kept, _PROBLEM)
        return Lent(kept)


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
        found = _find(name, variables, environ)
        self._argv = [found]
        self._folder = folder
        lent = {name: text for name, text in variables.items() if name != ASKPASS}
        self._env = child_environment(environ, (), {"HOME": str(folder), **lent})
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


def _find(name: str, variables: Mapping[str, str], environ: Mapping[str, str]) -> str:
    found = None
    if "/" not in name or name.startswith("/"):
        found = shutil.which(name, path=search_path(environ))
    # Without a role it would be what its name says: another server for plugins.
    if found is None and "/" not in name and variables.get(_ROLE):
        found = shutil.which(CMP_SERVER)
    if found is None:
        raise ChildError(f"{Path(name).name} not found on PATH, nor {CMP_SERVER}")
    return found


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
