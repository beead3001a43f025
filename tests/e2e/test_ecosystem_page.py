"""docs/ecosystem.md: a person who follows it gets what it describes."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise

import pytest
from build import cache_directory

from tests.conftest import ROOT
from tests.e2e.repository import IDENTITY
from tests.integration.core import command_of
from tests.pages import Terminal, blocks, terminal
from tests.processes import descendants, is_running

__all__ = ["terminal"]

PAGE = "docs/ecosystem.md"
HEADINGS = (
    "Start it",
    "Deploy a tag",
    "Change a file",
    "Deploy another tag",
    "Change a secret",
    "What fails",
    "End it",
)

SERVERS = 10
"""The least that there are: the servers of Argo CD, its Redis, etcd, the API, Vault, the plugin."""


@pytest.fixture
def checkout(terminal: Terminal) -> Iterator[Terminal]:
    """A terminal in a directory like this checkout, with a `.up` of its own."""
    for each in ROOT.iterdir():
        if each.name not in (".git", ".up"):
            (terminal.folder / each.name).symlink_to(each)
    terminal.env |= {
        **IDENTITY,
        "AVP_PY_UP": str(terminal.folder / ".up"),
        "AVP_PY_TOOLS": str(cache_directory(os.environ)),
    }
    yield terminal
    terminal.script("make down")


def shows(text: str, printed: str) -> bool:
    """Return whether each line of a block is in what was printed; `…` is any text."""
    lines = [re.escape(line).replace("…", ".*") for line in text.splitlines()]
    return all(re.search(rf"^\s*{line.strip()}", printed, re.MULTILINE) for line in lines)


@pytest.mark.runs(PAGE, "Start it")
@pytest.mark.runs(PAGE, "Deploy a tag")
@pytest.mark.runs(PAGE, "Change a file")
@pytest.mark.runs(PAGE, "Deploy another tag")
@pytest.mark.runs(PAGE, "Change a secret")
@pytest.mark.runs(PAGE, "What fails")
@pytest.mark.runs(PAGE, "End it")
def test_the_tutorial(checkout: Terminal) -> None:
    there = [block for heading in HEADINGS for block in blocks(PAGE, heading, "sh", "text")]
    for block, following in pairwise([*there, there[-1]]):
        if block.language == "text":
            continue
        if block is there[-1]:
            main = json.loads((checkout.folder / ".up" / "process.json").read_text())["pid"]
            parts = {main, *descendants(main)}
            assert len(parts) > SERVERS
        printed = checkout.run(block)
        if following.language == "text":
            assert shows(following.text, printed), printed
        if block is there[0]:
            lines = checkout.script(". .up/env; env").splitlines()
            checkout.env |= dict(line.split("=", 1) for line in lines if "=" in line)
    assert [pid for pid in parts if is_running(pid)] == []


def test_the_plain_command_and_an_end_of_nothing_else(checkout: Terminal) -> None:
    state = checkout.folder / ".up" / "process.json"
    bystander = subprocess.Popen(["sleep", "600"])  # noqa: S607 - wherever it is
    try:
        checkout.script("MODE=plain make up")
        main = json.loads(state.read_text())["pid"]
        parts = [main, *descendants(main)]
        assert not any("supervise" in command_of(pid) for pid in parts)
        checkout.script(". .up/env; IMAGE_TAG=1.0.0 examples/ci/deploy.sh")
        checkout.script("make down")
        assert [pid for pid in parts if is_running(pid)] == []

        # Another process may have the number of one that has ended.
        state.write_text(json.dumps({"pid": bystander.pid, "started": "0"}))
        assert "nothing is running" in checkout.script("make down")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
