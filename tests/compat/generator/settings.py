"""Settings from several sources at once: the Application, the environment, a file of any format.

All of them are the same to both programs; `deviations.py` has the others.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.compat.case import Case
from tests.compat.generator.draw import Draw

_VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "AVP_TYPE": ("vault", "magic"),
    "AVP_AUTH_TYPE": ("token", "userpass"),
    "AVP_KV_VERSION": ("2", "1"),
    "AVP_USERNAME": ("{USERNAME}", "nobody"),
    "AVP_PASSWORD": ("{PASSWORD}", "wrong # word", "$VAULT_ADDR", "p@ss$word"),
    "AVP_MOUNT_PATH": ("auth/userpass", "auth/elsewhere"),
    "AVP_PATH_VALIDATION": ("^(kv|old)/", "^kv/", r"^old/\w+$"),
    "VAULT_TOKEN": ("{VAULT_TOKEN}", "wrong"),
    "VAULT_ADDR": ("{VAULT_ADDR}", "{VAULT_ADDR}/", "http://127.0.0.1:1"),
    "VAULT_MAX_RETRIES": ("0",),
}
"""The values of each setting, beginning with the one that mostly works. `{NAME}` is replaced when
the program runs."""

_NEEDED: Final = ("AVP_TYPE", "AVP_AUTH_TYPE", "AVP_KV_VERSION", "VAULT_TOKEN", "VAULT_ADDR")

_GUARDS: Final = frozenset({"AVP_PATH_VALIDATION"})
"""What an operator cannot permit to tenants (the row `tenant-settings`)."""

_READS: Final = {"kv/data/app": 3, "kv/data/other": 2, "old/other": 1}

_ENDINGS: Final = (".yaml", ".yml", ".json", ".env", ".dotenv")


@dataclass(frozen=True)
class _Places:
    """The settings in each source."""

    application: dict[str, str]
    environment: dict[str, str]
    file: dict[str, str]


def make_settings_case(seed: str, index: int) -> Case:
    """Return a case of a placeholder and the settings that resolve it.

    Args:
        seed: the seed of all cases.
        index: the number of the case.
    """
    draw = Draw(f"{seed}/settings/{index}")
    places = _settings(draw)
    ending = draw.pick(_ENDINGS)
    argv: tuple[str, ...] = ("generate", "-")
    files: dict[str, str] = {}
    if places.file:
        name = f"config{ending}"
        argv = draw.pick(
            (
                ("generate", "-", "-c", f"{{files}}/{name}"),
                ("generate", f"--config-path={{files}}/{name}", "-"),
            )
        )
        files = {name: _written(draw, ending, places.file)}
    env: dict[str, str | None] = dict.fromkeys(_VALUES)
    env.update(places.environment)
    env.update({f"ARGOCD_ENV_{name}": value for name, value in places.application.items()})
    # argocd-vault-plugin lets the Application set everything, so here it may.
    env["AVP_TENANT_SETTINGS"] = ",".join(_VALUES.keys() - _GUARDS)
    manifest = f"kind: A\nx: <path:{draw.weighed(_READS)}#user>\n"
    return Case(f"SEED={seed}, settings {index}", manifest.encode(), argv, files, env)


def _settings(draw: Draw) -> _Places:
    places = _Places({}, {}, {})
    everywhere = (places.application, places.environment, places.file)
    for name, values in _VALUES.items():
        allowed = everywhere[1:] if name in _GUARDS else everywhere
        chosen = draw.some(allowed, 0.35)
        if not chosen and name in _NEEDED:
            chosen = [draw.pick(everywhere)]
        for place in chosen:
            place[name] = values[0] if draw.chance(0.8) else draw.pick(values)
    return places


def _written(draw: Draw, ending: str, values: Mapping[str, str]) -> str:
    names = {name: name.lower() if draw.chance(0.2) else name for name in draw.some([*values], 1)}
    if ending == ".json":
        renamed = {names[name]: values[name] for name in names}
        return json.dumps(renamed, indent=draw.pick((None, 2)))
    lines = [f"# {draw.pick(('a comment', 'NAME=value', ''))}", ""] if draw.chance(0.3) else []
    is_yaml = ending in (".yaml", ".yml")
    for name in names:
        form = _in_yaml if is_yaml else _in_env
        lines.append(form(draw, names[name] if is_yaml else name, values[name]))
    # At the end of a block scalar it would be a part of the value.
    ends = [draw.pick(_ENDS) if draw.chance(0.1) and "\n" not in line else "" for line in lines]
    return "".join(f"{line}{end}\n" for line, end in zip(lines, ends, strict=True))


_ENDS: Final = ("  ", " # a comment", "\r")


def _in_yaml(draw: Draw, name: str, value: str) -> str:
    match draw.weighed({"double": 4, "single": 3, "plain": 3, "block": 1, "spaced": 1}):
        case "single":
            return f"{name}: '{value}'"
        case "plain" if value.isalpha():
            return f"{name}: {value}"
        case "block":
            return f"{name}: >-\n  {value}"
        case "spaced":
            return f'"{name}" :   {json.dumps(value)}'
    return f"{name}: {json.dumps(value)}"


def _in_env(draw: Draw, name: str, value: str) -> str:
    before = draw.pick(("", "", "export ", "  "))
    equals = draw.weighed({"=": 8, " = ": 1, ": ": 1})
    match draw.weighed({"single": 4, "double": 3, "bare": 3, "escaped": 1, "of another": 1}):
        case "double":
            return f'{before}{name}{equals}"{value}"'
        case "bare":
            return f"{before}{name}{equals}{value}"
        case "escaped":
            return f'{before}{name}{equals}"{value.replace("$", chr(92) + "$")}"'
        case "of another":
            return f"OTHER_{name}='{value}'\n{before}{name}{equals}${{OTHER_{name}}}"
    return f"{before}{name}{equals}'{value}'"
