"""What avp-py costs, compared with argocd-vault-plugin: `make bench`, or `python -m benchmarks`.

cases.py has the cases as data, inputs.py what they render, programs.py how both programs are
started, runner.py measures, and report.py writes what was found. scale.py has the cases below the
real Argo CD (`make scale`). proxy.py and sampler.py are processes of their own, so that they take
no time of the one that measures.
"""

import os
import tempfile
from pathlib import Path

import tests  # noqa: F401 - before gRPC: it sets how that behaves in forked processes

_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has random names


def keep_files_in_memory() -> None:
    """Let every temporary file of what is measured be in memory, where that is possible.

    What a file takes on a disk depends on its file system: on ext4 without a journal, the copies of
    repositories, Argo CD's among them, are a tenth of all processor time.
    """
    if os.access(_MEMORY, os.W_OK) and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        tempfile.tempdir = str(_MEMORY)
