"""The real Vault with the secrets of compat, and the real argocd-vault-plugin."""

import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.compat import secrets
from tests.compat.model import Store
from tests.compat.original import Original
from tests.conftest import build_tools
from tests.integration.vault import Vault, serve

DEFAULT_CASES = 2000


@pytest.fixture(scope="session")
def programs() -> Mapping[str, Path]:
    """The real programs."""
    return build_tools("argocd-vault-plugin", "vault")


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
def original(
    programs: Mapping[str, Path], env: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Original:
    """The real argocd-vault-plugin, with a home of its own."""
    home = str(tmp_path_factory.mktemp("home"))
    return Original(programs["argocd-vault-plugin"], {**env, "HOME": home})


@pytest.fixture(scope="session")
def store(vault: Vault) -> Store:
    """What the model knows of the secrets."""
    return Store(vault)


@pytest.fixture(scope="session")
def count() -> int:
    """How many cases are made: COMPAT_CASES."""
    return int(os.environ.get("COMPAT_CASES") or DEFAULT_CASES)


@pytest.fixture(scope="session")
def seed() -> str:
    """What they follow from: SEED."""
    return os.environ.get("SEED") or str(random.randrange(10**6))  # noqa: S311 - no secret
