"""The command line: argv, environment, exit codes, and what a person reads.

The only place that touches the process: `sys.argv`, `os.environ`, the standard streams.
"""

from avp_py.cli.main import main

__all__ = ["main"]
