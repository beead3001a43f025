"""Values into their places: which value a scalar gets, and the edit of the text.

A document is edited by the spans of its scalars. The result is parsed again and compared with
the document as it was, so that an edit that would change anything else is an error, never output.
"""

from collections.abc import Callable, Mapping, Sequence

from avp_py.errors import PlaceholderError
from avp_py.golang.nodes import Node, ScalarNode
from avp_py.golang.walks import aliased
from avp_py.manifests import additions
from avp_py.manifests.additions import Addition
from avp_py.manifests.manifest import Field, Manifest
from avp_py.manifests.packed import STANDARD
from avp_py.manifests.placeholders import Packed, Placeholder, Template
from avp_py.manifests.removals import outside, reappearing, removals
from avp_py.manifests.replacement import REMOVED, Edit, FieldValue, Replacement
from avp_py.manifests.scalars import refuse_unrepresentable, render_scalar
from avp_py.manifests.verification import verify
from avp_py.values import Number, Value


def render_field(field: Field, kind: str, value_of: Callable[[Placeholder], Value]) -> Value:
    """Return the value of a field once its placeholders are filled.

    A placeholder that is the whole field, but for white space, gets the value with its type.
    Inside a longer string a number or boolean is written out. In a ConfigMap and inside base64
    everything is text.

    Args:
        field: the field.
        kind: the kind of its document.
        value_of: returns each placeholder's value.

    Raises:
        PlaceholderError: a list or mapping where text is needed, or a text that would not reach
            Kubernetes as it is.
    """
    alone = field.template.alone
    if alone is not None and (field.template.is_whole or not isinstance(value_of(alone), str)):
        value = value_of(alone)
        if kind == "ConfigMap" or field.encoded:
            value = _text(value, "a ConfigMap" if not field.encoded else "base64")
    else:
        value = _joined(field.template, value_of)
    if not field.encoded:
        refuse_unrepresentable(value)
    elif isinstance(value, str):
        return STANDARD.pack(value)
    return value


def _joined(
    template: Template, value_of: Callable[[Placeholder], Value], place: str = "a longer string"
) -> str:
    parts: list[str] = []
    for part in template.parts:
        match part:
            case str():
                parts.append(part)
            case Placeholder():
                parts.append(_text(value_of(part), place))
            case Packed():
                parts.append(part.form.pack(_joined(part.template, value_of, "base64")))
    return "".join(parts)


def _text(value: Value, place: str) -> str:
    match value:
        case str():
            return value
        case Number():
            return value.text
        case bool():
            return "true" if value else "false"
    what = "a mapping" if isinstance(value, Mapping) else "a list"
    raise PlaceholderError(
        f"the value is {what}, and {place} holds text only",
        hint="pick one part of it, or store it as text",
    )


def rewrite(
    text: str, manifest: Manifest, replacements: Sequence[Replacement], new: Sequence[Addition] = ()
) -> str:
    """Return the text of one document with its fields filled, and new keys added.

    Args:
        text: the text of the stream that holds the document.
        manifest: the document.
        replacements: the values of its fields and of its items' fields; one that is not named
            stays as it is.
        new: keys to add to it, and to its items.

    Returns:
        The document's text; every character outside of the edits is the same.

    Raises:
        DocumentError: the edited text would not say what it should.
        PlaceholderError: a value is not valid Unicode.
    """
    edits = [
        _replacement(text, each.field.scalar, each.value)
        for each in replacements
        if each.value is not REMOVED
    ]
    values: dict[Node, FieldValue] = {each.field.scalar: each.value for each in replacements}
    if any(value is REMOVED for value in values.values()):
        values |= dict.fromkeys(reappearing(manifest.root, values), REMOVED)
    removed = {each for each, value in values.items() if value is REMOVED}
    targets = aliased(manifest.root) if new else frozenset()
    added = [edit for each in new for edit in additions.edits(text, targets, each, removed)]
    if removed:
        cuts = removals(text, manifest.root, removed)
        # Where new keys take the place of a mapping that would be left empty, theirs is the edit.
        replaced = {edit[:2] for edit in added}
        cuts = [cut for cut in cuts if cut[:2] not in replaced]
        edits = outside(edits, cuts)
    pieces: list[str] = []
    position = manifest.start
    for start, end, replacement in sorted([*edits, *added]):
        pieces += (text[position:start], replacement)
        position = end
    pieces.append(text[position : manifest.end])
    result = "".join(pieces)
    verify(text, manifest, result, values, new)
    return result


def _replacement(text: str, scalar: ScalarNode, value: Value) -> Edit:
    start, end = scalar.start, scalar.end
    anchor = ""
    if scalar.tag is not None:
        # What is filled in says its type by itself; an anchor stays.
        start = additions.properties_start(text, start, 0)
        words = text[start : scalar.start].split()
        anchor = "".join(f"{each} " for each in words if each.startswith("&"))
    blank_end = _blank_end(text, end) if scalar.style is None else end
    if text.find("\t", end, blank_end) >= 0:
        # After a plain scalar a line may hold a tab and nothing else, after quotes not.
        end = blank_end
    return start, end, anchor + render_scalar(scalar, text, value)


def _blank_end(text: str, start: int) -> int:
    """Return where the last of the blank lines after a scalar ends, or where the scalar does."""
    end = position = start
    is_first = True
    while True:
        while text.startswith((" ", "\t"), position):
            position += 1
        newline = position + 1 if text.startswith("\r\n", position) else position
        if not text.startswith("\n", newline):
            return end
        if not is_first:
            end = position
        is_first = False
        position = newline + 1
