"""What a script asks while a child runs: everybody gets an answer to just what he asked."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from avp_py.sandbox import Questions
from avp_py.sandbox.questions import MAX_QUESTION

Ask = Callable[..., str]


@pytest.fixture
def asked() -> list[tuple[str, list[str]]]:
    return []


@pytest.fixture
def questions() -> Iterator[Questions]:
    with contextlib.closing(Questions()) as made:
        yield made


@pytest.fixture
def script(questions: Questions, asked: list[tuple[str, list[str]]]) -> str:
    """The lines of a script for helm, which is answered by the number of its question."""

    def decide(folder: str, arguments: Sequence[str]) -> str:
        asked.append((folder, list(arguments)))
        return f"verdict {len(asked)}"

    return questions.script("helm", decide)


def ask(questions: Questions, script: str, *arguments: str, cwd: Path = Path("/")) -> str:
    """Return what a shell prints that asks, while the questions are answered here."""
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f'{script}echo "$verdict"', "helm", *arguments],
        cwd=cwd,
        env={},
        pass_fds=questions.inherited,
        stdout=subprocess.PIPE,
    )
    ended = threading.Event()
    answering = threading.Thread(target=lambda: respond(questions, ended))
    answering.start()
    output, _ = shell.communicate(timeout=30)
    ended.set()
    answering.join()
    return output.decode()


def respond(questions: Questions, ended: threading.Event) -> None:
    os.set_blocking(questions.fileno(), False)
    while not ended.wait(0.001):
        with contextlib.suppress(BlockingIOError):
            questions.respond()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [""],
        ["template", "--namespace", "a b", "$(id)", "'\"\\", "\n", "*"],
        ["é", os.fsdecode(b"\xff"), "%s\\0", "-n"],
        [f"--api-versions={n}/v1" for n in range(20_000)],
    ],
)
def test_arguments_arrive_as_they_are(
    questions: Questions,
    script: str,
    asked: list[tuple[str, list[str]]],
    tmp_path: Path,
    arguments: list[str],
) -> None:
    assert ask(questions, script, *arguments, cwd=tmp_path) == "verdict 1\n"
    assert asked == [(str(tmp_path), arguments)]


def test_each_question_has_its_own_answer(questions: Questions, script: str) -> None:
    answers = [ask(questions, script, each) for each in ("a", "b")]
    assert answers == ["verdict 1\n", "verdict 2\n"]


def test_each_script_is_answered_by_its_own(questions: Questions, script: str) -> None:
    other = questions.script("it's git", lambda _folder, arguments: f"git {arguments[0]}")

    assert ask(questions, other, "a") == "git a\n"
    assert ask(questions, script, "b") == "verdict 1\n"


def nonce(script: str) -> bytes:
    """What the questions of a script begin with."""
    found = re.search(r'"(\w+)-\$\$"', script)
    assert found is not None
    return found[1].encode()


def test_an_answer_to_another_shell_is_not_accepted(questions: Questions, script: str) -> None:
    # A shell that was killed has left its answer in the pipe.
    os.write(questions.inherited[0], nonce(script) + b"-1\0helm\0/\0000\0")
    questions.respond()

    assert ask(questions, script, "b") == "the question was not understood\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\0",
        b"1\0helm\0/\0000\0",
        b"NONCE-1\0helm\0/\0x\0a\0",
        b"NONCE-1\0helm\0/\0-1\0",
        b"NONCE-1\0helm\0/\x001\0a\0b\0",
        b"NONCE-1\0helm\0/\x001\0a\0b",
        b"NONCE-1\0helm\0/\x001\0a\0NONCE-2\0helm\0/\x001\0b\0",
        b"NONCE-1\0helm\0/\0" + 5000 * b"9" + b"\0",
        # Nothing answers for such a script.
        b"NONCE-1\0git\0/\x001\0a\0",
        b"NONCE-1\0\0/\x001\0a\0",
    ],
    ids=lambda data: repr(data)[:30],
)
def test_after_anything_else_no_question_is_answered(
    questions: Questions, script: str, asked: list[tuple[str, list[str]]], data: bytes
) -> None:
    os.write(questions.inherited[0], data.replace(b"NONCE", nonce(script)))
    questions.respond()

    assert ask(questions, script, "version") == "the question was not understood\n"
    assert asked == []


def test_a_question_waits_for_its_last_byte(
    questions: Questions, script: str, asked: list[tuple[str, list[str]]]
) -> None:
    for byte in nonce(script) + b"-1\0helm\0/\x002\0a\0b":
        os.write(questions.inherited[0], bytes([byte]))
        questions.respond()
    assert asked == []
    os.write(questions.inherited[0], b"\0")
    questions.respond()

    assert asked == [("/", ["a", "b"])]


def test_a_question_without_end_is_not_kept(questions: Questions) -> None:
    os.set_blocking(questions.inherited[0], False)
    for _ in range(2 * MAX_QUESTION // 65_536):
        os.write(questions.inherited[0], b"x" * 65_536)
        questions.respond()

    assert sys.getsizeof(questions._data) <= 2 * MAX_QUESTION


def test_answers_that_nobody_reads_hold_nothing_up(questions: Questions, script: str) -> None:
    for _ in range(20_000):
        os.write(questions.inherited[0], nonce(script) + b"-1\0helm\0/\0000\0")
        questions.respond()
