"""Remote bases: the real git fetches them for kustomize, with submodules, from loopback."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from avp_py.sandbox.messages import OUTSIDE as NOT_SHOWN
from tests.conftest import Run
from tests.integration.charts import host_of
from tests.integration.git_server import commit, git, git_site, serve_git
from tests.integration.hostile import MAP, kustomize, make_tree
from tests.integration.repositories import Repository, package, serve_charts
from tests.integration.stand_in import Exchange, StandIn, stand_in
from tests.processes import AVP, session_members
from tests.trees import write

pytestmark = pytest.mark.cover


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[str]:
    """A repository whose base is in a submodule."""
    root = tmp_path / "served"
    with serve_git(root) as url:
        write(root / "inner", {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP})
        write(root / "outer", {"app/kustomization.yaml": "resources: [../inner]\n"})
        for name in ("inner", "outer"):
            git(root / name, "init", "-q", "-b", "main")
            if name == "outer":
                git(root / name, "submodule", "add", "-q", f"{url}/inner/.git", "inner")
            git(root / name, "add", "-A")
            git(root / name, "commit", "-qm", "a")
        yield f"{url}/outer/.git"


@pytest.mark.parametrize("sandbox", ["required", "off"])
def test_a_remote_base_with_a_submodule_is_built(
    sandbox: str, remote: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    base = f"{remote}//app?ref=main"
    app = write(tmp_path / "app", {"kustomization.yaml": f"resources: ['{base}']\n"})
    env = {**environ, "AVP_SANDBOX": sandbox, "AVP_RENDER_HOSTS": host_of(remote)}

    result = run("generate", app, env=env)

    assert (result.code, result.out) == (0, MAP), result.err

    # kustomize alone gets the same, by itself.
    alone = kustomize(make_tree(tmp_path, environ)._replace(app=app))
    assert alone == MAP

    # Nothing is fetched from this machine, or from a port that is not listed.
    del env["AVP_RENDER_HOSTS"]
    host, port = host_of(remote).split(":")
    for further, reason in (
        ({"AVP_RENDER_PORTS": port}, "127.0.0.1 is this machine"),
        ({"AVP_RENDER_HOSTS": host}, f"port {port} of 127.0.0.1 are not permitted"),
    ):
        result = run("generate", app, env={**env, **further})
        assert (result.code, result.out) == (1, "")
        assert reason in result.err


@pytest.mark.both_helms
@pytest.mark.parametrize("sandbox", ["required", "off"])
def test_a_chart_of_a_remote_base_is_rendered(
    sandbox: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    colour = {
        "values.yaml": "colour: none\n",
        "templates/facts.yaml": f"{MAP}data: {{colour: {{{{ .Values.colour }}}}}}\n",
    }
    root = tmp_path / "served"
    with (
        serve_charts(Repository({("web", "1.2.3"): package("web", "1.2.3", colour)})) as charts,
        git_site(root) as site,
    ):
        chart = f"{{name: web, repo: '{charts.url}', version: 1.2.3, valuesFile: colour.yaml}}"
        for name, home in (("plain", ""), ("home", "helmGlobals: {chartHome: ../link/in}\n")):
            files = {"kustomization.yaml": f"{home}helmCharts: [{chart}]\n"}
            write(root / "bases" / name, {**files, "colour.yaml": f"colour: {name}\n"})
        (root / "bases/shared").mkdir()
        (root / "bases/shared/kept").touch()
        (root / "bases/link").symlink_to("shared")
        # A remote base of a remote base.
        remote = f"{site.address}/bases/.git//plain?ref=main"
        files = {"kustomization.yaml": f"resources: ['{remote}']\nnamePrefix: outer-\n"}
        commit(root / "bases", {f"outer/{path}": text for path, text in files.items()})
        hosts = f"{host_of(site.address)},{charts.host}"
        env = {**environ, "AVP_SANDBOX": sandbox, "AVP_RENDER_HOSTS": hosts}
        for name in ("plain", "home", "outer"):
            base = f"{site.address}/bases/.git//{name}?ref=main"
            app = write(tmp_path / name, {"kustomization.yaml": f"resources: ['{base}']\n"})

            result = run("generate", app, env=env)

            assert (result.code, result.err) == (0, "")
            assert "colour: " in result.out
            assert result.out == kustomize(make_tree(tmp_path, environ)._replace(app=app))


@pytest.mark.parametrize("sandbox", ["required", "off"])
def test_a_clone_is_limited_like_what_is_read(
    sandbox: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    root = tmp_path / "served"
    write(root / "big", {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP})
    write(root / "big", {"blob": os.urandom(8 << 20)})
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "a")):
        git(root / "big", *arguments)
    with serve_git(root) as url:
        base = f"resources: ['{url}/big/.git//?ref=main']\n"
        app = write(tmp_path / "app", {"kustomization.yaml": base})
        env = {**environ, "AVP_SANDBOX": sandbox, "AVP_RENDER_HOSTS": host_of(url)}
        assert run("generate", app, env=env).code == 0

        result = run("generate", app, env={**env, "AVP_MAX_INPUT": "2Mi"})

    assert (result.code, result.out) == (1, "")
    assert "AVP_MAX_INPUT" in result.err


@pytest.mark.parametrize("sandbox", ["required", "off"])
def test_a_link_in_a_clone_does_not_tell_what_exists_outside(
    sandbox: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    tree = make_tree(tmp_path, environ)
    served = tmp_path / "served"
    bare: list[str] = []
    said: list[str] = []
    # There and back: kustomize follows the link only where the first directory exists.
    for name in ("other", "nope!"):
        write(served / name, {"kustomization.yaml": "resources: [link]\n"})
        (served / name / "link").symlink_to(tmp_path / name / "../repo/apps/web")
        for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "a")):
            git(served / name, *arguments)
        with serve_git(served) as url:
            base = f"resources: ['{url}/{name}/.git//?ref=main']\n"
            write(tree.app, {"kustomization.yaml": base})
            env = {**tree.env, "AVP_SANDBOX": sandbox, "AVP_RENDER_HOSTS": host_of(url)}
            result = run("generate", tree.app, env=env)
            alone = kustomize(tree)
        assert (result.code, result.out) == (1, "")
        assert NOT_SHOWN in result.err
        for text, seen in ((alone, bare), (result.err, said)):
            text = re.sub(r"kustomize-\d+|\d\d:\d\d:\d\d", "", text)
            seen.append(text.replace(url, "").replace(name, ""))
    assert bare[0] != bare[1]
    assert said[0] == said[1]


@pytest.fixture
def silent() -> Iterator[StandIn]:
    """A server that never answers git."""
    over = threading.Event()

    def answer(exchange: Exchange) -> None:
        # kustomize requests a file of that name first.
        if "/info/refs" in exchange.path:
            over.wait()
        exchange.reply(404, b"")

    with stand_in(answer) as server:
        yield server
        over.set()


@pytest.mark.parametrize("sandbox", ["required", "off"])
def test_git_does_not_outlive_a_run_that_kustomize_gives_up(
    sandbox: str, silent: StandIn, tmp_path: Path, environ: Mapping[str, str]
) -> None:
    base = f"{silent.address}/r.git?timeout=2s"
    app = write(tmp_path / "app", {"kustomization.yaml": f"resources: ['{base}']\n"})
    env = {
        **environ, "AVP_SANDBOX": sandbox, "AVP_RENDER_HOSTS": host_of(silent.address),
        "HOME": str(tmp_path),
    }  # fmt: skip

    def run(argv: Sequence[str], says: str) -> Sequence[int]:
        """Run a program, and return what is left of its session."""
        with subprocess.Popen(
            argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, text=True,
        ) as process:  # fmt: skip
            _, messages = process.communicate(timeout=60)
        assert process.returncode == 1
        assert says in messages
        return session_members(process.pid)

    left = run([environ["AVP_KUSTOMIZE"], "build", str(app)], "hit 2s timeout")
    assert len(left) >= 3
    for pid in left:
        os.kill(pid, signal.SIGKILL)

    assert run([*AVP, "generate", str(app)], "kustomize waits only 2 s for it") == []

    # Only the git that fetches has asked for ours; kustomize itself requests nothing.
    service = "/r.git/info/refs?service=git-upload-pack"
    assert silent.paths == ["/r.git?timeout=2s", service, service]


def test_git_gives_up_on_a_silent_server(
    silent: StandIn, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    base = f"resources: ['{silent.address}/r.git']\n"
    app = write(tmp_path / "app", {"kustomization.yaml": base})
    # The operator can say after how many seconds.
    name = "GIT_HTTP_LOW_SPEED_TIME"
    env = {"AVP_RENDER_HOSTS": host_of(silent.address), "AVP_RENDER_ENV": name, name: "1"}

    result = run("generate", app, env={**environ, **env})

    assert (result.code, result.out) == (1, "")
    assert "Less than 1 bytes/sec transferred the last 1 seconds" in result.err
