"""The sources of the settings, for every command that needs them."""

import argparse
from pathlib import Path

from avp_py.cli.console import Console
from avp_py.errors import UsageError
from avp_py.render import Source
from avp_py.settings import Sources, read_config, read_limits, read_log


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


def read_sources(arguments: argparse.Namespace, console: Console) -> Sources:
    """Return the sources, and apply the limits and the log format that they set.

    Args:
        arguments: the command line, with the program's name.
        console: the environment, and what the limits and the log format are applied to.

    Raises:
        AvpError: the settings file cannot be read.
    """
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
