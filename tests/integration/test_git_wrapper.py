"""What kustomize is answered in git's place: the newest kustomize and the oldest."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import CalledProcessError
from threading import Event

import pytest

from avp_py.archives import unpack_tar
from avp_py.limits import Limits
from avp_py.render import git_wrapper
from tests.conftest import Run, build_tools
from tests.integration.charts import host_of
from tests.integration.git_server import backend, commit, git, git_site
from tests.integration.stand_in import Exchange, StandIn, stand_in
from tests.processes import AVP, session_members
from tests.trees import write

pytestmark = pytest.mark.cover

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n"


@pytest.fixture(params=["kustomize", "kustomize-oldest"])
def env(request: pytest.FixtureRequest, environ: Mapping[str, str]) -> Mapping[str, str]:
    """An environment with one of the two."""
    return {**environ, "AVP_KUSTOMIZE": str(build_tools(request.param)[request.param])}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository `r` with a base `app` on two branches."""
    folder = tmp_path / "served" / "r"
    files = {"app/kustomization.yaml": "resources: [map.yaml]\n", "app/map.yaml": MAP.format("one")}
    commit(folder, files)
    git(folder, "branch", "one")
    commit(folder, {"app/map.yaml": MAP.format("two")})
    return folder.parent


@pytest.fixture
def site(root: Path) -> Iterator[StandIn]:
    with git_site(root) as server:
        yield server


def app_of(tmp_path: Path, *resources: str) -> Path:
    """An application with these resources."""
    lines = "".join(f"- '{each}'\n" for each in resources)
    return write(tmp_path / "app", {"kustomization.yaml": f"resources:\n{lines}"})


def permitted(env: Mapping[str, str], *servers: StandIn) -> Mapping[str, str]:
    hosts = ",".join(host_of(each.address) for each in servers)
    return {**env, "AVP_RENDER_HOSTS": hosts}


def fetches(server: StandIn) -> int:
    """How often a commit was sent."""
    return sum(b"want " in each.body and b"fetch" in each.body for each in server.asked)


def add_submodule(folder: Path, path: str, url: str, hash_: str, *further: str) -> None:
    """Commit a submodule to a repository, as `git submodule add` does, or not quite."""
    with (folder / ".gitmodules").open("a") as file:
        lines = "".join(f"\t{each}\n" for each in further)
        file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n{lines}')
    git(folder, "add", ".gitmodules")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{hash_},{path}")
    git(folder, "commit", "-qm", "a")


def test_two_refs_of_one_repository(
    site: StandIn, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    url = f"{site.address}/r/.git//app"
    app = app_of(tmp_path, f"{url}?ref=one", f"{url}?ref=main")

    result = run("generate", app, env=permitted(env, site))

    assert (result.code, result.err) == (0, "")
    assert result.out == f"{MAP.format('one')}---\n{MAP.format('two')}"
    assert fetches(site) == 2


def test_a_base_that_is_named_twice_is_fetched_once(
    site: StandIn, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    base = f"{site.address}/r/.git//app?ref=main"
    app = app_of(tmp_path, "a", "b")
    for name in ("a", "b"):
        text = f"resources: ['{base}']\nnamePrefix: {name}-\n"
        write(app, {f"{name}/kustomization.yaml": text})

    result = run("generate", app, env=permitted(environ, site))

    assert (result.code, result.err) == (0, "")
    assert result.out == f"{MAP.format('a-two')}---\n{MAP.format('b-two')}"
    assert fetches(site) == 1


def test_submodules_in_submodules(
    root: Path, site: StandIn, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    inner = commit(
        root / "inner",
        {"base/kustomization.yaml": "resources: [map.yaml]\n", "base/map.yaml": MAP.format("in")},
    )
    commit(root / "middle", {"m": "m"})
    add_submodule(root / "middle", "deep/inner", "../../inner/.git", inner)
    middle = git(root / "middle", "rev-parse", "HEAD")
    commit(root / "outer", {"app/kustomization.yaml": "resources: [../middle/deep/inner/base]\n"})
    add_submodule(root / "outer", "middle", f"{site.address}/middle/.git", middle)
    outer = f"{site.address}/outer/.git//"

    for base in ("app?ref=main", "middle/deep/inner/base?ref=main"):
        app = app_of(tmp_path, outer + base)
        result = run("generate", app, env=permitted(env, site))
        assert (result.code, result.out) == (0, MAP.format("in")), result.err
    assert fetches(site) == 6

    # A base that needs them fails without, and they are not requested.
    site.asked.clear()
    app = app_of(tmp_path, f"{outer}app?ref=main&submodules=false")
    result = run("generate", app, env=permitted(env, site))
    assert (result.code, result.out) == (1, "")
    assert fetches(site) == 1


def test_submodules_without_end(
    root: Path,
    site: StandIn,
    tmp_path: Path,
    environ: Mapping[str, str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(git_wrapper, "MAX_DEPTH", 2)
    files = {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP.format("a")}
    last = commit(root / "level-0", files)
    for level in range(1, 4):
        commit(root / f"level-{level}", files)
        add_submodule(root / f"level-{level}", "m", f"../../level-{level - 1}/.git", last)
        last = git(root / f"level-{level}", "rev-parse", "HEAD")

    for level, code in ((2, 0), (3, 1)):
        app = app_of(tmp_path, f"{site.address}/level-{level}/.git//?ref=main")
        result = run("generate", app, env=permitted(environ, site))
        assert result.code == code, result.err
    assert "submodules are nested deeper than 2 levels" in result.err


@pytest.mark.parametrize(
    ("limits", "width", "code"),
    [
        ({"AVP_MAX_INPUT": "2Mi"}, 1, 0),
        ({"AVP_MAX_INPUT": "2Mi"}, 4, 1),
        ({"AVP_MAX_FILES": "12"}, 1, 0),
        ({"AVP_MAX_FILES": "12"}, 4, 1),
    ],
)
def test_submodules_count_as_often_as_they_occur(
    limits: Mapping[str, str],
    width: int,
    code: int,
    root: Path,
    site: StandIn,
    tmp_path: Path,
    environ: Mapping[str, str],
    run: Run,
) -> None:
    files = {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP.format("in")}
    name, last = "level-0", commit(root / "level-0", {"blob": os.urandom(1 << 20)})
    for level in ("level-1", "level-2"):
        commit(root / level, files)
        for number in range(width):
            add_submodule(root / level, f"s{number}", f"{site.address}/{name}/.git", last)
        name, last = level, git(root / level, "rev-parse", "HEAD")
    app = app_of(tmp_path, f"{site.address}/{name}/.git//?ref=main")

    result = run("generate", app, env={**permitted(environ, site), **limits})

    assert result.code == code, result.err
    assert ("its submodules included" in result.err) == bool(code)


def break_gitmodules(folder: Path, name: str) -> None:
    """Commit a gitlink, and a `.gitmodules` that is malformed, does not list it, or is missing."""
    other = '[submodule "x"]\n\tpath = x\n\turl = ../x\n'
    texts = {"malformed": '[submodule "m"\n\tpath = m\n', "other": other, "missing": ""}
    if text := texts[name]:
        write(folder, {".gitmodules": text})
        git(folder, "add", ".gitmodules")
    hash_ = git(folder, "rev-parse", "one")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{hash_},m")
    git(folder, "commit", "-qm", "a")


@pytest.mark.parametrize("cache", [False, True], ids=["no cache", "cache"])
@pytest.mark.parametrize("name", ["malformed", "other", "missing"])
def test_a_broken_gitmodules_matters_only_where_wanted(
    name: str,
    cache: bool,
    root: Path,
    site: StandIn,
    tmp_path: Path,
    environ: Mapping[str, str],
    run: Run,
) -> None:
    break_gitmodules(root / "r", name)
    env = dict(permitted(environ, site))
    if cache:
        (tmp_path / "cache").mkdir()
        env["AVP_CHART_CACHE"] = str(tmp_path / "cache")
    base = f"{site.address}/r/.git//app?ref=main"

    for _ in range(2):
        without = run("generate", app_of(tmp_path, f"{base}&submodules=false"), env=env)
        assert (without.code, without.out) == (0, MAP.format("two")), without.err
        wanted = run("generate", app_of(tmp_path, base), env=env)
        assert (wanted.code, wanted.out) == (1, "")
        why = "is malformed near line 2" if name == "malformed" else "has no valid URL for the"
        assert f"/r/.git at main cannot be fetched: .gitmodules {why}" in wanted.err
        assert "?submodules=false" in wanted.err
    assert fetches(site) == (1 if cache else 4)

    # The real git fails, too.
    git(tmp_path, "clone", "-q", str(root / "r"), "clone")
    with pytest.raises(CalledProcessError):
        git(tmp_path / "clone", "submodule", "update", "--init", "--recursive")


def test_a_broken_gitmodules_of_a_submodule_fails(
    root: Path, site: StandIn, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    break_gitmodules(root / "r", "missing")
    last = git(root / "r", "rev-parse", "HEAD")
    files = {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP.format("a")}
    commit(root / "outer", files)
    add_submodule(root / "outer", "sub", f"{site.address}/r/.git", last)

    app = app_of(tmp_path, f"{site.address}/outer/.git//?ref=main")
    result = run("generate", app, env=permitted(environ, site))

    assert (result.code, result.out) == (1, "")
    assert f"the submodules of the git repository {site.address}/r/.git at {last}" in result.err


@pytest.mark.parametrize(
    ("path", "url", "further"),
    [
        ("../../out", "", ()),
        ("x/../../out", "", ()),
        (".git/hooks", "", ()),
        ("m", "ext::sh -c touch% MARK", ()),
        ("m", "file://ROOT/r", ()),
        ("m", "ROOT/r", ()),
        ("m", "--upload-pack=touch MARK", ()),
        ("m", "", ("update = !touch MARK",)),
        ("m", "", ("update = none",)),
        ("m", "git://127.0.0.1/r", ()),
    ],
)
def test_hostile_submodules(
    path: str,
    url: str,
    further: tuple[str, ...],
    root: Path,
    site: StandIn,
    tmp_path: Path,
    environ: Mapping[str, str],
    run: Run,
) -> None:
    mark = tmp_path / "mark"
    first = git(root / "r", "rev-parse", "one")

    def filled(text: str) -> str:
        return text.replace("MARK", str(mark)).replace("ROOT", str(root))

    with (root / "r" / ".gitmodules").open("w") as file:
        file.write(f'[submodule "m"]\n\tpath = {path}\n')
        file.write(f"\turl = {filled(url) or f'{site.address}/r/.git'}\n")
        file.writelines(f"\t{filled(each)}\n" for each in further)
    git(root / "r", "add", "-A")
    git(root / "r", "update-index", "--add", "--cacheinfo", f"160000,{first},m")
    git(root / "r", "commit", "-qm", "a")
    app = app_of(tmp_path, f"{site.address}/r/.git//app?ref=main")

    result = run("generate", app, env=permitted(environ, site))

    # A way to update is never a program; all else is an error, as with the real git.
    if not further:
        assert (result.code, result.out) == (1, "")
        assert "cannot be fetched" in result.err
    else:
        assert (result.code, result.out) == (0, MAP.format("two")), result.err
    assert not mark.exists()
    assert not any(tmp_path.rglob("out"))
    # A program as the way to update is not run, and the commit is there nevertheless.
    assert fetches(site) == (2 if further and "touch" in further[0] else 1)


def test_a_file_that_a_remote_base_names(
    root: Path, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    passed_on = backend(root)

    def answer(exchange: Exchange) -> None:
        if exchange.path == "/files/map.yaml":
            exchange.reply(200, MAP.format("file").encode())
        else:
            passed_on(exchange)

    with stand_in(answer) as server:
        text = f"resources: ['{server.address}/files/map.yaml', ../other]\n"
        other = f"resources: ['{server.address}/r/.git//app?ref=one']\n"
        files = {"app/kustomization.yaml": text, "other/kustomization.yaml": other}
        commit(root / "outer", files)
        app = app_of(tmp_path, f"{server.address}/outer/.git//app?ref=main")

        result = run("generate", app, env=permitted(environ, server))

        assert (result.code, result.err) == (0, "")
        assert result.out == f"{MAP.format('file')}---\n{MAP.format('one')}"
        assert server.paths.count("/files/map.yaml") == 1


def test_what_may_be_a_file_is_tried_as_one_first(
    site: StandIn, root: Path, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    files = {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP.format("top")}
    commit(root / "team" / "top", files)
    app = app_of(tmp_path, f"{site.address}/team/top")

    result = run("generate", app, env=permitted(environ, site))

    assert (result.code, result.out) == (0, MAP.format("top")), result.err
    assert site.paths[:2] == ["/team/top", "/team/top/info/refs?service=git-upload-pack"]


@pytest.fixture
def hoster(root: Path) -> Iterator[StandIn]:
    """A server that shows a page at the URL of a repository, and is asked for files in vain."""
    passed_on = backend(root)

    def answer(exchange: Exchange) -> None:
        if "/info/refs" in exchange.path or "git-upload-pack" in exchange.path:
            passed_on(exchange)
        elif exchange.path.startswith("/team/"):
            exchange.reply(200, b"<!DOCTYPE html><html>a page</html>")
        else:
            exchange.reply(404, b"")

    with stand_in(answer) as server:
        yield server


@pytest.mark.parametrize("sandbox", ["required", "off"])
@pytest.mark.parametrize("base", ["team/base", "team/base?ref=main", "team/base/sub", "top/base"])
def test_an_error_in_a_base_is_that_of_kustomize(
    base: str, sandbox: str, root: Path, hoster: StandIn, tmp_path: Path,
    environ: Mapping[str, str], run: Run,
) -> None:  # fmt: skip
    files = {"kustomization.yaml": "resources: [missing.yaml]\n"}
    commit(root / "team/base", {**files, "sub/kustomization.yaml": files["kustomization.yaml"]})
    commit(root / "top/base", files)
    env = {**permitted(environ, hoster), "AVP_SANDBOX": sandbox}

    result = run("generate", app_of(tmp_path, f"{hoster.address}/{base}"), env=env)

    assert (result.code, result.out) == (1, "")
    last = "last kustomize" if sandbox == "required" else "kustomize"
    assert f"next: fix the {last} error below" in result.err
    assert "missing.yaml: no such file or directory" in result.err
    assert "HTML" not in result.err


@pytest.mark.parametrize("name", ["page", "page?x=1"])
def test_a_page_in_a_base_is_named(
    name: str, root: Path, hoster: StandIn, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    url = f"{hoster.address}/team/{name}"
    commit(root / "team/base", {"kustomization.yaml": f"resources: ['{url}']\n"})
    app = app_of(tmp_path, f"{hoster.address}/team/base")

    result = run("generate", app, env=permitted(environ, hoster))

    assert (result.code, result.out) == (1, "")
    assert "1 failure" in result.err
    assert f"{hoster.address}/team/page" in result.err


def test_a_url_of_a_plugin_in_a_base_is_explained(
    root: Path, hoster: StandIn, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    # Nobody sees it beforehand: a patch names it, in a kustomization of generators.
    patch = json.dumps([{"op": "add", "path": "/files", "value": [f"{hoster.address}/x"]}])
    files = {
        "kustomization.yaml": "generators: [g]\n",
        "g/kustomization.yaml": "resources: [g.yaml]\npatches:\n- target: {kind: "
        f"ConfigMapGenerator}}\n  patch: '{patch}'\n",
        "g/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nname: x\n",
    }
    commit(root / "team/base", files)
    env = {**permitted(environ, hoster), "AVP_SANDBOX": "required"}

    result = run("generate", app_of(tmp_path, f"{hoster.address}/team/base?ref=main"), env=env)

    assert (result.code, result.out) == (1, "")
    assert "next: kustomize has no network" in result.err
    assert f'Get "{hoster.address}/x"' in result.err


@pytest.mark.parametrize("sandbox", ["required", "off"])
@pytest.mark.parametrize(
    ("link", "end"),
    [("link", "map.yaml"), ("link", ""), ("kustomization.yaml", "kustomization.yaml")],
)
def test_a_link_does_not_lead_out_of_a_clone(
    link: str, end: str, sandbox: str, root: Path, site: StandIn, tmp_path: Path,
    environ: Mapping[str, str], run: Run,
) -> None:  # fmt: skip
    base = {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP.format("linked")}
    write(tmp_path / "outside", base)
    app = root / "r" / "linked"
    write(app / "inside", base)
    write(app, {"kustomization.yaml": "resources: [link]\n", "map.yaml": MAP.format("linked")})
    env = {**permitted(environ, site), "AVP_SANDBOX": sandbox}
    found = []
    for target in (Path("inside"), tmp_path / "outside"):
        (app / link).unlink(missing_ok=True)
        (app / link).symlink_to(target / end)
        commit(root / "r")
        url = f"{site.address}/r/.git//linked?ref=main"
        result = run("generate", app_of(tmp_path, url), env=env)
        found.append((result.code, result.out))

    assert found == [(0, MAP.format("linked")), (1, "")]


def test_a_failure_is_told_once(
    site: StandIn, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    base = f"{site.address}/r/.git//app?ref=nope"
    app = app_of(tmp_path, base, f"{base}&timeout=20s")

    result = run("generate", app, env=permitted(env, site))

    assert (result.code, result.out) == (1, "")
    assert result.err.count("it has no such branch, tag or commit") == 1
    assert "1 failure" in result.err
    assert f"{site.address}/r/.git at nope cannot be fetched" in result.err


def test_a_file_of_a_base_is_given_up_with_the_base(
    root: Path, site: StandIn, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    waiting = Event()

    def wait(_exchange: Exchange) -> None:
        waiting.wait(20)

    with stand_in(wait) as hanging:
        folder = root / "files"
        commit(folder, {"kustomization.yaml": f"resources: ['{hanging.address}/a.yaml']\n"})
        app = app_of(tmp_path, f"{site.address}/files/.git//?ref=main&timeout=3s")
        begun = time.monotonic()
        result = run("generate", app, env=permitted(env, site, hanging))
        took = time.monotonic() - begun
        waiting.set()

    assert (result.code, result.out) == (1, "")
    assert "kustomize waits only 3 s for it" in result.err
    assert "&timeout=120s" in result.err
    assert took < 15


def test_a_time_limit_of_a_base_counts(
    root: Path, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    passed_on = backend(root)
    slow = Event()

    def answer(exchange: Exchange) -> None:
        slow.wait(2)
        passed_on(exchange)

    with stand_in(answer) as server:
        base = f"{server.address}/r/.git//app?ref=one&timeout="
        app = app_of(tmp_path, f"{base}1s")
        result = run("generate", app, env=permitted(env, server))
        slow.set()
        assert (result.code, result.out) == (1, "")
        assert f"{server.address}/r/.git at one cannot be fetched: " in result.err
        assert "; kustomize waits only 1 s for it" in result.err
        assert "&timeout=120s" in result.err
        # A positive control: the server is no longer slow.
        app = app_of(tmp_path, f"{base}25s")
        assert run("generate", app, env=permitted(env, server)).code == 0


@pytest.mark.parametrize("part", [(), ("sub",)], ids=["commit", "submodule"])
def test_what_comes_too_late_for_kustomize_is_named(
    part: Sequence[str],
    root: Path,
    site: StandIn,
    tmp_path: Path,
    environ: Mapping[str, str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hash_ = git(root / "r", "rev-parse", "main")
    commit(root / "outer", {"kustomization.yaml": "resources: [sub/app]\n"})
    add_submodule(root / "outer", "sub", "../../r/.git", hash_)

    def slowly(data: bytes, folder: Path, inner: Sequence[str], limits: Limits) -> int:
        time.sleep(slow if inner[1:] == part else 0)
        return unpack_tar(data, folder, inner, limits)

    monkeypatch.setattr(git_wrapper, "unpack_tar", slowly)
    url = f"{site.address}/outer/.git"
    app = app_of(tmp_path, f"{url}//?ref=main&timeout=3s")

    for slow in (3.2, 0):
        result = run("generate", app, env=permitted(environ, site))
        if slow:
            assert (result.code, result.out) == (1, "")
            reason = f"{url} at main came too late: kustomize waits only 3 s for it"
            assert reason in result.err
            assert "&timeout=120s" in result.err
        else:
            assert (result.code, result.out) == (0, MAP.format("two"))


@pytest.mark.parametrize("sandbox", ["auto", "off"])
@pytest.mark.parametrize("path", ["/info/refs", "/git-upload-pack"])
def test_nothing_is_left_of_a_fetch_that_hangs(
    path: str, sandbox: str, root: Path, tmp_path: Path, environ: Mapping[str, str]
) -> None:
    passed_on = backend(root)
    over = Event()

    def answer(exchange: Exchange) -> None:
        if path in exchange.path.partition("?")[0]:
            over.wait()
        passed_on(exchange)

    with stand_in(answer) as server:
        app = app_of(tmp_path, f"{server.address}/r/.git//app?ref=one&timeout=2s")
        env = {**permitted(environ, server), "HOME": str(tmp_path), "AVP_SANDBOX": sandbox}
        begin = time.monotonic()
        with subprocess.Popen(
            [*AVP, "generate", str(app)], env=env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
        ) as process:  # fmt: skip
            out, messages = process.communicate(timeout=60)
        over.set()

    # Long before AVP_RENDER_TIMEOUT.
    assert time.monotonic() - begin < 20
    assert (process.returncode, out) == (1, "")
    assert f"{server.address}/r/.git at one cannot be fetched: " in messages
    assert "; kustomize waits only 2 s for it" in messages
    assert session_members(process.pid) == []
    # A positive control: git was there.
    assert any("git-upload-pack" in each.path for each in server.asked)
