"""The environment of child processes: a short list of variables, and directories of the run."""

import os
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

DEAD_PROXY: Final = "http://127.0.0.1:9"
"""A proxy that nobody is: the port of the protocol `discard`."""

DEFAULT_MEMORY: Final = 1 << 30
"""How much memory helm is taken to have where nothing limits it, in bytes."""

CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""The variables that name CA certificates."""

PASSED_ON: Final = (
    "LANG", "LC_ALL", "TZ",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    *CERTIFICATES,
)  # fmt: skip
"""What a child sees of our environment: where programs are, and how to reach the network.
The operator can add names with AVP_RENDER_ENV."""


DEFAULTS: Final[Mapping[str, str]] = {
    "GIT_HTTP_LOW_SPEED_LIMIT": "1",
    "GIT_HTTP_LOW_SPEED_TIME": "20",
}
"""Variables that a child has unless the operator passes on others. git ends by itself, and says so,
where a server sends nothing at all for 20 seconds; kustomize waits for 27 seconds."""


def child_environment(
    environ: Mapping[str, str], further: Sequence[str], own: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the environment of a child.

    Args:
        environ: ours.
        further: names to pass on beside PASSED_ON; they win over DEFAULTS.
        own: variables of the child's own, such as HOME and TMPDIR; they win.
    """
    names = (*PASSED_ON, *further)
    passed = {name: environ[name] for name in names if name in environ}
    # An empty PATH would mean the working directory.
    path = search_path(environ)
    return {**DEFAULTS, **passed, **({"PATH": path} if path else {}), **own}


def helm_defaults() -> Mapping[str, str]:
    """Return variables that helm has unless the operator passes on others.

    It allocates so much when it starts that a quarter of its time would go into collections of
    garbage. So Go collects less often, until half of the memory is used that helm may have.

    Source: the package runtime of Go 1.25, "Environment Variables".
    """
    most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    memory = DEFAULT_MEMORY if most == resource.RLIM_INFINITY else most
    return {"GOGC": "400", "GOMEMLIMIT": str(memory // 2)}


def without_network(env: Mapping[str, str], programs: Path) -> Mapping[str, str]:
    """Return an environment in which a child finds no git, and no way to other machines.

    Args:
        env: the environment.
        programs: a directory without programs other than ours, which becomes PATH.
    """
    kept = {name: value for name, value in env.items() if name.lower() != "no_proxy"}
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    dead = dict.fromkeys(proxies, DEAD_PROXY)
    return kept | dead | {"PATH": str(programs), "GIT_ALLOW_PROTOCOL": "none"}


def search_path(environ: Mapping[str, str]) -> str:
    """Return PATH without relative directories: the working directory is a tenant's."""
    directories = environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(each for each in directories if each.startswith("/"))
