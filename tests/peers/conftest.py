"""The real programs, and a Vault with the secrets of the cases."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import build_tools


@pytest.fixture(scope="session")
def programs() -> Mapping[str, Path]:
    """The real programs."""
    return build_tools("argocd-vault-plugin", "vault", "kustomize", "helm", "argocd")
