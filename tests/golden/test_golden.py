"""Golden cases: a folder each, input and secrets to expected output or expected error."""

from pathlib import Path
from textwrap import indent

import pytest
import yaml

from tests.conftest import Run

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())

IDENTITY = {"ARGOCD_APP_NAME": "web", "ARGOCD_APP_NAMESPACE": "demo"}


def _settings(case: Path) -> dict[str, str]:
    file = case / "settings.env"
    lines = file.read_text().splitlines() if file.exists() else []
    own = dict(line.split("=", 1) for line in lines)
    return {name: value for name, value in (IDENTITY | own).items() if value}


def _environment(case: Path) -> dict[str, str]:
    secrets = "secrets.yaml" if (case / "secrets.yaml").exists() else "../secrets.yaml"
    return {"AVP_TYPE": "file", "AVP_FILE": secrets} | _settings(case)


@pytest.mark.parametrize("name", NAMES)
def test_golden(
    name: str, run: Run, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES / name
    # Messages show AVP_FILE as it is set, so it is set without a path of this machine.
    monkeypatch.chdir(case)
    env = _environment(case)
    (source,) = case.glob("input*")
    if source.is_dir():
        result = run("generate", "input", env=env)
    else:
        result = run("generate", "-", env=env, stdin=source.read_bytes())

    expected = Path("expected.yaml" if result.code == 0 else "expected.txt")
    warnings = Path("warnings.txt")
    if request.config.getoption("--update-golden") and not list(case.glob("expected.*")):
        expected.write_bytes((result.out or result.err).encode())
        if result.out and result.err:
            warnings.write_text(result.err)
    (found,) = case.glob("expected.*")
    assert found.name == expected.name, result.err
    if result.code == 0:
        assert result.out == expected.read_bytes().decode()
        assert result.err == (warnings.read_text() if warnings.exists() else "")
        assert list(yaml.load_all(result.out, yaml.CSafeLoader))
    else:
        assert result.code == 1
        assert result.err == expected.read_text()
        assert result.out == ""


def _can_be_indented(case: Path) -> bool:
    """Return whether the documents of a case mean the same as items of one list."""
    source = case / "input.yaml"
    if not source.exists() or not (case / "expected.yaml").exists():
        return False
    text = source.read_bytes().decode(errors="surrogateescape")
    return "items:" not in text and "--- " not in text and not set("&!\r\t\ufeff") & set(text)


@pytest.mark.parametrize("name", [name for name in NAMES if _can_be_indented(CASES / name)])
def test_an_item_of_a_list_is_filled_as_a_document_is(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES / name
    monkeypatch.chdir(case)
    documents = Path("input.yaml").read_text().removeprefix("---\n").split("\n---\n")
    items = "".join("-\n" + indent(each.rstrip("\n") + "\n", "  ") for each in documents)

    result = run(
        "generate", "-", env=_environment(case), stdin=b"kind: List\nitems:\n" + items.encode()
    )

    assert result.code == 0, result.err
    expected = yaml.load_all(Path("expected.yaml").read_text(), yaml.CSafeLoader)
    filled = yaml.load(result.out, yaml.CSafeLoader)["items"]
    assert [each for each in filled if each] == [each for each in expected if each]
