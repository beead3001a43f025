"""Who has a repository's password, and what those can reach who have been taken over."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from avp_py import sandbox
from avp_py.errors import Failure, FetchError
from avp_py.fetch import process
from avp_py.fetch.job import DATA, INDEX, OUTCOME, Job
from avp_py.remotes import Fetched, RemoteFile
from avp_py.settings import RenderSettings, Sources, resolve
from tests.conftest import HELM
from tests.integration import memory, tenant
from tests.integration.core import command_of, serve
from tests.integration.git_server import commit, git_site
from tests.integration.repositories import drip, redirect
from tests.integration.shop import PASSWORD, USER, WEB, Shop, ended, fetching, open_shop
from tests.integration.test_serve_questions import Core, Worker, keeper
from tests.processes import children, until
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

OTHERS_PASSWORD = "another-password-of-another-host"
TOKEN = "hvs.token-of-the-operator"
PATIENCE = 30


@pytest.fixture
def shop(tools: Mapping[str, Path], tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, tools, HELM) as opened:
        (tmp_path / "others").write_text(OTHERS_PASSWORD)
        file = tmp_path / "repositories.yaml"
        known, other = json.loads(file.read_text()), {"username": "u"}
        known["repositories"] += [
            {**other, "url": "https://charts.example/x", "passwordFile": str(tmp_path / "others")},
            {**other, "url": "https://charts.example/y", "password": OTHERS_PASSWORD},
        ]
        file.write_text(json.dumps(known))
        yield opened


def allow(shop: Shop, project: str, *patterns: str, denied: Sequence[str] = ()) -> None:
    """Let a project fetch what matches, and nobody what is denied."""
    file = shop.app.parent / "policy.yaml"
    rules: list[dict[str, list[str]]] = [{"projects": [project], "fetch": list(patterns)}]
    if denied:
        rules.append({"denyFetch": list(denied)})
    file.write_text(json.dumps({"rules": rules}))
    shop.env["AVP_POLICY"] = str(file)


@pytest.mark.skipif(not memory.can_read_any(), reason="the memory of others is hidden from us")
def test_the_password_is_where_it_is_used(shop: Shop, tmp_path: Path) -> None:
    chart = f"[{{name: web, repo: '{shop.repository.url}', version: 1.2.3}}]"
    app = write(tmp_path / "base", {"kustomization.yaml": f"helmCharts: {chart}\n"})
    shop.repository.answers["web-1.2.3.tgz"] = drip
    secrets = (PASSWORD, OTHERS_PASSWORD, TOKEN)
    command = f"cd {app} && avp-py generate . ; true"
    with serve({**shop.env, "VAULT_TOKEN": TOKEN}, "sh", "-c", command) as core:
        assert until(lambda: WEB in "".join(shop.repository.server.paths), PATIENCE)
        (fetcher,) = fetching(core.process.pid)
        (worker,) = core.running
        (kustomize,) = [pid for pid in children(worker) if "kustomize" in command_of(pid)]
        members = set(core.members)
        # Those of the core are forks of Python's.
        shell = next(pid for pid in children(core.process.pid) if command_of(pid)[:3] == "sh ")
        (client,) = children(shell)

        def found(pid: int, texts: Sequence[str] = secrets) -> set[str]:
            return set(memory.found(pid, texts))

        assert found(core.keeper) == set(secrets)
        assert found(fetcher) == {PASSWORD}
        others = members - {core.keeper, fetcher, core.process.pid}
        assert {core.supervisor, worker, kustomize, client} <= others
        assert {command_of(pid): found(pid) for pid in others if found(pid)} == {}
        assert found(core.process.pid) == {TOKEN}
        # The control: what each has for sure is found.
        name = str(app)
        assert all(name in found(pid, [name]) for pid in (worker, kustomize, client))


REACH = """
from avp_py.remotes import RemoteChart, Fetched

def fetched(url, version):
    (answer,) = keeper.fetch([RemoteChart(url, "web", version)], time.monotonic() + 20)
    return "ok" if isinstance(answer, Fetched) else answer.reason

say({
    "own": fetched(URL, "1.2.3") if keeper else "ok",
    "denied": fetched(DENIED, "1.2.3") if keeper else "",
    "files": [attempt(lambda: act(each)) for each in PATHS for act in (
        os.listdir, lambda path: open(path).close(), lambda path: open(path + "/x", "w").close(),
        lambda path: os.rename(path, path + "x"),
    )],
})
"""


def test_a_worker_has_no_cache(shop: Shop) -> None:
    site = shop.app.parent / "site"
    site.mkdir()
    allow(shop, "team-m", f"{shop.repository.url}/**")
    shop.run()
    cache = shop.cache / "avp-py"
    with serve({**shop.env, **tenant.environment(site)}) as core:
        shop.repository.answers["web-1.3.0.tgz"] = drip
        client = core.start(
            "generate", ".", cwd=shop.app,
            variables=shop.variables("1.3.0", ARGOCD_APP_PROJECT_NAME="team-m"),
        )  # fmt: skip
        assert until(lambda: any("1.3.0" in each for each in shop.repository.paths), PATIENCE)
        (fetcher,) = fetching(core.process.pid)
        job = command_of(fetcher).split()[-1]
        names = {
            "URL": shop.repository.url,
            "DENIED": f"{shop.repository.server.address}/other",
            "PATHS": [str(each) for each in (shop.cache, cache, cache / "lock", job, core.scratch)],
            "keeper": None,
        }
        texts = {name: f"{name} = {each!r}\n" for name, each in names.items()}
        inside = "".join(text for name, text in texts.items() if name != "keeper") + REACH
        said = tenant.run(core, core.scratch / "_cmp_server/one", inside)
        assert said["own"] == "ok"
        assert "the policy does not allow" in said["denied"]
        assert set(said["files"]) <= {"EACCES", "ENOTDIR", "EXDEV"}
        client.kill()
        ended(client)
    (cache / "probe").mkdir()
    outside = texts["keeper"] + f"PATHS = [{str(cache / 'probe')!r}]\n" + REACH
    said = tenant.run_outside(shop.app.parent / "out", outside, sys.executable)
    assert said["files"] == ["ok", "EISDIR", "ok", "ok"]


@pytest.fixture
def core(shop: Shop) -> Iterator[Core]:
    allow(shop, "team-a", f"{shop.repository.url}/**")
    shop.env |= {"TMPDIR": str(shop.scratch), "AVP_MAX_REFERENCES": "10"}
    with keeper(shop.env) as running:
        yield running


def begun(core: Core, project: str = "team-a") -> Worker:
    """A worker of a project, which has asked what each asks first."""
    variables = {
        "ARGOCD_APP_NAME": "web",
        "ARGOCD_APP_NAMESPACE": "demo",
        "ARGOCD_APP_PROJECT_NAME": project,
    }
    worker = core.worker(variables=variables)
    worker.ask({"do": "settings"})
    return worker


def ask(worker: Worker, *wanted: object, seconds: object = 20) -> Any:
    return worker.ask({"do": "fetch", "wanted": wanted, "seconds": seconds})


def web(shop: Shop, version: str = "1.2.3") -> list[str]:
    return ["chart", shop.repository.url, "web", version]


def test_what_is_kept_is_not_for_another_team(shop: Shop, core: Core) -> None:
    (own,) = ask(begun(core), web(shop))
    assert isinstance(own, Fetched)
    assert shop.repository.paths
    (denied,) = ask(begun(core, "team-b"), web(shop))
    assert isinstance(denied, Failure)
    assert "the policy does not allow" in denied.reason
    (again,) = ask(begun(core), web(shop))
    assert again.data == own.data
    assert shop.repository.paths == []


def test_what_is_kept_is_not_for_another_password(shop: Shop, core: Core) -> None:
    ask(begun(core), web(shop))
    assert shop.has_kept(shop.repository.charts["web", "1.2.3"])
    (shop.app.parent / "password").write_text("a password that was not renewed")
    (failed,) = ask(begun(core), web(shop))
    assert "rejected the credentials" in failed.reason
    (shop.app.parent / "password").write_text(PASSWORD)
    (own,) = ask(begun(core), web(shop))
    assert isinstance(own, Fetched)


def test_a_file_of_another_entry_is_not_needed(shop: Shop, core: Core) -> None:
    (shop.app.parent / "others").unlink()
    (own,) = ask(begun(core), web(shop))
    assert isinstance(own, Fetched)
    # The control: it fails where it is needed.
    (shop.app.parent / "password").unlink()
    (failed,) = ask(begun(core), web(shop))
    assert "passwordFile" in failed.reason


@pytest.mark.parametrize("way", ["index", "redirect", "registry", "git"])
def test_nothing_leads_to_what_is_denied(shop: Shop, way: str) -> None:
    repository, served = shop.repository, shop.app.parent / "served"
    commit(served / "r", {"a": "1"})
    with git_site(served) as there:
        host = there.address.removeprefix("http://")
        wanted, denied = web(shop), f"{there.address}/inner/**"
        if way == "index":
            repository.archives = f"{there.address}/inner/"
        elif way == "redirect":
            repository.answers["web-1.2.3.tgz"] = redirect(f"{there.address}/inner/x.tgz")
        elif way == "registry":
            repository.archives, denied = f"oci://{host}/inner:", f"oci://{host}/inner"
        else:
            wanted, denied = ["commit", f"{repository.url}/base.git", "main"], f"{there.address}/r"
            moved = f"{denied}/.git/info/refs?service=git-upload-pack"
            repository.answers["base.git/info/refs"] = redirect(moved)
        shop.env["AVP_RENDER_HOSTS"] += f",{host}"

        def fetched(*denied: str) -> Any:
            allow(shop, "team-a", f"{repository.url}/**", denied=denied)
            with keeper({**shop.env, "TMPDIR": str(shop.scratch)}) as core:
                (answer,) = ask(begun(core), wanted)
                return answer

        refused = fetched(denied)
        assert isinstance(refused, Failure), refused
        assert "the policy does not allow fetching" in refused.reason
        assert there.asked == []
        # The control: without that rule it is asked for.
        answer = fetched()
        assert isinstance(answer, Fetched) or way != "git", answer
        # A registry is reached with TLS, which that server does not speak.
        assert there.asked or (way == "registry" and "does not speak TLS" in answer.reason), answer


def test_a_worker_cannot_ask_without_limit(shop: Shop, core: Core) -> None:
    worker = begun(core)
    assert len(ask(worker, *[web(shop)] * 6)) == 6
    assert "AVP_MAX_REFERENCES" in repr(ask(worker, *[web(shop)] * 6))
    assert "AVP_MAX_REFERENCES" in repr(ask(worker, web(shop)))
    assert "AVP_MAX_REFERENCES" in repr(ask(begun(core), *[web(shop)] * 11))


@pytest.mark.parametrize(
    "wanted",
    [
        None, 1, "chart", {}, [], ["chart"], ["chart", "a", "b"], ["chart", 1, "b", "c"],
        ["chart", "a", "b", None], ["chart", "a", "b", "c", "d"], ["secret", "a", "b", "c"],
        ["__class__", "a"], [["chart"], "a", "b", "c"], ["chart", "x" * 5000, "b", "c"],
        ["file", {"a": 1}], ["commit", "a"],
    ],
    ids=lambda wanted: repr(wanted)[:40],
)  # fmt: skip
def test_what_is_not_a_remote_is_refused(shop: Shop, core: Core, wanted: object) -> None:
    answer = ask(begun(core), web(shop), wanted)
    assert "Raised" in type(answer).__name__, answer
    assert shop.repository.paths == []
    answer = begun(core).ask({"do": "fetch", "wanted": wanted, "seconds": 5})
    assert wanted == [] or "Raised" in type(answer).__name__, answer


@pytest.mark.parametrize(
    "url",
    [
        "", "/", "http://", "file:///etc/passwd", "//x", "a\0b", "http://a\nb/", "http://\ud800/",
        "http://[::1", "http://x:99999999/", "http://user:pass@x/", "ext::sh -c id", "-oProxy=x",
        "--upload-pack=id", "ssh://-oProxyCommand=id/x", "oci://../..", "javascript:1",
        "http://x/%00", "http://x/../../y", "http://x?" + "a" * 4000,
    ],
    ids=lambda url: repr(url)[:30],
)  # fmt: skip
def test_odd_urls_are_not_fetched(shop: Shop, core: Core, url: str) -> None:
    names = ("web", "../web", "a/b", "-x", "\ud800", "a\nb")
    wanted = [["chart", url, each, "1.2.3"] for each in names]
    answers = ask(begun(core), *wanted, ["commit", url, "--help"], ["file", url])
    assert len(answers) == 8
    assert all(isinstance(each, Failure) for each in answers), answers
    assert shop.repository.server.asked == []


def test_no_question_before_the_settings(shop: Shop, core: Core) -> None:
    assert "Raised" in type(ask(core.worker(), web(shop))).__name__
    for seconds in (-1, None, "5", 1e400):
        assert "Raised" in type(ask(begun(core), web(shop), seconds=seconds)).__name__
    assert shop.repository.server.asked == []
    # Without time it fails, and nobody else's does.
    (late,) = ask(begun(core), web(shop), seconds=0)
    assert isinstance(late, Failure)
    (own,) = ask(begun(core), web(shop))
    assert isinstance(own, Fetched)


@pytest.fixture
def settings() -> RenderSettings:
    return resolve(Sources({"AVP_SANDBOX": "required"})).settings.render


JOB = Job(remote=RemoteFile("http://x/"), seconds=5, max_bytes=1 << 20, memory_bytes=1 << 30)

Leave = Callable[[Path, Path], None]


def linked(name: str, make: Callable[[Path, Path], None]) -> Leave:
    """Leave an outcome, and something in place of a file."""

    def leave(folder: Path, secret: Path) -> None:
        (folder / OUTCOME).write_text('{"submodules": []}')
        (folder / name).unlink(missing_ok=True)
        make(folder / name, secret)

    return leave


def said(text: str) -> Leave:
    """Leave an outcome."""

    def leave(folder: Path, _secret: Path) -> None:
        (folder / OUTCOME).write_text(text)

    return leave


def sparse(path: Path, _secret: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


SHAPES: Mapping[str, Callable[[Path, Path], None]] = {
    "symlink": lambda path, secret: path.symlink_to(secret),
    "hard link": lambda path, secret: path.hardlink_to(secret),
    "FIFO": lambda path, _: os.mkfifo(path),
    "directory": lambda path, _: path.mkdir(),
    "device": lambda path, _: path.symlink_to("/dev/zero"),
    "large": sparse,
}

SAYS = {
    "nothing": "",
    "no object": "[]",
    "no JSON": "{",
    "nested": "[" * 500_000,
    "not ASCII": "é",
    "no submodules": "{}",
    "odd submodules": '{"submodules": [1]}',
    "endless submodules": '{"submodules": {"a": 1}}',
    "a wrong type": '{"submodules": [], "version": 1}',
    "a number for a flag": '{"submodules": [], "is_down": 1}',
    "null": '{"submodules": [], "etag": null}',
    "unknown": '{"submodules": [], "credential": "x"}',
    "a method": '{"submodules": [], "check": "x"}',
}

LEFT = {
    **{f"{name}, {each}": linked(name, SHAPES[each]) for name in (DATA, INDEX, OUTCOME)
       for each in SHAPES},
    **{f"says {name}": said(text) for name, text in SAYS.items()},
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_is_read_as_hostile(
    name: str, settings: RenderSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"submodules": [], "version": "the secret"}')

    def run(_argv: object, *, cwd: Path, **_rest: object) -> bytes:
        LEFT[name](cwd, secret)
        return b""

    monkeypatch.setattr(process, "run", run)
    began = time.monotonic()
    with pytest.raises(FetchError) as error:
        process.fetch(JOB, b"", settings, {"TMPDIR": str(tmp_path)})
    assert "the secret" not in str(error.value)
    assert time.monotonic() - began < 5
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def test_what_is_left_as_it_should_be_is_read(
    settings: RenderSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_argv: object, *, cwd: Path, **_rest: object) -> bytes:
        said('{"submodules": [["a", "b", "c"]], "version": "1", "is_down": true}')(cwd, cwd)
        for name in (DATA, INDEX):
            (cwd / name).write_text(name)
        return b""

    monkeypatch.setattr(process, "run", run)
    left = process.fetch(JOB, b"", settings, {"TMPDIR": str(tmp_path)})
    assert (left.data, left.index) == (DATA.encode(), INDEX.encode())
    assert left.outcome.submodules == (("a", "b", "c"),)
    assert left.outcome.is_down


TAKEN_OVER = """
import contextlib, errno, json, os, socket, sys
from pathlib import Path

def attempt(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "ok"

def listen():
    socket.create_connection(("127.0.0.1", PORT), 2).close()

def connect_to_socket():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(SOCKET)

folder = Path(sys.argv[1])
found = {
    "own": attempt(lambda: (folder / "data").write_text("x")),
    "files": [attempt(lambda: open(each).close()) for each in FILES],
    "folders": [attempt(lambda: os.listdir(each)) for each in FOLDERS],
    "writes": [attempt(lambda: open(each + "/x", "w").close()) for each in FOLDERS],
    "links": [attempt(lambda: os.link(each, folder / "index")) for each in FILES[:1]],
    "memory": [attempt(lambda: open(f"/proc/{KEEPER}/{name}").read(1)) for name in
               ("environ", "maps", "cmdline", "status")],
    "signals": [attempt(lambda: os.kill(KEEPER, 0))],
    "network": [attempt(listen)],
    "unix": [attempt(connect_to_socket)],
}
seen = json.dumps(dict(os.environ)) + (folder / "job.json").read_text()
found["secrets"] = [each for each in SECRETS if each in seen]
(folder / "outcome.json").write_text(json.dumps({"submodules": [], "version": json.dumps(found)}))
"""


def test_a_fetching_process_that_is_taken_over(
    shop: Shop, settings: RenderSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shop.scratch / "avp-py-run-abcdefgh"
    other.mkdir()
    (other / "job.json").write_text(OTHERS_PASSWORD)
    files = [tmp_path / "password", tmp_path / "repositories.yaml", other / "job.json"]
    folders = [shop.cache, shop.scratch, other, tmp_path, shop.app]
    listening = socket.socket(socket.AF_UNIX)
    path = f"/tmp/avp-py-test-{os.getpid()}"  # noqa: S108
    listening.bind(path)
    listening.listen()
    names = {
        "FILES": list(map(str, files)),
        "FOLDERS": list(map(str, folders)),
        "KEEPER": os.getpid(),
        "PORT": shop.repository.server.port,
        "SOCKET": path,
        "SECRETS": [PASSWORD, OTHERS_PASSWORD, TOKEN],
    }
    code = "".join(f"{name} = {each!r}\n" for name, each in names.items()) + TAKEN_OVER

    def run(argv: Sequence[str], **rest: Any) -> bytes:
        assert argv[-2] == "avp_py.fetch.child"
        return sandbox.run([argv[0], "-I", "-c", code, argv[-1]], **rest)

    monkeypatch.setattr(process, "run", run)
    job = Job(
        remote=RemoteFile("http://x/"), seconds=20, max_bytes=1 << 20, memory_bytes=1 << 30,
        credential={"username": USER, "password": PASSWORD},
    )  # fmt: skip
    environ = {"TMPDIR": str(shop.scratch), "VAULT_TOKEN": TOKEN, "PATH": os.environ["PATH"]}
    lock = os.open(other, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        left = process.fetch(job, b"", settings, environ)
        found = json.loads(left.outcome.version)
        assert found.pop("own") == "ok"
        assert found.pop("secrets") == [PASSWORD]
        answers = {name: set(each) for name, each in found.items()}
        assert answers.pop("signals") == {"EPERM"}
        assert answers.pop("links") <= {"EXDEV", "EACCES", "EPERM"}
        assert answers == {name: {"EACCES"} for name in answers}
        # The control: without the sandbox all of it works.
        folder = tmp_path / "outside"
        folder.mkdir()
        job.write(folder)
        subprocess.run([sys.executable, "-I", "-c", code, folder], env={}, check=True)
        outside = json.loads(json.loads((folder / OUTCOME).read_text())["version"])
        outside.pop("secrets")
        outside.pop("own")
        assert {each for answers in outside.values() for each in answers} == {"ok"}
    finally:
        os.close(lock)
        listening.close()
        Path(path).unlink()
