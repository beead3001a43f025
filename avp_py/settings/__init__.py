"""Every setting: its name, default, unit, and who may set it.

No I/O but the settings file: environment and command line are passed in.
"""

from avp_py.settings.declaration import (
    LENT_FOR_HTTP,
    LENT_FOR_SSH,
    LENT_NAMES,
    OUR_PREFIXES,
    Kind,
    Owner,
    Setting,
    Trust,
    declared,
    is_argocds,
    is_for_fetching,
    without_argocds,
)
from avp_py.settings.fetch import FetchSettings
from avp_py.settings.files import read_config
from avp_py.settings.groups import (
    TABLE,
    ApplicationSecret,
    Identity,
    LimitSettings,
    LogSettings,
    PolicySettings,
    ServeSettings,
    Settings,
)
from avp_py.settings.images import Image
from avp_py.settings.parse import LogFormat, RateLimit, SandboxMode, Sensitive, WarningMode
from avp_py.settings.program import Program
from avp_py.settings.regexp import Regexp
from avp_py.settings.render import CHART_NAMES, RenderSettings
from avp_py.settings.resolve import (
    Resolution,
    Sources,
    config_without_credentials,
    environment_without_credentials,
    read_limits,
    read_log,
    read_render,
    read_serve,
    resolve,
    set_by_tenant,
    tenant_settings,
    without_credentials,
)
from avp_py.settings.trust import OPERATORS_WAYS
from avp_py.settings.vault import VaultSettings

__all__ = [
    "CHART_NAMES",
    "LENT_FOR_HTTP",
    "LENT_FOR_SSH",
    "LENT_NAMES",
    "OPERATORS_WAYS",
    "OUR_PREFIXES",
    "TABLE",
    "ApplicationSecret",
    "FetchSettings",
    "Identity",
    "Image",
    "Kind",
    "LimitSettings",
    "LogFormat",
    "LogSettings",
    "Owner",
    "PolicySettings",
    "Program",
    "RateLimit",
    "Regexp",
    "RenderSettings",
    "Resolution",
    "SandboxMode",
    "Sensitive",
    "ServeSettings",
    "Setting",
    "Settings",
    "Sources",
    "Trust",
    "VaultSettings",
    "WarningMode",
    "config_without_credentials",
    "declared",
    "environment_without_credentials",
    "is_argocds",
    "is_for_fetching",
    "read_config",
    "read_limits",
    "read_log",
    "read_render",
    "read_serve",
    "resolve",
    "set_by_tenant",
    "tenant_settings",
    "without_argocds",
    "without_credentials",
]
