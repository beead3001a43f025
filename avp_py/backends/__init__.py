"""Backends, where secrets come from: one interface, one module or package for each."""

from avp_py.backends.interface import Backend, Gate, Location, Secret
from avp_py.backends.read import read_all, refused
from avp_py.backends.registry import BACKENDS, check_backend, module_of, open_backend, preload

__all__ = [
    "BACKENDS",
    "Backend",
    "Gate",
    "Location",
    "Secret",
    "check_backend",
    "module_of",
    "open_backend",
    "preload",
    "read_all",
    "refused",
]
