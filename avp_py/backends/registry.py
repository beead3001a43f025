"""Which backends there are."""

import contextlib
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from avp_py.backends.interface import Backend
from avp_py.errors import SettingsError
from avp_py.settings import Settings

BACKENDS: Final[Mapping[str, str]] = {
    "vault": "avp_py.backends.vault",
    "file": "avp_py.backends.file",
}
"""The name in AVP_TYPE, and the module whose `open_backend(settings)` makes it and whose
`check(settings, log_in=…)` asks it. Modules are loaded when they are wanted, as the libraries under
them are slow to load."""


def open_backend(settings: Settings) -> Backend:
    """The backend that the settings name. Nothing is contacted yet.

    Raises:
        SettingsError: there is no such backend, or a setting that it needs is missing.
    """
    backend: Backend = import_module(module_of(settings.backend.type)).open_backend(settings)
    return backend


def check_backend(settings: Settings, *, log_in: bool) -> str:
    """Asks the backend that the settings name whether it would answer; no secret is read.

    Args:
        settings: all of them.
        log_in: whether to log in, too.

    Returns:
        Who answered.

    Raises:
        SettingsError: there is no such backend, or a setting that it needs is missing.
        BackendError: it cannot be reached, or refuses the login.
    """
    answer: str = import_module(module_of(settings.backend.type)).check(settings, log_in=log_in)
    return answer


def preload(name: str) -> None:
    """Loads the libraries of a backend, so that a later open_backend need not wait for them."""
    # Whatever keeps them from being loaded is open_backend's to say, if it is called at all.
    with contextlib.suppress(Exception):
        if name in BACKENDS:
            import_module(BACKENDS[name])


def module_of(name: str) -> str:
    """The name of a backend's module; nothing is loaded.

    Raises:
        SettingsError: there is no such backend.
    """
    if name not in BACKENDS:
        raise SettingsError(
            f"there is no backend {name!r}", hint=f"set AVP_TYPE to one of {', '.join(BACKENDS)}"
        )
    return BACKENDS[name]
