"""Each program reports the version that docs/versions.md names, which is that of its go.mod."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest
from build import DEFAULT_NAMES, PROGRAMS
from versions import USES

from tests.conftest import ROOT, build_tools
from tests.integration.vault import Vault

COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "kustomize": ("version",),
    "kustomize-oldest": ("version",),
    "helm": ("version", "--template={{.Version}}"),
    "helm4": ("version", "--template={{.Version}}"),
    "kube-apiserver": ("--version",),
    "kubectl": ("version", "--client"),
    "etcd": ("--version",),
    "argocd": ("version", "--client", "--short"),
    "promtool": ("--version",),
    "actionlint": ("-version",),
}
"""How a program says its version."""

OTHERWISE: Final = ("vault", "prometheus-operator-crds", "argocd-crds", "reader", "registry")
"""Definitions, and programs that report it elsewhere, with their path, or not at all."""


def said(name: str, folder: Path) -> str:
    """Return the first version in what a program prints."""
    argv = [str(build_tools(name)[name]), *COMMANDS[name]]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=True, env={"HOME": str(folder)}
    )
    found = re.search(r"\bv?(\d+\.\d+\.\d+)\b", done.stdout)
    assert found, done.stdout
    return found[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_program_reports_its_version(name: str, tmp_path: Path) -> None:
    assert f"v{said(name, tmp_path)}" == PROGRAMS[name].version


def test_vault_reports_its_version(vault: Vault) -> None:
    health = vault.client.sys.read_health_status(method="GET")
    assert f"v{health['version']}" == PROGRAMS["vault"].version


def test_the_definitions_of_the_operator_name_their_version() -> None:
    name = "prometheus-operator-crds"
    files = sorted(build_tools(name)[name].iterdir())
    assert files
    for file in files:
        found = re.search(
            r"^    operator\.prometheus\.io/version: (\S+)$", file.read_text(), re.MULTILINE
        )
        assert found, file
        assert f"v{found[1]}" == PROGRAMS[name].version


def test_no_program_is_left_out() -> None:
    assert sorted((*COMMANDS, *OTHERWISE)) == sorted(DEFAULT_NAMES)
    assert sorted(USES) == sorted(PROGRAMS)


def test_the_page_names_suites_that_exist() -> None:
    assert [
        suite for use in USES.values() for suite in use.suites if not (ROOT / suite).exists()
    ] == []


def test_the_table_of_tools_has_the_versions() -> None:
    text = (ROOT / "tools" / "README.md").read_text()
    rows = dict(re.findall(r"^\| ([\w-]+) \| (v[\d.]+) \|", text, re.MULTILINE))
    assert rows == {name: program.version for name, program in PROGRAMS.items()}
