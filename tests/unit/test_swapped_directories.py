"""A symlink that a program swaps for a directory that we write to: nothing outside is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from avp_py.errors import RenderError
from avp_py.remotes import Fetched, RemoteFile
from avp_py.render.kustomization import find_roots
from avp_py.render.remote_files import FOLDER, RemoteFiles
from avp_py.render.repository import Repository
from tests.fetchers import DictFetcher
from tests.trees import snapshot, write

URL: Final = "https://files.example/map.yaml"
MAP: Final = b"kind: ConfigMap\n"
KUSTOMIZATION: Final = f"resources: ['{URL}']\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose base `app` names a file by a URL, beside a directory of somebody else."""
    files = {"app/kustomization.yaml": KUSTOMIZATION}
    write(tmp_path / "outside", {**files, f"{FOLDER}/0/map.yaml": "old"})
    write(tmp_path / "outside/app", {"kustomization.yaml": KUSTOMIZATION})
    write(tmp_path / "outside", {"kustomization.yaml": KUSTOMIZATION})
    return write(tmp_path / "clone", files)


def rewrite(clone: Path) -> None:
    files = RemoteFiles(DictFetcher({RemoteFile(URL): Fetched(MAP)}), 1 << 20, confined=True)
    (folder,) = files.fetch(find_roots(clone / "app", Repository(clone, True)))
    files.rewrite(folder, clone)


def swap(path: Path, target: Path) -> None:
    """Replace something by a symlink."""
    path.rename(path.with_name("moved-away"))
    path.symlink_to(target)


def app(clone: Path, outside: Path) -> None:
    swap(clone / "app", outside)


def kustomization(clone: Path, outside: Path) -> None:
    swap(clone / "app/kustomization.yaml", outside / "kustomization.yaml")


def whole(clone: Path, outside: Path) -> None:
    swap(clone, outside)


def fetched(clone: Path, outside: Path) -> None:
    swap(clone / "app" / FOLDER, outside / FOLDER)


def number(clone: Path, outside: Path) -> None:
    (clone / "app" / FOLDER / "0").symlink_to(outside / FOLDER / "0")


def file(clone: Path, outside: Path) -> None:
    (clone / "app" / FOLDER / "0").mkdir()
    (clone / "app" / FOLDER / "0/map.yaml").symlink_to(outside / FOLDER / "0/map.yaml")


def test_a_base_is_rewritten_where_nothing_is_swapped(clone: Path) -> None:
    rewrite(clone)

    assert (clone / "app" / FOLDER / "0/map.yaml").read_bytes() == MAP
    assert (clone / "app/kustomization.yaml").read_text() == (
        f'resources: ["{FOLDER}/0/map.yaml"]\n'
    )


@pytest.mark.parametrize(
    ("step", "change"),
    [
        ("_places", app),
        ("_places", kustomization),
        ("_places", whole),
        ("_make", fetched),
        ("_make", number),
        ("_make", file),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_a_swapped_symlink_leads_nowhere(
    step: str,
    change: Callable[[Path, Path], None],
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outside = clone.parent / "outside"
    before = snapshot(outside)
    original = getattr(RemoteFiles, step)
    swapped = []

    def then_swap(self: RemoteFiles, *arguments: object) -> object:
        answer = original(self, *arguments)
        change(clone, outside)
        swapped.append(step)
        return answer

    monkeypatch.setattr(RemoteFiles, step, then_swap)

    if change is file:
        # The symlink itself is replaced.
        rewrite(clone)
        assert (clone / "app" / FOLDER / "0/map.yaml").read_bytes() == MAP
    else:
        with pytest.raises(RenderError, match="was replaced while avp-py was writing to it"):
            rewrite(clone)
    assert snapshot(outside) == before
    assert swapped
