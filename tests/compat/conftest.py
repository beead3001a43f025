"""The real argocd-vault-plugin, and the real Vault with the secrets of the comparison."""

import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.compat import processes, secrets
from tests.compat.case import Case
from tests.compat.outcome import Outcome
from tests.compat.vault_plugin import VaultPlugin
from tests.conftest import build_tools
from tests.integration import reader as readers
from tests.integration.reader import Reader
from tests.integration.vault import Vault, serve

DEFAULT_CASES = 2000

OURS = Path(sys.executable).with_name("argocd-vault-plugin")
"""avp-py's console script of that name."""

RunBoth: TypeAlias = Callable[[Case], tuple[Outcome, Outcome]]


@pytest.fixture(scope="session")
def programs() -> Mapping[str, Path]:
    """The real programs."""
    return build_tools("argocd-vault-plugin", "reader", "vault")


@pytest.fixture(scope="session")
def reader(programs: Mapping[str, Path]) -> Iterator[Reader]:
    """Argo CD's own libraries, one process for all cases."""
    with readers.start(programs["reader"]) as running:
        yield running


@pytest.fixture(scope="session")
def vault(programs: Mapping[str, Path]) -> Iterator[Vault]:
    """A real Vault that holds the secrets."""
    with serve(programs["vault"]) as facts:
        running = Vault(facts["address"], facts["root_token"])
        secrets.write_all(running)
        yield running


@pytest.fixture(scope="session")
def env(vault: Vault) -> Mapping[str, str]:
    """The settings of both programs."""
    return {
        "VAULT_ADDR": vault.address,
        "VAULT_TOKEN": vault.root_token,
        "AVP_TYPE": "vault",
        "AVP_AUTH_TYPE": "token",
    }


@pytest.fixture(scope="session")
def vault_plugin(
    programs: Mapping[str, Path],
    env: Mapping[str, str],
    reader: Reader,
    tmp_path_factory: pytest.TempPathFactory,
) -> VaultPlugin:
    """The real argocd-vault-plugin, with its own home directory."""
    home = str(tmp_path_factory.mktemp("home"))
    return VaultPlugin(programs["argocd-vault-plugin"], {**env, "HOME": home}, reader)


@pytest.fixture(scope="session")
def facts(vault: Vault) -> Mapping[str, str]:
    """Values that cases may contain by name: Vault's address, and valid credentials."""
    role_id, secret_id = vault.approle("kv/data/app", "sys/internal/ui/mounts/*")
    username, password = "web", "s3cr$t$(x)#w0rd"
    vault.client.sys.enable_auth_method("userpass")
    policies = [vault.policy("kv/data/app")]
    others = ("user-with-password-83", "83"), ("dollar", "p@ss$w0rd$")
    for each in ((username, password), *others):
        vault.client.auth.userpass.create_or_update_user(*each, policies)
    return {
        "VAULT_ADDR": vault.address,
        "VAULT_HOST": vault.address.removeprefix("http://"),
        "VAULT_TOKEN": vault.root_token,
        "ROLE_ID": role_id,
        "SECRET_ID": secret_id,
        "USERNAME": username,
        "PASSWORD": password,
    }


@pytest.fixture
def run_both(
    programs: Mapping[str, Path],
    env: Mapping[str, str],
    facts: Mapping[str, str],
    reader: Reader,
    tmp_path_factory: pytest.TempPathFactory,
) -> RunBoth:
    """Run both programs as processes, each with its own home directory."""

    def run(case: Case) -> tuple[Outcome, Outcome]:
        theirs, own = (
            processes.run(
                [program],
                case,
                {**env, "HOME": str(tmp_path_factory.mktemp("home"))},
                facts,
                reader,
            )
            for program in (programs["argocd-vault-plugin"], OURS)
        )
        return theirs, own

    return run


@pytest.fixture(scope="session")
def count() -> int:
    """The number of generated cases: COMPAT_CASES."""
    return int(os.environ.get("COMPAT_CASES") or DEFAULT_CASES)


@pytest.fixture(scope="session")
def seed() -> str:
    """The seed of the generated cases: SEED."""
    return os.environ.get("SEED") or str(random.randrange(10**6))  # noqa: S311 - no secret
