"""One program of a render: what it may use, and how it is started."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from avp_py.limits import Limits
from avp_py.render.repository import Repository
from avp_py.render.workspace import Workspace
from avp_py.sandbox import (
    CERTIFICATES,
    SYSTEM,
    Access,
    Places,
    Questions,
    Written,
    child_environment,
    confine,
    confines_files,
    describe_sandbox,
    named_access,
    program_access,
    run,
    without_network,
)
from avp_py.settings import RenderSettings, is_for_fetching

logger: Final = logging.getLogger(__name__)


def passed_on(settings: RenderSettings) -> Sequence[str]:
    """Return the names of AVP_RENDER_ENV that are for what renders, and not for what fetches."""
    return [each for each in settings.environment if not is_for_fetching(each)]


class Child:
    """kustomize or helm, for one render.

    It may read the repository and write to scratch. It has no network: what it needs from other
    machines is fetched for it.
    """

    def __init__(
        self,
        program: str,
        settings: RenderSettings,
        limits: Limits,
        environ: Mapping[str, str],
        workspace: Workspace,
        repository: Repository,
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a program.

        Args:
            program: its absolute path.
            settings: how to render.
            limits: how long it may run, and how much it may print and write.
            environ: our environment, of which it sees a part.
            workspace: the run's temporary directory.
            repository: what it may read.
            defaults: variables that it has unless the operator passes on others.

        Raises:
            SandboxError: AVP_SANDBOX requires what the kernel does not have.
        """
        logger.info("sandbox: %s", describe_sandbox(settings.sandbox))
        self._program = program
        self._mode = settings.sandbox
        self._limits = limits
        self._workspace = workspace
        passed = passed_on(settings)
        names = (*passed, *CERTIFICATES)
        self._access = SYSTEM | program_access(program) | named_access(environ, names)
        self._access |= Access(
            read=(repository.root, workspace.home, workspace.provided),
            write=(workspace.scratch,),
        )
        env = child_environment(environ, passed, workspace.variables)
        env = {**(defaults or {}), **env}
        self._env = without_network(env, workspace.provided)
        self._places = Places(
            workspace.tree, workspace.folder, repository.root if repository.is_tenants else None
        )

    @property
    def is_confined(self) -> bool:
        """Whether the program can read nothing but what it may."""
        return confines_files(self._mode)

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        access: Access,
        questions: Questions | None = None,
    ) -> bytes:
        """Run the program and return its standard output.

        Args:
            arguments: its arguments.
            folder: where it runs.
            access: what else it may use.
            questions: what answers a script that it starts.

        Raises:
            ChildError: it failed, or exceeded a limit.
            SandboxError: the kernel refused the sandbox.
        """
        # What was copied counts too, and is limited by itself.
        written = Written(
            directories=(self._workspace.scratch, self._workspace.tree),
            size=2 * self._limits.input_bytes,
            files=2 * self._limits.files,
        )
        confined = confine(self._access | access, self._mode)
        begin = time.monotonic()
        output = run(
            [self._program, *arguments],
            cwd=folder,
            env=self._env,
            limits=self._limits,
            access=confined,
            places=self._places,
            written=written,
            questions=questions,
        )
        name, seconds = Path(self._program).name, time.monotonic() - begin
        logger.info("%s %s took %.2f s", name, arguments[0], seconds)
        return output
