"""The command line: help, exit codes and error messages."""

import io
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import avp_py
from avp_py import errors
from avp_py.cli import main
from avp_py.cli.console import Console
from avp_py.cli.parser import exit_usage
from avp_py.cli.report import describe, frames
from avp_py.errors import AvpError, Failure, GenerateError
from avp_py.modifiers import MODIFIERS
from avp_py.settings import TABLE, Program
from tests.conftest import Run

AVP = Path(sys.executable).with_name("argocd-vault-plugin")
"""The console script of its other name."""

MANIFEST = b"kind: Secret\nmetadata: {name: a}\nstringData: {a: <path:p#k>}\n"


def program(
    *argv: str, stdin: bytes = b"", env: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", "-m", "avp_py", *argv]
    return subprocess.run(
        command, input=stdin, env=env, capture_output=True, check=False, timeout=60
    )


def called(
    program: Program, *argv: str, env: Mapping[str, str], stdin: bytes = b""
) -> tuple[int, str, str]:
    out, err = io.BytesIO(), io.StringIO()
    console = Console(dict(env), io.BytesIO(stdin), out, err)
    code = main(list(argv), console, program)
    return code, out.getvalue().decode(), err.getvalue()


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--help"], 0),
        (["generate", "--help"], 0),
        ([], 0),
        (["-v"], 0),
        (["--version"], 0),
        (["-v", "--version"], 0),
        (["generate", "--version", "-"], 2),
        ([""], 2),
        (["policy"], 2),
        (["--verbose=maybe", "version"], 2),
        (["generate"], 2),
        (["nonsense"], 2),
        (["generate", "--render", "x", "."], 2),
        (["generate", "no-such-folder"], 2),
        (["generate", "-"], 1),
        (["version"], 0),
        (["version", "surplus"], 2),
        (["help"], 0),
        (["help", "generate"], 0),
        (["help", "policy", "check"], 0),
        (["help", "nonsense"], 2),
        (["generate", ""], 2),
        (["generate", "-", "-c", "no-such-file.yaml"], 1),
    ],
)
def test_exit_codes(argv: list[str], code: int) -> None:
    done = program(*argv, env={})
    assert done.returncode == code, done.stderr
    assert bool(done.stderr) == (code != 0)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        ([], 0),
        ([""], 0),
        (["help", "generate", "surplus"], 0),
        (["help", "nonsense"], 0),
        (["version", "surplus", ""], 0),
        (["version", "--nonsense"], 1),
        (["--version"], 1),
        (["generate"], 1),
        (["nonsense"], 1),
        (["policy", "check"], 1),
        (["generate", "no-such-folder"], 1),
        (["generate", ""], 1),
        (["generate", "-"], 1),
    ],
)
def test_by_its_other_name_it_exits_like_argocd_vault_plugin(argv: list[str], code: int) -> None:
    done = subprocess.run([AVP, *argv], env={}, input=b"", capture_output=True, check=False)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["generate"], ["policy", "check"]])
def test_help_shows_what_the_option_shows(words: list[str]) -> None:
    asked = program("help", *words, env={})
    assert asked.stdout.decode().startswith(f"usage: avp-py {' '.join(words)} ")
    assert asked.stdout == program(*words, "--help", env={}).stdout


def test_help_of_nothing_is_that_of_the_program() -> None:
    assert program("help", env={}).stdout == program("--help", env={}).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--help", "generate"],
        ["-v", "-h", "version"],
        ["-c", "generate"],
        ["-s", "version", "--help", "policy"],
    ],
)
@pytest.mark.parametrize("name", Program)
def test_help_of_the_program_lists_every_command(name: Program, words: list[str]) -> None:
    assert called(name, *words, env={}) == called(name, "--help", env={})


def test_help_for_a_command_that_is_not_there_names_those_that_are() -> None:
    done = program("help", "nonsense", env={})
    assert done.stdout == b""
    assert re.search(rb"unknown command 'nonsense'\n   next: choose from .*generate", done.stderr)


@pytest.mark.parametrize("program", Program)
def test_help_lists_the_modifiers_and_the_settings(program: Program) -> None:
    code, out, err = called(program, "help", "modifiers", env={})
    assert (code, err) == (0, "")
    names = [line for line in out.splitlines() if not line.startswith(" ")]
    assert names == [modifier.signature for modifier in MODIFIERS.values()]
    assert "nindent N\n    A line break" in out
    code, out, err = called(program, "help", "settings", env={})
    assert (code, err) == (0, "")
    names = [line for line in out.splitlines() if not line.startswith(" ")]
    assert names == [setting.name for setting in TABLE]
    assert max(map(len, out.splitlines())) <= 80


def test_without_a_command_it_shows_its_help() -> None:
    done = program(env={})
    assert done.stdout == program("--help", env={}).stdout


@pytest.fixture
def programs(tmp_path: Path) -> Mapping[str, str]:
    """Settings that name a kustomize and a helm which can only print their versions."""
    for name, version in (("kustomize", "v5.8.1"), ("helm", "v3.19.4+g7cfb6e4")):
        (tmp_path / name).write_text(f'#!/bin/sh\n[ "$1" = version ] && echo {version}\n')
        (tmp_path / name).chmod(0o755)
    return {
        "AVP_KUSTOMIZE": str(tmp_path / "kustomize"),
        "AVP_HELM": str(tmp_path / "helm"),
    }


def test_the_option_version_is_the_command(run: Run, programs: Mapping[str, str]) -> None:
    assert run("--version", env=programs) == run("version", env=programs)


def test_help_wins_over_the_version(run: Run) -> None:
    shown = run("--help", env={})
    assert shown.out.startswith("usage: avp-py ")
    assert run("--version", "--help", env={}) == shown


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["generat", "."], "unknown command 'generat'\n   next: did you mean generate?"),
        (["halthcheck"], "unknown command 'halthcheck'\n   next: did you mean healthcheck?"),
        (["x"], "unknown command 'x'\n   next: choose from generate, healthcheck, "),
        (["polici", "check"], "next: did you mean policy?"),
        (["policy", "chek"], "unknown command 'chek'\n   next: did you mean check?"),
        (["help", "generat"], "next: did you mean generate?"),
        (["--verson"], "unknown option '--verson'\n   next: did you mean --version?"),
        (
            ["generate", "--rendr=helm", "."],
            "unknown option '--rendr'\n   next: did you mean --render?",
        ),
        (["generate", "--render=hlm", "."], "unknown --render 'hlm'\n   next: did you mean helm?"),
        (["generate", "--token=canary", "."], "1. unknown option '--token'\n   next: "),
        (["generate", "-x", "."], "unknown option '-x'\n   next: `avp-py generate --help` shows"),
        (["plugin", "avp-kustomise"], "next: did you mean avp-kustomize?"),
        (["version", "surplus"], "unexpected argument 'surplus'\n   next: `avp-py version --help`"),
        (["generate"], "required: PATH\n   next: `avp-py generate --help` shows how it is used\n"),
        (
            ["--verbose=maybe", "version"],
            "--verbose is not a boolean: 'maybe'\n   next: true or false",
        ),
        (["generate", "-c"], "expected one argument\n   next: `avp-py generate --help`"),
    ],
)
def test_an_unknown_word_is_reported_with_a_suggestion(
    run: Run, argv: list[str], says: str
) -> None:
    result = run(*argv, env={})
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert "canary" not in result.err


def test_by_its_other_name_the_command_is_suggested() -> None:
    code, out, err = called(Program.ARGOCD_VAULT_PLUGIN, "--version", env={})
    assert (code, out) == (1, "")
    assert "unknown option '--version'\n   next: did you mean version?" in err


def test_a_long_word_is_cut(run: Run) -> None:
    result = run("x" * 100_000, env={})
    assert result.code == 2
    assert len(result.err) < 1000


@pytest.mark.parametrize("program", Program)
def test_an_empty_path_is_not_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secrets: Mapping[str, str], program: Program
) -> None:
    (tmp_path / "a.yaml").write_bytes(MANIFEST)
    monkeypatch.chdir(tmp_path)
    code, out, err = called(program, "generate", "", env=secrets)
    assert (code, out) == (exit_usage(program), "")
    assert "1. the path is empty" in err
    assert "   next: " in err


@pytest.mark.parametrize("program", Program)
@pytest.mark.parametrize("empty", [["-c", ""], ["-c="], ["--config-path="], ["-s", ""], ["-s="]])
def test_an_empty_option_is_not_given(
    secrets: Mapping[str, str], program: Program, empty: list[str]
) -> None:
    code, out, err = called(program, "generate", "-", *empty, env=secrets, stdin=MANIFEST)
    assert (code, err) == (0, "")
    assert "hunter22" in out


def test_version_names_the_programs_that_would_run(run: Run, programs: Mapping[str, str]) -> None:
    result = run("version", env=programs)
    lines = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert lines["avp-py"] == avp_py.__version__
    assert lines["kustomize"] == f"v5.8.1 ({programs['AVP_KUSTOMIZE']})"
    assert lines["helm"] == f"v3.19.4+g7cfb6e4 ({programs['AVP_HELM']})"


def test_version_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    result = run("version", env={"PATH": str(tmp_path), "AVP_HELM": str(tmp_path / "helm")})
    assert re.search(r"kustomize +not found", result.out)
    assert re.search(r"helm +AVP_HELM: .* is not an executable program", result.out)
    assert result.code == 0


BAD = {"VAULT_CLIENT_TIMEOUT": "x", "ARGOCD_ENV_VAULT_ADDR": "y", "AVP_RENDER_TIMEOUT": "z"}
"""Settings that are malformed, or not the Application's to set."""


def test_version_reads_no_setting_that_it_does_not_need(
    run: Run, programs: Mapping[str, str]
) -> None:
    assert run("version", env={**programs, **BAD}) == run("version", env=programs)


def test_by_its_other_name_it_prints_its_version_in_one_line() -> None:
    code, out, err = called(Program.ARGOCD_VAULT_PLUGIN, "version", env=BAD)
    assert (code, err) == (0, "")
    assert out == (
        f"argocd-vault-plugin v1.18.1 (avp-py {avp_py.__version__}) BuildDate: unknown\n"
    )


def test_nothing_is_printed_when_anything_fails(run: Run, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("p: {k: canary-value}\n")
    good = MANIFEST.replace(b"<path:p#k>", b"<path:p#k>")
    result = run(
        "generate", "-", "-v",
        env={"AVP_TYPE": "file", "AVP_FILE": str(secrets)},
        stdin=good + b"---\n" + MANIFEST.replace(b"#k", b"#nope"),
    )  # fmt: skip
    assert (result.code, result.out) == (1, "")
    assert "canary-value" not in result.err


def test_an_unforeseen_error_shows_frames_and_no_message(run: Run) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("canary-message")

    result = run("generate", "-", env={}, stdin=MANIFEST, opener=explode)
    assert result.code == 1
    assert result.err.startswith("avp-py: internal error, RuntimeError; please report it\n")
    assert "in explode" in result.err
    assert "canary-message" not in result.err.replace('raise RuntimeError("canary-message")', "")


def test_equal_failures_are_reported_once_with_their_locations() -> None:
    places = [
        Failure("r", hint="h", document=f"doc {n // 2}", field=f"f{n}", reference="<x>")
        for n in range(30)
    ]
    error = GenerateError([*places, Failure("other", detail="line 1\nline \x1b[31m2")])
    text = describe(error, verbose=False)
    assert text.startswith(
        "avp-py: 2 failures, nothing was printed\n\n1. r\n   in doc 0\n      f0: <x>\n"
    )
    assert "   and in 20 more places (-v lists them)\n   next: h\n" in text
    assert text.endswith("2. other\n   | line 1\n   | line ?[31m2\n")
    assert describe(error, verbose=True).count("<x>") == 30


def test_frames_hold_no_message_of_any_cause() -> None:
    try:
        try:
            environ: dict[str, str] = {}
            _ = environ["canary"]
        except KeyError as cause:
            raise AvpError("reason") from cause
    except AvpError as error:
        text = frames(error)
    assert "AvpError, raised at:" in text
    assert "KeyError, raised at:" in text
    assert "reason" not in text.replace('raise AvpError("reason")', "")


def test_the_docstring_draws_every_error() -> None:
    drawn = set(re.findall(r"\w+Error\b", errors.__doc__ or ""))
    defined = {name for name in vars(errors) if name.endswith("Error")}
    assert drawn == defined


@pytest.fixture
def secrets(tmp_path: Path) -> Mapping[str, str]:
    file = tmp_path / "secrets.yaml"
    file.write_text("p: {k: hunter22}\n")
    return {"AVP_TYPE": "file", "AVP_FILE": str(file)}


def test_by_its_other_name_it_reads_folders_as_plain_files(
    tmp_path: Path, secrets: Mapping[str, str]
) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text("kind: Kustomization\nresources: [a.yaml]\n")
    (folder / "a.yaml").write_bytes(MANIFEST)
    env = {**secrets, "ARGOCD_ENV_IMAGE_NAME": "x", "ARGOCD_ENV_AVP_SECRET": "not-read"}
    code, out, err = called(Program.ARGOCD_VAULT_PLUGIN, "generate", str(folder), env=env)
    assert (code, err) == (0, "")
    assert out.startswith("kind: Secret\n")
    assert "hunter22" in out
    assert out.endswith("---\nkind: Kustomization\nresources: [a.yaml]\n")


@pytest.mark.parametrize(
    "argv",
    [
        ["generate", "-"],
        ["-c", "FILE", "generate", "-"],
        ["--config-path=FILE", "generate", "-", "-s", ""],
        ["generate", "--verbose-sensitive-output=false", "--disable-token-cache=true", "-"],
        ["--disable-token-cache", "generate", "-", "-c", "FILE"],
    ],
)
def test_options_may_be_where_argocd_vault_plugin_accepts_them(
    tmp_path: Path, secrets: Mapping[str, str], argv: list[str]
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("AVP_CONCURRENCY: 1\n")
    words = [word.replace("FILE", str(file)) for word in argv]
    code, out, err = called(Program.ARGOCD_VAULT_PLUGIN, *words, env=secrets, stdin=MANIFEST)
    assert (code, err) == (0, "")
    assert "hunter22" in out


def test_its_other_name_is_installed_too() -> None:
    done = subprocess.run([AVP], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: argocd-vault-plugin ")


def test_a_path_that_cannot_be_used_is_wrong_usage(run: Run) -> None:
    result = run("generate", "a" * 5000, env={})
    assert result.code == 2
    assert "cannot be used: File name too long" in result.err
