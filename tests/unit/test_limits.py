"""Limits of a run: each is a clear error before any harm is done."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.backends import Backend, Location, Secret, Target, read_all
from avp_py.errors import LimitError
from tests.conftest import Run
from tests.trees import write

MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"
ANNOTATED: Final = (
    "kind: Secret\nmetadata:\n  annotations:\n    avp.kubernetes.io/path: kv/data/x\n"
    "    avp.kubernetes.io/remove-missing: 'true'\nstringData:\n"
)


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    """A file backend with a short and a long value."""
    write(tmp_path, {"secrets.yaml": f"kv/data/x: {{short: v, long: '{'x' * 100_000}'}}\n"})
    return {"PATH": "", "AVP_TYPE": "file", "AVP_FILE": str(tmp_path / "secrets.yaml")}


LIMITS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "input": ("AVP_MAX_INPUT", "1Ki", MAP + "#" * 1024, "more than 1024 bytes on standard input"),
    "documents": ("AVP_MAX_DOCUMENTS", "2", f"{MAP}---\n{MAP}---\n{MAP}", "more than 2 documents"),
    "items of a list": (
        "AVP_MAX_DOCUMENTS", "3", "kind: List\nitems: [{kind: A}, {kind: A}, {kind: A}]\n",
        "more than 3 documents",
    ),
    "references": (
        "AVP_MAX_REFERENCES", "2",
        f"{MAP}data: {{a: <path:a#k>, b: <path:b#k>, c: <path:c#k>}}\n",
        "more than 2 secrets to read",
    ),
    "output": (
        "AVP_MAX_OUTPUT", "1Mi", f"{ANNOTATED}  a: '{'<long>' * 20}'\n",
        "the output would exceed its limit",
    ),
    "output of many fields": (
        "AVP_MAX_OUTPUT", "1Mi", ANNOTATED + "".join(f"  a{n}: <long>\n" for n in range(20)),
        "the output would exceed its limit",
    ),
    "time": (
        "AVP_RUN_TIMEOUT", "1", ANNOTATED + "".join(
            f"  a{n}: <short | bcrypt 12>\n" for n in range(100)
        ),
        "the run exceeded its time limit (AVP_RUN_TIMEOUT=1s)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_is_an_error_that_names_its_setting(
    name: str, env: Mapping[str, str], run: Run
) -> None:
    setting, value, text, says = LIMITS[name]

    result = run("generate", "-", env={**env, setting: value}, stdin=text.encode())

    assert (result.code, result.out) == (1, "")
    assert says in result.err
    assert setting in result.err


def test_a_folder_has_limits_too(tmp_path: Path, env: Mapping[str, str], run: Run) -> None:
    folder = write(tmp_path / "f", {f"{n}.yaml": MAP for n in range(20)})

    files = run("generate", folder, env={**env, "AVP_MAX_FILES": "10"})
    size = run("generate", folder, env={**env, "AVP_MAX_INPUT": "1000"})

    assert (files.code, size.code) == (1, 1)
    assert "too many files" in files.err
    assert "AVP_MAX_FILES" in files.err
    assert "larger than AVP_MAX_INPUT" in size.err


@pytest.mark.slow
def test_a_hundred_thousand_files_are_no_harm(
    tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    folder = write(tmp_path / "f", {"a.yaml": MAP})
    for outer in range(100):
        (folder / str(outer)).mkdir()
        for inner in range(1000):
            (folder / str(outer) / str(inner)).touch()

    result = run("generate", folder, env=env)

    assert (result.code, result.err, result.out) == (0, "", MAP)


class Slow(Backend):
    """A backend that does not answer in time."""

    def read(self, location: Location) -> Secret:
        time.sleep(0.5)
        return Secret({location.path: ""})


def test_secrets_that_come_too_late_are_an_error() -> None:
    with pytest.raises(LimitError) as raised:
        read_all(Slow(), [Target(Location("a"))], 1, time.monotonic() + 0.01, lambda *_: None)

    assert "AVP_RUN_TIMEOUT" in raised.value.hint


HOSTILE: Final = ["<", "<path:", "<path:a#", "<a|b>", "|", "< ", "&#0", "\\\\", " ", "~ : "]


@pytest.mark.parametrize("atom", HOSTILE)
def test_a_megabyte_of_delimiters_on_one_line_is_read_in_time(
    atom: str, env: Mapping[str, str], run: Run
) -> None:
    # Code that is quadratic in the length of a line needs hours for it.
    line = atom * (1_000_000 // len(atom))
    text = f"{MAP}data:\n  a: '{line}'\n"

    result = run("generate", "-", env={**env, "AVP_LEFTOVERS": "ignore"}, stdin=text.encode())

    assert "time limit" not in result.err
    assert (result.code, result.out) == (0, text)
