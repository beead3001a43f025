"""From the environment to the settings: precedence, and who may set what.

Precedence is argocd-vault-plugin's (pkg/config/config.go, v1.18.1) as far as a tenant may speak:

    a name with AVP_        ARGOCD_ENV_X, environment, settings file or Secret, default
    a name of a backend     ARGOCD_ENV_X, settings file or Secret, environment, default

A parameter of the Application (ARGOCD_APP_PARAMETERS) stands above its ARGOCD_ENV_X. An empty
variable counts as unset, as Argo CD writes an unknown `$NAME` in `plugin.env` as empty; an empty
parameter too, as Argo CD's UI leaves them behind.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from avp_py.errors import Failure, GenerateError, SettingsError, did_you_mean, quoted
from avp_py.settings import groups, parse
from avp_py.settings.parameters import PARAMETERS, Value, read_parameters
from avp_py.settings.table import (
    BACKEND_PREFIXES,
    RENDER_ENVIRONMENT,
    TABLE,
    TENANT_PREFIX,
    TENANT_SETTINGS,
    Kind,
    Owner,
    Setting,
)
from avp_py.settings.unknown import misspelt_by_tenant, tenants_name, unknown_names


def load(
    environ: Mapping[str, str],
    config: Mapping[str, str] | None = None,
    *,
    from_secret: bool = False,
    before_secret: bool = False,
    is_lenient: bool = False,
) -> groups.Settings:
    """Reads all settings.

    Args:
        environ: the environment of the process.
        config: what the operator's settings file or Secret holds, by name in capitals.
        from_secret: whether it is a Secret, which an Application may have chosen.
        before_secret: whether a Secret may still be read; what it can override is no failure by
            itself then, and as if it were not set.
        is_lenient: whether names that are probably misspelt are warnings at most, as by the name
            argocd-vault-plugin.

    Returns:
        The settings.

    Raises:
        GenerateError: holds every setting that is malformed, that a tenant may not set, that
            counts in no Secret, or whose name is surely misspelt.
    """
    failures: list[Failure] = []
    overridable: list[Failure] = []
    config = config or {}
    warnings = _misspelt(environ, config, failures, from_secret=from_secret, is_lenient=is_lenient)
    if from_secret:
        config = _of_secret(environ, config, failures)
    operator = _operator(environ, config)
    permitted = _permitted(operator, failures)
    parameters = read_parameters(environ.get(PARAMETERS, ""), permitted, failures)
    failures.extend(_trespasses(environ, parameters, permitted))
    values: dict[str, dict[str, Any]] = {}
    for setting in TABLE:
        try:
            value = _read(setting, environ, operator, permitted, parameters)
        except SettingsError as error:
            value = None
            may_wait = before_secret and setting.name.startswith(BACKEND_PREFIXES)
            (overridable if may_wait else failures).extend(error.failures)
        values.setdefault(setting.group, {})[setting.field] = value
    if failures:
        raise GenerateError([*failures, *overridable])
    return groups.Settings(
        **{
            field.name: field.type(**values[field.name])  # type: ignore[operator]  # the groups' classes
            for field in dataclasses.fields(groups.Settings)
            if field.name in values
        },
        warnings=warnings,
    )


def read_limits(environ: Mapping[str, str]) -> groups.LimitSettings:
    """Read the limits of a run, of which a malformed one counts as unset.

    They hold before `load` has read all settings and reported what is malformed.
    """
    return groups.LimitSettings(**_read_early(environ, "limits"))


def read_log(environ: Mapping[str, str]) -> groups.LogSettings:
    """Read how messages are written; a malformed setting counts as unset, as in read_limits."""
    return groups.LogSettings(**_read_early(environ, "log"))


def _read_early(environ: Mapping[str, str], group: str) -> Mapping[str, Any]:
    operator = _operator(environ, {})
    values: dict[str, Any] = {}
    for setting in TABLE:
        if setting.group == group:
            try:
                values[setting.field] = _read(setting, {}, operator, frozenset(), {})
            except SettingsError:
                values[setting.field] = _read(setting, {}, {}, frozenset(), {})
    return values


def tenant_settings(
    environ: Mapping[str, str], config: Mapping[str, str] | None = None
) -> Sequence[Setting]:
    """The settings that tenants may set, those among them that the operator hands on.

    Args:
        environ: the environment of the process.
        config: what the operator's settings file holds, by name in capitals.
    """
    permitted = _permitted(_operator(environ, config or {}), [])
    return [setting for setting in TABLE if setting.name in permitted]


def without_tenant(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment without what an Application says."""
    return {
        name: value
        for name, value in environ.items()
        if name != PARAMETERS and not name.startswith(TENANT_PREFIX)
    }


def _misspelt(
    environ: Mapping[str, str],
    config: Mapping[str, str],
    failures: list[Failure],
    *,
    from_secret: bool,
    is_lenient: bool,
) -> tuple[Failure, ...]:
    """Return warnings about names that are probably misspelt; sure cases are failures."""
    place = "the Secret with the settings" if from_secret else "the settings file"
    warnings: list[Failure] = []
    for failure, is_sure in (
        *unknown_names(environ, "the environment"),
        *unknown_names(config, place),
    ):
        (failures if is_sure and not is_lenient else warnings).append(failure)
    if not is_lenient:
        passed_on = _operator(environ, config).get(RENDER_ENVIRONMENT, "")
        failures.extend(misspelt_by_tenant(environ, parse.words(passed_on)))
    return tuple(warnings)


def _of_secret(
    environ: Mapping[str, str], values: Mapping[str, str], failures: list[Failure]
) -> Mapping[str, str]:
    """What a Secret may say; what it may not is a failure, lest a guard be thought to stand."""
    barred = {
        setting.name
        for setting in TABLE
        if setting.owner is Owner.OPERATOR_ALONE and not setting.in_secret
    }
    failures.extend(
        Failure(
            f"the Secret with the settings holds {name}, which counts in no Secret",
            hint="set it in the environment of the sidecar, or in the file of -c",
        )
        for name in sorted(barred)
        if values.get(name) and not environ.get(name)
    )
    return {name: value for name, value in values.items() if name not in barred}


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
    known = {setting.name for setting in TABLE if setting.owner in (Owner.OPERATOR, Owner.TENANT)}
    for name in sorted(listed - known):
        failures.append(
            Failure(
                f"{TENANT_SETTINGS} names {name}, which is no setting that can be handed on",
                hint="remove it: only the operator may set it"
                if name in {setting.name for setting in TABLE}
                else did_you_mean(name, known) or "remove it",
            )
        )
    return (listed & known) | {setting.name for setting in TABLE if setting.owner is Owner.TENANT}


def _trespasses(
    environ: Mapping[str, str], parameters: Mapping[str, Value], permitted: frozenset[str]
) -> list[Failure]:
    """A failure for each name that a tenant set without being allowed to."""
    places = dict.fromkeys(parameters, "parameters")
    for variable in environ:
        if variable.startswith(TENANT_PREFIX):
            places[variable.removeprefix(TENANT_PREFIX)] = "env"
    handed_on = {setting.name for setting in TABLE if setting.owner is Owner.OPERATOR}
    return [
        Failure(
            f"the Application sets {name}, which is the operator's to set",
            hint=f"did you mean {meant}?"
            if (meant := tenants_name(name))
            else f"remove it from plugin.{places[name]} of the Application"
            + (
                f"; an operator can permit it with {TENANT_SETTINGS}={name}"
                if name in handed_on
                else ""
            ),
        )
        for name in sorted(places)
        # Nothing reads a name in another case; who writes one thinks that something does.
        if name.upper().startswith(("AVP_", *BACKEND_PREFIXES)) and name not in permitted
    ]


def _read(
    setting: Setting,
    environ: Mapping[str, str],
    operator: Mapping[str, str],
    permitted: frozenset[str],
    parameters: Mapping[str, Value],
) -> Any:
    name = setting.name
    tenant = environ.get(TENANT_PREFIX + name, "") if name in permitted else ""
    source, raw = TENANT_PREFIX + name, tenant
    if name in permitted and name in parameters:
        return _parse(setting, parameters[name], f"the parameter {setting.parameter}")
    if not tenant and setting.owner is Owner.ARGOCD:
        source, raw = name, environ.get(name, "")
    elif not tenant and (setting.owner is not Owner.TENANT or name.startswith("AVP_")):
        # Without the prefix, a tenant's name such as IMAGE_TAG may belong to anything.
        source, raw = name, operator.get(name, "")
    if not raw and setting.default is None:
        return None
    return _parse(setting, _items(setting, raw or setting.default or "", source), source)


def _items(setting: Setting, raw: str, source: str) -> Value:
    """What a variable holds, in the form that a parameter has."""
    if setting.kind is Kind.ARRAY:
        return parse.words(raw)
    if setting.kind is Kind.MAP:
        lines = [line.strip().partition("=") for line in raw.splitlines() if line.strip()]
        if not all(equals for _, equals, _ in lines):
            raise SettingsError(
                f"{source} is not a list of name=value", hint="write one name=value a line"
            )
        return {name: value for name, _, value in lines}
    return raw


def _parse(setting: Setting, value: Value, source: str) -> Any:
    if isinstance(value, str):
        return _parse_item(setting, value, source)
    if isinstance(value, Mapping):
        return {
            name: _parse_item(setting, item, f"{source}, value {number},")
            for number, (name, item) in enumerate(value.items(), 1)
        }
    return tuple(
        _parse_item(setting, item, f"{source}, item {number},")
        for number, item in enumerate(value, 1)
    )


def _parse_item(setting: Setting, raw: str, source: str) -> Any:
    try:
        return setting.parse(raw)
    except parse.MalformedError as error:
        given = "" if error.given is None else f": {quoted(error.given)}"
        raise SettingsError(f"{source} is not {error.expected}{given}", hint=error.form) from None
