"""The code blocks of the pages, and a shell that runs them.

The info string of a block says what a test does with it:

- `sh`: commands that are run, with placeholders such as `COMMIT` or `…` filled.
- `console`: commands after `$ ` that are run, and what they print, which is compared.
- `yaml`, `hcl`: files that are read by the program that they are for.
- `mermaid`: a diagram.
- `text`: anything else; neither a command nor a file.

A block that cannot be run has `Not run by the tests:` and the reason in the paragraph before it.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT

PAGES: Final = tuple(
    sorted(
        str(path.relative_to(ROOT))
        for pattern in (
            "*.md",
            "docs/*.md",
            "charts/*/*.md",
            "examples/*/*.md",
            "tools/*.md",
            "tests/*/*.md",
        )
        for path in ROOT.glob(pattern)
    )
)
LANGUAGES: Final = {"sh", "console", "yaml", "hcl", "mermaid", "text"}
COMMANDS: Final = {"sh", "console"}
NOT_RUN: Final = "Not run by the tests:"

_BLOCK = re.compile(r"^( *)```(.*)\n((?:.*\n)*?)\1```$", re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        page: the path of the page, relative to the repository.
        line: the line of the opening fence.
        heading: the heading above it.
        language: the info string.
        text: what is between the fences.
        before: the paragraph before it.
    """

    page: str
    line: int
    heading: str
    language: str
    text: str = field(repr=False)
    before: str = field(repr=False)

    @property
    def is_run(self) -> bool:
        """Return whether a test has to run it."""
        return self.language in COMMANDS and NOT_RUN not in self.before


def blocks(page: str, heading: str = "", *languages: str) -> Sequence[Block]:
    """Return the blocks of a page, or those below one of its headings, in their order."""
    return [
        block
        for block in parse(page, (ROOT / page).read_text())
        if (not heading or block.heading == heading)
        and (not languages or block.language in languages)
    ]


def parse(page: str, text: str) -> Iterator[Block]:
    """Yield the blocks of a page's text."""
    outside = _BLOCK.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    headings = [(found.start(), found[1]) for found in _HEADING.finditer(outside)]
    for found in _BLOCK.finditer(text):
        start = found.start()
        above = [title for place, title in headings if place < start]
        indent = found[1]
        yield Block(
            page,
            text.count("\n", 0, start) + 1,
            above[-1] if above else "",
            found[2],
            re.sub(rf"^{indent}", "", found[3], flags=re.MULTILINE),
            text[:start].rstrip("\n").rsplit("\n\n", 1)[-1],
        )


def outside_blocks(page: str) -> str:
    """Return the text of a page without its blocks."""
    return _BLOCK.sub("", (ROOT / page).read_text())


def claims(marks: Iterable[pytest.Mark]) -> Iterator[Block]:
    """Yield the blocks that a test says it runs, by `@pytest.mark.runs(page, heading, *numbers)`.

    The numbers choose among the blocks of commands below the heading that are run; without any,
    the test runs them all.
    """
    for mark in marks:
        if mark.name == "runs":
            page, heading, *numbers = mark.args
            there = [block for block in blocks(page, heading, *COMMANDS) if block.is_run]
            assert there, f"{page} has no block of commands below {heading!r}"
            yield from (there[number] for number in numbers) if numbers else there


@dataclass
class Terminal:
    """A shell in a folder, with programs and an environment of its own.

    Attributes:
        folder: where blocks are run; also the home directory.
        claimed: the blocks that the test has to run.
        env: what the environment has in addition to PATH and HOME.
        fill: what replaces placeholders and addresses: regular expression to text.
    """

    folder: Path
    claimed: Sequence[Block]
    env: dict[str, str] = field(default_factory=dict)
    fill: dict[str, str] = field(default_factory=dict)
    done: list[Block] = field(default_factory=list)

    def install(self, **programs: Path | str) -> None:
        """Put programs on PATH: paths, or the text of a script."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        for name, program in programs.items():
            place = folder / name.replace("_", "-")
            if isinstance(program, Path):
                place.symlink_to(program)
            else:
                place.write_text(program)
                place.chmod(0o755)

    def run(self, *wanted: Block, code: int = 0) -> str:
        """Run blocks as they are, but for what is filled; return what they printed.

        Several blocks are run in one shell. For `console`, each command is run, and what it prints
        has to be what the page shows.
        """
        assert all(block in self.claimed for block in wanted), f"the test does not claim {wanted}"
        self.done.extend(wanted)
        scripts = [self.filled(block.text) for block in wanted if block.language == "sh"]
        for block in wanted:
            if block.language == "console":
                for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                    command, shown = part.split("\n", 1)
                    found = self.script(self.filled(command), code=code)
                    assert found == self.filled(shown), block
        return self.script("".join(scripts), code=code) if scripts else ""

    def script(self, text: str, *, code: int = 0) -> str:
        """Run a script; return what it printed on standard output and standard error."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],  # noqa: S607
            cwd=self.folder,
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                **self.env,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == code, f"{text}\n{done.stdout}"
        return done.stdout

    def filled(self, text: str) -> str:
        """Return the text with its placeholders filled."""
        for pattern, replacement in self.fill.items():
            text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
        return text

    def check(self) -> None:
        """Fail where the test did not run what it claims."""
        left = [block for block in self.claimed if block not in self.done]
        assert not left, f"the test did not run {left}"


@pytest.fixture
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    """A shell for the blocks that the test claims; it fails where one was not run."""
    shell = Terminal(tmp_path, list(claims(request.node.iter_markers("runs"))))
    yield shell
    shell.check()
