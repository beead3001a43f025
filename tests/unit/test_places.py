"""Failures and warnings name the file and the line of a placeholder."""

import base64
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from avp_py.errors import Failure, Failures
from avp_py.generate.written import find_written
from avp_py.manifests import read_stream
from avp_py.render import Rendered
from tests.conftest import Run
from tests.trees import write
from tests.unit.growth import refuse_growth

CASES = Path(__file__).parent.parent / "golden" / "cases"

_PLACE = re.compile(r"^ {6}(\S.*?):(\d+): (\S+)(?: \(inside base64\))?: (<[^<>]*>)(.*)$", re.M)

IN_BASE64 = (
    "error-base64-in-base64",
    "error-items-of-a-list",
    "error-object-in-base64",
    "error-path-of-bytes",
)
"""Golden cases whose placeholders are in base64."""


def places(text: str) -> Iterator[tuple[str, int, str]]:
    """File, line and placeholder of each place in a message."""
    for file, line, _, placeholder, _ in _PLACE.findall(text):
        yield file, int(line), placeholder


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    file = write(tmp_path / "settings", {"secrets.yaml": "p: {k: hunter22}\n"}) / "secrets.yaml"
    return {"AVP_TYPE": "file", "AVP_FILE": str(file)}


def test_each_line_in_the_golden_cases_holds_its_placeholder() -> None:
    found = 0
    for expected in CASES.glob("error-*/expected.txt"):
        for file, line, placeholder in places(expected.read_text()):
            folder = expected.parent / "input"
            source = next(expected.parent.glob("input.*"), folder / file)
            written_there = source.read_text().splitlines()[line - 1]
            if expected.parent.name not in IN_BASE64:
                assert placeholder in written_there, (expected, line)
                found += 1
    assert found > 30


def test_a_plain_file_is_named_with_the_line(
    run: Run, env: Mapping[str, str], tmp_path: Path
) -> None:
    text = (
        "\ufeff# one\nkind: A\n---\r\nkind: Secret\r\nmetadata: {name: a}\nstringData:\n"
        '  escaped: "\\x3cpath:p#no>"\n'
        "  block: |\n    one\n    <path:p#no>\n    <path:p#k> <path:p#nope>\n"
        "  same: <path:p#no> <path:p#no>\n"
    )
    app = write(tmp_path / "app", {"web/secret.yaml": text, "a.yaml": "kind: A\n"})
    result = run("generate", app, env=env)
    assert list(places(result.err)) == [
        ("web/secret.yaml", 7, "<path:p#no>"),
        ("web/secret.yaml", 10, "<path:p#no>"),
        ("web/secret.yaml", 12, "<path:p#no>"),
        ("web/secret.yaml", 12, "<path:p#no>"),
        ("web/secret.yaml", 11, "<path:p#nope>"),
    ]
    assert (
        "   in Secret a (document 2 of web/secret.yaml)\n"
        "      web/secret.yaml:7: stringData.escaped: <path:p#no> at p\n"
    ) in result.err


def test_a_placeholder_in_an_item_of_a_list(run: Run, env: Mapping[str, str]) -> None:
    stdin = (
        "kind: A\n---\nkind: List\nitems:\n- kind: Secret\n  metadata: {name: one}\n"
        "  stringData:\n    a: <path:p#no>\n- kind: Secret\n  metadata:\n    name: two\n"
        "    annotations: {avp.kubernetes.io/import: gone}\n"
    )
    result = run("generate", "-", env=env, stdin=stdin.encode())
    assert list(places(result.err)) == [("standard input", 8, "<path:p#no>")]
    assert '      standard input:12: metadata.annotations["avp.kubernetes.io/import"]' in result.err


def test_a_placeholder_in_base64_in_base64(run: Run, env: Mapping[str, str]) -> None:
    password = base64.b64encode(b"user:<path:p#no>").decode()
    other = base64.b64encode(b"<path:p#other><path:p#more>").decode()
    whole = base64.b64encode(f'{{"auth": "{password}"}}'.encode()).decode()
    stdin = (
        f"kind: Secret\nmetadata: {{name: a}}\nstringData:\n  config: |\n    auth: {password}\n"
        f"    plain: <path:p#no>\n    other: {other}\n  last: <path:p#last>\n"
        f"data:\n  .dockerconfigjson: >-\n    {whole}\n"
    )
    result = run("generate", "-", env=env, stdin=stdin.encode())
    assert sorted((line, placeholder) for _, line, placeholder in places(result.err)) == [
        (5, "<path:p#no>"),
        (6, "<path:p#no>"),
        (7, "<path:p#more>"),
        (7, "<path:p#other>"),
        (8, "<path:p#last>"),
        (10, "<path:p#no>"),
    ]


def test_aliases_that_are_written_out_move_no_line() -> None:
    text = (
        "kind: ConfigMap\nmetadata: {name: a}\n"
        "x: &x\n- [<path:p#k>]\n- |\n  <path:p#k>\n  b\nk: &k <path:p#k>\n"
        "y: *x\n*k : z\ndata: {a: <path:p#no>}\n"
    )
    failures = Failures()
    stream = read_stream(text.encode(), "a.yaml", failures, is_source=True)
    assert list(failures) == []
    assert stream.text != text
    (manifest,) = stream.manifests
    lines = [manifest.origin.line(field.scalar.start) for field in manifest.fields]
    assert lines[-1] == 11


def test_json_documents_in_a_row_are_reported_without_lines(
    run: Run, env: Mapping[str, str]
) -> None:
    one = '{"kind": "Secret", "metadata": {"name": "a"},\n"stringData": {"a": "<path:p#no>"}}\n'
    result = run("generate", "-", env=env, stdin=one.encode())
    assert list(places(result.err)) == [("standard input", 2, "<path:p#no>")]
    result = run("generate", "-", env=env, stdin=(one * 2).encode())
    assert "      stringData.a: <path:p#no> at p\n" in result.err


def test_a_warning_names_the_line(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    app = write(tmp_path / "app", {"b.yaml": "kind: A\nmetadata: {name: b}\nspec:\n- c: <word>\n"})
    result = run("generate", app, env=env)
    assert result.code == 0
    assert " (in A b (b.yaml), spec[0].c, b.yaml:4); next: " in result.err


def test_the_line_of_an_import(run: Run, env: Mapping[str, str]) -> None:
    stdin = (
        "kind: Secret\nmetadata:\n  name: a\n  annotations:\n"
        "    avp.kubernetes.io/import:\n      nowhere\n"
    )
    result = run("generate", "-", env=env, stdin=stdin.encode())
    assert '      standard input:6: metadata.annotations["avp.kubernetes.io/import"]' in result.err


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "app/kustomization.yaml": "resources: [../base]\n",
        "base/kustomization.yaml": "resources: [a.yaml, b.yaml]\nliterals: [x=<in-it>]\n",
        "base/a.yaml": "one\ntwo <a>\n<both>\n<twice>\n<twice>\n",
        "base/b.yaml": "<both> <b>",
    }
    return write(tmp_path / "tree", files)


def located(
    tree: Path, *references: str, document: str = "d", has_all: bool = True, **limits: int
) -> list[tuple[str, int]]:
    inputs = (*tree.glob("*/*.yaml"), tree / "base", tree / "gone")
    failures = [Failure("r", document=document, field="f", reference=each) for each in references]
    rendered = Rendered("r", b"", inputs=inputs, has_all_inputs=has_all, root=tree)
    found = find_written(failures, tree / "app", rendered, **limits)
    return [(each.file, each.line) for each in found]


def test_the_one_file_with_a_placeholder_is_found(tree: Path) -> None:
    assert located(tree, "<a>", "<both>", "<twice>", "<b>", "<in-it>", "<none>", "") == [
        ("../base/a.yaml", 2),
        ("", 0),
        ("../base/a.yaml", 0),
        ("../base/b.yaml", 1),
        ("../base/kustomization.yaml", 2),
        ("", 0),
        ("", 0),
    ]


def a_secret(name: str, *placeholders: str) -> str:
    lines = "".join(f"  k{n}: {each}\n" for n, each in enumerate(placeholders))
    return f"kind: Secret\nmetadata: {{name: {name}}}\nstringData:\n{lines}---\n"


def test_of_several_files_the_one_with_the_object_is_found(tree: Path) -> None:
    write(
        tree / "base",
        {
            "a.yaml": a_secret("web", "<p>", "<q>") + a_secret("web-db", "<p>", "<q>", "<q>"),
            "b.yaml": "kind: Secret\nmetadata: {namespace: b, name: api}\ndata:\n  a: <p>\n",
            "c.yaml": f"kind: List\nitems:\n- {{kind: Secret, metadata: {{name: item, "
            f"namespace: x}}, stringData: {{a: <p>}}}}\n---\n{a_secret('same', '<p>')}",
            "d.yaml": "kind: Secret\nmetadata: {name: item, namespace: y}\na: <p>\n"
            f"---\n{a_secret('same', '<p>')}",
            "e.yaml": "kind: ConfigMap\nmetadata: {name: web}\ndata: {a: <p>}\n",
        },
    )

    def of(document: str, placeholder: str = "<p>") -> tuple[str, int]:
        label = f"{document} (document 3 of the rendered manifests)"
        (found,) = located(tree, placeholder, document=label)
        return found

    assert of("Secret web") == ("../base/a.yaml", 4)
    assert of("Secret prod/dev-web-7h9m") == ("../base/a.yaml", 4)
    assert of("Secret web-db") == ("../base/a.yaml", 10)
    # Twice in the document.
    assert of("Secret web-db", "<q>") == ("../base/a.yaml", 0)
    assert of("Secret web", "<q>") == ("../base/a.yaml", 5)
    assert of("Secret prod/api") == ("../base/b.yaml", 4)
    assert of("Secret x/item") == ("../base/c.yaml", 3)
    assert of("Secret y/item") == ("../base/d.yaml", 3)
    assert of("ConfigMap web") == ("../base/e.yaml", 3)
    # The text is in no file, or there is none.
    for absent in ("<path:, as it is", "<nowhere>", "", "name"):
        assert of("Secret prod/api", absent) == ("../base/b.yaml", 0)
        assert of("Secret prod/x-api", absent) == ("", 0)
    # As likely in one file as in another, or in none.
    for unknown in ("Secret z/item", "Secret same", "Secret other", "Deployment web", ""):
        assert of(unknown) == ("", 0)
    assert of(f"Secret {'web' * 100}") == ("", 0)


def test_what_can_come_from_a_chart_is_found_by_its_whole_name(tree: Path) -> None:
    write(tree / "base", {"a.yaml": a_secret("web", "<p>"), "b.yaml": "<q>"})
    for document, placeholder, whole, part in (
        ("Secret web", "<p>", ("../base/a.yaml", 4), ("../base/a.yaml", 4)),
        ("Secret x-web", "<p>", ("../base/a.yaml", 4), ("", 0)),
        ("Secret x-web", "<q>", ("../base/b.yaml", 1), ("", 0)),
    ):
        label = f"{document} (the rendered manifests)"
        assert located(tree, placeholder, document=label) == [whole]
        assert located(tree, placeholder, document=label, has_all=False) == [part]


def test_documents_of_large_files_are_not_told_apart(tree: Path) -> None:
    texts = [a_secret("one", "<p>"), a_secret("two", "<p>")]
    write(tree / "base", {"a.yaml": texts[0], "b.yaml": texts[1]})
    document = "Secret one (document 1 of the rendered manifests)"
    enough, too_little = sum(map(len, texts)), len(texts[0]) - 1
    at = [("../base/a.yaml", 4)]
    assert located(tree, "<p>", document=document, max_parsed=enough) == at
    assert located(tree, "<p>", document=document, max_parsed=too_little) == [("", 0)]


def test_a_link_to_the_same_file_is_no_second_one(tree: Path) -> None:
    (tree / "app" / "link.yaml").symlink_to("../base/a.yaml")
    assert located(tree, "<a>") == [("../base/a.yaml", 2)]


def test_without_all_files_nothing_is_claimed(tree: Path) -> None:
    size = sum(path.stat().st_size for path in tree.glob("*/*.yaml"))
    assert located(tree, "<a>", max_bytes=size) == [("../base/a.yaml", 2)]
    assert located(tree, "<a>", max_bytes=size - 1) == [("", 0)]


def test_a_failure_that_has_a_line_keeps_it(tree: Path) -> None:
    failure = Failure("r", field="f", reference="<a>", file="x.yaml", line=9)
    rendered = Rendered("x", b"", inputs=tuple(tree.glob("*/*.yaml")), root=tree)
    assert list(find_written([failure], tree, rendered)) == [failure]


def test_of_a_template_the_line_is_found(tree: Path) -> None:
    write(tree / "outside", {"a.yaml": "<a>\n"})
    files = {"templates/a.yaml": "\n{{ 1 }}\n<a> <b>\n", "templates/b.yaml": "<a> <a>"}
    chart = write(tree / "chart", files)
    (chart / "templates/link.yaml").symlink_to("../../outside/a.yaml")
    names = ("templates/a.yaml", "templates/b.yaml", "gone", "templates", "templates/link.yaml")
    hostile = ("../outside/a.yaml", str(tree / "outside/a.yaml"), "a\0b", "")
    failures = [Failure("r", field="f", reference="<a>", file=each) for each in (*names, *hostile)]
    rendered = Rendered("the chart", b"", root=chart)
    assert [(each.file, each.line) for each in find_written(failures, chart, rendered)] == [
        ("templates/a.yaml", 3),
        *((each, 0) for each in (*names[1:], *hostile)),
    ]
    # Without the limit to the chart, the file next to it would be searched.
    (found,) = find_written(failures[5:6], chart, dataclasses.replace(rendered, root=tree))
    assert (found.file, found.line) == ("../outside/a.yaml", 1)


@pytest.mark.slow
@pytest.mark.parametrize("atom", ["<", "<a", "<a>", "\n", "kind: A\n---\n"])
def test_the_search_takes_linear_time(atom: str, tmp_path: Path) -> None:
    references = [f"{'<a' * 60}{number}>" for number in range(1000)]
    failures = [Failure("r", field="f", reference=each) for each in [*references, "<", "\n", "A"]]

    def make(n: int) -> Path:
        return write(tmp_path, {f"{n}.yaml": atom * n}) / f"{n}.yaml"

    def search(path: Path) -> object:
        rendered = Rendered("x", b"", inputs=(path,), root=tmp_path)
        return list(find_written(failures, tmp_path, rendered))

    refuse_growth(make, search, 100_000)
