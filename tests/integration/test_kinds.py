"""We read a document's kind as Argo CD's own libraries do, or refuse the document."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

import hypothesis
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avp_py.errors import Failures
from avp_py.golang import gojson, yaml_reader
from avp_py.golang.nodes import Entry, MappingNode, Node, dereference
from avp_py.manifests import PREFIX, Manifest, assemble, read_stream
from tests.conftest import ROOT
from tests.integration.reader import Read, Reader, UnreadableError

NOT_INHERITED = (PREFIX + "import", PREFIX + "remove-missing")
REFUSED = "refused"
LIST = "a list"


def ours(text: str) -> tuple[str, Sequence[Manifest]] | None:
    """Return what we print for a text without placeholders, and how we read it; None if refused."""
    failures = Failures()
    stream = read_stream(text.encode("utf-8", "surrogatepass"), "test", failures, parses_all=True)
    return None if failures else (assemble(stream, {}), stream.manifests)


def differences(reader: Reader, output: str, manifests: Sequence[Manifest]) -> list[str]:
    """Where Argo CD reads the output differently; it must be able to read it."""
    read = reader.read(output)
    documents = [(each, *items) for _, (each, *items) in groupby(manifests, lambda m: m.document)]
    if len(read) != len(documents):
        return [f"{len(documents)} documents, and {len(read)} objects"]
    found: list[str] = []
    for (document, *items), each in zip(documents, read, strict=True):
        found += _differences(document, each)
        ours = {item.item: item for item in items}
        above = each.annotations if isinstance(each.annotations, dict) else {}
        for number, item in enumerate(each.items, 1):
            # What has no kind is refused later; what is there several times is ours once.
            if number in ours and item.kind:
                found += _differences(ours[number], item, above)
            elif item.kind and item not in each.items[: number - 1]:
                found.append(f"no item {number}, and a {item.kind}")
    return found


def _differences(
    manifest: Manifest, read: Read, above: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[str]:
    if manifest.kind != read.kind:
        yield f"kind {manifest.kind}, and {read.kind}"
    if read.seen not in ("", manifest.kind):
        yield f"kind {manifest.kind}, and {read.seen} for the API server"
    if manifest.is_list != read.is_list:
        yield f"is_list {manifest.is_list}, and {read.is_list}"
    annotations = read.annotations if isinstance(read.annotations, dict) else {}
    if above:
        inherited = {key: value for key, value in above.items() if key not in NOT_INHERITED}
        if PREFIX + "path" in annotations:
            inherited.pop(PREFIX + "secret-version", None)
        annotations = {**inherited, **annotations}
    found, said = manifest.annotations, {}
    for name in ("path", "import", "kv-version", "secret-version", "ignore"):
        if PREFIX + name in annotations:
            # Kubernetes reads null as the empty text.
            said[name] = annotations[PREFIX + name] or ""
    expected = (
        said.get("path"),
        said.get("import"),
        said.get("kv-version"),
        said.get("secret-version", ""),
        said.get("ignore") == "true",
    )
    if (found.path, found.imported, found.kv_version, found.secret_version, found.ignore) != (
        expected
    ):
        yield f"annotations {found}, and {expected}"


CASES = {
    # Merge keys: of a key and a merge key the later one counts.
    "kind: ConfigMap\n<<: {kind: Secret}\n": "Secret",
    "<<: {kind: Secret}\nkind: ConfigMap\n": "ConfigMap",
    "kind: ConfigMap\n<< : {kind: Secret}\n": "Secret",
    "{kind: ConfigMap, ? << : {kind: Secret}}\n": "Secret",
    "kind: ConfigMap\n<<: [{kind: Secret}, {kind: Other}]\n": "Secret",
    "kind: ConfigMap\n<<: [{a: 1}, {kind: Secret}]\n": "Secret",
    "kind: ConfigMap\n<<: {<<: {kind: Other}, kind: Secret}\n": "Secret",
    "kind: ConfigMap\n<<: {kind: Other, <<: {kind: Secret}}\n": "Secret",
    "a: &a {kind: Secret}\nb: &b {<<: *a}\n<<: [*b]\n": "Secret",
    "a: &a [{kind: Secret}]\nkind: ConfigMap\n<<: *a\n": REFUSED,
    "kind: ConfigMap\n<<: {kind: Secret}\n<<: {a: 1}\n": "Secret",
    "kind: ConfigMap\n<<: {kind: A}\n<<: {kind: Secret}\n": "Secret",
    "<<: {kind: A}\n!!merge <<: {kind: B}\nkind: Secret\nx: {}\n": "Secret",
    "kind: ConfigMap\n<<: Secret\n": REFUSED,
    "kind: ConfigMap\n<<: {items: []}\n": LIST,
    # What is a merge key.
    'kind: ConfigMap\n"<<": {kind: Secret}\n': "ConfigMap",
    "kind: ConfigMap\n!!str <<: {kind: Secret}\n": "ConfigMap",
    "kind: ConfigMap\n!local <<: {kind: Secret}\n": "ConfigMap",
    "kind: ConfigMap\n!!merge <<: {kind: Secret}\n": "Secret",
    'kind: ConfigMap\n!!merge "<<": {kind: Secret}\n': "Secret",
    'kind: ConfigMap\n!!merge "\\x3c<": {kind: Secret}\n': "Secret",
    "kind: ConfigMap\n!<tag:yaml.org,2002:merge> '<<': {kind: Secret}\n": "Secret",
    "kind: ConfigMap\n!<!!merge> '<<': {kind: Secret}\n": "ConfigMap",
    "kind: ConfigMap\n!<tag:yaml.org,2002:merge> x: {kind: Secret}\n": "ConfigMap",
    "kind: ConfigMap\n! <<: {kind: Secret}\n": "Secret",
    'kind: ConfigMap\n! "<<": {kind: Secret}\n': "Secret",
    "kind: ConfigMap\n!!binary PDw=: {kind: Secret}\n": REFUSED,
    "kind: ConfigMap\n? |-\n  <<\n: {kind: Secret}\n": "ConfigMap",
    "kind: ConfigMap\n? !!merge |-\n  <<\n: {kind: Secret}\n": "Secret",
    "x: &m <<\nkind: ConfigMap\n*m : {kind: Secret}\n": REFUSED,
    '{"kind": "ConfigMap", "<<": {"kind": "Secret"}}': "ConfigMap",
    # Aliases.
    "a: &a Secret\nkind: *a\n": "Secret",
    "a: &a kind\n*a : Secret\n": "Secret",
    "a: &a kind\nkind: ConfigMap\n*a : Secret\n": "Secret",
    "kind: &k ConfigMap\nb: &k {c: *k}\n": REFUSED,
    "kind: A\na: &a []\nitems: *a\n": LIST,
    # Tags.
    "!!str kind: Secret\n": "Secret",
    "!local kind: Secret\n": "Secret",
    "!!binary a2luZA==: Secret\n": REFUSED,
    "!<!!binary> a2luZA==: Secret\nkind: ConfigMap\n": "ConfigMap",
    "!!int kind: Secret\nkind: ConfigMap\n": REFUSED,
    "kind: !!binary U2VjcmV0\n": "Secret",
    "kind: !!binary U2VjcmV0/w==\n": "Secret\ufffd",
    "kind: !!binary Secret\n": REFUSED,
    "kind: !<!!binary> U2VjcmV0\n": "U2VjcmV0",
    "kind: !!merge Secret\n": "Secret",
    "kind: !!str 5\n": "5",
    "kind: ! 5\n": "5",
    "kind: !!int 5\n": REFUSED,
    "kind: !!null ''\n": REFUSED,
    "kind: A\nitems: !!str []\n": LIST,
    "kind: A\nitems: !!null []\n": LIST,
    "kind: A\nitems: !!binary ''\n": "A",
    "{<<: {kind: Secret}, !x,kind: ConfigMap}\n": REFUSED,
    "{<<: {kind: Secret}, !x ,kind: ConfigMap}\n": "ConfigMap",
    # What libyaml reads, and yaml.v2 rejects or reads differently: a comma right after a tag, and a
    # question mark with no key.
    "kind: A\nx: {a: !x, b: c}\n": REFUSED,
    "kind: A\nx: {a: !x , b: c}\n": "A",
    "kind: A\nx: [!!str, b]\n": REFUSED,
    "kind: A\nx: [!, b]\n": REFUSED,
    "kind: A\nx: [!<x>, b]\n": REFUSED,
    "kind: A\nx: [&a !x, b]\n": REFUSED,
    "kind: A\nx: [!x &a, b]\n": "A",
    "kind: A\nx: [&a, b]\n": "A",
    "kind: A\nx: [&a 1, *a, *a,b]\n": "A",
    "kind: &a A\nx: {*a:!x,y: v}\n": REFUSED,
    "kind: &a A\nx: [*a:!x,y]\n": REFUSED,
    "kind: A\nx: {'a':!x,y: v}\n": REFUSED,
    "kind: A\nx: [?]\n": REFUSED,
    "kind: A\nx: [?&a: ]\n": REFUSED,
    "kind: A\nx: [{?&a}]\n": REFUSED,
    # An empty document that ends with a marker.
    "kind: A\n---\n\r...\n": REFUSED,
    "kind: A\n---\n\u2028...\n": REFUSED,
    # Keys beyond 64 bits.
    "kind: A\n9223372036854775807: x\n": "A",
    "kind: A\n9223372036854775808: x\n": REFUSED,
    "kind: A\nx: {a: 1,0x8000000000000000: 1}\n": REFUSED,
    "kind: A\nx: [? 1_8446744073709551615]\n": REFUSED,
    "kind: A\n+9223372036854775808: x\n": "A",
    # Keys that mean the same, or nearly.
    "kind: ConfigMap\nkind: Secret\n": "Secret",
    "kind: ConfigMap\n'kind': Secret\n": "Secret",
    "kind: ConfigMap\n<<: {kind: A}\nkind: Secret\n": "Secret",
    "kind: A\nkind: ConfigMap\n<<: {kind: A, kind: Secret}\n": "Secret",
    "kind: A\nitems: []\nitems: {}\n": "A",
    "kind: A\nitems: {}\nitems: []\n": LIST,
    "kind: ConfigMap\n!!str kind: Secret\n": "Secret",
    "kind: Secret\nkind: Secret\n": "Secret",
    '{"kind": "ConfigMap", "k\\u0069nd": "Secret"}': "Secret",
    '{"k\\u0069nd": "Secret"}': "Secret",
    "kind: ConfigMap\nKind: Secret\n": REFUSED,
    "kind: ConfigMap\nKIND: Secret\n": REFUSED,
    'kind: ConfigMap\n"\\u212Aind": Secret\n': REFUSED,
    "kind: ConfigMap\n<<: {Kind: Secret}\n": REFUSED,
    "kind: ConfigMap\nitem\u017f: []\n": REFUSED,
    "kind: ConfigMap\nItems: []\n": REFUSED,
    "kind: ConfigMap\nApiVersion: v1\n": REFUSED,
    "kind: ConfigMap\nMetadata: {}\n": REFUSED,
    "kind: ConfigMap\nmetadata: {Annotations: {}}\n": REFUSED,
    "kind: ConfigMap\nspec: {Kind: Secret}\n": "ConfigMap",
    '{"kind": "ConfigMap", "kind\\u0000": "Secret"}': "ConfigMap",
    'kind: ConfigMap\n"\\ufeffkind": Secret\n': "ConfigMap",
    "{<<: {kind: Secret},\n\ufeffkind: ConfigMap}\n": REFUSED,
    # Where a byte order mark comes to the front of yaml.v2's buffer, lines lose a character.
    f"#{'x' * 510}\ufeff\nkind: Secret\nXkind: ConfigMap\n": REFUSED,
    f"kind: A\nx: |\n {'x' * 502}\ufeff\n a\nkind: B\nkind: A\n": REFUSED,
    'kind: A\nx: "\\ufeff"\n': "A",
    '{"kind": "A", "x": "\ufeff"}': "A",
    "on: 1\n'true': 1\nkind: ConfigMap\n": REFUSED,
    "0x1: a\n'1': b\nkind: ConfigMap\n": REFUSED,
    "1.0: a\n1: b\nkind: ConfigMap\n": REFUSED,
    "on: a\nYES: b\nkind: ConfigMap\n": "ConfigMap",
    "0x1: a\n1: b\nkind: ConfigMap\n": "ConfigMap",
    # Values that are not strings.
    "kind: on\n": REFUSED,
    "kind: y\n": REFUSED,
    "kind: 0x1\n": REFUSED,
    "kind: 1_000\n": REFUSED,
    "kind: ~\n": REFUSED,
    "kind: 2001-01-01\n": "2001-01-01",
    "kind: <<\n": "<<",
    "kind: yEs\n": "yEs",
    "kind: [Secret]\n": REFUSED,
    "kind: A\nitems: {}\n": "A",
    "kind: A\nitems: null\n": "A",
    "apiVersion: 1\nkind: A\n": "A",
    "apiVersion: a/b/c\nkind: A\n": REFUSED,
    "kind: Secret\n\r\r\n  x\n": REFUSED,
    "kind: Secret\n\n  x\n": "Secret\nx",
    "kind: 'Secret '\n": "Secret ",
    "kind: |-\n  Secret\n  \n": "Secret",
    "kind: ConfigMap\n? : x\n": REFUSED,
    "{kind: ConfigMap, ?: }\n": REFUSED,
    "a: &x {b: &x Secret}\nkind: *x\n": "Secret",
    # Where a document ends.
    "kind: Secret\n...\nkind: ConfigMap\n": REFUSED,
    "kind: Secret\n...\n---\nkind: ConfigMap\n": "Secret, ConfigMap",
    "kind: Secret\r---\rkind: ConfigMap\r": REFUSED,
    "kind: Secret\r\n---\r\nkind: ConfigMap\r\n": "Secret, ConfigMap",
    '{"kind": "Secret"}{"kind": "ConfigMap"}': "Secret, ConfigMap",
    "kind: A\n---\n...\n": REFUSED,
    # Items of a list.
    "kind: List\nitems:\n- {kind: Secret}\n- {kind: List, items: [{kind: Secret}]}\n": LIST,
    "kind: List\nitems:\n- {kind: ConfigMap, <<: {kind: Secret}}\n- &a {kind: A}\n- *a\n": LIST,
    "kind: A\nx: &x {kind: Secret}\n<<: {items: [*x, {kind: B, !!str <<: {kind: Secret}}]}\n": LIST,
    "kind: SecretList\nitems: [{a: 1}, {kind: ~}, {kind: !!binary U2VjcmV0}]\n": LIST,
    "kind: List\nitems:\n- {kind: Secret, Kind: ConfigMap}\n": REFUSED,
    "kind: List\nitems:\n- {kind: Secret, kind: ConfigMap}\n": LIST,
    '{"kind": "List", "items": [{"kind": "Secret"}, {"kind": "ConfigMap"}]}': LIST,
    "kind: List\nmetadata: {annotations: {avp.kubernetes.io/path: a, "
    "avp.kubernetes.io/secret-version: '1', avp.kubernetes.io/ignore: 'true'}}\n"
    "items:\n- {kind: A}\n- {kind: B, metadata: {annotations: {avp.kubernetes.io/path: b}}}\n"
    "- {kind: C, metadata: {annotations: {avp.kubernetes.io/ignore: 'false'}}}\n": LIST,
}


@pytest.mark.parametrize("text", CASES)
def test_a_document_is_what_argo_cd_takes_it_for(reader: Reader, text: str) -> None:
    found = ours(text)
    if found is None:
        assert CASES[text] == REFUSED
        return
    output, manifests = found
    assert differences(reader, output, manifests) == []
    kinds = ", ".join(each.kind for each in manifests)
    assert CASES[text] == (LIST if any(each.is_list for each in manifests) else kinds)


ANNOTATED = {
    "A/path: a": "a",
    "A/path: a\n    A/path: a": "a",
    "A/path: a\n    A/path: b": "b",
    "A/path: a\n    !!str A/path: b": "b",
    "A/path: b\n    A/path: a\n    <<: {A/path: c}\n    A/path: ~": "",
    "A/path: a\n  annotations: {A/path: b}": "b",
    "A/path: a\n  annotations: {}": "none",
    "A/path: a\nmetadata: {annotations: {A/path: b}}": "b",
    "A/path:": "",
    "A/path: ~": "",
    "A/path: ''": "",
    "A/path: !!binary YQ==": "a",
    "A/path: !!binary /w==": "\ufffd",
    "A/path: 2001-01-01": "2001-01-01",
    "A/path: 1": None,
    "A/path: on": None,
    "A/path: [a]": None,
    "A/path: a\n    <<: {A/path: b}": "b",
    "<<: {A/path: b}\n    A/path: a": "a",
    "A/path: a\n    !!str <<: {A/path: b}": "a",
    'A/path: a\n    !!merge "<<": {A/path: b}': "b",
    "x: &p a\n    A/path: *p": "a",
    '"avp.kubernetes.io\\/path": a': None,
    '"avp\\x2ekubernetes.io/path": a': "a",
    "A/Path: a": "none",
    "A/path: a\n    n: 1": "a",
}


@pytest.mark.parametrize("written", ANNOTATED)
def test_annotations_are_what_argo_cd_takes_them_for(reader: Reader, written: str) -> None:
    written_out = written.replace("A/", PREFIX)
    found = ours(f"kind: ConfigMap\nmetadata:\n  annotations:\n    {written_out}\n")
    if found is None:
        assert ANNOTATED[written] is None
        return
    output, manifests = found
    assert differences(reader, output, manifests) == []
    path = manifests[0].annotations.path
    assert ANNOTATED[written] == ("none" if path is None else path)


def test_the_comparison_sees_a_kind_that_we_take_for_another(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'kind: ConfigMap\n!!merge "<<": {kind: Secret}\n'
    by_style = property(lambda entry: entry.key.value == "<<" and entry.key.style is None)
    monkeypatch.setattr(Entry, "is_merge", by_style)
    found = ours(text)
    assert found is not None
    assert differences(reader, *found) == [
        "kind ConfigMap, and Secret",
        "kind ConfigMap, and Secret for the API server",
    ]


def test_the_comparison_sees_that_we_take_the_first_of_equal_keys(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(mapping: MappingNode, key: str) -> Node | None:
        return next((dereference(each.value) for each in mapping.entries if each.name == key), None)

    monkeypatch.setattr(MappingNode, "get", first)
    found = ours("kind: ConfigMap\nkind: Secret\n")
    assert found is not None
    assert differences(reader, *found) == [
        "kind ConfigMap, and Secret",
        "kind ConfigMap, and Secret for the API server",
    ]


def test_the_comparison_sees_an_item_that_we_do_not_look_at(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avp_py.manifests.manifest.kind_of_item", lambda *_: "")
    found = ours("kind: List\nitems:\n- {kind: Secret}\n")
    assert found is not None
    assert differences(reader, *found) == ["no item 1, and a Secret"]


def test_the_reader_has_the_libraries_of_our_argo_cd() -> None:
    argocd, own = (
        dict(re.findall(r"^\s+(?:\S+ => )?(\S+) (v\S+)", text, re.MULTILINE))
        for text in (
            (ROOT / "tools" / folder / "go.mod").read_text(encoding="utf-8")
            for folder in ("argocd", "reader")
        )
    )
    for module in ("k8s.io/apimachinery", "sigs.k8s.io/yaml", "sigs.k8s.io/json"):
        assert own[module] == argocd[module], module
    # The same code as gopkg.in/yaml.v2 v2.4.0, by another name.
    assert own["go.yaml.in/yaml/v2"] == argocd["go.yaml.in/yaml/v2"] == "v2.4.2"


def agree(reader: Reader, text: str) -> None:
    """Check that a text is refused, or read as Argo CD reads it."""
    found = ours(text)
    if found is not None:
        assert differences(reader, *found) == []


PIECES = (
    "kind", "Kind", "items", "metadata", "annotations", "avp.kubernetes.io/path", "Secret",
    "ConfigMap", "a", "&a", "&b", "*a", "*b", "<<", "'<<'", '"<<"', "!!merge", "!!str", "!!binary",
    "!", "!x", "!x,", "!!null", "!!map", "!!int", "!<tag:yaml.org,2002:merge>", "U2VjcmV0",
    "a2luZA==",
    ":", ",", "?", "{", "}", "[", "]", "#", "|", ">", "-", "null", "~", "1", "on", "0x1",
    "'kind'", '"k\\u0069nd"', "\\", "'", '"', "%", "@", "`", "=", "0xFFFFFFFFFFFFFFFF",
)  # fmt: skip
LINES = (
    "kind: Secret\n",
    "kind: ConfigMap\n",
    "<<: {kind: Secret}\n",
    "<<: *a\n",
    "x: &a {kind: Secret}\n",
    "y: &b [*a]\n",
    "*a : x\n",
    "&a ~\n",
    "items: []\n",
    "metadata: {annotations: {avp.kubernetes.io/path: x}}\n",
)
SPACES = (" ", " ", " ", ": ", ": ", ": ", ", ", "\n", "\n", "\n  ", "\n- ", "\n---\n", "\n...\n")
ODD = ("\t", "\r", "\r\n", "\x85", "\u2028", "\xa0", "\ufeff", "\x00", '"ki\\\n nd"', "|-\n  ")
BEGINNINGS = (
    "",
    "kind: ConfigMap\n",
    "---\nkind: ConfigMap\n",
    "kind: ConfigMap\nx: ",
    "x: &a {kind: Secret}\nkind: ConfigMap\n",
    "{kind: ConfigMap, ",
    '{"kind": "ConfigMap", ',
    "{<<: {kind: Secret}, ",
)
ENDS = ("", "\n", "}", "}\n", ": {kind: Secret}\n", ": Secret\n", "kind: ConfigMap}\n")

torn = st.builds(
    lambda first, pieces, last: first + "".join(pieces) + last,
    st.sampled_from(BEGINNINGS),
    st.lists(st.sampled_from((*PIECES, *LINES, *SPACES, *SPACES, *ODD)), max_size=10),
    st.sampled_from(ENDS),
)


@hypothesis.settings(max_examples=3000)
@given(torn)
@example("{<<: {kind: Secret}, !x,kind: ConfigMap}\n")
@example("{kind: ConfigMap, \r\ufeff<<: {kind: Secret}\n}\n")
def test_no_torn_text_is_taken_for_something_else(reader: Reader, text: str) -> None:
    # What Argo CD refuses, it does not deploy.
    with contextlib.suppress(UnreadableError):
        agree(reader, text)


FLOW = (
    "&a", "&b1", "*a", "*a", "!!str", "!x", "!", "!<x>", "!!int", "!!map", "!!seq", "!!binary", ",",
    ",", ", ", ", ", "[", "]", "{", "}", ":", ": ", ": ", " ", " ", "?", "? ", "a", "'q'", '"q"',
    "1", "-", "\n  ", "#", " #c\n  ", "!f!x", "!a:b", "*", "&", "|", "@", "\t", "=", "!x,y", "&a,b",
    "*a,b", "*a:", "&c:", "!t:", "%41",
)  # fmt: skip
in_flow = st.builds(
    lambda around, pieces, value: around.replace("…", "".join(pieces) + value),
    st.sampled_from(("[…]", "{…}", "{k: …}", "[[…]]", "{k: […]}", "[{…}]", "\n- …", "…")),
    st.lists(st.sampled_from(FLOW), min_size=1, max_size=6),
    st.sampled_from(("", "", ": v")),
)


@hypothesis.settings(max_examples=4000)
@given(in_flow)
@example("{a: !x, b: c}")
@example("[*a:!x,y]")
@example("[?]")
@example("[?&b1: ]")
def test_argo_cd_reads_every_collection_that_we_read(reader: Reader, written: str) -> None:
    text = f"kind: A\nz: &a 1\nx: {written}\n"
    found = ours(text)
    if found is not None:
        output, _ = found
        (read,) = reader.read(output)
        assert read.content == json.loads(gojson.write(yaml_reader.read(text)))


KEYS = (
    "kind", "'kind'", '"k\\u0069nd"', "!!str kind", "!x kind", "! kind", "? kind\n", "*kind ",
    "items", "!!str items", '"items"', "*items ", "metadata", "apiVersion", "Kind", "Items", "on",
    "0x1", "1", "<<", "<<", "!!merge '<<'", "!!str <<", "! '<<'", '"<<"', "!!binary a2luZA==",
    "annotations", "avp.kubernetes.io/path", "&c x", "!!null ''", "~",
)  # fmt: skip
SCALARS = (
    "Secret", "ConfigMap", "List", "!!binary U2VjcmV0", "!!str on", "! Secret", "*secret", "on",
    "5", "~", "'~'", "!!null ''", "v1", "!x Secret", "2001-01-01", ".5", "0o1", "&d Secret", "",
)  # fmt: skip
ALIASES = ("*mapping", "*list", "[*mapping, {kind: Other}]", "[*list]", "&m *mapping")

values = st.recursive(
    st.sampled_from((*SCALARS, *SCALARS, *ALIASES)),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=3).map(
            lambda pairs: f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"
        )
    ),
    max_leaves=6,
)
ANCHORS = (
    "secret: &secret Secret\nkey: &kind kind\nother: &items items\n"
    "mapping: &mapping {kind: Secret, items: [], annotations: {avp.kubernetes.io/path: a}}\n"
    "list: &list [{kind: Secret}, {kind: Other}]\n"
)
entries = st.lists(st.tuples(st.sampled_from(KEYS), values), min_size=1, max_size=5)


@hypothesis.settings(max_examples=2000)
@given(entries, st.booleans())
def test_no_tricky_document_is_taken_for_something_else(
    reader: Reader, pairs: list[tuple[str, str]], flow: bool
) -> None:
    if flow:
        anchors = ANCHORS.rstrip("\n").replace("\n", ", ")
        written = ", ".join(f"{key}: {value}" for key, value in pairs)
        agree(reader, f"{{kind: ConfigMap, {anchors}, {written}}}\n")
    else:
        written = "".join(f"{key}: {value}\n" for key, value in pairs)
        agree(reader, f"kind: ConfigMap\n{ANCHORS}{written}")


def escaped(text: str, number: int) -> str:
    """A text in JSON with one of its characters as an escape."""
    at = number % len(text)
    return f'"{text[:at]}\\u{ord(text[at]):04x}{text[at + 1 :]}"'


names = st.sampled_from(
    ("kind", "Kind", "items", "metadata", "<<", "kind\x00", "\ufeffkind", "a", "apiVersion")
)
written_names = names.map(json.dumps) | st.builds(escaped, names, st.integers(0, 12))
json_values = st.recursive(
    st.sampled_from(('"Secret"', '"ConfigMap"', '"S\\u0065cret"', "null", "true", "1", "1.50")),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(written_names, inner), max_size=3).map(
            lambda pairs: f"{{{','.join(f'{key}:{value}' for key, value in pairs)}}}"
        )
    ),
    max_leaves=5,
)


@hypothesis.settings(max_examples=1000)
@given(
    st.lists(st.tuples(written_names, json_values), max_size=4), st.sampled_from(("", " ", "{}"))
)
def test_no_json_is_taken_for_something_else(
    reader: Reader, pairs: list[tuple[str, str]], after: str
) -> None:
    text = "".join(f", {key}: {value}" for key, value in pairs)
    agree(reader, f'{{"kind": "ConfigMap"{text}}}{after}\n')
    agree(reader, f'{{"x": "ConfigMap"{text}}}{after}\n')
