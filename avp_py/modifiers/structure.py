"""The modifiers that look into a value: JSON, YAML and JSONPath."""

from collections.abc import Sequence

from avp_py.golang import gojson, yaml_reader
from avp_py.golang.nodes import MAX_DEPTH
from avp_py.golang.yaml_error import YamlTextError
from avp_py.modifiers import yaml_writer
from avp_py.modifiers.interface import ModifierError, no_arguments, text_of
from avp_py.modifiers.jsonpath import JsonPathError, evaluate
from avp_py.values import Value


def json_path(arguments: Sequence[str], value: Value) -> Value:
    """Fill a template from the value, or from the JSON that it is as text.

    Source: AVP v1.18.1, pkg/kube/modifiers.go. Its words are joined with one space.
    """
    if not arguments:
        raise ModifierError("expects a template, such as {.name}")
    data = gojson.read(value) if isinstance(value, str) else value
    return evaluate(" ".join(arguments), data)


def json_parse(arguments: Sequence[str], value: Value) -> Value:
    """Source: AVP v1.18.1, pkg/kube/modifiers.go."""
    no_arguments(arguments)
    return gojson.read(text_of(value))


def yaml_parse(arguments: Sequence[str], value: Value) -> Value:
    """Source: AVP v1.18.1, pkg/kube/modifiers.go."""
    no_arguments(arguments)
    return yaml_reader.read(text_of(value))


def to_json(arguments: Sequence[str], value: Value) -> Value:
    """Source: Sprig v3 (Helm's library), defaults.go, toJson, which is json.Marshal."""
    no_arguments(arguments)
    if not gojson.is_unicode(_shallow(value)):
        raise ModifierError(
            "expects Unicode, and the value holds other bytes; base64 can carry them"
        )
    return gojson.write(value)


def to_yaml(arguments: Sequence[str], value: Value) -> Value:
    """Source: Helm v3, pkg/engine/funcs.go, toYaml; only the choice of quotes is ours."""
    no_arguments(arguments)
    return yaml_writer.write(_shallow(value))


def _shallow(value: Value) -> Value:
    if not gojson.is_shallow(value):
        raise ModifierError(f"the value nests deeper than {MAX_DEPTH} levels")
    return value


ERRORS = (JsonPathError, YamlTextError)
"""What the functions raise beside ModifierError and JsonTextError; none says what the value is."""
