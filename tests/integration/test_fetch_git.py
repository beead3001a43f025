"""The fetching process and git: which commit, which files, which requests."""

import io
import os
import stat
import tarfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from avp_py.remotes import RemoteCommit
from tests.integration.fetching import Done, fetch
from tests.integration.git_server import backend, commit, git, git_site
from tests.integration.stand_in import Exchange, StandIn, stand_in
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository `r` with two commits: a tag of each kind on the first, two branches."""
    folder = tmp_path / "served" / "r"
    commit(folder, {"a": "1"})
    git(folder, "tag", "light")
    git(folder, "tag", "-am", "noted", "noted")
    git(folder, "branch", "feature/x")
    # git prefers a tag to a branch of the same name.
    git(folder, "branch", "both")
    commit(folder, {"a": "2"})
    git(folder, "tag", "both")
    return folder.parent


@pytest.fixture
def site(root: Path) -> Iterator[StandIn]:
    with git_site(root) as server:
        yield server


def files_of(data: bytes | None) -> Mapping[str, tuple[str, bytes | str]]:
    """What a tar has: `x` for a program, `l` for a link, `-` for another file."""
    assert data is not None
    found: dict[str, tuple[str, bytes | str]] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for each in tar:
            if each.issym():
                found[each.name] = ("l", each.linkname)
            elif each.isfile():
                file = tar.extractfile(each)
                assert file is not None
                found[each.name] = ("x" if each.mode & 0o100 else "-", file.read())
    return found


def files_in(folder: Path) -> Mapping[str, tuple[str, bytes | str]]:
    """What a checkout has."""
    found: dict[str, tuple[str, bytes | str]] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if name.startswith(".git/") or name == ".git":
            continue
        if path.is_symlink():
            found[name] = ("l", os.readlink(path))  # noqa: PTH115 - its text
        elif path.is_file():
            is_program = path.stat().st_mode & stat.S_IXUSR
            found[name] = ("x" if is_program else "-", path.read_bytes())
    return found


def fetched(tmp_path: Path, site: StandIn, ref: str, **fields: Any) -> Done:
    done = fetch(tmp_path, RemoteCommit(f"{site.address}/r/.git", ref), **fields)
    assert done.err == ""
    return done


@pytest.mark.parametrize(
    ("ref", "content"),
    [
        ("", b"2"), ("main", b"2"), ("feature/x", b"1"), ("light", b"1"), ("noted", b"1"),
        ("both", b"2"), ("heads/both", b"1"), ("refs/tags/noted", b"1"), ("HASH", b"1"),
        ("TAG", b"1"),
    ],
)  # fmt: skip
def test_a_ref_is_what_it_is_to_git(
    ref: str, content: bytes, root: Path, site: StandIn, tmp_path: Path
) -> None:
    first, tag = (git(root / "r", "rev-parse", each) for each in ("light", "noted"))
    ref = ref.replace("HASH", first).replace("TAG", tag)

    done = fetched(tmp_path, site, ref)

    assert done.outcome.reason == "", done.outcome
    assert files_of(done.data) == {"a": ("-", content)}
    is_tag = ref == tag
    expected = tag if is_tag else git(root / "r", "rev-parse", "HEAD" if content == b"2" else first)
    assert done.outcome.version == expected

    # What is known is not sent again, whatever its name.
    site.asked.clear()
    again = fetched(tmp_path, site, ref, known=(done.outcome.version,))

    assert (again.outcome.reason, again.outcome.version) == ("", done.outcome.version)
    assert again.data is None
    assert not any(b"fetch" in each.body and b"want " in each.body for each in site.asked)
    assert bool(site.asked) == (ref not in (first, tag))

    # A positive control: something else is known.
    other = fetched(tmp_path, site, ref, known=("0" * 40,))
    assert files_of(other.data) == {"a": ("-", content)}
    assert any(b"want " in each.body for each in site.asked)


@pytest.mark.parametrize("ref", ["refs/pull/1/head", "pull/1/head", "HEAD", "refs/heads/main"])
def test_a_ref_of_another_kind_is_never_outdated(
    ref: str, root: Path, site: StandIn, tmp_path: Path
) -> None:
    folder = root / "r"
    first, second = (git(folder, "rev-parse", each) for each in ("light", "main"))
    git(folder, "update-ref", "refs/pull/1/head", first)
    # Branches and tags with these names are not what git reads: it prefers what is above.
    for other in ("refs/heads/pull/1/head", "refs/heads/refs/pull/1/head", "refs/tags/HEAD"):
        git(folder, "update-ref", other, second if "pull" in other else first)
    git(folder, "update-ref", "refs/heads/refs/heads/main", first)
    expected = first if "pull" in ref else second

    for known in ((), (first,), (second,), (first, second)):
        done = fetched(tmp_path, site, ref, known=known)
        assert (done.outcome.reason, done.outcome.version) == ("", expected)
        assert (done.data is None) == (expected in known)

    third = commit(folder, {"a": "3"})
    git(folder, "update-ref", "refs/pull/1/head", third)
    done = fetched(tmp_path, site, ref, known=(first, second))
    assert done.outcome.version == third
    assert files_of(done.data)["a"] == ("-", b"3")


@pytest.mark.parametrize("ref", ["nope", "f" * 40, "abcdef1"])
def test_what_does_not_exist_is_said(ref: str, site: StandIn, tmp_path: Path) -> None:
    done = fetched(tmp_path, site, ref)

    assert done.data is None
    assert "it has no such branch, tag or commit" in done.message
    assert "full hash" in done.message
    assert not done.outcome.is_down


def test_a_repository_that_is_not_there(site: StandIn, tmp_path: Path) -> None:
    done = fetch(tmp_path, RemoteCommit(f"{site.address}/nope/.git"))

    assert "there is no git repository, or not without credentials" in done.message
    assert not done.outcome.is_down


def test_the_files_are_those_of_a_checkout(root: Path, site: StandIn, tmp_path: Path) -> None:
    folder = root / "r"
    write(
        folder,
        {
            ".gitattributes": (
                "secret export-ignore\n[attr]gone export-ignore\nalso gone\nid export-subst\n"
                "*.crlf text eol=crlf\n*.utf16 text working-tree-encoding=UTF-16LE-BOM\n"
                "ident ident\nlarge filter=upper\n"
            ),
            "secret": "s", "also": "a", "id": "$Format:%H$\n", "a.crlf": "1\n2\n",
            "b.utf16": "\ufeffä\n".encode("utf-16-le"), "ident": "$Id$\n", "large": "small\n",
            "below/.gitattributes": "x export-ignore\n", "below/x": "x", "below/y z/ä\t": "y",
            "long/" + "d" * 120 + "/" + "n" * 200: "long", "run": "#!/bin/sh\n",
        },
    )  # fmt: skip
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("below/x")
    (folder / "out").symlink_to("/etc/passwd")
    commit(folder)
    git(tmp_path, "clone", "-q", str(folder), "clone")

    done = fetched(tmp_path, site, "main")

    found = files_of(done.data)
    assert found == files_in(tmp_path / "clone")
    assert found["id"] == ("-", b"$Format:%H$\n")
    assert found["a.crlf"] == ("-", b"1\r\n2\r\n")
    assert {"secret", "also", "below/x"} <= found.keys()
    assert (found["run"][0], found["link"], found["out"]) == (
        "x", ("l", "below/x"), ("l", "/etc/passwd"),
    )  # fmt: skip


def test_no_filter_of_a_commit_runs(root: Path, site: StandIn, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    config = f'[filter "f"]\n\tsmudge = touch {mark}; cat\n'
    commit(root / "r", {".gitattributes": "* filter=f\n", ".gitconfig": config, "config": config})

    done = fetched(tmp_path, site, "main")

    assert files_of(done.data)["a"] == ("-", b"2")
    assert not mark.exists()
    # A positive control: git runs it where the configuration of a clone names it.
    git(tmp_path, "clone", "-q", "-c", f"filter.f.smudge=touch {mark}; cat", f"{root}/r", "clone")
    assert mark.exists()


@pytest.mark.parametrize("size", [1 << 20, 3 << 20])
def test_a_commit_may_be_so_large(size: int, root: Path, site: StandIn, tmp_path: Path) -> None:
    commit(root / "r", {"noise": os.urandom(size)})

    done = fetched(tmp_path, site, "main", max_bytes=2 << 20)

    if size < 2 << 20:
        assert len(files_of(done.data)["noise"][1]) == size
    else:
        assert done.data is None
        assert "AVP_MAX_INPUT" in done.message


def test_what_is_small_on_its_way_may_be_too_large(
    root: Path, site: StandIn, tmp_path: Path
) -> None:
    commit(root / "r", {f"zeros-{number}": bytes(1 << 20) for number in range(4)})

    done = fetched(tmp_path, site, "main", max_bytes=2 << 20)

    assert "the files of the commit are larger than 2097152 bytes" in done.message
    assert "AVP_MAX_INPUT" in done.message
    whole = fetched(tmp_path, site, "main", max_bytes=8 << 20)
    assert len(files_of(whole.data)) == 5


@pytest.mark.parametrize("path", ["/info/refs", "/git-upload-pack"])
def test_a_slow_server_takes_no_longer_than_it_may(path: str, root: Path, tmp_path: Path) -> None:
    passed_on = backend(root)

    def answer(exchange: Exchange) -> None:
        if path in exchange.path:
            time.sleep(4)
        passed_on(exchange)

    with stand_in(answer) as server:
        done = fetched(tmp_path, server, "main", seconds=1.5)

    assert done.outcome.is_down
    assert done.data is None
    assert done.seconds < 4


def test_a_server_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    with stand_in(lambda exchange: exchange.reply(503, b"")) as server:
        done = fetched(tmp_path, server, "main")
        assert done.outcome.is_down, done.outcome
    done = fetched(tmp_path, server, "main")
    assert done.outcome.is_down, done.outcome


def test_submodules_are_reported_and_not_fetched(root: Path, tmp_path: Path) -> None:
    inner = commit(root / "inner", {"i": "i"})
    with git_site(root) as server:
        folder = root / "r"
        urls = {
            "whole": f"{server.address}/inner/.git",
            "deep/relative": "../../inner/.git",
            "near": "./x.git",
            "host": "https://example.com/a.git",
        }
        text = "".join(
            f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in urls.items()
        )
        write(folder, {".gitmodules": text})
        git(folder, "add", "-A")
        for path in urls:
            git(folder, "update-index", "--add", "--cacheinfo", f"160000,{inner},{path}")
        git(folder, "commit", "-qm", "modules")

        done = fetched(tmp_path, server, "main")

        assert {path: url for path, url, _ in done.outcome.submodules} == {
            "whole": f"{server.address}/inner/.git",
            "deep/relative": f"{server.address}/inner/.git",
            "near": f"{server.address}/r/.git/x.git",
            "host": "https://example.com/a.git",
        }
        assert {each for _, _, each in done.outcome.submodules} == {inner}
        assert not any("inner" in each for each in server.paths)
