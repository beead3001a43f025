"""The real programs, and a Vault with the secrets of the cases."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.conftest import HELMS, build_tools
from tests.integration import reader as readers
from tests.integration.reader import Reader


@pytest.fixture(scope="session")
def programs() -> Mapping[str, Path]:
    """The real programs."""
    return build_tools("argocd-vault-plugin", "reader", "vault", "kustomize", *HELMS, "argocd")


@pytest.fixture(scope="session")
def reader(programs: Mapping[str, Path]) -> Iterator[Reader]:
    """Argo CD's own libraries, one process for all cases."""
    with readers.start(programs["reader"]) as running:
        yield running
