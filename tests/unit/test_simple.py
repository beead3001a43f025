"""A document that is passed on without being parsed is one that has nothing for us if it is."""

import random
from collections import Counter

import pytest

from avp_py.errors import DocumentError, Failures
from avp_py.golang.documents import parse
from avp_py.manifests import Origin, duplicates, findings, read_manifests, read_stream, unresolved
from avp_py.manifests.duplicates import read_key
from avp_py.manifests.readable import refuse_unreadable
from avp_py.manifests.simple import Scanner

HEAD = "apiVersion: v1\nkind: ConfigMap\n"
DEPLOYMENT = """\
# Source: app/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: demo
  labels: {app.kubernetes.io/name: web, tier: "a-1"}
  annotations:
    checksum/config: 0f1e2d
    github.com/url: https://github.com/acme/web
spec:
  replicas: 2
  strategy: {}
  template:
    spec:
      # the main one
      containers:
      - name: web
        image: "registry:5000/acme/web:1.2@sha256:0a"
        args: [--port, "8080"]
        command:
          - sh
          - -c
          - 'exec web --verbose # no comment'
        env:
        - name: A
          value: "no: comment"
        - name: B
          value:
        resources:
          limits: {cpu: 500m, memory: 128Mi}
      volumes: []
  data:
    nginx.conf: |
      server {
        listen 80;

        location / { root /srv; }
      }
    empty: |-
    folded: >-
        deep
          deeper
    last: it's ok, isn't it (yes) 50% off; a=b, c:d e#f
"""


def is_simple(text: str) -> bool:
    blanked, found = Scanner(text).blanked()
    assert (len(blanked), blanked == text) == (len(text), not found)
    return bool(found)


def what_is_found(text: str) -> list[str]:
    """All that a document is to us once it is parsed; it is not simple if this is anything."""
    failures = Failures()
    try:
        (document,) = parse(text, "x", read_key)
        refuse_unreadable(text, document, "x", is_json=False)
        manifests = read_manifests(document, text, "x", Origin(), failures)
    except (DocumentError, ValueError) as error:
        return [str(error)]
    found = [each.reason for each in failures]
    if len(manifests) != 1:
        return [*found, f"{len(manifests)} manifests"]
    (manifest,) = manifests
    found += [each.reason for each in duplicates(manifest, is_sure=True)]
    found += [each.reason for each in findings(text, manifest, unfilled=True)]
    found += [each.form for each in unresolved(text, manifest)]
    found += [field.path for field in manifest.fields]
    ours = manifest.imports or manifest.is_list or manifest.annotations.path is not None
    return [*found, manifest.kind] if ours or manifest.kind == "Secret" else found


def test_what_kustomize_and_helm_write_is_simple() -> None:
    assert is_simple(DEPLOYMENT)
    assert what_is_found(DEPLOYMENT) == []


NOT_SIMPLE = {
    "a placeholder": HEAD + "data:\n  a: <path:kv/data/a#b>\n",
    "a placeholder in a comment": HEAD + "# <a>\n",
    "a placeholder in base64": HEAD + "data:\n  a: PHBhdGg6a3YvZGF0YS9hI2I+\n",
    "an escape of HTML": HEAD + "data:\n  a: x&lt;path:kv/data/a#b&gt;\n",
    "our annotation": HEAD + "metadata:\n  annotations:\n    avp.kubernetes.io/path: kv/a\n",
    "our annotation in braces": HEAD + "metadata:\n  annotations: {avp.kubernetes.io/path: a}\n",
    "our annotation, misspelt": HEAD + "metadata:\n  annotations:\n    avp.kubernetesio/path: a\n",
    "a Secret": "apiVersion: v1\nkind: Secret\ndata:\n  a: Yg==\n",
    "a list": "apiVersion: v1\nkind: List\nitems: []\n",
    "items of another kind": HEAD + "items:\n- kind: Secret\n",
    "no kind": "apiVersion: v1\n",
    "two kinds": HEAD + "kind: Secret\n",
    "a kind in other letters": HEAD + "Kind: Secret\n",
    "a kind that is a boolean": "apiVersion: v1\nkind: Yes\n",
    "a version with two slashes": "apiVersion: a/b/c\nkind: X\n",
    "a repeated key": HEAD + "data:\n  a: 1\n  b: 2\n  a: 1\n",
    "a repeated key in braces": HEAD + "data: {a: 1, a: 2}\n",
    "a repeated key in a list": HEAD + "data:\n- a: 1\n  a: 2\n",
    "a key that is a boolean": HEAD + "data:\n  on: 1\n",
    "a key that is a number": HEAD + "data:\n  1: 1\n",
    "an anchor": HEAD + "data: &a 1\n",
    "an alias": HEAD + "data: *a\n",
    "a tag": HEAD + "data: !!str 1\n",
    "an escape": HEAD + 'data: "\\u003cpath:a#b>"\n',
    "a merge key": HEAD + "data:\n  <<: {a: 1}\n",
    "a line that goes on": HEAD + "data: a\n  b\n",
    "a quote that goes on": HEAD + 'data: "a\n  b"\n',
    "a comment after a value": HEAD + "data: a # b\n",
    "a value with a colon": HEAD + "data: a: b\n",
    "a key below a value": HEAD + "data: a\n  b: c\n",
    "a list below a value": HEAD + "data: a\n- b\n",
    "a list beside the keys of another": HEAD + "data:\n  a:\n- b\n",
    "a key that is indented less": HEAD + "data:\n    a: 1\n  b: 2\n",
    "an item that is indented less": HEAD + "data:\n    - a\n  - b\n",
    "a key beside items": HEAD + "data:\n  - a\n  b: c\n",
    "text that is indented less": HEAD + "data: |\n    a\n  b\n",
    "a blank line with spaces in text": HEAD + "data: |\n  a\n   \n  b\n",
    "a tab": HEAD + "data:\n\ta: 1\n",
    "a carriage return": HEAD + "data: 1\r\n",
    "a letter beyond ASCII": HEAD + "data: ä\n",
    "the end of the document": HEAD + "...\n",
    "text after the marker": HEAD + "--- a\n",
    "JSON": '{"apiVersion": "v1", "kind": "X"}\n',
    "nothing": "\n",
    "a comment": "# a\n",
}


@pytest.mark.parametrize("name", NOT_SIMPLE)
def test_what_is_parsed(name: str) -> None:
    assert not is_simple(NOT_SIMPLE[name])


PARTS = [
    *DEPLOYMENT.splitlines(),
    "kind: Secret", "kind: List", "items:", "- kind: Secret", "on: 1", "1: 2", "a: &x 1", "b: *x",
    "a: <b>", "- - a", "- a: 1", "-", "a:", "a: 1", "? a", ": b", "a: |", "a: >+", "a: |2",
    "  text",
    "a: {b: 1, c: 2}", "a: {b: 1, b: 2}", "a: [b, {c: 1}]", 'a: "b', "a: 'b", "a: b: c", "# a",
    "--- a", "...", "a : b", "a:b", "a:  b", "a: b ", "a: -", "a: - b", "a: --", "a: -1", "- -1",
    "a: .inf", "a: 1e999", "a: ~", "a: null", "a: yes", "yes: a", "a: @b", "a: `b`", "a: %b",
    "metadata: {annotations: {avp.kubernetes.io/path: a}}", "avp.kubernetes.io/path: a",
    "avp.kubernetes.oi/path: a", "Kind: a", "a: PHBhdGg6YSNiPg==", "a: b?", "a: !b", "a: b#c",
    "a: b #c", "a: (b", "a: b,", "a: [b", "a: b]", "a: {b", "a: b}", "a/b: c", "a: /b", "a: 'b'c",
]  # fmt: skip


def mutant(draw: random.Random) -> str:
    """Return a document that somebody could have meant to be the one above."""
    lines = DEPLOYMENT.splitlines()
    if draw.random() < 0.5:
        lines = [*HEAD.splitlines(), *draw.sample(lines[4:], draw.randint(1, 9))]
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        at = draw.randrange(len(lines))
        match draw.randrange(6):
            case 0:
                lines.insert(at, " " * draw.randrange(9) + draw.choice(PARTS).lstrip())
            case 1:
                del lines[at]
            case 2:
                lines.insert(at, draw.choice(lines))
            case 3:
                lines[at] = " " * draw.randrange(9) + lines[at].lstrip()
            case 4:
                lines.insert(at, "")
            case 5:
                place = draw.randrange(len(lines[at]) + 1)
                char = draw.choice(" :#-{}[]\"'|>&*!%@`,?<~\\abk1/.=")
                end = place + draw.choice((0, 0, 1))
                lines[at] = lines[at][:place] + char + lines[at][end:]
        lines = lines or [""]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_found_in_a_simple_document(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - nothing is secret
    seen: Counter[tuple[bool, bool]] = Counter()
    for _ in range(2500):
        text = mutant(draw)
        simple, found = is_simple(text), what_is_found(text)
        seen[simple, not found] += 1
        assert not (simple and found), f"{found}\n{text}"
    # The control: a good part of the documents is simple, and another one has something in it.
    assert seen[True, True] > 500
    assert seen[False, False] > 500


def test_a_stream_is_read_as_without_the_scan() -> None:
    own = HEAD + "metadata:\n  name: b\ndata:\n  a: <path:kv/data/a#b>\n"
    broken = HEAD + "data: {\n"
    text = "---\n".join([DEPLOYMENT, own, DEPLOYMENT, own])
    failures = Failures()

    stream = read_stream(text.encode(), "x", failures)

    assert (stream.text, stream.passed, len(stream.documents)) == (text, 2, 4)
    first, second = stream.manifests
    assert first.label == "ConfigMap b (document 2 of x)"
    assert second.label == "ConfigMap b (document 4 of x)"
    assert text[first.start : first.end] == f"---\n{own}"
    assert text[second.start : second.end] == f"---\n{own}"
    assert [field.path for field in second.fields] == ["data.a"]
    read_stream(f"{text}---\n{broken}".encode(), "x", failures)
    (failure,) = failures
    line = f"{text}---\n{broken}".count("\n") + 1
    assert failure.reason.startswith(f"x, line {line}, column 1: not valid YAML")


def test_a_simple_document_makes_nothing_else_readable() -> None:
    for before in ("%YAML 1.1\n", "a: [\n", 'a: "\n', "a: |\nb\n", "--- |\na\n"):
        failures = Failures()
        read_stream(f"{before}---\n{DEPLOYMENT}".encode(), "x", failures)
        assert list(failures), before


def test_two_markers_in_a_row_and_an_empty_first_document() -> None:
    for text in (f"---\n---\n{DEPLOYMENT}", f"\n---\n{DEPLOYMENT}---\n", f"---\n{DEPLOYMENT}"):
        failures = Failures()
        stream = read_stream(text.encode(), "x", failures)
        assert (stream.text, stream.passed, list(failures)) == (text, 1, [])
