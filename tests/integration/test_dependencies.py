"""Charts that lack dependencies are completed as `helm dependency build` does it."""

import gzip
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from avp_py.archives import read_chart
from avp_py.errors import ChartLimitError, Failure, GenerateError, RenderError
from avp_py.remotes import Fetched, RemoteChart
from tests.fetchers import served
from tests.integration.dependencies import Tree, chart, limits
from tests.integration.repositories import Repository, charts, package, serve_charts
from tests.trees import write

pytestmark = pytest.mark.both_helms

CHARTS: Final = charts("db-1.0.0", "db-1.2.0", "db-2.0.0", "web-0.1.0")


@pytest.fixture
def tree(tmp_path: Path, tools: Mapping[str, Path], helm_name: str) -> Tree:
    """A tree without charts."""
    (tmp_path / "tree").mkdir()
    return Tree(tmp_path, tools[helm_name])


@pytest.fixture
def repository(tree: Tree) -> Iterator[Repository]:
    """A repository that helm knows as `ours`; the tree's fetcher has the same charts."""
    with serve_charts(Repository(dict(CHARTS))) as server:
        tree.fetcher.known.update(served(server.url, CHARTS))
        tree.call("repo", "add", "ours", server.url)
        yield server


def failures(caught: pytest.ExceptionInfo[GenerateError]) -> list[str]:
    """The reasons."""
    return [each.reason for each in caught.value.failures]


@pytest.mark.parametrize(
    "more",
    [
        "",
        "condition: a.enabled",
        "tags: [some]",
        "import-values: [{child: x, parent: y}]",
        "alias: a",
    ],
)
def test_a_dependency_is_fetched(more: str, tree: Tree, repository: Repository) -> None:
    entry = f"{{name: db, version: 1.0.0, repository: '{repository.url}', {more}}}"
    write(tree.folder, chart("app", f"[{entry}]"))

    copy = tree.completed("app")

    assert tree.packages(copy) == {"db-1.0.0.tgz"}
    for options in ([], ["--set=a.enabled=false"], ["--set=tags.some=false"]):
        assert tree.template(copy, *options) == tree.built("app", *options)


def test_an_archive_is_packed_anew(tree: Tree) -> None:
    url = "https://charts.example.org"
    long = f"files/{'x' * 90}/{'y' * 200}/z"
    names = (long, "files/é", "files/\udcff", "files/a b")
    archive = package("db", "1.0.0", {name: f"text of {len(name)}" for name in names})
    # Two readers may see different files after the end of the archive, or in its padding.
    hidden = gzip.compress(gzip.decompress(archive) + tarfile.NUL * 512 + b"hidden" * 100)
    tree.fetcher.known.update(served(url, {("db", "1.0.0"): hidden}))
    write(tree.folder, chart("app", f"[{{name: db, version: 1.0.0, repository: '{url}'}}]"))

    packed = (tree.completed("app") / "charts/db-1.0.0.tgz").read_bytes()

    assert read_chart(packed, limits()) == read_chart(hidden, limits())
    assert b"hidden" not in gzip.decompress(packed)
    assert packed == (tree.completed("app") / "charts/db-1.0.0.tgz").read_bytes()
    assert "name: db\n" in tree.template(tree.root / "copy")


def test_one_with_two_aliases_is_fetched_once(tree: Tree, repository: Repository) -> None:
    entries = ", ".join(
        f"{{name: {name}, version: 1.0.0, repository: '{repository.url}', alias: {alias}}}"
        for name, alias in [("db", "a"), ("db", "b")]
    )
    write(tree.folder, chart("app", f"[{entries}]"))

    copy = tree.completed("app")

    assert tree.fetcher.asked == [[RemoteChart(repository.url, "db", "1.0.0")]]
    assert tree.template(copy) == tree.built("app")
    assert tree.template(copy).count("kind: ConfigMap") == 3


def test_two_versions_of_one_chart(tree: Tree, repository: Repository) -> None:
    entries = ", ".join(
        f"{{name: db, version: {version}, repository: '{repository.url}', alias: {alias}}}"
        for version, alias in [("1.0.0", "a"), ("2.0.0", "b")]
    )
    write(tree.folder, chart("app", f"[{entries}]"))

    copy = tree.completed("app")

    assert len(tree.fetcher.asked) == 1
    assert tree.packages(copy) == {"db-1.0.0.tgz", "db-2.0.0.tgz"}
    assert tree.template(copy) == tree.built("app")


def test_the_lock_file_has_the_versions(tree: Tree, repository: Repository) -> None:
    entries = (
        f"[{{name: db, version: '>=1 <2', repository: '{repository.url}', tags: [x, y], "
        "condition: 'a<b&c', import-values: [z, {parent: p, child: c}]}, "
        f"{{name: web, version: ~0.1, repository: '{repository.url}', alias: site}}]"
    )
    write(tree.folder, chart("app", entries))
    tree.lock("app")
    newer = package("db", "1.9.0")
    repository.charts["db", "1.9.0"] = newer

    copy = tree.completed("app")

    assert tree.packages(copy) == {"db-1.2.0.tgz", "web-0.1.0.tgz"}
    assert tree.template(copy) == tree.built("app")


NUMBERS: Final = (
    *("9007199254740993", "-9007199254740993", "12345678901234567890", "18446744073709551617"),
    *("100000000000000000000", "123456789012345678901234567890", "0x1fffffffffffff1", "0b101"),
    *("017", "7", "+12", "1_000_001.0", "1.10", "0.1", "-0.0", "16777217.0", "33554432.5"),
    *("1e7", "1e21", "1e39", "-1e39", "3.4028235e38", "1e-7", "0.00001", "2.5e-5", "1e-46"),
    *("8.5e-46", "3.14159265358979"),
)
"""Numbers of YAML that Go rounds, or writes in another form."""


@pytest.mark.parametrize("number", NUMBERS)
def test_the_digest_of_numbers(number: str, tree: Tree, repository: Repository) -> None:
    values = f"[{{child: {number}, parent: [{number}, {{a: {number}}}]}}]"
    entry = f"name: db, version: 1.0.0, repository: '{repository.url}', import-values: {values}"
    write(tree.folder, chart("app", f"[{{{entry}, condition: {number}, tags: [{number}]}}]"))
    tree.lock("app")

    assert tree.packages(tree.completed("app")) == {"db-1.0.0.tgz"}


def test_the_digest_of_control_characters(tree: Tree, repository: Repository) -> None:
    entry = f"name: db, version: 1.0.0, repository: '{repository.url}'"
    condition = r'"a\x1cb\x85c\u2028d\xa0\u200be\U000e0001"'
    write(tree.folder, chart("app", f"[{{{entry}, condition: {condition}}}]"))
    tree.lock("app")

    assert tree.packages(tree.completed("app")) == {"db-1.0.0.tgz"}


@pytest.mark.usefixtures("repository")
def test_the_lock_file_says_what_a_name_stands_for(tree: Tree) -> None:
    write(tree.folder, chart("app", "[{name: db, version: ^1, repository: '@ours'}]"))

    with pytest.raises(GenerateError) as caught:
        tree.completed("app")
    tree.lock("app")

    assert caught.value.failures[0].hint == "write the URL of the repository in its place"
    assert tree.packages(tree.completed("app")) == {"db-1.2.0.tgz"}
    assert tree.template(tree.root / "copy") == tree.built("app")


def test_a_lock_file_that_is_out_of_sync(tree: Tree, repository: Repository) -> None:
    entry = f"{{name: db, version: VERSION, repository: '{repository.url}'}}"
    write(tree.folder, chart("app", f"[{entry.replace('VERSION', '^1')}]"))
    tree.lock("app")
    write(tree.folder, chart("app", f"[{entry.replace('VERSION', '1.x')}]"))

    with pytest.raises(GenerateError) as caught:
        tree.completed("app")

    assert caught.value.failures == (
        Failure(
            "Chart.lock of the chart app is out of sync with Chart.yaml, so that the versions of "
            "its dependencies are not known: db",
            "run `helm dependency update`, and commit Chart.lock",
        ),
    )
    with pytest.raises(AssertionError, match="out of sync"):
        tree.built("app")
    assert tree.fetcher.asked == []


def test_requirements_of_version_1(tree: Tree, repository: Repository) -> None:
    write(
        tree.folder,
        {
            **chart("app"),
            "app/Chart.yaml": "{apiVersion: v1, name: app, version: 1.0.0}\n",
            "app/requirements.yaml": "dependencies:\n- name: db\n  version: ^1\n"
            f"  repository: {repository.url}\n",
        },
    )

    with pytest.raises(GenerateError) as caught:
        tree.completed("app")
    tree.lock("app")

    assert "a range, and the chart has no requirements.lock" in failures(caught)[0]
    assert (tree.folder / "app/requirements.lock").exists()
    assert tree.packages(tree.completed("app")) == {"db-1.2.0.tgz"}
    assert tree.template(tree.root / "copy") == tree.built("app")


def test_ranges_without_a_lock_file(tree: Tree, repository: Repository) -> None:
    entry = f"[{{name: db, version: ^1, repository: '{repository.url}'}}]"
    write(tree.folder, chart("app", entry))
    remote = RemoteChart(repository.url, "db", "^1")
    warning = Failure("it may be outdated")
    tree.fetcher.known[remote] = Fetched(CHARTS["db", "1.2.0"], "1.2.0", warning=warning)

    with pytest.raises(GenerateError) as caught:
        tree.completed("app")

    assert "its version '^1' is a range, and the chart has no Chart.lock" in failures(caught)[0]
    assert "AVP_CHART_RANGES=true" in caught.value.failures[0].hint
    assert tree.packages(tree.completed("app", ranges=True)) == {"db-1.2.0.tgz"}
    assert tree.template(tree.root / "copy") == tree.built("app", command="update")
    dependencies = tree.dependencies(ranges=True)
    dependencies.complete(tree.folder / "app", tree.root / "copy")
    assert dependencies.warnings == [warning]


@pytest.mark.parametrize("version", ["=1.0.0", "= 1.0.0", " 1.0.0 ", "v1.0.0"])
def test_one_version_in_any_spelling_is_not_a_range(
    version: str, tree: Tree, repository: Repository
) -> None:
    entry = f"[{{name: db, version: '{version}', repository: '{repository.url}'}}]"
    write(tree.folder, chart("app", entry))
    remote = RemoteChart(repository.url, "db", version)
    tree.fetcher.known[remote] = Fetched(CHARTS["db", "1.0.0"], "1.0.0")

    assert tree.packages(tree.completed("app")) == {"db-1.0.0.tgz"}
    assert tree.template(tree.root / "copy") == tree.built("app", command="update")


def test_only_what_is_missing_is_fetched(tree: Tree, repository: Repository) -> None:
    entries = ", ".join(
        f"{{name: {name}, version: {version}, repository: '{repository.url}'}}"
        for name, version in [("db", "1.0.0"), ("web", "0.1.0"), ("own", "^1")]
    )
    write(
        tree.folder,
        {
            **chart("app", f"[{entries}]"),
            **chart("app/charts/own"),
            "app/charts/own/Chart.yaml": "{apiVersion: v2, name: own, version: 1.5.0}\n",
            "app/charts/anything.tgz": CHARTS["db", "1.0.0"],
        },
    )

    copy = tree.completed("app")

    assert tree.fetcher.asked == [[RemoteChart(repository.url, "web", "0.1.0")]]
    assert tree.template(copy).count("kind: ConfigMap") == 4


def test_what_is_complete_stays(tree: Tree) -> None:
    write(
        tree.folder,
        {
            **chart("app", "[{name: db, version: 1.0.0, repository: ''}]"),
            "app/charts/db-1.0.0.tgz": CHARTS["db", "1.0.0"],
            **chart("none"),
        },
    )

    for name in ("app", "none"):
        assert tree.dependencies().is_complete(tree.folder / name)
        tree.template(tree.folder / name)
    assert tree.fetcher.asked == []


def test_local_charts(tree: Tree, repository: Repository) -> None:
    remote = f"[{{name: db, version: 1.0.0, repository: '{repository.url}'}}]"
    write(
        tree.folder,
        {
            **chart("app", "[{name: part, version: ^1, repository: 'file://../libs/part'}]"),
            **{f"libs/{name}": text for name, text in chart("part", remote).items()},
            "libs/part/.helmignore": "# ours\n*.skip\n/secret/\nfiles/*.txt\n[a-c]?.md\n",
            "libs/part/templates/broken.skip": "{{ fail `of what is ignored` }}\n",
            "libs/part/secret/templates/x.yaml": "x",
            "libs/part/files/a.txt": "ignored",
            "libs/part/files/sub/a.txt": "kept",
            "libs/part/ax.md": "ignored",
            "libs/part/dx.md": "kept",
            "libs/part/templates/files.yaml": "files:\n"
            "{{ range $path, $_ := .Files }}- {{ $path }}\n{{ end }}",
            # It says nothing of what is packed.
            "app/.helmignore": "*.md\n",
        },
    )
    (tree.folder / "libs/part/templates/link.yaml").symlink_to("../../more.yaml")
    (tree.folder / "libs/more.yaml").write_text("kind: Linked\n")
    tree.lock("app")

    copy = tree.completed("app")

    assert tree.packages(copy) == {"part-1.0.0.tgz"}
    output = tree.template(copy)
    assert "- dx.md\n- files/sub/a.txt\n" in output
    assert "ax.md" not in output
    assert "kind: Linked" in output
    assert "name: db\n" in output
    # helm itself leaves out what the inner chart lacks, until somebody has completed that.
    tree.call("dependency", "update", ".", folder=tree.folder / "libs/part")
    assert "- charts/" not in output
    assert output.replace("- Chart.lock\n", "") == tree.built("app")


def test_a_local_chart_that_others_share(tree: Tree) -> None:
    write(
        tree.folder,
        {
            **chart(
                "app",
                "[{name: a, version: 1.0.0, repository: 'file://../a'}, "
                "{name: b, version: 1.0.0, repository: 'file://../b', condition: b.on}]",
            ),
            **chart("a", "[{name: c, version: 1.x, repository: 'file://../c'}]"),
            **chart("b", "[{name: c, version: 1.x, repository: 'file://../c', alias: d}]"),
            **chart("c"),
        },
    )

    output = tree.template(tree.completed("app"), "--set=b.on=true")

    assert output.count("# Source: app/charts/a/charts/c/") == 1
    assert output.count("# Source: app/charts/b/charts/d/") == 1
    assert "charts/b" not in tree.template(tree.root / "copy", "--set=b.on=false")


def test_every_missing_one_is_named(tree: Tree, repository: Repository) -> None:
    entries = {
        "db": f"version: 9.9.9, repository: '{repository.url}'",
        "own": "version: 1.0.0, repository: ''",
        "gone": "version: 1.0.0, repository: 'file://../gone'",
        "out": "version: 1.0.0, repository: 'file://../../../../etc'",
        "old": "version: ^2, repository: 'file://../old'",
        "other": "version: 1.0.0, repository: 'file://../old'",
        "odd": "version: 1.0.0, repository: stable",
        "bad": "version: '>>1', repository: 'file://../old'",
        "self": "version: 1.0.0, repository: 'file://.'",
        "../x": f"version: 1.0.0, repository: '{repository.url}'",
        "cut": "version: 1.0.0, repository: 'file://../cut'",
    }
    listed = ", ".join(f"{{name: {name}, {rest}}}" for name, rest in entries.items())
    write(tree.folder, {**chart("app", f"[{listed}]"), **chart("old"), "cut/Chart.yaml": "[]"})

    with pytest.raises(GenerateError) as caught:
        tree.completed("app")

    found = "\n".join(failures(caught))
    assert len(failures(caught)) == len(entries)
    for name in entries:
        assert f"the dependency {name}" in found
    for reason in (
        "(https://" if repository.url.startswith("https") else "(http://",
        "the chart db 9.9.9 from",
        "it is not in charts/, and has no repository",
        "its directory does not exist",
        "its directory is outside of the repository",
        "the chart there has the version '1.0.0', not '^2'",
        "the chart there has the name 'old'",
        "its repository 'stable' is not a URL that is supported",
        "'>>1' is neither a version nor a range",
        "it leads in a circle",
        "this is not a name of a chart",
        "Chart.yaml is not a mapping",
    ):
        assert reason in found
    assert str(tree.root) not in found


def test_local_charts_that_need_each_other(tree: Tree) -> None:
    write(
        tree.folder,
        {
            **chart("a", "[{name: b, version: 1.0.0, repository: 'file://../b'}]"),
            **chart("b", "[{name: a, version: 1.0.0, repository: 'file://../a'}]"),
        },
    )

    with pytest.raises(GenerateError) as caught:
        tree.completed("a")

    assert failures(caught) == [
        "the dependency a (file://../a) of the chart b is missing: it leads in a circle: that "
        "chart needs this one, too"
    ]


def test_a_chart_that_is_fetched_is_checked(tree: Tree) -> None:
    url = "oci://registry.example.org/charts"
    bad = {
        "bomb": package("bomb", "1.0.0", {"big": "x" * 100_001}),
        "cut": package("cut", "1.0.0")[:200],
        "other": package("db", "1.0.0"),
        "newer": package("newer", "1.0.1"),
        "out": package("out", "1.0.0", {"../../x": ""}),
    }
    tree.fetcher.known.update(served(url, {(name, "1.0.0"): bad[name] for name in bad}))
    listed = ", ".join(f"{{name: {name}, version: 1.0.0, repository: '{url}'}}" for name in bad)
    write(tree.folder, chart("app", f"[{listed}]"))

    with pytest.raises(GenerateError) as caught:
        tree.completed("app", input_bytes=100_000)

    assert [each.partition("is missing: ")[2] for each in failures(caught)] == [
        "the files of the archive are larger than AVP_MAX_INPUT (100000 bytes)",
        "the archive cannot be read: it is truncated",
        "the chart there has the name 'db'",
        "the chart there has the version '1.0.1', not '1.0.0'",
        "the archive has a path that leads out of it, 'out/../../x'",
    ]
    assert len(tree.fetcher.asked) == 1
    assert tree.packages(tree.root / "copy") == set()


@pytest.mark.parametrize("kind", ["symlink", "file"])
def test_nothing_is_written_through_a_symlink(kind: str, tree: Tree, tmp_path: Path) -> None:
    url = "https://charts.example.org"
    tree.fetcher.known.update(served(url, CHARTS))
    write(tree.folder, chart("app", f"[{{name: db, version: 1.0.0, repository: '{url}'}}]"))
    copy = tmp_path / "linked"
    outside = tmp_path / "outside"
    for folder in (copy, outside):
        folder.mkdir()
    if kind == "symlink":
        (copy / "charts").symlink_to(outside)
    else:
        (copy / "charts").mkdir()
        (copy / "charts/db-1.0.0.tgz").symlink_to(outside / "file")

    if kind == "symlink":
        with pytest.raises(RenderError, match="charts/ of the chart is not a directory"):
            tree.dependencies().complete(tree.folder / "app", copy)
    else:
        tree.dependencies().complete(tree.folder / "app", copy)
        assert not (copy / "charts/db-1.0.0.tgz").is_symlink()

    assert list(outside.iterdir()) == []


def test_what_nested_charts_need_is_fetched_by_level(tree: Tree, repository: Repository) -> None:
    def remote(name: str, version: str) -> str:
        return f"{{name: {name}, version: {version}, repository: '{repository.url}'}}"

    def local(name: str) -> str:
        return f"{{name: {name}, version: 1.0.0, repository: 'file://../{name}'}}"

    write(
        tree.folder,
        {
            **chart("app", f"[{local('a')}, {local('b')}, {remote('db', '2.0.0')}]"),
            **chart("a", f"[{remote('db', '1.0.0')}, {local('c')}]"),
            **chart("b", f"[{remote('db', '1.2.0')}, {local('c')}]"),
            **chart("c", f"[{remote('web', '0.1.0')}, {remote('db', '1.0.0')}]"),
        },
    )

    output = tree.template(tree.completed("app"))

    levels = [["db-2.0.0"], ["db-1.0.0", "db-1.2.0"], ["web-0.1.0"]]
    assert tree.fetcher.asked == [
        [RemoteChart(repository.url, *each.split("-")) for each in level] for level in levels
    ]
    assert output.count("name: web\n") == 2


@pytest.mark.parametrize("nested", ["remote", "local"])
def test_all_that_a_chart_needs_is_limited(nested: str, tree: Tree) -> None:
    url = "https://charts.example.org"
    files: dict[str, str] = {}
    for number in range(5):
        entries = [
            f"{{name: c{number + 1}, version: 1.0.0, repository: 'file://../c{number + 1}'}}"
        ]
        for each in range(60):
            name = f"x{number}-{each}"
            where = url if nested == "remote" else f"file://../{name}"
            entries.append(f"{{name: {name}, version: 1.0.0, repository: '{where}'}}")
            if nested == "local":
                files |= chart(name)
            else:
                tree.fetcher.known.update(served(url, {(name, "1.0.0"): package(name, "1.0.0")}))
        files |= chart(f"c{number}", f"[{', '.join(entries)}]")
    write(tree.folder, {**files, **chart("c5")})

    with pytest.raises(ChartLimitError) as caught:
        tree.completed("c0")

    assert caught.value.reason == (
        "the chart c0 needs more than 200 charts that are not in charts/, with those that its "
        "file:// charts need"
    )
    # The limit is noticed before more than that is fetched.
    assert sum(map(len, tree.fetcher.asked)) <= 200
    assert tree.packages(tree.root / "copy") == set()


def test_a_chart_that_many_need_counts_once(tree: Tree) -> None:
    names = [f"c{number}" for number in range(150)]
    listed = ", ".join(f"{{name: {n}, version: 1.0.0, repository: 'file://../{n}'}}" for n in names)
    common = "[{name: common, version: 1.0.0, repository: 'file://../common'}]"
    files = {path: text for name in names for path, text in chart(name, common).items()}
    write(tree.folder, {**chart("app", f"[{listed}]"), **files, **chart("common")})

    assert len(tree.packages(tree.completed("app"))) == 150


def test_doubling_charts_are_limited(tree: Tree) -> None:
    files: dict[str, str] = {}
    for level in range(12):
        listed = ", ".join(
            f"{{name: c{level + 1}, version: 1.0.0, repository: 'file://../c{level + 1}', "
            f"alias: {alias}}}, {{name: d{level + 1}, version: 1.0.0, "
            f"repository: 'file://../d{level + 1}', alias: {alias}2}}"
            for alias in "x"
        )
        files |= {**chart(f"c{level}", f"[{listed}]"), **chart(f"d{level}", f"[{listed}]")}
    write(tree.folder, {**files, **chart("c12"), **chart("d12")})

    with pytest.raises(GenerateError, match="failure") as caught:
        tree.completed("c0", input_bytes=100_000)

    assert "with its dependencies it is larger than AVP_MAX_INPUT" in failures(caught)[0]


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "{name: app, version: 1.0.0, dependencies: {a: b}}",
        "{name: app, version: 1.0.0, dependencies: [null]}",
        "{name: app, version: 1.0.0, dependencies: [{name: [a]}]}",
        "{name: app, version: 1.0.0, dependencies: [{name: a}, {name: a}]}",
        "{name: app, version: 1.0.0, dependencies: [{name: a, alias: 'a b'}]}",
        "{name: ../app, version: 1.0.0, dependencies: [{name: a, version: 1.0.0}]}",
        "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n"
        "c: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\n"
        "dependencies: [*d, *d, *d, *d, *d, *d, *d]\n",
        "\ttab",
    ],
)
def test_helm_reports_a_chart_that_cannot_be_read(text: str, tree: Tree) -> None:
    write(tree.folder, {**chart("app"), "app/Chart.yaml": f"{text}\n"})

    assert tree.dependencies().is_complete(tree.folder / "app")
    with pytest.raises(AssertionError) as caught:
        tree.template(tree.folder / "app")
    assert "missing in charts/" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {"app/.helmignore": "a\n" * 1001},
            ".helmignore, line 1001: there are more than 1000 rules",
        ),
        ({"app/.helmignore": "\n" + "a" * 501}, ".helmignore, line 2: the rule is longer than 500"),
        ({"app/Chart.yaml": f"#{'x' * (1 << 20)}\n"}, "Chart.yaml is larger than 1 MiB"),
        (
            {"app/Chart.yaml": f"name: app\ndependencies: [{'{name: a}, ' * 201}]"},
            "Chart.yaml has more than 200 dependencies",
        ),
    ],
)
def test_more_than_is_read_of_a_chart(files: Mapping[str, str], reason: str, tree: Tree) -> None:
    entry = "[{name: db, version: 1.0.0, repository: 'https://charts.example.org'}]"
    write(tree.folder, {**chart("app", entry), **files})

    with pytest.raises(ChartLimitError, match="the chart 'app' cannot be read") as caught:
        tree.dependencies().is_complete(tree.folder / "app")

    assert reason in caught.value.reason
    assert caught.value.hint


def test_fields_are_read_in_any_case(tree: Tree) -> None:
    url = "https://charts.example.org"
    tree.fetcher.known.update(served(url, CHARTS))
    write(
        tree.folder,
        {
            **chart("app"),
            "app/Chart.yaml": f"apiVersion: v2\nname: app\nversion: 1.0.0\nx: &x {{Name: db, "
            f"VERSION: 1.0.0, repository: '{url}'}}\nDependencies: [*x]\n",
        },
    )

    copy = tree.completed("app")

    assert tree.packages(copy) == {"db-1.0.0.tgz"}
    assert "name: db\n" in tree.template(copy)


def test_an_error_of_the_fetcher_keeps_its_advice(tree: Tree) -> None:
    url = "https://user:secret@charts.example.org"
    known = Failure("the policy forbids it", "a rule permits it")
    tree.fetcher.known[RemoteChart(url, "db", "1.0.0")] = known
    write(tree.folder, chart("app", f"[{{name: db, version: 1.0.0, repository: '{url}'}}]"))

    with pytest.raises(GenerateError) as caught:
        tree.completed("app")

    reason = (
        "the dependency db (https://charts.example.org) of the chart app is missing: the policy "
        "forbids it"
    )
    assert caught.value.failures == (replace(known, reason=reason),)


def test_files_of_a_chart_that_cannot_be_loaded(tree: Tree) -> None:
    names = ("linked", "round", "pipe")
    listed = ", ".join(f"{{name: {n}, version: 1.0.0, repository: 'file://../{n}'}}" for n in names)
    write(tree.folder, chart("app", f"[{listed}]"))
    for name in names:
        write(tree.folder, chart(name))
    (tree.folder / "linked/out").symlink_to("/etc/passwd")
    (tree.folder / "round/again").symlink_to(".")
    os.mkfifo(tree.folder / "pipe/fifo")

    with pytest.raises(GenerateError) as caught:
        tree.completed("app", files=100)

    assert [each.partition("is missing: ")[2] for each in failures(caught)] == [
        "'out' is a symlink that leads out of the tree",
        "it has more files than AVP_MAX_FILES (100)",
        "'fifo' is neither a file nor a directory",
    ]


def test_a_chart_outside_of_the_repository(tree: Tree, tmp_path: Path) -> None:
    write(tmp_path, chart("app", "[{name: db, version: 1.0.0, repository: 'file://../db'}]"))

    assert tree.dependencies().is_complete(tmp_path / "app")
    with pytest.raises(RenderError, match="outside of the repository"):
        tree.dependencies().complete(tmp_path / "app", tmp_path / "app")
