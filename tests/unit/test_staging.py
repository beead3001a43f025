"""The staging copy of a directory: what is copied, what is linked, what is left out."""

import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from avp_py.errors import RenderError
from avp_py.limits import Limits
from avp_py.render.staging import make_staging, staged_path
from tests.processes import AVP, run_as_anybody
from tests.trees import snapshot, write

MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A tree with an app, its sub-folder, and two folders next to it."""
    return write(
        tmp_path.resolve() / "repo",
        {
            "apps/web/kustomization.yaml": "resources: [sub]\n",
            "apps/web/sub/map.yaml": "a: b\n",
            "apps/other/file": "other",
            "base/file": "base",
            "top": "top",
        },
    )


def lay(
    copied: Sequence[Path],
    below: Path,
    *,
    opened: Sequence[Path] = (),
    named: Sequence[Path] = (),
) -> Path:
    """Make a staging copy in a directory that does not exist yet, and return that."""
    limits = Limits(
        seconds=1, timeout=1, deadline=0, input_bytes=1 << 20, files=1000, output_bytes=1
    )
    make_staging(copied, opened, named, below, limits)
    return below


def test_the_folder_is_copied_and_what_is_named_beside_it_is_linked(repo: Path) -> None:
    before = snapshot(repo)
    named = [
        repo / "base/file",
        repo / "top",
        repo / "apps/web/sub",
        repo / "none",
        repo,
        Path("/"),
    ]

    staging = lay([repo / "apps/web"], repo.parent / "tree", named=named)

    inside = staged_path(repo, staging)
    assert inside == staging / repo.relative_to("/")
    assert not (inside / "apps/web").is_symlink()
    assert (inside / "apps/web/sub/map.yaml").read_text() == "a: b\n"
    assert (inside / "base/file").readlink() == repo / "base/file"
    assert (inside / "apps/web/../../base/file").read_text() == "base"
    assert (inside / "top").readlink() == repo / "top"
    assert not (inside / "none").exists()
    assert not os.path.lexists(inside / "apps/other")
    assert snapshot(repo) == before


def test_a_copy_shares_nothing_with_its_original(repo: Path) -> None:
    before = snapshot(repo)
    original = repo / "apps/web/kustomization.yaml"
    (repo / "hard link").hardlink_to(original)

    copy = staged_path(original, lay([repo / "apps/web"], repo.parent / "tree"))

    assert copy.stat().st_ino != original.stat().st_ino
    copy.write_text("changed\n")
    (copy.parent / "sub/new").write_text("new\n")
    (repo / "hard link").unlink()
    assert {**snapshot(repo), ".": None} == {**before, ".": None}


def test_links_within_the_copy_lead_to_copies(repo: Path) -> None:
    app = repo / "apps/web"
    (app / "relative").symlink_to("sub")
    (app / "absolute").symlink_to(app / "sub/map.yaml")
    (app / "out").symlink_to("../../base")
    (app / "loop").symlink_to("loop")
    (app / "nowhere").symlink_to("none")
    (app / "up").symlink_to("..")
    (repo / "back").symlink_to("apps/web")
    (repo / "hop").symlink_to("base")

    staging = lay([app], repo.parent / "tree", named=[repo / "back/sub", repo / "hop"])

    copy = staged_path(app, staging)
    assert (copy / "relative").resolve() == copy / "sub"
    assert (copy / "absolute").resolve() == copy / "sub/map.yaml"
    assert (copy / "out").resolve() == repo / "base"
    assert (copy / "up").resolve() == copy.parent
    assert (copy / "nowhere").is_symlink()
    assert staged_path(repo / "back", staging).resolve() == copy
    assert staged_path(repo / "hop", staging).resolve() == repo / "base"
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        (copy / "loop").stat()


def test_what_is_no_file_folder_or_link_is_left_out_and_so_is_git(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = repo / "apps/web"
    write(app, {".git/config": "", "sub/.git/HEAD": "", ".gitignore": "", "x/.git": "gitdir: ..\n"})
    os.mkfifo(app / "fifo")
    monkeypatch.chdir(app)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")

        copy = staged_path(app, lay([app], repo.parent / "tree"))

    found = {str(path.relative_to(copy)) for path in copy.rglob("*")}
    assert found == {
        *("kustomization.yaml", "sub", "sub/map.yaml", ".gitignore"),
        # A worktree or a submodule has a file of that name.
        *("x", "x/.git"),
    }


@pytest.mark.parametrize("name", ["a b", "a\nb", "é🦉", "-- x", "'\"$(x)", "a\udcffb"])
def test_any_name_will_do(name: str, tmp_path: Path) -> None:
    tree = write(tmp_path.resolve() / name, {f"{name}/{name}": "x", f"beside {name}": "y"})

    beside = tree / f"beside {name}"

    staging = lay([tree / name], tmp_path.resolve() / "tree", named=[beside])

    assert staged_path(tree / name / name, staging).read_text() == "x"
    assert staged_path(beside, staging).readlink() == beside


def test_several_folders_are_copied_once_each(repo: Path) -> None:
    app = repo / "apps/web"

    others = repo / "apps/other"
    folders = [app, app / "sub", repo / "base"]

    staging = lay(folders, repo.parent / "tree", named=[*folders, others])

    for path in (*folders, repo / "apps"):
        assert staged_path(path, staging).resolve() == staged_path(path, staging)
    assert staged_path(others, staging).is_symlink()


def test_an_opened_folder_can_be_written_to_and_holds_links(repo: Path) -> None:
    write(repo / "charts", {"one/Chart.yaml": "one", "note": "note"})
    before = snapshot(repo)

    opened = [repo / "charts", repo / "new/charts", repo / "top", repo / "apps/web/charts"]

    staging = lay([repo / "apps/web"], repo.parent / "tree", opened=opened)

    charts = staged_path(repo / "charts", staging)
    assert (charts / "note").readlink() == repo / "charts/note"
    assert (charts / "one/Chart.yaml").readlink() == repo / "charts/one/Chart.yaml"
    write(charts, {"two/Chart.yaml": "two", "one/more": "more"})
    write(staged_path(repo / "new/charts", staging), {"three": "three"})
    assert snapshot(repo) == before


def test_a_copy_within_the_folder_does_not_contain_itself(repo: Path) -> None:
    app = repo / "apps/web"
    below = app / "sub/tmp/tree"
    below.parent.mkdir()

    copy = staged_path(app, lay([app], below))

    assert (copy / "sub/map.yaml").read_text() == "a: b\n"
    assert list((copy / "sub/tmp").iterdir()) == []


def test_a_copied_folder_may_lie_in_an_opened_one(repo: Path) -> None:
    apps = repo / "apps"

    staging = lay([apps / "web"], repo.parent / "tree", opened=[apps])

    assert (staged_path(apps, staging) / "web/sub/map.yaml").resolve().is_relative_to(staging)
    assert (staged_path(apps, staging) / "other/file").readlink() == apps / "other/file"


def test_the_root_of_the_file_system_is_not_copied(tmp_path: Path) -> None:
    # The limits of `lay` keep a defect from filling the disk.
    with pytest.raises(RenderError, match="root of the file system"):
        lay([Path("/")], tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_of_what_is_named_within_another_the_outer_is_linked(repo: Path) -> None:
    for named in ([repo / "base", repo / "base/file"], [repo / "base/file", repo / "base"]):
        staging = lay([repo / "apps/web"], repo.parent / str(len(named[0].parts)), named=named)
        assert staged_path(repo / "base", staging).readlink() == repo / "base"


def test_folders_beside_cost_one_link_where_named_and_else_nothing(repo: Path) -> None:
    write(repo, {f"apps/{name}/{number}": "" for name in "abc" for number in range(100)})

    staging = lay([repo / "apps/web"], repo.parent / "tree", named=[repo / "apps/a"])

    apps = staged_path(repo / "apps", staging)
    assert {path.name: path.is_symlink() for path in apps.iterdir()} == {"web": False, "a": True}


UNREADABLE: Final = ("closed.yaml", "closed/map.yaml", "../closed/map.yaml")

KUSTOMIZE: Final = """\
#!/bin/sh
[ "$1" = edit ] && exit
for file in {}; do
    {cat} $file 2>>"$0.log" && exit 1
done
{cat} map.yaml
""".format(" ".join(UNREADABLE), cat=shutil.which("cat"))


def test_what_cannot_be_read_stays_so_and_hinders_nothing_else(tmp_path: Path) -> None:
    tree = write(
        tmp_path / "tree",
        {
            "app/kustomization.yaml": "resources: [map.yaml]\n",
            "app/map.yaml": MAP,
            **{f"app/{name}": "of somebody else" for name in UNREADABLE},
        },
    )
    write(tmp_path, {"kustomize": KUSTOMIZE})
    (tmp_path / "kustomize").chmod(0o755)
    closed = [tree / "app/closed", tree / "app/closed.yaml", tree / "closed"]
    for path in closed:
        path.chmod(0)
    # The parent folder can be traversed, but not listed.
    tree.chmod(0o311)
    env = {
        "PATH": os.environ["PATH"],
        "AVP_KUSTOMIZE": str(tmp_path / "kustomize"),
        "ARGOCD_ENV_APP_REPO": "https://git.example",
        "AVP_SANDBOX": "off",
    }

    result = run_as_anybody([*AVP, "generate", tree / "app"], env)

    for path in (tree, *closed):
        path.chmod(0o755)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == MAP
    messages = (tmp_path / "kustomize.log").read_text().splitlines()
    assert "closed.yaml: Permission denied" in messages[0]
    assert len(messages) == len(UNREADABLE)
