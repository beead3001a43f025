"""Golden cases: a folder each, input and secrets to expected output or expected error."""

from pathlib import Path

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


@pytest.mark.parametrize("name", NAMES)
def test_golden(
    name: str, run: Run, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES / name
    # Messages name the file of the secrets as it is set, so it is set without a machine's path.
    monkeypatch.chdir(case)
    secrets = "secrets.yaml" if Path("secrets.yaml").exists() else "../secrets.yaml"
    env = {"AVP_TYPE": "file", "AVP_FILE": secrets} | _settings(case)
    (source,) = case.glob("input*")
    if source.is_dir():
        result = run("generate", "input", env=env)
    else:
        result = run("generate", "-", env=env, stdin=source.read_bytes())

    expected = Path("expected.yaml" if result.code == 0 else "expected.txt")
    if request.config.getoption("--update-golden") and not list(case.glob("expected.*")):
        expected.write_bytes((result.out or result.err).encode())
    (found,) = case.glob("expected.*")
    assert found.name == expected.name, result.err
    if result.code == 0:
        assert result.out == expected.read_bytes().decode()
        assert result.err == ""
        assert list(yaml.load_all(result.out, yaml.CSafeLoader))
    else:
        assert result.code == 1
        assert result.err == expected.read_text()
        assert result.out == ""
