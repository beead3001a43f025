"""kubectl's JSONPath templates, as client-go v0.29.1 (util/jsonpath) reads and fills them. Pure.

A template is text with expressions in braces: `{.host}:{.port}`, `{range .users[*]}{.name},{end}`.
"""

from avp_py.modifiers.jsonpath.evaluator import evaluate
from avp_py.modifiers.jsonpath.nodes import JsonPathError

__all__ = ["JsonPathError", "evaluate"]
