"""Where a path leads, step by step, without ever leaving the root."""

import os
from pathlib import Path
from typing import Final

import pytest

from avp_py.render.follow import follow
from tests.trees import write
from tests.unit.growth import refuse_growth

LINKS: Final = {
    "absolute": "{top}/in/base",
    "chain": "sub/up",
    "circle": "circle",
    "climbs": "../in/base",
    "climbs to the root": "/../../../../../..{top}/in/base",
    "in": "base",
    "longer name": "{top}/inner/base",
    "nowhere": "none/../base",
    "other": "../out/base",
    "root": ".",
    "sub/up": "../base/./deep/..",
    "through": "{top}/out/../in/base",
    "through proc": "/proc/self/cwd",
}

CASES: Final = {
    "in": "base",
    "base": "base",
    "base/../base/deep": "base/deep",
    "none/./x": "none/x",
    "none/../base": "base",
    "none/../..": None,
    "file/../../out": None,
    "in/deep/../..": "",
    "absolute/deep": "base/deep",
    "chain/deep": "base/deep",
    "root/root/root/base": "base",
    "nowhere": "base",
    "circle": "circle",
    "file/x": "file/x",
    "..": None,
    "base/../../in/base": None,
    "climbs": None,
    "climbs to the root": None,
    "longer name": None,
    "other": None,
    "through": None,
    "through proc": None,
    "base/\0": None,
}
"""Paths in the root, and where they lead in it."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("in/base/deep/x", "in/file", "out/base/x", "inner/base/x", "in/sub/x"):
        write(tmp_path, {name: ""})
    for name, target in LINKS.items():
        (tmp_path / "in" / name).symlink_to(target.format(top=tmp_path))
    return tmp_path / "in"


@pytest.mark.parametrize("path", CASES)
def test_a_path_leads_where_the_kernel_leads_it_and_never_outside(path: str, root: Path) -> None:
    inner = CASES[path]
    wanted = None if inner is None else str(root / inner)

    assert follow(f"{root}/{path}", (str(root),)) == wanted
    if inner is not None and (root / path).exists():
        assert os.path.realpath(root / path) == wanted


def test_all_of_it_may_lead_to_a_second_root(root: Path) -> None:
    out = root.parent / "out"

    assert follow(f"{root}/other", (str(root), str(out))) is None
    (root / "second").symlink_to(out / "base")
    assert follow(f"{root}/second/..", (str(root), str(out))) == str(out)
    assert follow(f"{root}/through", ("/",)) == str(root / "base")


def test_a_relative_path_is_outside(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "base")

    assert follow("../in/deep", (str(root),)) is None
    assert follow(str(root).lstrip("/"), (str(root),)) is None
    assert follow(".", ("/",)) is None


@pytest.mark.parametrize(("links", "is_followed"), [(255, True), (256, False)])
def test_as_many_symlinks_are_followed_as_go_follows(
    links: int, is_followed: bool, root: Path
) -> None:
    for number in range(links):
        (root / f"l{number}").symlink_to(f"l{number + 1}" if number + 1 < links else "base")

    assert (follow(f"{root}/l0", (str(root),)) == str(root / "base")) is is_followed


@pytest.mark.slow
@pytest.mark.parametrize("part", ["a/", "base/../", "root/"])
def test_a_path_of_many_parts_takes_linear_time(part: str, root: Path) -> None:
    refuse_growth(lambda n: f"{root}/{part * n}", lambda path: follow(path, (str(root),)), 20_000)
