"""Every setting: its name, default, unit, and who may set it.

No I/O but the settings file: the environment is handed in by the door that was called.
"""

from avp_py.settings.files import read_config
from avp_py.settings.groups import (
    BackendSettings,
    Identity,
    LimitSettings,
    PolicySettings,
    RenderSettings,
    Settings,
    VaultSettings,
)
from avp_py.settings.load import load
from avp_py.settings.parse import Sensitive
from avp_py.settings.table import TABLE, Owner, Setting

__all__ = [
    "TABLE",
    "BackendSettings",
    "Identity",
    "LimitSettings",
    "Owner",
    "PolicySettings",
    "RenderSettings",
    "Sensitive",
    "Setting",
    "Settings",
    "VaultSettings",
    "load",
    "read_config",
]
