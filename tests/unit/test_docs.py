"""Docs and plugin files that are made from the code are current."""

import re
import subprocess
import sys

from tests.compat.deviations import DEVIATIONS, PAGE, page
from tests.conftest import ROOT


def test_the_files_made_from_the_code_are_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "docs.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_threat_model_names_tests_that_exist() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    shown = re.findall(r"((?:`\w[\w-]+`(?:, )?)+) in \[[\w.]+\]\(([\w/.]+)\)", text)
    rows = [line for line in text.splitlines() if line.startswith("|") and "](tests/" in line]
    assert len(rows) > 30
    assert sum(line.count("](tests/") for line in rows) == len(shown)
    for names, place in shown:
        path = ROOT / place
        for name in re.findall(r"`([^`]+)`", names):
            found = (path / name).is_dir() or f"def {name}(" in path.read_text()
            assert found, f"{place} has no {name}"


def test_the_details_of_compatibility_are_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.compat.deviations`"


def test_the_page_for_users_links_each_difference_once() -> None:
    text = (ROOT / "docs" / "compatibility.md").read_text()
    links = re.findall(r"\[([\w-]+)\]\(compatibility-details\.md#([\w-]+)\)", text)
    assert all(name == anchor for name, anchor in links)
    assert sorted(name for name, _ in links) == sorted(DEVIATIONS)
