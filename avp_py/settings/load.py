"""From the environment to the settings: precedence, and who may set what.

Precedence is argocd-vault-plugin's (pkg/config/config.go, v1.18.1) as far as a tenant may speak:

    a name with AVP_        ARGOCD_ENV_X, environment, settings file or Secret, default
    a name of a backend     ARGOCD_ENV_X, settings file or Secret, environment, default

An empty variable counts as unset, as Argo CD writes an unknown `$NAME` in `plugin.env` as empty.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from avp_py.errors import Failure, GenerateError, SettingsError
from avp_py.settings import groups, parse
from avp_py.settings.table import (
    BACKEND_PREFIXES,
    TABLE,
    TENANT_PREFIX,
    TENANT_SETTINGS,
    Owner,
    Setting,
)


def load(environ: Mapping[str, str], config: Mapping[str, str] | None = None) -> groups.Settings:
    """Reads all settings.

    Args:
        environ: the environment of the process.
        config: what the operator's settings file or Secret holds, by name in capitals.

    Returns:
        The settings.

    Raises:
        GenerateError: holds every setting that is malformed, or that a tenant may not set.
    """
    failures: list[Failure] = []
    operator = _operator(environ, config or {})
    permitted = _permitted(operator, failures)
    failures.extend(_trespasses(environ, permitted))
    values: dict[str, dict[str, Any]] = {}
    for setting in TABLE:
        try:
            value = _read(setting, environ, operator, permitted)
        except SettingsError as error:
            failures.extend(error.failures)
            value = None
        values.setdefault(setting.group, {})[setting.field] = value
    if failures:
        raise GenerateError(failures)
    return groups.Settings(
        **{
            field.name: field.type(**values[field.name])  # type: ignore[operator]  # the groups' classes
            for field in dataclasses.fields(groups.Settings)
        }
    )


def _operator(environ: Mapping[str, str], config: Mapping[str, str]) -> Mapping[str, str]:
    """What the operator says, in the environment and in the settings file or Secret."""
    said = {name: value for name, value in environ.items() if value}
    for name, value in config.items():
        if value and (name not in said or name.startswith(BACKEND_PREFIXES)):
            said[name] = value
    return said


def _permitted(operator: Mapping[str, str], failures: list[Failure]) -> frozenset[str]:
    """The names that a tenant may set."""
    listed = frozenset(parse.words(operator.get(TENANT_SETTINGS, "")))
    known = {setting.name for setting in TABLE if setting.owner is not Owner.ARGOCD}
    for name in sorted(listed - known):
        failures.append(
            Failure(
                f"{TENANT_SETTINGS} names {name}, which is no setting that can be handed on",
                hint="see the table of settings for the names",
            )
        )
    return listed | {setting.name for setting in TABLE if setting.owner is Owner.TENANT}


def _trespasses(environ: Mapping[str, str], permitted: frozenset[str]) -> list[Failure]:
    """A failure for each variable that a tenant set without being allowed to."""
    return [
        Failure(
            f"the Application sets {name}, which is the operator's to set",
            hint="remove it from plugin.env of the Application; an operator can permit it with "
            f"{TENANT_SETTINGS}={name}",
        )
        for name in sorted(
            variable.removeprefix(TENANT_PREFIX)
            for variable in environ
            if variable.startswith(TENANT_PREFIX)
        )
        if name.startswith(("AVP_", *BACKEND_PREFIXES)) and name not in permitted
    ]


def _read(
    setting: Setting,
    environ: Mapping[str, str],
    operator: Mapping[str, str],
    permitted: frozenset[str],
) -> Any:
    name = setting.name
    tenant = environ.get(TENANT_PREFIX + name, "") if name in permitted else ""
    source, raw = TENANT_PREFIX + name, tenant
    if not tenant and setting.owner is Owner.ARGOCD:
        source, raw = name, environ.get(name, "")
    elif not tenant and (setting.owner is Owner.OPERATOR or name.startswith("AVP_")):
        # Without the prefix, a tenant's name such as IMAGE_TAG may belong to anything.
        source, raw = name, operator.get(name, "")
    if raw:
        try:
            return setting.parse(raw)
        except ValueError as error:
            raise SettingsError(
                f"{source} is not {error}", hint=f"it is {setting.summary}"
            ) from None
    return None if setting.default is None else setting.parse(setting.default)
