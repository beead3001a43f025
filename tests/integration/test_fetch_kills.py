"""SIGKILL in the middle of a fetch: nothing half is left, nothing runs on, the next run works."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.conftest import HELM
from tests.integration.core import Core, serve
from tests.integration.repositories import drip
from tests.integration.shop import Shop, ended, fetching, open_shop
from tests.processes import descendants, is_running, until
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

PATIENCE = 30


@pytest.fixture
def shop(tools: Mapping[str, Path], tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, tools, HELM) as opened:
        yield opened


def stalls(shop: Shop) -> None:
    """Let the archive come a byte at a time."""
    shop.repository.answers["web-1.2.3.tgz"] = drip


def is_fetching(shop: Shop) -> bool:
    """Return whether the archive is being received."""
    return any(each.path.endswith(".tgz") for each in shop.repository.server.asked)


def kill(*pids: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def fetcher(pid: int) -> Sequence[int]:
    return fetching(pid)


def command(pid: int) -> Sequence[int]:
    return [pid]


@pytest.mark.parametrize("victim", [fetcher, command])
def test_a_killed_command_leaves_nothing(
    shop: Shop, victim: Callable[[int], Sequence[int]]
) -> None:
    stalls(shop)
    process = shop.start()
    assert until(lambda: is_fetching(shop), PATIENCE)
    family = descendants(process.pid)
    (found,) = fetching(process.pid)
    assert found in family
    kill(*victim(process.pid))
    done = ended(process)
    assert (done.returncode != 0, done.stdout) == (True, b"")
    assert until(lambda: not any(map(is_running, family)), PATIENCE)
    assert (shop.kept(), shop.unfinished()) == ([], [])
    shop.repository.answers.clear()
    shop.repository.paths.clear()
    assert shop.run().returncode == 0
    assert list(shop.scratch.iterdir()) == []
    assert len(shop.kept()) > 0
    assert shop.unfinished() == []


def keeper(core: Core) -> Sequence[int]:
    return [core.keeper]


def fetchers(core: Core) -> Sequence[int]:
    return fetching(core.process.pid)


def workers(core: Core) -> Sequence[int]:
    return core.running


def supervisor(core: Core) -> Sequence[int]:
    return [core.supervisor]


@pytest.mark.parametrize("victim", [keeper, fetchers, workers])
def test_a_core_recovers(shop: Shop, victim: Callable[[Core], Sequence[int]]) -> None:
    with serve(shop.env) as core:
        stalls(shop)
        client = core.start("generate", ".", cwd=shop.app, variables=shop.variables())
        assert until(lambda: is_fetching(shop), PATIENCE)
        (found,) = fetching(core.process.pid)
        assert victim(core)
        kill(*victim(core))
        done = ended(client)
        assert (done.returncode != 0, done.stdout) == (True, b"")
        if victim is not workers:
            assert until(lambda: not is_running(found), PATIENCE)
        assert (shop.kept(), shop.unfinished()) == ([], [])
        kill(found)
        shop.repository.answers.clear()
        assert until(lambda: core.keeper > 0, PATIENCE)
        again = core.run("generate", ".", cwd=shop.app, variables=shop.variables())
        assert again.returncode == 0, again.stderr
        assert until(lambda: not fetching(core.process.pid), PATIENCE)
        assert until(lambda: core.files() == [], PATIENCE), core.files()
    assert shop.unfinished() == []


@pytest.mark.parametrize("victim", [supervisor, lambda core: [core.process.pid]])
def test_a_killed_core_leaves_nothing(shop: Shop, victim: Callable[[Core], Sequence[int]]) -> None:
    with serve(shop.env) as core:
        stalls(shop)
        client = core.start("generate", ".", cwd=shop.app, variables=shop.variables())
        assert until(lambda: is_fetching(shop), PATIENCE)
        members = core.members
        (found,) = fetching(core.process.pid)
        assert found in members
        kill(*victim(core))
        assert ended(client).returncode != 0
        assert until(lambda: not any(map(is_running, members)), PATIENCE)
    assert (shop.kept(), shop.unfinished()) == ([], [])


@pytest.mark.parametrize("victim", [keeper, fetchers, lambda core: [core.process.pid]])
def test_git_of_a_killed_fetch_ends(
    shop: Shop, tmp_path: Path, victim: Callable[[Core], Sequence[int]]
) -> None:
    server = shop.repository.server
    base = f"{server.address}/a.git//x?ref=m"
    app = write(tmp_path / "base", {"kustomization.yaml": f"resources: ['{base}']\n"})
    shop.repository.answers["/a.git/info/refs"] = drip
    with serve(shop.env) as core:
        client = core.start("generate", ".", cwd=app)
        assert until(lambda: any("a.git" in each for each in server.paths), PATIENCE)
        family = [pid for each in fetching(core.process.pid) for pid in descendants(each)]
        assert family
        kill(*victim(core))
        assert ended(client).returncode != 0
        # What it asks takes half a minute.
        assert until(lambda: not any(map(is_running, family)), 15)
