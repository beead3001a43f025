"""Messages: at most 64 KiB of them, readable, with a count of what is left out."""

import io
import logging
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.cli import report
from avp_py.cli.console import Console
from avp_py.cli.notes import notes_on
from avp_py.cli.report import clip, describe, describe_warnings, frames, one_line
from avp_py.errors import AvpError, Failure, GenerateError
from tests.processes import AVP
from tests.trees import write

MOST: Final = 64 << 10
MANY: Final = 100_000


def many(count: int) -> GenerateError:
    return GenerateError(
        [
            Failure(
                f"reason {n}", hint=f"do {n}", document=f"Secret a{n}", field="f", reference="r"
            )
            for n in range(count)
        ]
    )


def counted(text: str, pattern: str) -> int:
    """Return the number in a text, which must contain it once."""
    (number,) = re.findall(pattern, text)
    return int(number)


def test_all_parts_together_are_64_kib() -> None:
    parts = (report.MAX_REPORT, report.MAX_WARNINGS, report.MAX_FRAMES)
    assert sum(parts) + report.MAX_NOTES + report.MAX_CRASHES == MOST


def test_a_hundred_thousand_failures_are_one_page_and_a_count() -> None:
    text = describe(many(MANY), verbose=True)
    assert len(text.encode()) <= report.MAX_REPORT
    assert text.startswith(
        f"avp-py: {MANY} failures, nothing was printed\n\n"
        "1. reason 0\n   in Secret a0\n      f: r\n   next: do 0\n"
    )
    shown = len(re.findall(r"^\d+\. reason \d+$", text, re.MULTILINE))
    assert shown > 100
    assert text.count("   next: do ") == shown
    assert text.endswith(f"\n\nand {MANY - shown} more failures\n")


def test_a_hundred_thousand_places_are_one_page_and_a_count() -> None:
    error = GenerateError(
        [
            Failure("r", hint="h", document=f"Secret ä{n}", field="f" * 50, reference="<x>")
            for n in range(MANY)
        ]
    )
    text = describe(error, verbose=True)
    assert len(text.encode()) <= report.MAX_REPORT
    assert text.count("<x>") + counted(text, r"and in (\d+) more places\n") == MANY
    assert text.count("<x>") > 100
    assert text.endswith("   next: h\n")


def test_a_hundred_thousand_warnings_are_a_few_lines_and_a_count() -> None:
    text = describe_warnings(many(MANY).failures)
    assert len(text.encode()) <= report.MAX_WARNINGS
    assert text.startswith("avp-py: warning: reason 0 (in Secret a0, f); next: do 0\n")
    shown = text.count("avp-py: warning: ")
    assert text.endswith(f"; next: do {shown - 1}\navp-py: {MANY - shown} more warnings\n")
    (huge,) = describe_warnings([Failure("ä" * MANY, hint="h")]).splitlines()
    assert len(huge.encode()) < report.MAX_LINE
    assert huge.endswith("ä; next: h")


def test_one_huge_failure_is_cut_and_stays_readable() -> None:
    huge = "ä🦉" * 500_000
    failure = Failure(
        f"the file {huge} cannot be read",
        hint=f"write {huge} anew",
        document=f"Secret {huge} (document 1)",
        field=f"stringData.{huge}.a",
        reference=f"<path:{huge}#k>",
        detail=f"Error: {huge}\n" * 3 + "the end",
    )
    text = describe(GenerateError([failure]), verbose=True)
    assert len(text.encode()) <= report.MAX_REPORT
    assert "�" not in text
    for start, end in (
        ("1. the file ä🦉", " cannot be read"),
        ("   in Secret ä🦉", " (document 1)"),
        ("      stringData.ä🦉", "#k>"),
        ("   next: write ä🦉", " anew"),
        ("   | Error: ä🦉", ""),
        ("   | the end", ""),
    ):
        (line, *_) = [line for line in text.splitlines() if line.startswith(start)]
        assert line.endswith(end)
        assert len(line.encode()) <= 5000


def test_of_many_lines_the_first_and_the_last_are_shown() -> None:
    lines = [f"line {n}" for n in range(MANY)]
    text = describe(AvpError("r", hint="h", detail="\n".join(lines)), verbose=False)
    assert len(text.encode()) <= report.MAX_REPORT
    shown = re.findall(r"^   \| (line \d+)$", text, re.MULTILINE)
    left_out = counted(text, r"… (\d+) lines left out …")
    assert len(shown) + left_out == MANY
    last = next(n for n in range(len(shown)) if shown[n] != lines[n])
    assert len(shown) * 0.6 < last < len(shown) * 0.7
    assert shown == [*lines[:last], *lines[last - len(shown) :]]
    assert text.index("   next: h\n") < text.index("line 0")


def test_each_of_a_few_failures_has_its_share() -> None:
    failures = [
        Failure(f"reason {n}", hint=f"do {n}", document="d", field="f", reference="r",
                detail=f"detail of {n}\n" * 50_000)
        for n in range(5)
    ]  # fmt: skip
    text = describe(GenerateError(failures), verbose=True)
    assert len(text.encode()) <= report.MAX_REPORT
    for n in range(5):
        assert f"\n{n + 1}. reason {n}\n   in d\n      f: r\n   next: do {n}\n" in text
        assert text.count(f"   | detail of {n}\n") > 100


def test_a_short_failure_leaves_its_share_to_the_others() -> None:
    lines = "\n".join(f"line {n}" for n in range(1500))
    error = GenerateError([*(Failure(f"r{n}") for n in range(9)), Failure("last", detail=lines)])
    assert "left out" not in describe(error, verbose=False)


def test_long_advice_is_given_once() -> None:
    hint = f"the parameters are {', '.join(f'name-{n}' for n in range(30))}"
    failures = [Failure(f"unknown {n}", hint=hint) for n in range(3)]
    text = describe(GenerateError([*failures, Failure("other", hint="short")]), verbose=False)
    assert text.count(hint) == 1
    assert text.count("   next: see failure 1\n") == 2


def test_short_advice_is_repeated() -> None:
    text = describe(GenerateError([Failure("a", hint="h"), Failure("b", hint="h")]), verbose=False)
    assert text.count("   next: h\n") == 2


def seconds(count: int) -> float:
    error = many(count)
    begin = time.process_time()
    describe(error, verbose=True)
    one_line(error)
    return time.process_time() - begin


@pytest.mark.slow
def test_the_time_is_linear() -> None:
    seconds(MANY)
    assert seconds(MANY) < 40 * max(seconds(MANY // 10), 0.001)


def test_one_line_is_bounded_too() -> None:
    line = one_line(many(MANY))
    assert len(line.encode()) <= report.MAX_LINE + 40
    shown = len(re.findall(r"reason \d+; next: do \d+", line))
    assert line.endswith(f" | and {MANY - shown} more")
    huge = one_line(AvpError("ä" * MANY + " is wrong", hint="h"))
    assert len(huge.encode()) <= report.MAX_LINE
    assert huge.endswith("ä is wrong; next: h")


def deep(levels: int) -> None:
    if levels:
        deep(levels - 1)
    else:
        raise ValueError("canary")


def middle(levels: int) -> None:
    try:
        deep(levels)
    except ValueError as error:
        raise KeyError("canary") from error


def chained(levels: int) -> BaseException:
    try:
        middle(levels)
    except KeyError as error:
        return error
    raise AssertionError


def test_frames_are_bounded() -> None:
    error = chained(10)
    for _ in range(500):
        outer = chained(3)
        outer.__cause__ = error
        error = outer
    text = frames(error)
    assert len(text.encode()) <= report.MAX_FRAMES
    assert re.search(r"… \d+ lines left out …", text)
    assert text.startswith("KeyError, raised at:\n")
    assert "in deep\n" in text


@given(st.text(st.characters(exclude_characters="…")), st.integers(16, 100))
def test_a_text_is_cut_between_characters(text: str, limit: int) -> None:
    clipped = clip(text, limit)
    assert len(clipped.encode()) <= limit
    assert all(char.isprintable() or char == "\t" for char in clipped)
    if "…" in clipped:
        first, _, last = clipped.rpartition("…")
        assert len(first) + len(last) < len(text)
    else:
        assert len(clipped) == len(text)


def noted(*notes: str) -> Sequence[str]:
    stream = io.StringIO()
    logger = logging.getLogger("avp_py.tests")
    with notes_on(Console({}, io.BytesIO(), io.BytesIO(), stream)):
        for note in notes:
            logger.info("%s", note)
    logger.info("not on any more")
    assert len(stream.getvalue().encode()) <= report.MAX_NOTES
    return stream.getvalue().splitlines()


def test_notes_are_bounded() -> None:
    lines = noted(*(f"note {n}" for n in range(10_000)))
    assert lines[0] == "avp-py: note 0"
    left_out = counted(lines[-2], r"avp-py: (\d+) more notes left out")
    assert len(lines) - 2 + left_out == 10_000
    assert re.fullmatch(r"avp-py: \d+\.\d\d s in all", lines[-1])


def test_a_note_is_one_line() -> None:
    assert noted("a\nb\x1b[31m")[:-1] == ["avp-py: a?b?[31m"]


def test_without_a_note_nothing_is_said() -> None:
    assert noted() == []


@pytest.mark.slow
def test_a_process_prints_no_more_than_the_limit(tmp_path: Path) -> None:
    write(tmp_path, {"secrets.yaml": "p: {k: v}\n"})
    field = "f" * 200
    stdin = "---\n".join(
        f"kind: Secret\nmetadata: {{name: 'ä{n}'}}\nstringData:\n"
        f"  {field}{n}: <path:{'p' * 200}{n}#k>\n  b: <path:p#{'k' * 100}{n}>\n"
        for n in range(3000)
    )
    env = {"AVP_TYPE": "file", "AVP_FILE": str(tmp_path / "secrets.yaml")}
    done = subprocess.run(
        [*AVP, "generate", "-vv", "-"],
        env={**env, "AVP_MAX_REFERENCES": "10000"},
        input=stdin.encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    text = done.stderr.decode()
    assert report.MAX_REPORT * 0.9 < len(done.stderr) <= MOST
    assert text.startswith("avp-py: version ")
    assert "\navp-py: 3001 failures, nothing was printed\n\n1. " in text
    assert re.search(r"^   and in \d{4} more places$", text, re.MULTILINE)
    assert re.search(r"^and \d+ more failures$", text, re.MULTILINE)


def test_crashing_threads_print_no_more_than_the_limit() -> None:
    driver = """
import sys, threading
from avp_py import entry
import avp_py.cli.main
def crash(levels=500):
    if levels:
        crash(levels - 1) if levels % 2 else crash(levels=levels - 1)
    else:
        raise ValueError("canary")
def main(*_):
    threads = [threading.Thread(target=crash) for _ in range(500)]
    for each in threads: each.start()
    for each in threads: each.join()
    return 0
sys.modules["avp_py.cli.main"].main = main
entry.entrypoint()
"""
    done = subprocess.run([sys.executable, "-I", "-c", driver], capture_output=True, check=True)
    assert 0 < len(done.stderr) <= report.MAX_CRASHES
    assert done.stderr.startswith(b"avp-py: internal error, ValueError; please report it\n")
