"""Backends, where secrets come from: one interface, one module or package for each."""

from avp_py.backends.interface import Backend, Gate, Location, MayName, Secret, Target
from avp_py.backends.read import read_all, refused
from avp_py.backends.registry import (
    BACKENDS,
    candidates,
    check_backend,
    module_of,
    open_backend,
    preload,
)

__all__ = [
    "BACKENDS",
    "Backend",
    "Gate",
    "Location",
    "MayName",
    "Secret",
    "Target",
    "candidates",
    "check_backend",
    "module_of",
    "open_backend",
    "preload",
    "read_all",
    "refused",
]
