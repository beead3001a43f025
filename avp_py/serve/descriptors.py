"""How many files, sockets and pipes a process of the core may have open."""

import resource
from typing import Final

ENOUGH: Final = 1 << 16
"""More than the largest queue needs; some systems would allow a thousand million."""


def lift_limit() -> int:
    """Raise the soft limit of this process as far as it may, and return it.

    Linux starts processes with 1024, which a queue of 256 clients uses up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return ENOUGH if soft == resource.RLIM_INFINITY else soft
