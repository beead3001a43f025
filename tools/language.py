"""Finds phrases that read as translated; tools/phrases.txt lists them with what to write instead.

    python tools/language.py

Each finding is a line FILE:LINE, and the exit code is 1 if there is any.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PHRASES: Final = ROOT / "tools" / "phrases.txt"

CHECKED: Final = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "Makefile",
    "README.md",
    "SECURITY.md",
    ".github",
    "avp_py",
    "benchmarks",
    "charts",
    "deploy",
    "docs",
    "examples",
    "tests",
    "tools",
)
SUFFIXES: Final = {".go", ".json", ".md", ".py", ".tpl", ".txt", ".yaml", ".yml"}
NAMES: Final = {"Dockerfile", "Makefile"}

# Between two words: white space, and at the beginning of a line what marks a comment or a quote.
_GAP: Final = r"[ \t]*(?:\n[ \t]*(?:(?:#|//|>)[ \t]*)?|[ \t])"


@dataclass(frozen=True)
class Finding:
    """A phrase in a text.

    Attributes:
        line: the line where it begins.
        phrase: the phrase as the list has it.
        better: what to write instead.
    """

    line: int
    phrase: str
    better: str


def read_phrases(text: str) -> Mapping[str, str]:
    """Return the phrases of a list, each with what to write instead.

    Raises:
        ValueError: a line is not `phrase -> better`, or a phrase is repeated.
    """
    phrases: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        phrase, arrow, better = (part.strip() for part in line.partition(" -> "))
        if not (phrase and arrow and better):
            raise ValueError(f"line {number}: expected 'phrase -> better'")
        if phrase.lower() in phrases:
            raise ValueError(f"line {number}: duplicate phrase {phrase!r}")
        phrases[phrase.lower()] = better
    return phrases


def find(text: str, phrases: Mapping[str, str]) -> Sequence[Finding]:
    """Return the phrases in a text, in its order."""
    return [
        Finding(text.count("\n", 0, found.start()) + 1, phrase, phrases[phrase])
        for found in _pattern(phrases).finditer(text)
        for phrase in [_normalised(found[0])]
    ]


def _pattern(phrases: Mapping[str, str]) -> "re.Pattern[str]":
    # The longest first, as the first alternative that matches wins.
    longest = sorted(phrases, key=len, reverse=True)
    each = (_GAP.join(map(re.escape, phrase.split())) for phrase in longest)
    return re.compile(rf"(?<!\w)(?:{'|'.join(each)})(?!\w)", re.IGNORECASE)


def _normalised(found: str) -> str:
    return " ".join(re.sub(_GAP, " ", found).lower().split())


def files() -> Iterator[Path]:
    """Yield the files that are checked."""
    for name in CHECKED:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path == PHRASES:
                continue
            if path.is_file() and (path.suffix in SUFFIXES or path.name in NAMES):
                yield path


def main() -> int:
    """Print the findings; return the exit code."""
    phrases = read_phrases(PHRASES.read_text())
    found = 0
    for path in files():
        for finding in find(path.read_text(errors="replace"), phrases):
            found += 1
            print(
                f"{path.relative_to(ROOT)}:{finding.line}: {finding.phrase!r}: "
                f"write {finding.better!r}",
                file=sys.stderr,
            )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
