"""Every setting: its name, default, unit, and who may set it.

No I/O but the settings file: the environment is handed in by the door that was called.
"""

from avp_py.settings.files import read_config
from avp_py.settings.groups import (
    ApplicationSecret,
    BackendSettings,
    Identity,
    LimitSettings,
    LogSettings,
    PolicySettings,
    RenderSettings,
    Settings,
    VaultSettings,
)
from avp_py.settings.images import Image
from avp_py.settings.load import load, read_limits, read_log, tenant_settings, without_tenant
from avp_py.settings.parameters import PARAMETERS
from avp_py.settings.parse import LogFormat, RateLimit, SandboxMode, Sensitive, WarningMode
from avp_py.settings.regexp import Regexp
from avp_py.settings.table import OUR_PREFIXES, TABLE, TENANT_PREFIX, Kind, Owner, Setting, Trust
from avp_py.settings.trust import OPERATORS_WAYS, judge_secret

__all__ = [
    "OPERATORS_WAYS",
    "OUR_PREFIXES",
    "PARAMETERS",
    "TABLE",
    "TENANT_PREFIX",
    "ApplicationSecret",
    "BackendSettings",
    "Identity",
    "Image",
    "Kind",
    "LimitSettings",
    "LogFormat",
    "LogSettings",
    "Owner",
    "PolicySettings",
    "RateLimit",
    "Regexp",
    "RenderSettings",
    "SandboxMode",
    "Sensitive",
    "Setting",
    "Settings",
    "Trust",
    "VaultSettings",
    "WarningMode",
    "judge_secret",
    "load",
    "read_config",
    "read_limits",
    "read_log",
    "tenant_settings",
    "without_tenant",
]
