"""From the environment to the settings: precedence, and who may set what.

Precedence is argocd-vault-plugin's (pkg/config/config.go, v1.18.1) as far as a tenant may speak:
`ARGOCD_ENV_X`, then the process environment, then the default. An empty variable counts as unset,
as Argo CD writes an unknown `$NAME` in `plugin.env` as empty.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from avp_py.errors import Failure, GenerateError, SettingsError
from avp_py.settings import groups, parse
from avp_py.settings.table import (
    GUARDED_PREFIXES,
    TABLE,
    TENANT_PREFIX,
    TENANT_SETTINGS,
    Owner,
    Setting,
)


def load(environ: Mapping[str, str]) -> groups.Settings:
    """Reads all settings.

    Args:
        environ: the environment of the process.

    Returns:
        The settings.

    Raises:
        GenerateError: holds every setting that is malformed, or that a tenant may not set.
    """
    failures: list[Failure] = []
    permitted = _permitted(environ, failures)
    failures.extend(_trespasses(environ, permitted))
    values: dict[str, dict[str, Any]] = {}
    for setting in TABLE:
        try:
            value = _read(setting, environ, permitted)
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


def _permitted(environ: Mapping[str, str], failures: list[Failure]) -> frozenset[str]:
    """The names that a tenant may set."""
    listed = frozenset(parse.words(environ.get(TENANT_SETTINGS, "")))
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
        if name.startswith(GUARDED_PREFIXES) and name not in permitted
    ]


def _read(setting: Setting, environ: Mapping[str, str], permitted: frozenset[str]) -> Any:
    sources = []
    if setting.name in permitted:
        sources.append(TENANT_PREFIX + setting.name)
    if setting.owner is not Owner.TENANT or setting.name.startswith("AVP_"):
        # Without the prefix, a name such as IMAGE_TAG may belong to anything.
        sources.append(setting.name)
    for source in sources:
        raw = environ.get(source, "")
        if raw:
            try:
                return setting.parse(raw)
            except ValueError as error:
                raise SettingsError(
                    f"{source} is not {error}", hint=f"it is {setting.summary}"
                ) from None
    return None if setting.default is None else setting.parse(setting.default)
