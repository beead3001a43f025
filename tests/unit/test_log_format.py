"""AVP_LOG_FORMAT=json: each line on standard error is an object."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from avp_py.cli import report
from avp_py.cli.console import Console
from avp_py.cli.formats import JsonFormat
from avp_py.cli.notes import notes_on
from avp_py.errors import Failure, GenerateError, OutputError
from tests.conftest import Result, Run
from tests.processes import AVP
from tests.trees import write

JSON: Final = {"AVP_LOG_FORMAT": "json"}
FIELDS: Final = {
    "time", "level", "msg", "document", "field", "file", "line", "placeholder", "path", "hint",
    "detail", "frames", "project", "app",
}  # fmt: skip
MANIFEST: Final = b"kind: Secret\nmetadata: {name: a}\nstringData: {a: <path:p#k>}\n"
MANY: Final = 100_000


def records(text: str) -> Sequence[dict[str, Any]]:
    """The records, each without its time, which is checked."""
    found = [json.loads(line) for line in text.splitlines()]
    assert not text or text.endswith("\n")
    for each in found:
        assert set(each) <= FIELDS
        assert each["level"] in ("error", "warning", "info", "debug")
        time = each.pop("time")
        assert time.endswith("Z")
        assert abs((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()) < 60
    return found


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    file = write(tmp_path / "settings", {"secrets.yaml": "p: {k: hunter22}\n"}) / "secrets.yaml"
    return {**JSON, "AVP_TYPE": "file", "AVP_FILE": str(file)}


def test_a_failure_is_a_record_for_each_place(run: Run, env: Mapping[str, str]) -> None:
    stdin = MANIFEST.replace(b"#k>", b"#kk>, b: <path:p#kk>")
    identity = {"ARGOCD_APP_NAME": "web", "ARGOCD_APP_PROJECT_NAME": "team"}
    result = run("generate", "-", env={**env, **identity}, stdin=stdin)
    assert (result.code, result.out) == (1, "")
    first, *places = records(result.err)
    who = {"project": "team", "app": "web"}
    assert first == {"level": "error", "msg": "2 failures, nothing was printed", **who}
    assert places == [
        {
            "level": "error",
            "msg": "the key 'kk' is not in the secret",
            "document": "Secret a (standard input)",
            "field": f"stringData.{field}",
            "file": "standard input",
            "line": 3,
            "placeholder": "<path:p#kk>",
            "path": "p",
            "hint": "did you mean k?",
            **who,
        }
        for field in "ab"
    ]


def test_a_run_that_succeeds_is_reported(run: Run, env: Mapping[str, str]) -> None:
    result = run("generate", "-v", "-", env=env, stdin=MANIFEST)
    assert result.code == 0
    said = records(result.err)
    assert {each["level"] for each in said} == {"info"}
    assert {"level": "info", "msg": "read p"} in said
    assert run("generate", "-", env=env, stdin=MANIFEST).err == ""


def test_a_warning_is_a_record(run: Run, env: Mapping[str, str]) -> None:
    stdin = MANIFEST + b"---\nkind: A\nmetadata: {name: b}\nspec: {c: <word>}\n"
    result = run("generate", "-", env=env, stdin=stdin)
    (warning,) = records(result.err)
    assert (result.code, warning["level"], warning["field"]) == (0, "warning", "spec.c")
    assert warning["msg"].startswith("a placeholder is not filled")
    assert "avp.kubernetes.io/path" in warning["hint"]


def test_with_vv_the_origin_is_a_record(run: Run, env: Mapping[str, str]) -> None:
    result = run("generate", "-vv", "-", env=env, stdin=MANIFEST.replace(b"#k>", b"#kk>"))
    last = records(result.err)[-1]
    assert last["level"] == "debug"
    assert last["frames"].startswith("GenerateError, raised at:\n")


@pytest.mark.parametrize("argv", [["nonsense"], ["generate"], ["generate", "no-such-folder"]])
def test_wrong_usage_is_a_record(run: Run, argv: list[str]) -> None:
    result = run(*argv, env=JSON)
    assert result.code == 2
    assert len(records(result.err)) == 2


def test_by_the_other_name_help_for_nothing_is_a_record(run: Run) -> None:
    result = run("help", "nonsense", env=JSON, program="argocd-vault-plugin")
    assert "unknown command 'nonsense'" in records(result.err)[1]["msg"]


def test_settings_that_cannot_be_read_are_records(run: Run) -> None:
    bad = {**JSON, "VAULT_ADDR": "x", "AVP_CONCURRENCY": "y"}
    said = records(run("generate", "-", env=bad, stdin=MANIFEST).err)
    assert len(said) == 3
    said = records(run("generate", "-", "-c", "no-such-file.yaml", env=JSON).err)
    assert len(said) == 2


def test_another_format_is_an_error_in_text(run: Run) -> None:
    result = run("generate", "-", env={"AVP_LOG_FORMAT": "xml"}, stdin=MANIFEST)
    assert result.code == 1
    assert "1. AVP_LOG_FORMAT is not a valid choice: 'xml'\n   next: text or json\n" in result.err


def test_an_application_cannot_set_it(run: Run, env: Mapping[str, str]) -> None:
    result = run("generate", "-", env={"ARGOCD_ENV_AVP_LOG_FORMAT": "json"}, stdin=MANIFEST)
    assert "1. the Application sets AVP_LOG_FORMAT, which is the operator's to set\n" in result.err
    env = {**env, "ARGOCD_ENV_AVP_LOG_FORMAT": "text"}
    assert len(records(run("generate", "-", env=env, stdin=MANIFEST).err)) == 2


def test_the_settings_file_can_set_it(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    config = write(tmp_path, {"c.yaml": "AVP_LOG_FORMAT: json\n"}) / "c.yaml"
    env = {name: value for name, value in env.items() if name != "AVP_LOG_FORMAT"}
    stdin = MANIFEST.replace(b"#k>", b"#kk>")
    assert len(records(run("generate", "-c", config, "-", env=env, stdin=stdin).err)) == 2
    said = records(run("generate", "-v", "-c", config, "-", env=env, stdin=stdin).err)
    assert said[0]["msg"].startswith("version ")


def test_what_a_tenant_writes_stays_within_its_line(run: Run, env: Mapping[str, str]) -> None:
    name = '\\n\\u2028","level":"info'
    stdin = f'kind: Secret\nmetadata: {{name: "{name}"}}\nstringData: {{a: <path:p#n>}}\n'.encode()
    env = {**env, "ARGOCD_APP_NAME": 'a"\n{\x1b[31m' + "b" * 10_000}
    result = run("generate", "-", env=env, stdin=stdin)
    assert len(records(result.err)) == 2
    assert "\x1b" not in result.err
    assert len(result.err) < 2000


def huge(count: int) -> GenerateError:
    text = '"ä🦉\n' * 100_000
    return GenerateError(
        [
            Failure(f"{n}{text}", hint=text, document=text, field=text, reference=text, detail=text)
            for n in range(count)
        ]
    )


@pytest.mark.parametrize("count", [1, 100])
def test_failures_are_bounded(count: int) -> None:
    identity = {"ARGOCD_APP_NAME": "ä" * 1000, "ARGOCD_APP_PROJECT_NAME": "ä" * 1000}
    form = JsonFormat(identity)
    for say, most in (
        (form.failures(huge(count), verbose=True), report.MAX_REPORT),
        (form.warnings(huge(count).failures), report.MAX_WARNINGS),
    ):
        assert len(say) <= most
        found = records(say)
        shown = [each for each in found if "document" in each]
        assert len(shown) >= 1
        assert count == len(shown) or found[-1]["msg"].startswith(f"{count - len(shown)} more ")


def test_many_failures_are_counted() -> None:
    error = GenerateError([Failure(f"r{n}", document="d") for n in range(MANY)])
    text = JsonFormat({}).failures(error, verbose=False)
    assert len(text) <= report.MAX_REPORT
    found = records(text)
    assert found[0]["msg"] == f"{MANY} failures, nothing was printed"
    assert found[-1]["msg"] == f"{MANY - len(found) + 2} more failures"


def test_output_that_is_cut_off_is_reported_as_such() -> None:
    text = JsonFormat({}).failures(OutputError("r"), verbose=False)
    assert records(text)[0]["msg"] == "1 failure, the output is not complete"


def test_notes_are_bounded() -> None:
    stream = io.StringIO()
    logger = logging.getLogger("avp_py.tests")
    with notes_on(Console(JSON, io.BytesIO(), io.BytesIO(), stream)):
        for number in range(1000):
            logger.info("%s", f"ä{number}" * 1000)
            logger.info("%d", number)
    text = stream.getvalue()
    assert len(text) <= report.MAX_NOTES
    assert records(text)[-2]["msg"].endswith(" more notes left out")
    assert records(text)[-1]["msg"].endswith(" s in all")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "en_US.ISO-8859-1"])
def test_lines_are_json_in_any_locale(locale: str) -> None:
    env = {**JSON, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [*AVP, "generate", "nö🦉"], env=env, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert records(done.stderr.decode("ascii"))[1]["msg"].endswith("No such file or directory")


def test_a_crash_is_a_record() -> None:
    driver = """
import sys, threading
from avp_py import entry
import avp_py.cli.main
def crash(levels=300):
    if levels:
        crash(levels - 1) if levels % 2 else crash(levels=levels - 1)
    else:
        raise ValueError("canary")
def main(*_):
    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    crash()
sys.modules["avp_py.cli.main"].main = main
entry.entrypoint()
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", driver], env=JSON, capture_output=True, check=False
    )
    (record,) = records(done.stderr.decode())
    assert record["msg"] == "internal error, ValueError; please report it"
    assert "in crash" in record["frames"]
    assert len(done.stderr) <= report.MAX_CRASHES


def test_no_memory_left_is_a_record(env: Mapping[str, str]) -> None:
    stdin = b"kind: ConfigMap\ndata: {" + b"a: b, " * 2_000_000 + b"}\n"
    done = subprocess.run(
        [*AVP, "generate", "-"],
        env={**env, "AVP_MAX_MEMORY": "40Mi"},
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )
    said = records(done.stderr.decode())
    assert "AVP_MAX_MEMORY=40Mi" in said[1]["msg"]


def test_text_is_the_default(run: Run, env: Mapping[str, str]) -> None:
    stdin = MANIFEST.replace(b"#k>", b"#kk>")
    without = {name: value for name, value in env.items() if name != "AVP_LOG_FORMAT"}
    result: Result = run("generate", "-", env=without, stdin=stdin)
    assert result.err.startswith("avp-py: 1 failure, nothing was printed\n\n1. ")
    assert run("generate", "-", env={**env, "AVP_LOG_FORMAT": "text"}, stdin=stdin) == result
