"""YAML as sigs.k8s.io/yaml v1.3.0 (on gopkg.in/yaml.v2 v2.4.0) reads it, and JSON from it.

Sources: yaml.v2's decode.go (merge keys, aliases) and sigs.k8s.io/yaml's yaml.go (what becomes of
it in JSON). No error in here carries a part of the text.
"""

import math
from typing import TypeAlias

from avp_py.golang import gojson
from avp_py.golang.columns import ALIAS, FLOW_MAPPING, MAPPING, PLAIN, Columns
from avp_py.golang.composer import compose
from avp_py.golang.gojson import Float64, YamlFloat
from avp_py.golang.nodes import MAX_DEPTH, ScalarNode, has_comma_after_tag, is_merge
from avp_py.golang.yaml_error import TOO_DEEP, YamlTextError, at
from avp_py.golang.yaml_scalars import Scalar, ScalarError, key_of, scalar_value
from avp_py.values import Value

MAX_ALIASED_CHARACTERS = 8 * 1024 * 1024
"""How many characters aliases may expand to altogether, each as often as it is used."""

_Raw: TypeAlias = "Scalar | list[_Raw] | dict[str | None, _Raw]"
"""What yaml.v2 makes of a node. The key None stands for one that JSON cannot have."""


def read(text: str) -> Value:
    """Read the first document of a YAML text.

    Numbers come as json.Marshal would write them, integers with all of their digits (AVP rounds
    beyond 2**53). Timestamps stay text. Of equal keys the last wins.

    Args:
        text: the text; an empty one is null.

    Raises:
        YamlTextError: the text is not YAML, to libyaml or to yaml.v2, nests deeper than MAX_DEPTH
            (aliases written out), has aliases that expand too far, or says what JSON cannot:
            infinity, NaN, a key that is null, a list or a mapping.
    """
    columns = Columns(text)
    document = next(compose(columns), None)
    if document is None or document.root is None:
        return None
    decoder = _Decoder(columns)
    return decoder.finish(decoder.decode(document.root, 0))


class _Decoder:
    """Source: yaml.v2 v2.4.0, decode.go, for a target of the type interface{}."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._decoded = 1  # yaml.v2 counts the document, too.
        self._aliased = 0
        self._alias_depth = 0
        self._characters = MAX_ALIASED_CHARACTERS
        self._infinity: int | None = None
        """The row of the first scalar that is infinity or NaN."""
        self._lost_key: int | None = None
        """The row of the first key that JSON cannot have."""

    def decode(self, row: int, depth: int) -> _Raw:
        columns = self._columns
        kind = columns.kinds[row]
        self._count(row)
        if kind < ALIAS:
            tag = columns.tags.get(row)
            return self._scalar(row, tag) if tag or kind == PLAIN else columns.value(row)
        if kind == ALIAS:
            self._alias_depth += 1
            result = self.decode(columns.links[row], depth)
            self._alias_depth -= 1
            return result
        if kind in (MAPPING, FLOW_MAPPING):
            mapping: dict[str | None, _Raw] = {}
            self._fill(mapping, row, depth)
            return mapping
        self._check_depth(row, depth)
        return [self.decode(child, depth + 1) for child in columns.children(row)]

    def _count(self, row: int) -> None:
        self._decoded += 1
        if not self._aliased + self._alias_depth:
            return
        if self._alias_depth:
            self._aliased += 1
            is_scalar = self._columns.kinds[row] < ALIAS
            self._characters -= len(self._columns.value(row)) if is_scalar else 0
        if (
            self._aliased > _FREE_ALIASED
            and self._decoded > _FREE_DECODED
            and self._aliased / self._decoded > _allowed_alias_ratio(self._decoded)
        ) or self._characters < 0:
            raise self._error("the aliases expand too far", row)

    def _fill(self, mapping: dict[str | None, _Raw], row: int, depth: int) -> None:
        """Put a mapping's entries into `mapping`; a merge overrides what comes before it."""
        self._check_depth(row, depth)
        columns = self._columns
        children = columns.children(row)
        for key, value in zip(children, children, strict=True):
            if self._is_merge(key):
                self._merge(mapping, value, depth)
                continue
            name = self.decode(key, depth + 1)
            if isinstance(name, list | dict):
                raise self._error("a key is a list or a mapping", key)
            known = key_of(name)
            if known is None and self._lost_key is None:
                self._lost_key = key
            mapping[known] = self.decode(value, depth + 1)

    def _is_merge(self, row: int) -> bool:
        columns = self._columns
        if columns.kinds[row] >= ALIAS or columns.value(row) != "<<":
            return False
        return is_merge(ScalarNode(columns, row))

    def _merge(self, mapping: dict[str | None, _Raw], row: int, depth: int) -> None:
        columns = self._columns
        is_list = columns.kinds[row] > FLOW_MAPPING
        # From the last to the first, as earlier ones take precedence.
        for source in reversed(list(columns.children(row)) if is_list else [row]):
            is_alias = columns.kinds[source] == ALIAS
            target = columns.links[source] if is_alias else source
            if columns.kinds[target] not in (MAPPING, FLOW_MAPPING):
                reason = "a merge key (<<) wants a mapping, or a list of mappings"
                raise self._error(reason, source)
            self._count(source)
            if is_alias:
                self._alias_depth += 1
                self._count(target)
            self._fill(mapping, target, depth + 1)
            if is_alias:
                self._alias_depth -= 1

    def _scalar(self, row: int, tag: str | None) -> Scalar:
        columns = self._columns
        if tag is not None and has_comma_after_tag(ScalarNode(columns, row)):
            raise self._error("a tag with a comma right after it", row)
        try:
            value = scalar_value(columns.value(row), tag, implicit=tag in (None, "!"))
        except ScalarError as error:
            raise self._error(str(error), row) from error
        if isinstance(value, float) and not math.isfinite(value) and self._infinity is None:
            self._infinity = row
        return value

    def _check_depth(self, row: int, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise self._error(TOO_DEEP, row)

    def _error(self, reason: str, row: int | None) -> YamlTextError:
        if row is None:
            return YamlTextError(reason)
        return at(self._columns.text, self._columns.starts[row], reason)

    def finish(self, raw: _Raw) -> Value:
        """Return the value, as it comes out of JSON."""
        match raw:
            case bool() | str() | Float64() | None:
                return raw
            case int():
                return Float64(str(raw))
            case float():
                if not math.isfinite(raw):
                    reason = "it holds infinity or NaN, which JSON cannot say"
                    raise self._error(reason, self._infinity)
                return YamlFloat(gojson.write_float(raw))
            case list():
                return [self.finish(item) for item in raw]
            case dict():
                return {self._known(key): self.finish(item) for key, item in raw.items()}

    def _known(self, key: str | None) -> str:
        if key is None:
            reason = "it holds a key that is null or beyond 64 bits, which JSON cannot have"
            raise self._error(reason, self._lost_key)
        return key


_FREE_ALIASED, _FREE_DECODED = 100, 1000
_FEW_DECODED, _MANY_DECODED = 400_000, 4_000_000


def _allowed_alias_ratio(decoded: int) -> float:
    """Return which share of the nodes may come from aliases."""
    excess = min(max(decoded - _FEW_DECODED, 0) / (_MANY_DECODED - _FEW_DECODED), 1)
    return 0.99 - 0.89 * excess
