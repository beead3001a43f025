"""What kustomize starts in helm's and git's places, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from avp_py.errors import AvpError, ChildError, Failure, GenerateError
from avp_py.render.git_wrapper import GitWrapper
from avp_py.render.helm_wrapper import HelmWrapper
from avp_py.render.remote_files import RemoteFiles
from avp_py.sandbox import Access, Questions


@dataclass(frozen=True)
class Wrappers:
    """The scripts of one build.

    Attributes:
        questions: what answers them.
        remote_files: the files that kustomizations name by URLs.
        helm: the script for helm; None where there is no helm.
        git: the script for git; None where nothing names a git repository.
    """

    questions: Questions
    remote_files: RemoteFiles
    helm: HelmWrapper | None
    git: GitWrapper | None

    @property
    def _scripts(self) -> Sequence[HelmWrapper | GitWrapper]:
        return [each for each in (self.helm, self.git) if each is not None]

    @property
    def flags(self) -> Sequence[str]:
        """The flags of kustomize that name them; git is found on PATH."""
        return [] if self.helm is None else [f"--helm-command={self.helm.path}"]

    @property
    def access(self) -> Access:
        """What they need to run."""
        access = Access()
        for each in self._scripts:
            access |= each.access
        return access

    @property
    def warnings(self) -> Sequence[Failure]:
        """What is to be noticed about what was fetched."""
        found = [*self.remote_files.warnings]
        for each in self._scripts:
            found += each.warnings
        return found

    def explain(self, error: ChildError) -> AvpError:
        """Return why a build failed: what they know of it says more than kustomize does.

        Args:
            error: the error of kustomize.
        """
        failures = [failure for each in self._scripts for failure in each.failures]
        if failures:
            return GenerateError(list(dict.fromkeys(failures)))
        return self.remote_files.explain(error, self.git.repositories if self.git else ())
