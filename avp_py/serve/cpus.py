"""How many processors this container may use."""

import math
import os
from pathlib import Path
from typing import Final

_CGROUP: Final = Path("/sys/fs/cgroup")


def usable_cpus(cgroup: Path = _CGROUP) -> int:
    """Return how many processors there are to use, at least 1.

    That is what the scheduler lets this process use, and no more than the quota of the container:
    cpu.max of cgroup v2, cpu.cfs_quota_us of v1 (Documentation/admin-guide of Linux 6.18).

    Args:
        cgroup: where the control group of the container is mounted.
    """
    processors = len(os.sched_getaffinity(0))
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota, period = (
                (cgroup / "cpu" / name).read_text(encoding="ascii").strip()
                for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            )
        except OSError:
            return processors
    # `max`, and -1 in v1: no limit.
    if not quota.isdecimal() or not period.isdecimal() or int(period) == 0:
        return processors
    return max(min(math.ceil(int(quota) / int(period)), processors), 1)
