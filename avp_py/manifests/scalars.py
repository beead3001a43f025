"""How a value is written into YAML text, so that every reader gets back what was put in."""

import math
from collections.abc import Mapping, Sequence

from avp_py.errors import PlaceholderError
from avp_py.golang.nodes import ScalarNode
from avp_py.golang.yaml_text import MAX_KEY, NOT_IN_BLOCK, UNREPRESENTABLE, quoted
from avp_py.values import Number, Value


def refuse_unrepresentable(value: Value) -> None:
    """Refuse what would not reach Kubernetes as it is, in whatever field.

    Raises:
        PlaceholderError: a text in the value holds what Argo CD cannot carry, or a number is beyond
            float64, which it reads as text.
    """
    match value:
        case Number():
            if math.isinf(float(value.text)):
                raise PlaceholderError(
                    "the value is a number that is too large for float64",
                    hint="store it as text, in quotes",
                )
        case str():
            if UNREPRESENTABLE.search(value):
                raise PlaceholderError(
                    "the value holds a control character that Argo CD cannot carry (U+007F to "
                    "U+009F, U+FFFE or U+FFFF)",
                    hint="put it into base64 in the data of a Secret",
                )
        case Mapping():
            for key, item in value.items():
                refuse_unrepresentable(key)
                refuse_unrepresentable(item)
        case Sequence():
            for item in value:
                refuse_unrepresentable(item)


def flow(value: Value) -> str:
    """Return the value as JSON on one line, numbers in the form that every YAML reader accepts."""
    match value:
        case str():
            return quoted(value)
        case Number():
            return value.yaml
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Mapping():
            if any(len(key) > MAX_KEY for key in value):
                raise PlaceholderError(
                    "a key of the value is too long for YAML", hint="store it as JSON text"
                )
            return "{" + ", ".join(f"{quoted(k)}: {flow(v)}" for k, v in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(flow(item) for item in value) + "]"


def render_scalar(scalar: ScalarNode, source: str, value: Value) -> str:
    """Return the text that replaces a scalar.

    A literal block stays one where the value allows it, so that a diff shows the changed lines
    only; any other string is double-quoted, which leaves no reader a choice of type.

    Args:
        scalar: the scalar that is replaced.
        source: the text of the stream that it is in.
        value: what it shall be.
    """
    old = source[scalar.start : scalar.end]
    if scalar.style not in ("|", ">"):
        return flow(value)
    block = _literal(old, scalar.value, value) if isinstance(value, str) else None
    if block is not None and scalar.style == "|":
        return block
    # A comment follows a block scalar's header. The scalar ends with its line breaks; what
    # follows must still begin on its own line.
    comment = old.partition("\n")[0].rstrip("\r").partition("#")[2]
    return flow(value) + (f" #{comment}" if comment else "") + old[len(old.rstrip(" \t\r\n")) :]


def _literal(old: str, old_value: str, value: str) -> str | None:
    """Return the block with another content, or None if a literal block cannot hold it."""
    header, _, body = old.partition("\n")
    content = old_value.lstrip("\n")
    first = body.lstrip("\n").partition("\n")[0]
    if not content.strip() or not value.strip() or NOT_IN_BLOCK.search(value):
        return None
    if value[0] in " \t\n":
        # Such a first line would set the indentation of the block, or needs an indicator.
        return None
    indent, line, rest = first.partition(content.partition("\n")[0])
    if not line or rest or indent.strip(" "):
        return None
    indicator = header.partition("#")[0]
    text = value
    if "+" in indicator:
        if not value.endswith("\n"):
            return None
    else:
        # Clipped and stripped blocks fix how many line breaks the value ends with.
        text = value.rstrip("\n")
        if value != (text if "-" in indicator else f"{text}\n"):
            return None
        text += old[len(old.rstrip("\n")) :]
    lines = (f"{indent}{line}" if line else "" for line in text.split("\n"))
    return f"{header}\n" + "\n".join(lines)
