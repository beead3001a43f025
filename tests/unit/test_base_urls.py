"""Which directories of a commit the URLs of bases mean, and which URLs are refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from avp_py.errors import RenderError
from avp_py.remotes import Fetched, RemoteFile
from avp_py.render.kustomization import find_roots
from avp_py.render.remote_files import FOLDER, RemoteFiles
from avp_py.render.repository import Repository
from tests.fetchers import DictFetcher
from tests.trees import write

FILE: Final = "https://files.example/map.yaml"
BASE: Final = {"kustomization.yaml": f"resources: ['{FILE}']\n"}
REPOSITORY: Final = "https://git.example/team/r.git"


def prepare(tmp_path: Path, urls: Sequence[str]) -> None:
    """Prepare the commit in `clone` for bases that a kustomization names."""
    app = write(tmp_path / "app", {"kustomization.yaml": f"resources: {list(urls)}\n"})
    files = RemoteFiles(
        DictFetcher({RemoteFile(FILE): Fetched(b"kind: ConfigMap\n")}), 1 << 20, confined=True
    )
    files.fetch(find_roots(app, Repository(app, True)))
    files.prepare(tmp_path / "clone")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        (REPOSITORY, ""),
        (f"{REPOSITORY}?ref=a/b", ""),
        (f"{REPOSITORY}//a?ref=main", "a"),
        (f"{REPOSITORY}/a/b", "a/b"),
        (f"{REPOSITORY}//./a//b/", "a/b"),
        (f"{REPOSITORY}//a/missing/../b", "a/b"),
        (f"{REPOSITORY}//link", "a"),
        (f"{REPOSITORY}//link/b", "a/b"),
        # As kustomize, before symlinks are followed.
        (f"{REPOSITORY}//deep/../a", "a"),
        ("https://github.com/team/r/a/b", "a/b"),
        ("git@git.example:team/r/a", "a"),
        (f"{REPOSITORY}//{'x/../' * 500}a", None),
        (f"{REPOSITORY}//outside", None),
        (f"{REPOSITORY}//../outside", None),
        (f"{REPOSITORY}//b", None),
        (f"{REPOSITORY}//%61", None),
    ],
)
def test_the_base_of_a_url_is_found_by_its_end(tmp_path: Path, url: str, base: str | None) -> None:
    clone = tmp_path / "clone"
    for folder in ("outside", "clone/a", "clone/a/b", *(["clone"] if base == "" else [])):
        write(tmp_path / folder, BASE)
    (clone / "link").symlink_to("a")
    (clone / "deep").symlink_to("a/b")
    (clone / "outside").symlink_to("../outside")

    if url.count("/") > 500:
        with pytest.raises(RenderError, match="too long"):
            prepare(tmp_path, [url])
    else:
        prepare(tmp_path, [url])

    found = [each.parent for each in tmp_path.rglob(FOLDER)]
    assert found == ([clone / base] if base is not None else [])


@pytest.mark.parametrize(
    "path",
    ["a" * 4096, "a/" * 64, "?ref=" + "a" * 4096],
)
@pytest.mark.parametrize("start", ["https://git.example/r.git//", "git@git.example:team/r//"])
def test_a_url_that_is_too_long_is_refused(tmp_path: Path, start: str, path: str) -> None:
    write(tmp_path / "clone", BASE)

    with pytest.raises(RenderError, match="too long") as raised:
        prepare(tmp_path, [start + path])

    assert "4096 characters" in raised.value.reason
    assert len(raised.value.reason) < 400
    assert raised.value.hint


def test_a_base_that_a_commit_names_is_refused_alike(tmp_path: Path) -> None:
    write(tmp_path / "clone", {"kustomization.yaml": f"resources: ['{REPOSITORY}/{'a/' * 64}']\n"})

    with pytest.raises(RenderError, match="too long"):
        prepare(tmp_path, [REPOSITORY])
