"""The blocks of pages as tests/pages.py finds and runs them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.pages import Terminal, claims, parse

PAGE = """# Top

```sh
true
```

## Below

Some text.
Not run by the tests: it needs a cluster.

```sh
# no heading
false
```

- an item:

  ```console
  $ echo one; echo two
  one
  two
  ```
"""


def test_blocks_have_their_heading_line_and_text() -> None:
    found = [(each.line, each.heading, each.language, each.text) for each in parse("page.md", PAGE)]
    assert found == [
        (3, "Top", "sh", "true\n"),
        (12, "Below", "sh", "# no heading\nfalse\n"),
        (19, "Below", "console", "$ echo one; echo two\none\ntwo\n"),
    ]


def test_a_block_is_run_unless_the_text_before_it_says_why_not() -> None:
    assert [each.is_run for each in parse("page.md", PAGE)] == [True, False, True]
    assert [each.is_run for each in parse("page.md", PAGE.replace("Not run by", "By"))] == [
        True
    ] * 3


def test_a_transcript_that_differs_fails(tmp_path: Path) -> None:
    shown = list(parse("page.md", PAGE))[2]
    stale = replace(shown, text=shown.text.replace("\ntwo\n", "\nthree\n"))
    Terminal(tmp_path, [shown]).run(shown)
    with pytest.raises(AssertionError):
        Terminal(tmp_path, [stale]).run(stale)


def test_a_command_that_fails_in_the_middle_fails(tmp_path: Path) -> None:
    block = replace(next(parse("page.md", PAGE)), text="false\ntrue\n")
    with pytest.raises(AssertionError):
        Terminal(tmp_path, [block]).run(block)


def test_a_claimed_block_that_is_not_run_fails(tmp_path: Path) -> None:
    block = next(parse("page.md", PAGE))
    terminal = Terminal(tmp_path, [block])
    with pytest.raises(AssertionError, match="did not run"):
        terminal.check()
    terminal.run(block)
    terminal.check()


def test_a_claim_of_a_block_that_there_is_not_fails() -> None:
    mark = pytest.mark.runs("docs/image.md", "The image").mark
    with pytest.raises(AssertionError, match="has no block"):
        list(claims([mark]))
