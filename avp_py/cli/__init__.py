"""The command line: argv, environment, exit codes, and what a person reads.

The only place that touches the process: `sys.argv`, `os.environ`, the standard streams.
"""

from avp_py.cli.main import entrypoint, entrypoint_as_avp, main

__all__ = ["entrypoint", "entrypoint_as_avp", "main"]
