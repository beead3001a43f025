"""A whole render while its chart repository is slow, down or lying, and while processes die."""

import base64
import gzip
import io
import secrets
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import HELM, Run
from tests.integration.core import AVP, serve
from tests.integration.repositories import (
    Repository,
    basic,
    bomb,
    drip,
    package,
    reset,
    serve_charts,
    status,
)
from tests.integration.shop import INDEX, PASSWORD, USER, VALUES, WEB, Ended, Shop, open_shop
from tests.processes import as_anybody
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

Render = Callable[..., Ended]
"""Renders a version, with further variables of the operator."""


@pytest.fixture
def shop(tools: Mapping[str, Path], tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, tools, HELM) as opened:
        yield opened


@pytest.fixture(params=["once", "serve"])
def render(request: pytest.FixtureRequest, shop: Shop) -> Iterator[Render]:
    """Render by the command alone, or by a core, which is started anew for other variables."""
    with ExitStack() as stack:
        cores = {}

        def by_core(version: str = "1.2.3", **env: str) -> Ended:
            place = tuple(sorted(env.items()))
            if place not in cores:
                cores[place] = stack.enter_context(serve({**shop.env, **env}))
            return cores[place].run(
                "generate", ".", cwd=shop.app, variables=shop.variables(version)
            )

        yield shop.run if request.param == "once" else by_core


def shows(done: Ended, version: str = "1.2.3") -> bool:
    """Return whether a render has succeeded, with a version of the chart."""
    assert done.returncode == 0, done.stderr.decode()
    return f"version: {version}".encode() in done.stdout.replace(b'"', b"")


def says(done: Ended) -> str:
    """The message of a render that has failed."""
    assert (done.returncode, done.stdout) == (1, b""), done
    text = done.stderr.decode()
    assert "next: " in text
    assert PASSWORD not in text
    return text


def test_nothing_fails_by_itself(shop: Shop, render: Render) -> None:
    for requests in ([INDEX, WEB], []):
        assert shows(render())
        assert shop.repository.paths == requests
    assert shop.has_kept(shop.repository.charts["web", "1.2.3"])
    assert shop.unfinished() == []


@pytest.mark.parametrize("name", ["index.yaml", "web-1.2.3.tgz"])
def test_a_slow_repository_is_left_in_time(shop: Shop, render: Render, name: str) -> None:
    shop.repository.answers[name] = drip
    began = time.monotonic()
    text = says(render(AVP_RUN_TIMEOUT="6"))
    assert time.monotonic() - began < 12
    assert "the chart web 1.2.3 from http" in text
    assert "within" in text or "time limit" in text
    assert shop.kept() == []


def test_while_it_is_down_the_cache_serves(shop: Shop, render: Render) -> None:
    assert shows(render("^1"), "1.3.0")
    assert shows(render("1.2.3"))
    assert shop.repository.paths
    for answer in (reset, status(503)):
        shop.repository.answers |= dict.fromkeys(("index.yaml", "web-1.2.3.tgz"), answer)
        floating = render("^1")
        assert shows(floating, "1.3.0")
        assert b"may be outdated" in floating.stderr
        assert set(shop.repository.paths) == {INDEX}
        # An exact version does not even ask.
        exact = render("1.2.3")
        assert shows(exact)
        assert exact.stderr == b""
        assert shop.repository.paths == []
        # What was never fetched is an error; so is all of it without a cache.
        assert "cannot be fetched" in says(render("1.3.1"))
        assert "cannot be fetched" in says(render("1.2.3", AVP_CHART_CACHE=""))
        shop.repository.paths.clear()
    shop.repository.answers.clear()
    floating = render("^1")
    assert (shows(floating, "1.3.0"), floating.stderr) == (True, b"")


def odd(*entries: tuple[str, bytes, str]) -> bytes:
    """The archive of web 1.2.3 with further entries: a path, a type of tarfile, and a target."""
    packed = io.BytesIO(gzip.decompress(package("web", "1.2.3", VALUES)))
    with tarfile.open(fileobj=packed, mode="a") as archive:
        for path, kind, target in entries:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    return gzip.compress(packed.getvalue(), mtime=0)


LIES: Final = {
    "another name": package("wet", "1.2.3", VALUES),
    "another version": package("web", "1.2.4", VALUES),
    "a bomb": bomb(101 << 20),
    "a file that is a bomb": package("web", "1.2.3", {**VALUES, "big": "x" * (101 << 20)}),
    "a path that leads out": odd(("web/../../evil", tarfile.REGTYPE, "")),
    "a path that leads out, of Windows": odd(("web\\..\\..\\evil", tarfile.REGTYPE, "")),
    "an absolute path": odd(("/tmp/evil", tarfile.REGTYPE, "")),  # noqa: S108
    "a drive": odd(("web/c:/evil", tarfile.REGTYPE, "")),
    "a file of the top": odd(("evil", tarfile.REGTYPE, "")),
    "two charts": odd(("evil/a", tarfile.REGTYPE, "")),
    "the same file twice": odd(("web/values.yaml", tarfile.REGTYPE, "")),
    "a device": odd(("web/evil", tarfile.CHRTYPE, "")),
    "a FIFO": odd(("web/evil", tarfile.FIFOTYPE, "")),
    "a long name": odd((f"web/{'x' * 300}", tarfile.REGTYPE, "")),
    "a long path": odd(("web/" + "x/" * 600 + "x", tarfile.REGTYPE, "")),
}


@pytest.mark.parametrize("lie", LIES)
def test_of_a_lie_nothing_is_kept(shop: Shop, lie: str) -> None:
    honest = shop.repository.charts["web", "1.2.3"]
    shop.repository.charts["web", "1.2.3"] = LIES[lie]
    text = says(shop.run())
    assert "the archive of the chart" in text
    assert shop.kept() == []
    assert list(shop.scratch.iterdir()) == []
    shop.repository.charts["web", "1.2.3"] = honest
    assert shows(shop.run())
    assert shop.has_kept(honest)


def test_while_it_hangs_the_cache_serves_all_charts(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    names = ("a", "b", "c")
    charts = "".join(f"- {{name: {each}, repo: URL, version: ^1.0.0}}\n" for each in names)
    (tmp_path / "cache").mkdir()
    with serve_charts(
        Repository({(each, "1.2.3"): package(each, "1.2.3", VALUES) for each in names})
    ) as repository:
        text = f"helmCharts:\n{charts}".replace("URL", repository.url)
        app = write(tmp_path / "app", {"kustomization.yaml": text})
        env = {
            **environ,
            "AVP_RENDER_HOSTS": repository.host,
            "AVP_CHART_CACHE": str(tmp_path / "cache"),
            "AVP_RENDER_TIMEOUT": "12",
        }
        before = run("generate", app, env=env)
        assert before.code == 0, before.err
        repository.server.answer = drip

        after = run("generate", app, env=env)

    assert (after.code, after.out) == (0, before.out), after.err
    assert after.err.count("may be outdated") == len(names)


def test_of_a_wrong_digest_nothing_is_kept(shop: Shop, render: Render) -> None:
    shop.repository.digests["web", "1.2.3"] = "ab" * 32
    assert "the digest of the archive" in says(render())
    assert shop.kept() == []
    shop.repository.digests.clear()
    assert shows(render())


def test_links_in_a_chart_lead_nowhere(shop: Shop, render: Render) -> None:
    secret = shop.app.parent / "password"
    links = [
        (f"web/templates/{name}.yaml", kind, str(target))
        for name, kind, target in (
            ("a", tarfile.SYMTYPE, secret),
            ("b", tarfile.LNKTYPE, secret),
            ("c", tarfile.SYMTYPE, "/etc"),
            ("d", tarfile.LNKTYPE, "web/values.yaml"),
        )
    ]
    shop.repository.charts["web", "1.2.3"] = odd(*links)
    # As in helm they are empty files.
    done = render()
    assert shows(done)
    assert PASSWORD.encode() not in done.stdout + done.stderr


def test_an_expired_password_gets_no_old_data(shop: Shop, render: Render) -> None:
    assert shows(render("^1"), "1.3.0")
    shop.repository.authorization = basic(USER, "another")
    text = says(render("^1"))
    assert "rejected the credentials" in text
    assert "AVP_REPOSITORIES" in text
    # The control: the same render works again with the password.
    shop.repository.authorization = basic(USER, PASSWORD)
    assert shows(render("^1"), "1.3.0")


def test_a_cache_without_room_is_not_needed(shop: Shop, render: Render) -> None:
    for _ in range(2):
        assert shows(render(AVP_CHART_CACHE_SIZE="100"))
        assert shop.repository.paths == [INDEX, WEB]
    assert (shop.kept(), shop.unfinished()) == ([], [])


def test_an_unwritable_cache_is_an_error(shop: Shop) -> None:
    def run() -> Ended:
        return subprocess.run(
            as_anybody([AVP, "generate", "."]),
            cwd=shop.app,
            env={**shop.env, **shop.variables(), "TMPDIR": str(shop.scratch)},
            capture_output=True,
            check=False,
        )

    shop.cache.chmod(0o500)
    text = says(run())
    assert "the directory in AVP_CHART_CACHE cannot be used: Permission denied" in text
    shop.cache.chmod(0o700)
    assert shows(run())
    # Where it becomes unwritable later, what is there serves, and the rest is not kept.
    (shop.cache / "avp-py").chmod(0o500)
    assert shows(run())
    (shop.cache / "avp-py").chmod(0o700)


def test_a_full_disk_leaves_no_half_entry(shop: Shop) -> None:
    noise = {each: base64.b64encode(secrets.token_bytes(100_000)).decode() for each in "ab"}
    archive = package("web", "1.2.3", {**VALUES, **noise})
    shop.repository.charts["web", "1.2.3"] = archive
    # The archive can be received, but with the first line of an entry it is too large.
    limited = f"import os, resource; resource.setrlimit(resource.RLIMIT_FSIZE, 2 * ({len(archive)},"
    limited += f")); os.execv({str(AVP)!r}, ['avp-py', 'generate', '.'])"
    done = subprocess.run(
        [sys.executable, "-c", limited],
        cwd=shop.app,
        env={**shop.env, **shop.variables(), "TMPDIR": str(shop.scratch)},
        capture_output=True,
        check=False,
    )
    assert shows(done)
    assert not shop.has_kept(archive)
    assert shop.unfinished() == []
    assert shows(shop.run())
    assert shop.has_kept(archive)


def test_two_versions_at_once(shop: Shop, render: Render) -> None:
    with ThreadPoolExecutor(4) as threads:
        wanted = ["1.2.3", "1.3.0"] * 2
        for version, done in zip(wanted, threads.map(render, wanted), strict=True):
            assert shows(done, version)
    assert sorted(each for each in shop.repository.paths if each != INDEX) == [
        WEB,
        "/web-1.3.0.tgz",
    ]


def slowly(shop: Shop, seconds: float) -> None:
    """Let the archive come late."""

    def answer(exchange: object) -> None:
        time.sleep(seconds)
        exchange.reply(200, shop.repository.charts["web", "1.2.3"])  # type: ignore[attr-defined]

    shop.repository.answers["web-1.2.3.tgz"] = answer


def test_many_requests_share_one_fetch(shop: Shop) -> None:
    slowly(shop, 1.5)
    with serve({**shop.env, "AVP_PARALLEL": "20"}) as core, ThreadPoolExecutor(20) as threads:
        run = lambda _: core.run("generate", ".", cwd=shop.app, variables=shop.variables())  # noqa: E731
        assert all(map(shows, threads.map(run, range(20))))
    assert shop.repository.paths == [INDEX, WEB]


def test_many_commands_share_one_fetch(shop: Shop) -> None:
    slowly(shop, 1.5)
    with ThreadPoolExecutor(6) as threads:
        assert all(map(shows, threads.map(lambda _: shop.run(), range(6))))
    assert shop.repository.paths == [INDEX, WEB]


def test_two_cores_share_a_cache(shop: Shop) -> None:
    slowly(shop, 1.5)
    with serve(shop.env) as one, serve(shop.env) as other, ThreadPoolExecutor(8) as threads:
        cores = [one, other] * 4
        run = lambda core: core.run("generate", ".", cwd=shop.app, variables=shop.variables())  # noqa: E731
        assert all(map(shows, threads.map(run, cores)))
    assert shop.repository.paths == [INDEX, WEB]
    assert shop.unfinished() == []
    assert [each.name for each in shop.cache.iterdir()] == ["avp-py"]
