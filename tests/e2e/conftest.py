"""The whole ecosystem, once for each mode of the plugin; and an Application for each test."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.e2e import ecosystem as ecosystems
from tests.e2e.api import Api, Document
from tests.e2e.app import App, web_files
from tests.e2e.argocd import NAMESPACE
from tests.e2e.ecosystem import TENANTS, Ecosystem
from tests.e2e.repository import Repository
from tests.e2e.sidecar import Mode

DATABASE_URL = "postgres://web:hunter2@db/web"
CACHE_PASSWORD = "correct horse"
SECRETS = {"DATABASE_URL": DATABASE_URL, "CACHE_PASSWORD": CACHE_PASSWORD}

_NUMBERS = itertools.count(1)

NewApp = Callable[..., App]
Declare = Callable[..., None]


class _ByMode(LoadScopeScheduling):  # type: ignore[misc]
    """Gives all tests of a mode to the same process, so that each ecosystem starts once.

    `--dist loadgroup` is for this, but pytest-xdist 3.8 has no effect on the ids of pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        parameters = nodeid.rpartition("[")[2].rstrip("]").split("-")
        return next((each for each in parameters if each in set(Mode)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Run the modes side by side, each in a process of its own."""
    return _ByMode(config, log)


@pytest.fixture(
    scope="session",
    params=list(Mode),
)
def ecosystem(request: pytest.FixtureRequest) -> Iterator[Ecosystem]:
    """All that runs, in both modes."""
    with ecosystems.serve(request.param) as running:
        yield running


@pytest.fixture
def new_app(ecosystem: Ecosystem, tmp_path: Path) -> Iterator[NewApp]:
    """Make an Application with files in git and values in Vault, which is not created yet.

    `new_app(project=...)`; it is deleted after the test, and its objects stay.
    """
    with ExitStack() as stack:

        def make(project: str = TENANTS[0]) -> App:
            number = next(_NUMBERS)
            repository = Repository(tmp_path / f"git-{number}", os.environ["PATH"])
            repository.push(web_files())
            app = App(f"web-{number}", project, ecosystem.namespace(project), repository, ecosystem)
            ecosystem.vault.write(app.secret_path, SECRETS)
            stack.callback(ecosystem.api.delete_application, app.name)
            return app

        yield make


@pytest.fixture
def app(new_app: NewApp) -> App:
    """One such Application."""
    return new_app()


@pytest.fixture
def declare(ecosystem: Ecosystem) -> Iterator[Declare]:
    """Create what a user writes in YAML; after the test no Application is left.

    `declare(*documents)`
    """
    with ExitStack() as stack:
        stack.callback(_delete_applications, ecosystem.api)

        def create(*documents: Document) -> None:
            for each in documents:
                # Strictly: a field that there is not is an error, and not ignored.
                apply = ("apply", "--server-side", "--validate=strict", "-f", "-")
                ecosystem.cluster.run(*apply, stdin=yaml.safe_dump(each))
                if each["kind"] != "Application":
                    delete = ("delete", each["kind"], each["metadata"]["name"])
                    where = ("--namespace", NAMESPACE)
                    stack.callback(ecosystem.cluster.run, *delete, *where)

        yield create


def _delete_applications(api: Api) -> None:
    # The oldest first: an app of apps would create the others again.
    for each in sorted(api.applications(), key=lambda each: each["metadata"]["creationTimestamp"]):
        name = each["metadata"]["name"]
        # The finalizer of an ApplicationSet waits for a garbage collector, which there is not.
        api.patch_application(name, {"metadata": {"finalizers": None}})
        api.delete_application(name)
