"""`avp-py serve` as a command: what it prepares for the processes that last."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from avp_py.serve import parent
from tests.conftest import Run


@pytest.fixture
def without_collections() -> Iterator[None]:
    """As the entry point of the command leaves it."""
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("without_collections")
def test_what_lasts_collects_garbage(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []

    class Stub:
        def __init__(self, *_arguments: object) -> None:
            seen.append(gc.isenabled())

        def run(self) -> int:
            return 3

    monkeypatch.setattr(parent, "Parent", Stub)

    ended = run("serve", "--", "true", env={"TMPDIR": str(tmp_path)})

    assert (ended.code, seen) == (3, [True])
