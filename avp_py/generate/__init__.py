"""The core: one request, from a folder to manifests with their values in place.

It knows no argv and no HTTP; render, backends and settings are handed in or named by the request.
"""

from avp_py.generate.core import Output, Request, generate
from avp_py.generate.keeper import Keeper, LocalKeeper, OpenBackend, Terms
from avp_py.generate.secret import complete, read_from_cluster

__all__ = [
    "Keeper",
    "LocalKeeper",
    "OpenBackend",
    "Output",
    "Request",
    "Terms",
    "complete",
    "generate",
    "read_from_cluster",
]
