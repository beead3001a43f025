"""What a command gets of the operator: the settings, and the keeper of the secrets."""

import argparse
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from avp_py import backends
from avp_py.errors import UsageError
from avp_py.generate import Keeper, LocalKeeper, OpenBackend
from avp_py.render import Source
from avp_py.settings import Settings, Sources, read_config, read_limits, read_log, resolve

if TYPE_CHECKING:
    from avp_py.cli.console import Console
    from avp_py.fetch.depot import Depot


class Operator(ABC):
    """The operator's side of a run."""

    @abstractmethod
    def read_sources(self, arguments: argparse.Namespace, console: "Console") -> Sources:
        """Return the sources of the settings, and apply the limits and the log format in them.

        Args:
            arguments: the command line, with the program's name.
            console: the environment, and what the limits and the log format are applied to.

        Raises:
            AvpError: the settings file cannot be read.
        """

    @abstractmethod
    def open(self, arguments: argparse.Namespace, console: "Console") -> tuple[Settings, Keeper]:
        """Return the settings, and the keeper of the secrets; see read_sources.

        Raises:
            AvpError: the settings or the policy cannot be read.
        """

    def health(self) -> tuple[int, str] | None:
        """Return the exit code and the text of a health check where the operator's side is.

        None where that is this process: then the check is made here.

        Raises:
            AvpError: there was no answer.
        """
        return None


class LocalOperator(Operator):
    """The operator's side of a run that has the operator's environment itself."""

    def __init__(
        self, open_backend: OpenBackend = backends.open_backend, depot: "Depot | None" = None
    ) -> None:
        """Make it.

        Args:
            open_backend: makes the backend that secrets are read from.
            depot: what fetching shares with other requests of the process; None for nothing.
        """
        self._open_backend = open_backend
        self._depot = depot

    def read_sources(self, arguments: argparse.Namespace, console: "Console") -> Sources:
        """Read the settings file of `-c`, if there is one."""
        file = arguments.config_path
        sources = Sources(
            console.environ,
            read_config(file, console.environ) if file else None,
            arguments.secret_name,
            arguments.program,
            arguments.disable_token_cache,
        )
        console.log.use(read_log(sources).format)
        limits = read_limits(sources)
        console.limits.limit_time(limits.seconds, console.started)
        console.limits.limit_memory(limits.memory_bytes)
        return sources

    def open(
        self, arguments: argparse.Namespace, console: "Console"
    ) -> tuple[Settings, LocalKeeper]:
        """Resolve the settings, and read the policy."""
        resolution = resolve(self.read_sources(arguments, console))
        return resolution.settings, LocalKeeper(resolution, self._open_backend, depot=self._depot)


def read_source(path: str) -> Source:
    """Return the directory, or file, of a command line.

    Raises:
        UsageError: there is no working directory that the path is relative to.
    """
    try:
        return Source(Path(path).absolute(), path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be used: {error.strerror}",
            hint="change to a directory that exists, or name an absolute path",
        ) from error
