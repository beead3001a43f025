"""The table of all modifiers, and their application."""

from collections.abc import Mapping, Sequence

from avp_py.errors import PlaceholderError, nearest
from avp_py.golang.gojson import JsonTextError
from avp_py.modifiers import text
from avp_py.modifiers.interface import (
    MAX_LENGTH,
    MISSING,
    Example,
    Function,
    Missing,
    Modifier,
    ModifierError,
    UnknownModifierError,
    on_text,
)
from avp_py.values import Number, Value


def _structure(name: str) -> Function:
    """Return a function of structure.py, which is loaded with its parsers when it is used."""

    def late(arguments: Sequence[str], value: Value) -> Value:
        from avp_py.modifiers import structure

        function: Function = getattr(structure, name)
        try:
            return function(arguments, value)
        except structure.ERRORS as error:
            raise ModifierError(str(error)) from error

    return late


_ALL = (
    Modifier(
        "base64encode",
        "base64encode",
        "The text in base64, standard alphabet with padding.",
        Example("user:pass", "base64encode", "dXNlcjpwYXNz"),
        on_text(text.base64encode),
    ),
    Modifier(
        "base64decode",
        "base64decode",
        "The text inside base64. Invalid base64 is an error.",
        Example("dXNlcjpwYXNz", "base64decode", "user:pass"),
        on_text(text.base64decode),
    ),
    Modifier(
        "b64url",
        "b64url",
        "The text in base64url without padding, as in a JWT (RFC 7515).",
        Example("a?b>c", "b64url", "YT9iPmM"),
        on_text(text.base64url),
    ),
    Modifier(
        "jsonPath",
        "jsonPath TEMPLATE",
        "A JSONPath template of kubectl, filled from an object, a list or JSON text. A key that "
        "is missing is an error. The result is text.",
        Example('{"user": "app", "port": 5432}', "jsonPath {.user}:{.port}", "app:5432"),
        _structure("json_path"),
    ),
    Modifier(
        "jsonParse",
        "jsonParse",
        "The object, list, number, boolean or text that the JSON text says.",
        Example('{"replicas": 3}', "jsonParse", {"replicas": Number("3")}),
        _structure("json_parse"),
    ),
    Modifier(
        "yamlParse",
        "yamlParse",
        "What the first document of the YAML text says, by the rules of YAML 1.1 that Kubernetes "
        "goes by: `yes` and `on` are booleans, 0777 is octal, timestamps are text.",
        Example("debug: yes\nmode: 0777\n", "yamlParse", {"debug": True, "mode": Number("511")}),
        _structure("yaml_parse"),
    ),
    Modifier(
        "toJson",
        "toJson",
        "The value as compact JSON text, keys sorted; `<`, `>` and `&` are escaped.",
        Example({"b": Number("1.50"), "a": None}, "toJson", '{"a":null,"b":1.50}'),
        _structure("to_json"),
    ),
    Modifier(
        "toYaml",
        "toYaml",
        "The value as YAML text in block style, keys sorted.",
        Example({"b": ["x", "yes"], "a": Number("1")}, "toYaml", 'a: 1\nb:\n- x\n- "yes"'),
        _structure("to_yaml"),
    ),
    Modifier(
        "indent",
        "indent N [keep]",
        "Every line but the first after N spaces. Lines are trimmed and empty ones dropped; with "
        "`keep` they stay as they are.",
        Example("a:\n  b\n\nc", "indent 4 keep", "a:\n      b\n\n    c"),
        text.indent,
    ),
    Modifier(
        "nindent",
        "nindent N",
        "A line break, then every line after N spaces, as in Helm.",
        Example("a:\n  b", "nindent 2", "\n  a:\n    b"),
        text.nindent,
    ),
    Modifier(
        "default",
        "default TEXT",
        "The text, where the backend has no such key or it is null. Any other value stays as it "
        'is. Quotes around the text, single or double, are not part of it, so `default ""` is the '
        "empty text; white space in it becomes one space; it cannot contain `|` or `>`. It is "
        "text even where it looks like a number: for a field that needs one, write "
        "`<replicas | toJson | default 3 | jsonParse>`.",
        Example(None, "default not set", "not set"),
        text.present,
        text.default_text,
    ),
    Modifier(
        "quote",
        "quote",
        "The text as a double-quoted string of JSON and YAML.",
        Example('say "hi"', "quote", '"say \\"hi\\""'),
        on_text(text.quote),
    ),
    Modifier(
        "urlencode",
        "urlencode",
        "The text with everything but letters, digits and `-._~` percent-encoded, for any part of "
        "a URL.",
        Example("p@ss word", "urlencode", "p%40ss%20word"),
        on_text(text.urlencode),
    ),
    Modifier(
        "trim",
        "trim",
        "The text without white space at its ends.",
        Example(" token\n", "trim", "token"),
        on_text(text.trim),
    ),
    Modifier(
        "upper",
        "upper",
        "The text in upper case.",
        Example("Straße", "upper", "STRASSE"),
        on_text(str.upper),
    ),
    Modifier(
        "lower",
        "lower",
        "The text in lower case.",
        Example("Token", "lower", "token"),
        on_text(str.lower),
    ),
    Modifier(
        "sha256sum",
        "sha256sum",
        "The SHA-256 sum of the text in hexadecimal.",
        Example(
            "abc",
            "sha256sum",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        on_text(text.sha256sum),
    ),
    Modifier(
        "sha512sum",
        "sha512sum",
        "The SHA-512 sum of the text in hexadecimal.",
        Example(
            "abc",
            "sha512sum",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        on_text(text.sha512sum),
    ),
    Modifier(
        "bcrypt",
        "bcrypt [COST]",
        f"The bcrypt hash of a password of at most {text.BCRYPT_BYTES} bytes, with a cost from "
        f"{text.BCRYPT_COSTS[0]} to {text.BCRYPT_COSTS[1]} ({text.BCRYPT_COST} if none is named). "
        "It is salted: each run returns another text, so that each sync changes the manifest.",
        Example("abc", "bcrypt 4", "$2b$04$sNTA8wfhWBHoiD7ZT0vB6uS9KzV0XwgPhozAuC4Ctpa/xuQoomXRu"),
        text.bcrypt,
    ),
)

MODIFIERS: Mapping[str, Modifier] = {modifier.name: modifier for modifier in _ALL}
"""Every modifier by its name."""


def apply(name: str, arguments: Sequence[str], value: "Value | Missing") -> "Value | Missing":
    """Apply one modifier.

    Args:
        name: the modifier's name.
        arguments: the words after it, as split on white space.
        value: the value, or MISSING, which passes through all but `default`, whatever their
            arguments.

    Returns:
        The next value.

    Raises:
        UnknownModifierError: there is no such modifier.
        ModifierError: it has wrong arguments, or it does not accept the value.
    """
    modifier = MODIFIERS.get(name)
    if modifier is None:
        raise UnknownModifierError(name, _advice(name))
    if value is None and modifier.on_missing is not None:
        value = MISSING
    try:
        if value is not MISSING:
            result = modifier.function(arguments, value)
        elif modifier.on_missing is not None:
            result = modifier.on_missing(arguments)
        else:
            return MISSING
    except (PlaceholderError, JsonTextError) as error:
        raise ModifierError(str(error)) from error
    if isinstance(result, str) and len(result) > MAX_LENGTH:
        raise ModifierError(f"returns more than {MAX_LENGTH} characters")
    return result


def _advice(name: str) -> str:
    by_lower = {known.lower(): known for known in MODIFIERS}
    near = by_lower.get(nearest(name.lower(), by_lower))
    guess = f"did you mean {near}? " if near else ""
    return f"{guess}`avp-py help modifiers` lists all"
