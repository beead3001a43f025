"""What `-v` reports of a run, and what `-vv` adds to a failure."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import avp_py
from tests.conftest import Run
from tests.trees import write

SECRETS = "p: {k: hunter22}\np#3: {k: hunter33}\np#12: {k: hunter44}\nq#2: {k: hunter55}\n"

MANIFEST = """\
kind: Secret
metadata: {name: a}
stringData: {a: <path:p#k> and <path:q#k>}
---
kind: Secret
metadata: {name: b}
stringData: {a: <path:p#k#3>}
"""


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    file = write(tmp_path / "settings", {"secrets.yaml": SECRETS}) / "secrets.yaml"
    return {"AVP_TYPE": "file", "AVP_FILE": str(file)}


def notes(text: str) -> Sequence[str]:
    """The notes, without their times."""
    assert all(line.startswith("avp-py: ") for line in text.splitlines()), text
    return [re.sub(r"\d+\.\d\d s", "N s", line[8:]) for line in text.splitlines()]


@pytest.mark.parametrize("option", ["-v", "-vv", "--verbose", "--verbose-sensitive-output"])
def test_a_run_is_reported(run: Run, env: Mapping[str, str], tmp_path: Path, option: str) -> None:
    app = write(tmp_path / "app", {"a.yaml": MANIFEST})
    result = run("generate", option, app, env=env)
    assert result.code == 0
    said = notes(result.err)
    assert re.fullmatch(rf"version {re.escape(avp_py.__version__)}, Python 3\.\d+\.\S+", said[0])
    assert said[1:3] == ["rendered by plain in N s", "documents: 2, placeholders: 3"]
    assert sorted(said[3:-1]) == ["read p", "read p, version 3", "read q, version 2"]
    assert said[-1] == "N s in all"
    assert "hunter" not in result.err
    assert result.out == run("generate", app, env=env).out


def test_without_the_option_nothing_is_said(run: Run, env: Mapping[str, str]) -> None:
    assert run("generate", "-", env=env, stdin=MANIFEST.encode()).err == ""
    result = run("generate", "--verbose=false", "-", env=env, stdin=MANIFEST.encode())
    assert (result.code, result.err) == (0, "")


def test_the_option_may_precede_the_command(run: Run, env: Mapping[str, str]) -> None:
    result = run("-v", "generate", "-", env=env, stdin=MANIFEST.encode())
    assert "documents: 2, placeholders: 3" in notes(result.err)


def test_a_failure_is_reported_after_the_notes(run: Run, env: Mapping[str, str]) -> None:
    stdin = MANIFEST.replace("p#k#3", "p#nope").encode()
    result = run("generate", "-v", "-", env=env, stdin=stdin)
    before, _, _ = result.err.partition("avp-py: 1 failure")
    assert notes(before)[-1] == "N s in all"


@pytest.mark.parametrize(
    ("option", "is_shown"), [("-v", False), ("-vv", True), ("--verbose", False)]
)
def test_the_origin_of_an_error_takes_vv(
    run: Run, env: Mapping[str, str], option: str, is_shown: bool
) -> None:
    stdin = MANIFEST.replace("p#k#3", "p#nope").encode()
    result = run("generate", option, "-", env=env, stdin=stdin)
    assert result.code == 1
    assert ("GenerateError, raised at:" in result.err) == is_shown
    assert "hunter" not in result.err


def test_many_secrets_leave_room_for_the_time(run: Run, tmp_path: Path) -> None:
    paths = [f"{'p' * 100}{number}" for number in range(500)]
    file = write(tmp_path, {"s.yaml": "".join(f"{each}: {{k: v}}\n" for each in paths)}) / "s.yaml"
    stdin = "---\n".join(f"kind: Secret\nstringData: {{a: <path:{each}#k>}}\n" for each in paths)
    env = {"AVP_TYPE": "file", "AVP_FILE": str(file)}
    said = notes(run("generate", "-v", "-", env=env, stdin=stdin.encode()).err)
    assert re.fullmatch(r"\d{3} more notes left out", said[-2])
    assert said[-1] == "N s in all"
