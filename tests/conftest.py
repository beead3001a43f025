"""What tests of every kind share: the real programs, and the command run in this process."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import hypothesis
import pytest

from avp_py.backends import open_backend
from avp_py.cli import main
from avp_py.cli.console import Console
from avp_py.cli.sources import LocalOperator
from avp_py.generate import OpenBackend
from avp_py.kernel import adopt_orphans
from avp_py.settings import Program

ROOT = Path(__file__).resolve().parent.parent

HELM: Final = "helm4"
"""The Helm of most tests, which is also the one in the image."""

HELMS: Final = {HELM: "v4", "helm": "v3"}
"""The programs of the two, with the major versions that they report."""

# No test depends on the speed of a machine. CI uses the same cases each time; other runs search
# for new ones.
hypothesis.settings.register_profile("any", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "any")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage in unit and golden tests without the slow ones, and where a mark says so."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        is_measured = folder in {"unit", "golden"} or item.get_closest_marker("cover")
        if not is_measured or item.get_closest_marker("slow"):
            item.add_marker("no_cover")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that are marked `both_helms`, and use a Helm, with Helm 4 and with Helm 3."""
    marked = metafunc.definition.get_closest_marker("both_helms")
    if marked and "helm_name" in metafunc.fixturenames:
        metafunc.parametrize("helm_name", HELMS, indirect=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a test was skipped: what a test needs has to be built."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        reporter.write_line("tests were skipped: that fails the run", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _orphans_are_adopted() -> None:
    """As the entry point does it, for what is run in this process."""
    adopt_orphans()


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


def build_tools(*names: str) -> Mapping[str, Path]:
    """The paths of real programs, built if the cache does not have them yet."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "build.py", *names],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return {
        name: Path(path) for name, path in (line.split(" ", 1) for line in done.stdout.splitlines())
    }


@pytest.fixture(scope="session")
def tools() -> Mapping[str, Path]:
    """kustomize, helm (version 3), helm4 and vault by name."""
    return build_tools("kustomize", *HELMS, "vault")


@pytest.fixture(scope="session")
def helm_name(request: pytest.FixtureRequest) -> str:
    """The Helm that renders: each of HELMS for a test that is marked `both_helms`."""
    name: str = getattr(request, "param", HELM)
    return name


@pytest.fixture(scope="session")
def environ(tools: Mapping[str, Path], helm_name: str) -> Mapping[str, str]:
    """An environment that contains only the programs; tests add the rest."""
    return {
        "PATH": os.environ["PATH"],
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
        "AVP_HELM": str(tools[helm_name]),
    }


@pytest.fixture
def run() -> Run:
    """Run the command in this process: `run("generate", folder, env={...}, stdin=b"")`.

    `program` is the name that it is called by; `opener` makes the backend.
    """

    def run_main(
        *argv: object,
        env: Mapping[str, str],
        stdin: bytes = b"",
        program: str = "avp-py",
        opener: OpenBackend = open_backend,
    ) -> Result:
        out, err = io.BytesIO(), io.StringIO()
        operator = LocalOperator(opener)
        console = Console(dict(env), io.BytesIO(stdin), out, err, operator=operator)
        code = main([str(each) for each in argv], console, Program(program))
        return Result(code, out.getvalue().decode(), err.getvalue())

    return run_main
