"""The tests of charts in kustomize's repository: avp-py prints the same bytes."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import HELMS
from tests.peers.tables import Row, load, problems
from tests.processes import AVP
from tests.trees import write

TABLE: Final = load("kustomize.yaml", ("folder", "place", "files", "holds", "lacks", "ours"))

SECONDS: Final = 60
"""How long one run may take; it takes well below one."""


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.key)
def test_a_chart_is_inflated_as_by_kustomize(
    programs: Mapping[str, Path], tmp_path: Path, row: Row, helm: str
) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "AVP_KUSTOMIZE": str(programs["kustomize"]),
        "AVP_HELM": str(programs[helm]),
    }
    build = [programs["kustomize"], "build", "--enable-helm", "--helm-command", programs[helm]]
    outputs = []
    for side, argv in (("theirs", build), ("ours", [*AVP, "generate", "--render=kustomize"])):
        home, tree = tmp_path / side, tmp_path / f"tree-of-{side}"
        home.mkdir()
        _write_tree(tree, row)
        done = subprocess.run(
            [*argv, tree / row.fields.get("folder", ".")],
            env={**env, "HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        error = row.fields["ours"]["error"] if side == "ours" and row.differs else ""
        assert bool(done.returncode) is bool(error), f"{side}: {done.stderr}"
        assert error in done.stderr, side
        outputs.append(done.stdout)
    theirs, ours = outputs
    lines = [line.strip(" -") for line in theirs.splitlines()]
    assert [each for each in row.fields["holds"] if each not in lines] == [], theirs
    assert [each for each in row.fields.get("lacks", ()) if each in lines] == [], theirs
    assert ours == ("" if row.differs else theirs)


def test_every_test_of_the_other_project_has_a_case_or_a_reason() -> None:
    assert list(problems(TABLE)) == []


def _write_tree(tree: Path, row: Row) -> None:
    write(tree, row.fields["files"])
    for folder, chart in row.fields["place"].items():
        write(tree / folder, TABLE.fields["charts"][chart])
