"""Docs and plugin files that are made from the code are current."""

import subprocess
import sys

from tests.conftest import ROOT


def test_the_files_made_from_the_code_are_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "docs.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
