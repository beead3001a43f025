"""The grammar of placeholders, against the regular expressions of argocd-vault-plugin."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.manifests.placeholders import (
    Placeholder,
    _generic_spans,
    _inline_spans,
    _read_inline,
    read_template,
)

# pkg/kube/util.go, v1.18.1, with Go's flag U (ungreedy) written out.
GENERIC = re.compile(r"<(.*?)>")
SPECIFIC = re.compile(r"<path:([^#]+?)#([^#]+?)(?:#([^#]+?))??>")
ROUTE = re.compile(r"<path:[^#]*>[^#]*\n[^#]*#")
INDIVIDUAL = re.compile(r"path:([^#]+)#([^#]+)(?:#(.+))?")

TOKENS = st.lists(
    st.sampled_from(["<", ">", "#", "path:", "<path:", "a", "b\n", "\n", "|", " ", "k"]),
    max_size=14,
).map("".join)


@given(TOKENS)
def test_spans_are_those_of_the_regular_expressions(text: str) -> None:
    assert list(_generic_spans(text)) == [match.span() for match in GENERIC.finditer(text)]
    # Apart from AVP, a route of Flask or Django begins no match.
    if not ROUTE.search(text):
        assert list(_inline_spans(text)) == [match.span() for match in SPECIFIC.finditer(text)]


@given(TOKENS)
def test_inline_parts_are_those_of_the_regular_expression(text: str) -> None:
    match = INDIVIDUAL.search(text)
    wanted = (match[1], match[2].strip(), match[3] or "") if match else (None, text, "")
    assert _read_inline(text) == wanted


@given(TOKENS, st.booleans())
def test_the_parts_of_a_template_are_the_text(text: str, generic: bool) -> None:
    template = read_template(text, generic=generic)
    if template is not None:
        parts = [
            part.text if isinstance(part, Placeholder) else str(part) for part in template.parts
        ]
        assert "".join(parts) == text
        assert template.placeholders


@pytest.mark.parametrize(
    ("text", "generic", "placeholder"),
    [
        ("<key>", True, Placeholder("<key>", None, "key", "", ())),
        (
            "< key | indent 2|b >",
            True,
            Placeholder("< key | indent 2|b >", None, "key", "", (" indent 2", "b ")),
        ),
        ("<path:a/b#k>", False, Placeholder("<path:a/b#k>", "a/b", "k", "", ())),
        ("<path:a#k#3 | x>", False, Placeholder("<path:a#k#3 | x>", "a", "k", "3", (" x",))),
        ("<path:a#k#3#4>", True, Placeholder("<path:a#k#3#4>", "a", "k", "3#4", ())),
        ("<mypath:a#k>", True, Placeholder("<mypath:a#k>", "a", "k", "", ())),
        ("<>", True, Placeholder("<>", None, "", "", ())),
    ],
)
def test_what_a_placeholder_asks_for(text: str, generic: bool, placeholder: Placeholder) -> None:
    template = read_template(text, generic=generic)
    assert template is not None
    assert template.is_whole
    assert template.placeholders == (placeholder,)


@pytest.mark.parametrize(
    "text", ["<key>", "< path:a#k>", "<path:a#k#3#4>", "<path:#k>", "<path:a>"]
)
def test_without_the_annotation_only_inline_paths_count(text: str) -> None:
    assert read_template(text, generic=False) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "<" * 400_000,
        "<path:" * 100_000,
        "<path:a#" * 100_000,
        "<path:a#b#" * 80_000,
        "<a\n" * 200_000,
        "<" + "path:" * 100_000 + ">",
        "<" + "path:#" * 100_000 + ">",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    # The regular expressions take minutes for these; the bound is far above what is needed.
    begin = time.process_time()
    read_template(text, generic=True)
    read_template(text, generic=False)
    assert time.process_time() - begin < 5
