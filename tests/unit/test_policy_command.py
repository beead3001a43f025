"""The command `avp-py policy check`."""

from pathlib import Path

import pytest

from tests.conftest import Run


def test_paths_may_be_before_and_after_options(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{namespaces: [demo], allow: ['kv/**']}]\n")
    for words in (
        (policy, "kv/a", "kv/b", "--namespace", "demo"),
        (policy, "--namespace", "demo", "kv/a", "kv/b"),
        ("--namespace", "demo", policy, "kv/a", "kv/b"),
        (policy, "kv/a", "--namespace", "demo", "kv/b"),
    ):
        result = run("policy", "check", *words, env={})
        told = [line.split()[:2] for line in result.out.splitlines() if not line.startswith(" ")]
        assert told == [["allowed", "kv/a"], ["allowed", "kv/b"]]


@pytest.mark.parametrize(
    "words",
    [("--app", "web "), ("--namespace", "demo\u00a0"), ("--project", "Team"), ("--app", "")],
)
def test_a_name_that_fails_a_run_is_wrong_usage(
    words: tuple[str, ...], run: Run, tmp_path: Path
) -> None:
    result = run("policy", "check", tmp_path, *words, "kv/a", env={})
    assert (result.code, result.out) == (2, "")
    assert f"{words[1]!r} is not the name of a" in result.err


def test_an_unknown_option_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    result = run("policy", "check", tmp_path, "--namspace", "demo", "kv/a", env={})
    assert (result.code, result.out) == (2, "")
    assert "1. unknown option '--namspace'\n   next: did you mean --namespace?" in result.err
