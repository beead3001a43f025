"""Child processes: what they may read, write, run and reach, and their limits.

The only package that starts a process. kustomize, helm and git handle hostile input, so each of
them runs in a kernel sandbox (Landlock and seccomp), with an environment and limits of its own.
"""

from avp_py.sandbox.access import (
    SYSTEM,
    Access,
    git_access,
    named_access,
    program_access,
    proxy_ports,
    python_access,
)
from avp_py.sandbox.directories import (
    claim_directory,
    own_directory,
    remove_directory,
    remove_stale,
    temporary_directory,
)
from avp_py.sandbox.environment import (
    CERTIFICATES,
    child_environment,
    helm_defaults,
    search_path,
    without_network,
)
from avp_py.sandbox.go_program import read_go_module
from avp_py.sandbox.messages import Places
from avp_py.sandbox.mode import confine, confines_files, describe_sandbox, restrict_process
from avp_py.sandbox.process import Written, children, limit_process, run
from avp_py.sandbox.questions import Questions

__all__ = [
    "CERTIFICATES",
    "SYSTEM",
    "Access",
    "Places",
    "Questions",
    "Written",
    "child_environment",
    "children",
    "claim_directory",
    "confine",
    "confines_files",
    "describe_sandbox",
    "git_access",
    "helm_defaults",
    "limit_process",
    "named_access",
    "own_directory",
    "program_access",
    "proxy_ports",
    "python_access",
    "read_go_module",
    "remove_directory",
    "remove_stale",
    "restrict_process",
    "run",
    "search_path",
    "temporary_directory",
    "without_network",
]
