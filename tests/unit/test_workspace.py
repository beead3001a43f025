"""The temporary folder of a run, and those that killed runs left."""

import fcntl
import os
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from unittest.mock import patch

import pytest

from avp_py.render.workspace import Workspace, open_workspace
from avp_py.sandbox import directories

STALE = "avp-py-run-abcd_123"


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """TMPDIR."""
    return tmp_path


def open_in(temporary: Path) -> AbstractContextManager[Workspace]:
    """A workspace in that directory."""
    return open_workspace({"TMPDIR": str(temporary)})


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_it_is_removed_together_with_stale_workspaces(temporary: Path) -> None:
    (temporary / STALE / "tree").mkdir(parents=True)

    with open_in(temporary) as own:
        assert names(temporary) == [own.folder.name]

    assert names(temporary) == []


def nest(folder: Path, depth: int) -> None:
    """Make directories in each other, with a file and a symlink at the bottom."""
    current = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=current)
        inner = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=current))
    os.symlink("/", "link", dir_fd=current)
    os.close(current)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 1500, 5000])
def test_directories_nested_as_deep_as_a_tenant_likes_go(depth: int, temporary: Path) -> None:
    """A directory that remains, or an exception, would stop everybody's runs."""
    (temporary / STALE).mkdir()
    nest(temporary / STALE, depth)

    with open_in(temporary) as own:
        assert names(temporary) == [own.folder.name]
        nest(own.scratch, depth)
        nest(own.home, depth)

    assert names(temporary) == []


@pytest.mark.parametrize("error", [MemoryError, RecursionError, ValueError])
def test_a_stale_workspace_that_cannot_be_removed_stops_no_run(
    error: type[Exception], temporary: Path
) -> None:
    (temporary / STALE).mkdir()

    with ExitStack() as stack:
        with patch.object(directories, "_empty", side_effect=error):
            own = stack.enter_context(open_in(temporary))
        assert STALE in names(temporary)
        assert own.scratch.is_dir()


def test_what_a_symlink_leads_to_stays(temporary: Path) -> None:
    (temporary / "kept").mkdir()
    (temporary / "kept/file").touch()
    with open_in(temporary) as own:
        (own.scratch / "link").symlink_to(temporary / "kept")
        (own.folder / "tree").symlink_to(temporary / "kept")

    assert names(temporary / "kept") == ["file"]


def test_what_a_living_run_has_stays(temporary: Path) -> None:
    with open_in(temporary) as first, open_in(temporary) as second:
        assert first.folder != second.folder
        assert (first.folder / "home").is_dir()
        assert (second.folder / "home").is_dir()


def test_what_is_not_ours_stays(temporary: Path) -> None:
    (temporary / "mine").mkdir()
    (temporary / "mine/file").touch()
    for name in (
        "avp-py-run-",
        "avp-py-run-notes",
        "avp-py-run-abcd1234x",
        "avp-py",
        "tmpabcd1234",
    ):
        (temporary / name).mkdir()
    (temporary / STALE).symlink_to("mine")
    (temporary / "avp-py-run-abcd_124").touch()
    before = names(temporary)

    with open_in(temporary):
        pass

    assert names(temporary) == before
    assert (temporary / "mine/file").exists()


def test_what_another_user_has_stays(temporary: Path) -> None:
    (temporary / STALE).mkdir()

    with patch.object(os, "geteuid", return_value=os.geteuid() + 1), open_in(temporary):
        pass

    assert names(temporary) == [STALE]


def test_a_workspace_lost_before_it_is_locked_is_replaced(temporary: Path) -> None:
    lock = directories._lock
    taken: list[Path] = []

    def lock_late(folder: Path, operation: int) -> int:
        # What another run does in between.
        if not taken and operation == fcntl.LOCK_EX:
            taken.append(folder)
            folder.rmdir()
        return lock(folder, operation)

    with patch.object(directories, "_lock", lock_late), open_in(temporary) as own:
        assert taken
        assert names(temporary) == [own.folder.name]
