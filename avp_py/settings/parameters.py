"""What an Application sets in `plugin.parameters`: the same as in `plugin.env`, typed.

Argo CD passes all of them as JSON in ARGOCD_APP_PARAMETERS: a list of objects
`{name, string | array | map}` (ApplicationSourcePluginParameter in
pkg/apis/application/v1alpha1/types.go, v3.2). Its variables PARAM_* say the same with names that
can collide, and are not read.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

from avp_py.errors import Failure, Failures, did_you_mean, quoted
from avp_py.settings.declaration import OUR_PREFIXES, Kind, Setting
from avp_py.settings.groups import TABLE
from avp_py.settings.unknown import tenants_name

PARAMETERS: Final = "ARGOCD_APP_PARAMETERS"
"""The variable with the parameters; absent, `null` or `[]` without any."""

Value: TypeAlias = str | Sequence[str] | Mapping[str, str]

_FORM: Final = "Argo CD writes it: a list of objects with a name and a string, array or map"


def read_parameters(
    raw: str, permitted: Collection[str], failures: Failures
) -> Mapping[str, Value]:
    """Return the values by the name of their setting; an empty one counts as unset.

    Args:
        raw: the JSON.
        permitted: the names of the settings that tenants may set.
        failures: collects parameters that are malformed, unknown or duplicate.

    Returns:
        The values, also of settings that tenants may not set.
    """
    try:
        # Deep nesting is a RecursionError, a huge number a ValueError.
        parsed = json.loads(raw or "null")
    except (ValueError, RecursionError):
        failures.add(Failure(f"{PARAMETERS} is not JSON", hint=_FORM))
        return {}
    if not isinstance(parsed, list | None):
        failures.add(Failure(f"{PARAMETERS} is not a list", hint=_FORM))
        return {}
    known = {
        setting.parameter: setting
        for setting in TABLE
        if setting.name in permitted and not setting.is_family
    }
    values: dict[str, Value] = {}
    seen: set[str] = set()
    for number, entry in enumerate(parsed or (), 1):
        if not isinstance(entry, dict) or not isinstance(name := entry.get("name"), str):
            failures.add(Failure(f"{PARAMETERS}: entry {number} has no name", hint=_FORM))
        elif name in seen:
            hint = "remove one: which one Argo CD would use is not defined"
            failures.add(Failure(f"duplicate parameter {quoted(name)}", hint=hint))
        elif name.upper().startswith(OUR_PREFIXES) and name not in permitted:
            values[name] = ""
        elif name not in known:
            meant = tenants_name(name)
            near = next((each for each in known if known[each].name == meant), name)
            choices = f"the parameters are {', '.join(sorted(known))}"
            hint = did_you_mean(near, known) or choices
            failures.add(Failure(f"unknown parameter {quoted(name)}", hint=hint))
        else:
            seen.add(name)
            setting = known[name]
            value = _value(setting, entry, failures)
            if value:
                values[setting.name] = value
    return values


def _value(setting: Setting, entry: Mapping[str, Any], failures: Failures) -> Value | None:
    given = {key: value for key, value in entry.items() if key != "name" and value is not None}
    wanted = setting.kind.value
    value = given.pop(wanted, None)
    if not given and (value is None or _IS[setting.kind](value)):
        if _is_writable(value):
            return value  # type: ignore[no-any-return]  # _IS has looked at it
        failures.add(
            Failure(
                f"the parameter {setting.parameter} holds a NUL, or half of a character",
                hint="write it again in plugin.parameters, in UTF-8",
            )
        )
        return None
    what = next((_NAMES[kind] for kind in Kind if kind in given), "something else")
    problem = f"holds {what}" if given else f"holds something else under {wanted}"
    failures.add(
        Failure(
            f"the parameter {setting.parameter} {problem}: expected {_EXPECTED[setting.kind]}",
            hint=f"write it in plugin.parameters as {{name: {setting.parameter}, {wanted}: …}}",
        )
    )
    return None


def _is_array(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_map(value: object) -> bool:
    return isinstance(value, dict) and _is_array(list(value.values()))


def _is_writable(value: Any) -> bool:
    """Return whether variables and arguments can hold it.

    JSON has NUL and halves of surrogate pairs.
    """
    texts = [*value, *value.values()] if isinstance(value, dict) else value or ()
    try:
        return b"\0" not in "".join(texts).encode()
    except UnicodeEncodeError:
        return False


_IS: Final[Mapping[str, Callable[[object], bool]]] = {
    Kind.STRING: lambda value: isinstance(value, str),
    Kind.ARRAY: _is_array,
    Kind.MAP: _is_map,
}

_NAMES: Final = {Kind.STRING: "a string", Kind.ARRAY: "an array", Kind.MAP: "a map"}

_EXPECTED: Final = {
    Kind.STRING: "a string",
    Kind.ARRAY: "an array of strings",
    Kind.MAP: "a map of strings",
}
