"""A run never changes the tree: after success, failure or SIGKILL, or if it is read-only."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.conftest import HELM, Run
from tests.integration.charts import host_of, serve_chart
from tests.integration.test_kustomize import EDITS, copy_case, reference, tenant
from tests.processes import AVP, run_as_anybody, session_members, until
from tests.trees import snapshot, write

KILLS: Final = 25


class Repository(NamedTuple):
    """A repository with the chart `remote`, and the requests that it got."""

    url: str
    asked: list[str]


@pytest.fixture
def repository(tmp_path: Path, tools: Mapping[str, Path]) -> Iterator[Repository]:
    with serve_chart(tmp_path / "repository", tools[HELM]) as (url, asked):
        yield Repository(url, asked)


@pytest.fixture
def environ(environ: Mapping[str, str], repository: Repository) -> Mapping[str, str]:
    """An environment in which a render may reach the repository."""
    return {**environ, "AVP_RENDER_HOSTS": host_of(repository.url)}


def charts(url: str, *names: str, home: str = "") -> str:
    """A kustomization with the chart `remote` once per name."""
    lines = [f"helmGlobals: {{chartHome: {home}}}\n" if home else "", "helmCharts:\n"]
    lines += [
        f"- {{name: remote, repo: '{url}', version: 1.2.3, releaseName: {name}, "
        f"valuesInline: {{text: of {name}}}, valuesMerge: replace}}\n"
        for name in names
    ]
    return "".join(lines)


MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"


def pulling_tree(to: Path, url: str) -> Path:
    """A tree that pulls into the app, a base, a base of that, and a folder next to them."""
    write(
        to,
        {
            "app/kustomization.yaml": "resources: [../base, map.yaml]\n" + charts(url, "app"),
            "app/map.yaml": MAP,
            "base/kustomization.yaml": "resources: [../plain]\n" + charts(url, "base"),
            "plain/kustomization.yaml": "resources: [../beside]\n",
            "beside/kustomization.yaml": charts(url, "beside", home="../deep/er/charts"),
        },
    )
    return to / "app"


@pytest.mark.both_helms
@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_a_chart_is_pulled_and_rendered_but_not_into_the_tree(
    edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run, repository: Repository
) -> None:
    copy = pulling_tree(tmp_path / "copy", repository.url)
    app = pulling_tree(tmp_path / "tree", repository.url)
    before = snapshot(tmp_path / "tree")

    result = run("generate", app, env={**environ, **tenant(EDITS[edits])})
    asked = list(repository.asked)

    assert (result.code, result.err) == (0, "")
    assert snapshot(tmp_path / "tree") == before
    # Three kustomizations name it, and a run keeps what it has fetched.
    assert asked.count("/remote-1.2.3.tgz") == 1
    # The reference pulls too and keeps it, so the check above is meaningful.
    assert result.out == reference(copy, EDITS[edits], environ)
    assert (tmp_path / "copy/app/charts/remote-1.2.3/remote/Chart.yaml").is_file()
    assert (tmp_path / "copy/base/charts/remote-1.2.3/remote/Chart.yaml").is_file()
    assert (tmp_path / "copy/deep/er/charts/remote-1.2.3/remote/Chart.yaml").is_file()


def test_a_chart_is_not_pulled_through_a_linked_charts_folder(
    tmp_path: Path, environ: Mapping[str, str], run: Run, repository: Repository
) -> None:
    app = (
        write(
            tmp_path / "tree",
            {
                "app/kustomization.yaml": charts(repository.url, "app"),
                "shared/other/Chart.yaml": "{apiVersion: v2, name: other, version: 1.0.0}\n",
                "shared/remote-1.2.3/note": "A folder of the chart's name that lacks the chart.\n",
            },
        )
        / "app"
    )
    (app / "charts").symlink_to("../shared")
    before = snapshot(tmp_path / "tree")

    result = run("generate", app, env=environ)

    assert (result.code, result.err) == (0, "")
    assert "text: of app\n" in result.out
    assert snapshot(tmp_path / "tree") == before


def test_a_chart_is_not_pulled_to_an_absolute_path(
    tmp_path: Path, environ: Mapping[str, str], run: Run, repository: Repository
) -> None:
    home = tmp_path / "elsewhere"
    app = write(
        tmp_path / "tree", {"kustomization.yaml": charts(repository.url, "app", home=str(home))}
    )

    result = run("generate", app, env=environ)

    assert (result.code, result.out) == (1, "")
    assert "an absolute path that leads out of the folder" in result.err
    assert not home.exists()


def test_a_chart_behind_symlinks_is_not_pulled_into_the_tree(
    tmp_path: Path, environ: Mapping[str, str], run: Run, repository: Repository
) -> None:
    for name in ("copy", "tree"):
        write(
            tmp_path / name,
            {
                "app/kustomization.yaml": "resources: [../links/base, ../hop/inner]\n",
                "base/kustomization.yaml": charts(repository.url, "base"),
                "links/note": "",
                "far/inner/kustomization.yaml": charts(repository.url, "inner"),
            },
        )
        (tmp_path / name / "links/base").symlink_to("../base")
        (tmp_path / name / "hop").symlink_to("far")
    before = snapshot(tmp_path / "tree")

    result = run("generate", tmp_path / "tree/app", env=environ)

    assert (result.code, result.err) == (0, "")
    assert result.out == reference(tmp_path / "copy/app", {}, environ)
    assert snapshot(tmp_path / "tree") == before


@pytest.mark.parametrize("target", ["real.yaml", "../through/back/real.yaml"])
def test_a_symlinked_kustomization_is_edited_in_the_copy_only(
    target: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    for name in ("copy", "tree"):
        write(
            tmp_path / name,
            {
                "app/real.yaml": "resources: [map.yaml]\n",
                "app/map.yaml": MAP,
                "through/note": "",
            },
        )
        (tmp_path / name / "through/back").symlink_to("../app")
        (tmp_path / name / "app/kustomization.yaml").symlink_to(target)
    before = snapshot(tmp_path / "tree")

    result = run("generate", tmp_path / "tree/app", env={**environ, **tenant(EDITS["annotation"])})

    assert (result.code, result.err) == (0, "")
    assert result.out == reference(tmp_path / "copy/app", EDITS["annotation"], environ)
    assert snapshot(tmp_path / "tree") == before


@pytest.mark.parametrize("target", ["../shared.yaml", "../shared/k.yaml"])
def test_a_kustomization_that_links_out_is_not_written_to(
    target: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    files = {
        "shared.yaml": "resources: [map.yaml]\n",
        "shared/k.yaml": "resources: [map.yaml]\n",
        "app/map.yaml": MAP,
    }
    app = write(tmp_path / "tree", files) / "app"
    (app / "kustomization.yaml").symlink_to(target)
    before = snapshot(tmp_path / "tree")

    result = run("generate", app, env={**environ, **tenant(EDITS["annotation"])})

    assert (result.code, result.out) == (1, "")
    assert "kustomization.yaml is reached through a symlink" in result.err
    assert snapshot(tmp_path / "tree") == before


@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_the_temporary_folder_may_lie_in_the_tree(
    edits: str,
    tmp_path: Path,
    environ: Mapping[str, str],
    run: Run,
) -> None:
    case = "a-chart-in-a-base"
    expected = reference(copy_case(case, tmp_path / "copy"), EDITS[edits], environ)
    app = copy_case(case, tmp_path / "tree")
    (app / "tmp").mkdir()
    before = snapshot(tmp_path / "tree")

    env = {**environ, **tenant(EDITS[edits]), "TMPDIR": str(app / "tmp")}
    result = run("generate", app, env=env)

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    after = snapshot(tmp_path / "tree")
    assert {name for name in after if after[name] != before.get(name)} == {"app/tmp"}
    assert after.keys() == before.keys()


@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_the_working_directory_may_be_the_folder_itself(
    edits: str,
    tmp_path: Path,
    environ: Mapping[str, str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = "a-chart-in-a-base"
    expected = reference(copy_case(case, tmp_path / "copy"), EDITS[edits], environ)
    monkeypatch.chdir(copy_case(case, tmp_path / "tree"))
    before = snapshot(tmp_path / "tree")

    result = run("generate", ".", env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.err, result.out) == (0, "", expected)
    assert snapshot(tmp_path / "tree") == before


@pytest.mark.parametrize(
    "broken",
    [
        {"app/kustomization.yaml": "resources: [missing.yaml]\n"},
        {"app/kustomization.yaml": "resources: [../base\n"},
        {"base/charts/cache/templates/workload.yaml": "{{ fail `no` }}\n"},
        {"base/kustomization.yaml": "helmCharts: [{name: none, repo: 'http://127.0.0.1:9'}]\n"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_the_tree_stays_after_a_build_that_fails(
    broken: Mapping[str, str], edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("a-chart-in-a-base", tmp_path / "tree")
    write(tmp_path / "tree", broken)
    before = snapshot(tmp_path / "tree")

    result = run("generate", app, env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.out) == (1, "")
    assert snapshot(tmp_path / "tree") == before


def test_sigkill_at_any_moment_leaves_the_tree_and_no_child(
    tmp_path: Path, environ: Mapping[str, str], repository: Repository
) -> None:
    tree = write(
        tmp_path / "tree",
        {
            "app/kustomization.yaml": "resources: [../base, map.yaml]\n",
            "app/map.yaml": MAP,
            "base/kustomization.yaml": charts(repository.url, "base"),
        },
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = snapshot(tree)

    def start() -> "subprocess.Popen[bytes]":
        # Each has its own, as a run removes what earlier killed runs left.
        scratch = tempfile.mkdtemp(dir=temporary)
        env = {**environ, **tenant(EDITS["annotation"]), "TMPDIR": scratch}
        argv = [*AVP, "generate", str(tree / "app")]
        return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, start_new_session=True)

    started = time.monotonic()
    with start() as whole:
        assert b"text: of base" in whole.communicate(timeout=60)[0]
    length = time.monotonic() - started
    killed, runs = 0, 0
    while killed < KILLS:
        runs += 1
        assert runs <= 4 * KILLS
        started = time.monotonic()
        with start() as child:
            try:
                child.wait(length * killed / KILLS)
                # The machine has become faster: once more, at an earlier moment.
                length = min(length, time.monotonic() - started)
            except subprocess.TimeoutExpired:
                child.kill()
                killed += child.wait() == -signal.SIGKILL
        # What it had started finds its pipes closed, and ends.
        assert until(lambda session=child.pid: not session_members(session), 20)  # type: ignore[misc]
        assert snapshot(tree) == before
    # Some were killed while working; otherwise the test would prove nothing.
    assert list(temporary.glob("*/avp-py-run-*/tree"))


@pytest.mark.parametrize("edits", ["no edit", "annotation"])
def test_a_tree_that_is_read_only_is_rendered(
    edits: str, tmp_path: Path, environ: Mapping[str, str], repository: Repository
) -> None:
    expected = reference(pulling_tree(tmp_path / "copy", repository.url), EDITS[edits], environ)
    tree = tmp_path / "tree"
    app = pulling_tree(tree, repository.url)
    paths = [tree, *tree.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = snapshot(tree)
    env = {**environ, **tenant(EDITS[edits])}
    try:
        writing = run_as_anybody(["/bin/sh", "-c", '>"$0/new" || >>"$0/map.yaml"', app], env)
        result = run_as_anybody([*AVP, "generate", app], env)
        after = snapshot(tree)
    finally:
        for path in paths:
            path.chmod(0o755)

    assert writing.returncode != 0
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == expected
    assert after == before


@pytest.mark.both_helms
def test_pulled_and_copied_files_count_toward_the_limits(
    tmp_path: Path, environ: Mapping[str, str], run: Run, tools: Mapping[str, Path]
) -> None:
    write(tmp_path, {"repository/remote/files/blob": os.urandom(4 << 20)})
    with serve_chart(tmp_path / "repository", tools[HELM]) as (url, _):
        env = {**environ, "AVP_RENDER_HOSTS": host_of(url)}
        app = write(tmp_path / "app", {"kustomization.yaml": charts(url, "app")})
        assert run("generate", app, env=env).code == 0

        result = run("generate", app, env={**env, "AVP_MAX_INPUT": "1Mi"})
        assert (result.code, result.out) == (1, "")
        assert "AVP_MAX_INPUT" in result.err

    write(tmp_path / "app", {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP})
    write(tmp_path / "app", {"blob": os.urandom(2 << 20)})
    env |= {"AVP_MAX_INPUT": "1Mi"}
    assert run("generate", app, env=env).code == 0
    result = run("generate", app, env={**env, **tenant(EDITS["annotation"])})
    assert (result.code, result.out) == (1, "")
    assert "the folder has too many bytes to be copied for kustomize" in result.err

    write(tmp_path / "app", {"kustomization.yaml": "resources: [map.yaml, ../base]\n", "blob": ""})
    write(tmp_path / "base", {f"{number}": "" for number in range(100)})
    write(tmp_path / "base", {"kustomization.yaml": "helmCharts: [{name: none}]\n"})
    result = run("generate", app, env={**env, "AVP_MAX_FILES": "50"})
    assert (result.code, result.out) == (1, "")
    assert "../base has too many files to be copied for kustomize" in result.err
