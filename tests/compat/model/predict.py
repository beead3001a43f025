"""What each program should make of a whole input."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from avp_py.golang import yaml_scalars
from avp_py.golang.yaml_scalars import Scalar
from tests.compat.case import Case
from tests.compat.model.documents import fill
from tests.compat.model.side import FailedError, PanicError, Program, Side
from tests.compat.model.store import Store
from tests.compat.outcome import Outcome
from tests.compat.reading import (
    AVP_PEEKS,
    Manifest,
    UnreadableError,
    canonical,
    read_document,
    read_json,
    read_stream,
    split,
)

_COLON_AT_THE_END: Final = re.compile(r"(?<=[\[{, ])([\w:]*:)(?=[\]},])")


@dataclass(frozen=True)
class Prediction:
    """What should come of a case.

    Attributes:
        theirs: argocd-vault-plugin's manifests; None where it fails.
        panics: whether it crashes.
        ours: avp-py's manifests; None where it fails.
        deviations: where the programs part on the way.
        by_chance: whether argocd-vault-plugin may do either: of two keys that JSON calls the same,
            as `on` and `"true"`, it takes any, as Go's maps have no order; and what stands behind
            the only document that it reads is refused if it still falls into a buffer of yaml.v2's.
    """

    theirs: Sequence[Manifest] | None
    panics: bool
    ours: Sequence[Manifest] | None
    deviations: frozenset[str]
    by_chance: bool = False

    def holds(self, theirs: Outcome, ours: Outcome) -> bool:
        """Whether the programs did just this."""
        if self.by_chance:
            return _are_same(self.ours, ours)
        return (
            theirs.panicked is self.panics
            and (_are_same(self.theirs, theirs) or _merges_wrongly(self.theirs, theirs))
            and _are_same(self.ours, ours)
        )


def predict(case: Case, store: Store) -> Prediction:
    """What should come of a case on standard input."""
    sides = Side(Program.AVP), Side(Program.OURS)
    results: list[list[Manifest] | None] = []
    panics = False
    for side in sides:
        try:
            results.append([fill(side, store, each) for each in _read(side, case)])
        except FailedError:
            results.append(None)
        except PanicError:
            results.append(None)
            panics = True
    theirs, ours = results
    found = sides[0].deviations | sides[1].deviations
    if theirs and any(_has_merge_key(each) for each in theirs):
        found.add("merge-key-is-not-quoted")
    by_chance = "key-of-two-types" in found
    text = _decoded(case)
    if _REFUSED in text and any(map(_holds_more, split(text))):
        found.add("only-the-first-document-is-read")
        by_chance = True
    return Prediction(theirs, panics, ours, frozenset(found), by_chance)


_REFUSED: Final = "\x01"
"""A character that YAML refuses, and that no case holds otherwise."""


def _decoded(case: Case) -> str:
    """The text of a case, with what is not UTF-8 as `_REFUSED`."""
    text = case.stdin.decode(errors="surrogateescape")
    return re.sub("[\udc80-\udcff]", _REFUSED, text)


def _read(side: Side, case: Case) -> list[Manifest]:
    text = _decoded(case)
    if _REFUSED in text:
        raise FailedError("not UTF-8")
    try:
        return _read_as_avp(side, text) if side.is_avp else _read_as_ours(side, text)
    except UnreadableError as error:
        raise FailedError(str(error)) from None


def _read_as_avp(side: Side, text: str) -> list[Manifest]:
    try:
        found = read_stream(text, AVP_PEEKS)
    except UnreadableError as error:
        if "found unexpected ':'" not in str(error):
            raise
        # yaml.v2 takes the colon for the last character of a text, libyaml for a mistake.
        side.deviates("colon-at-the-end-in-flow-style")
        return read_stream(_COLON_AT_THE_END.sub(r'"\1"', text), AVP_PEEKS)
    if not text.startswith("{") and any(map(_holds_more, split(text))):
        side.deviates("only-the-first-document-is-read")
    return found


def _holds_more(text: str) -> bool:
    """Whether there is something behind the first document, by the grammar of YAML."""
    ends = 0
    # libyaml looks at all of a short text before it begins, yaml.v2 at no more than it needs.
    text = text.removeprefix("\ufeff").partition(_REFUSED)[0]
    try:
        for event in yaml.parse(text, yaml.CSafeLoader):
            ends += isinstance(event, yaml.DocumentEndEvent)
    except yaml.YAMLError:
        return ends > 0
    return ends > 1


def _read_as_ours(side: Side, text: str) -> list[Manifest]:
    text = text.removeprefix("\ufeff")
    values = read_json(text) if text.startswith("{") else None
    if values is None:
        # As Kubernetes' own reader ends the last line, a block scalar there ends with a line break.
        whole = text if text.endswith("\n") else f"{text}\n"
        whole = re.sub(r"(?m)^(---.*\n)\ufeff", r"\1", whole)
        documents = list(_documents(side, whole))
        if any("\ufeff" in each for each in documents):
            side.deviates("byte-order-mark-inside")
            raise FailedError("a byte order mark in a document")
        values = [read_document(each) for each in documents]
    for value in values:
        if value is not None and not isinstance(value, dict):
            raise FailedError("a document is not a mapping")
    found = [value for value in values if value is not None]
    if not found:
        side.deviates("nothing-in-nothing-out")
        raise FailedError("there is no manifest")
    return found


def _documents(side: Side, text: str) -> Iterator[str]:
    """The documents by the grammar of YAML, not by lines."""
    starts: list[int] = []
    try:
        for event in yaml.parse(text, yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent) and event.start_mark is not None:
                starts.append(event.start_mark.index)
                if event.version or event.tags:
                    raise FailedError("a directive")
        for root in yaml.compose_all(text, yaml.CSafeLoader):
            if root is not None and _has_key_of_two_types(root):
                side.deviates("key-of-two-types")
                raise FailedError("two keys have one name")
    except yaml.YAMLError as error:
        raise FailedError(str(error)) from None
    for number, start in enumerate(starts):
        document = text[start : starts[number + 1] if starts[number + 1 :] else len(text)]
        first = document.partition("\n")[0]
        if first.startswith("---") and first[3:].strip() and not first[3:].strip().startswith("#"):
            side.deviates("text-behind-a-marker")
        if not number and text.startswith("{"):
            side.deviates("flow-style-first")
        yield document


def _has_key_of_two_types(root: Any) -> bool:
    """Whether two keys of a mapping have one name in JSON, and are not equal to yaml.v2."""
    for pairs in _pairs(root):
        values = [_value(key) for key, _ in pairs if key.value != "<<"]
        names = {yaml_scalars.key_of(value) for value in values}
        if len(names) < len({(type(value), value) for value in values}):
            return True
    return False


def _pairs(root: Any) -> Iterator[Sequence[tuple[yaml.ScalarNode, yaml.Node]]]:
    """The entries of each mapping whose keys are scalars."""
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            yield [pair for pair in node.value if isinstance(pair[0], yaml.ScalarNode)]
            nodes += [value for _, value in node.value]


def _value(key: yaml.ScalarNode) -> Scalar:
    """What a key is to yaml.v2: text, or a boolean or number."""
    return key.value if key.style else yaml_scalars.scalar_value(key.value, None, implicit=True)


def _are_same(expected: Sequence[Manifest] | None, outcome: Outcome) -> bool:
    if expected is None or outcome.documents is None:
        return expected is None and outcome.documents is None and not outcome.unreadable
    return list(map(canonical, expected)) == list(map(canonical, outcome.documents))


def _has_merge_key(value: Any) -> bool:
    if isinstance(value, dict):
        return "<<" in value or any(map(_has_merge_key, value.values()))
    return isinstance(value, list) and any(map(_has_merge_key, value))


def _merges_wrongly(expected: Sequence[Manifest] | None, outcome: Outcome) -> bool:
    """Whether an unquoted `<<` explains what was printed: the mapping that holds it is spoiled."""
    if expected is None or not any(map(_has_merge_key, expected)):
        return False
    if outcome.documents is None:
        return outcome.unreadable
    if len(expected) != len(outcome.documents):
        return False
    return all(
        canonical(_without_merges(each, found)) == canonical(_without_merges(each, each))
        for each, found in zip(expected, outcome.documents, strict=True)
    )


def _without_merges(expected: Any, found: Any) -> Any:
    """What was found, but for the mappings that should hold the key `<<`."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if "<<" in expected:
            return "spoiled"
        return {
            key: _without_merges(expected[key], item) if key in expected else item
            for key, item in found.items()
        }
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [_without_merges(a, b) for a, b in zip(expected, found, strict=True)]
    return found
