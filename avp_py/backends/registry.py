"""The backends by their names."""

import contextlib
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Final

from avp_py.backends.interface import Backend, Location
from avp_py.backends.vault import paths
from avp_py.errors import SettingsError
from avp_py.settings import Settings

BACKENDS: Final[Mapping[str, str]] = {
    "vault": "avp_py.backends.vault.opening",
    "file": "avp_py.backends.file",
}
"""The name in AVP_TYPE, and the module with its `open_backend(settings, environ)` and its
`check(settings, environ, log_in=…)`. A module is loaded when it is needed: that takes a while."""


def open_backend(settings: Settings, environ: Mapping[str, str]) -> Backend:
    """Return the backend that the settings name; nothing is contacted yet.

    Args:
        settings: all of them.
        environ: the environment of the run.

    Raises:
        SettingsError: there is no such backend, or a setting that it needs is missing.
    """
    module = import_module(module_of(settings.backend.type))
    backend: Backend = module.open_backend(settings, environ)
    return backend


def check_backend(settings: Settings, environ: Mapping[str, str], *, log_in: bool) -> str:
    """Check that the backend that the settings name would answer; no secret is read.

    Args:
        settings: all of them.
        environ: the environment of the run.
        log_in: whether to log in, too.

    Returns:
        Who answered.

    Raises:
        SettingsError: there is no such backend, or a setting that it needs is missing.
        BackendError: it cannot be reached, or rejects the login.
    """
    module = import_module(module_of(settings.backend.type))
    answer: str = module.check(settings, environ, log_in=log_in)
    return answer


def candidates(settings: Settings, location: Location) -> Iterable[str]:
    """Return every path that a backend may request for a location; none is opened.

    Raises:
        PlaceholderError: the location is not valid.
    """
    # The other backends stand in for Vault, and read the same manifests.
    return paths.candidates(location, settings.backend.kv_version)


def preload(name: str) -> None:
    """Load the libraries of a backend, so that a later open_backend need not wait for them."""
    # If they cannot be loaded, open_backend reports it, if it is called at all.
    with contextlib.suppress(Exception):
        if name in BACKENDS:
            import_module(BACKENDS[name])


def module_of(name: str) -> str:
    """Return the name of a backend's module; nothing is loaded.

    Raises:
        SettingsError: there is no such backend.
    """
    if name not in BACKENDS:
        raise SettingsError(
            f"unknown backend {name[:80]!r}", hint=f"set AVP_TYPE to one of {', '.join(BACKENDS)}"
        )
    return BACKENDS[name]
