"""The deploy commands of examples/ci, as each CI system runs them, on the real Argo CD."""

import subprocess
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from tests.ci_examples import FILES, FOLDER, deploy_command
from tests.e2e.app import IMAGE, SOURCE_URL, App
from tests.e2e.argocd import CLUSTER_NAME
from tests.e2e.conftest import CACHE_PASSWORD, DATABASE_URL
from tests.e2e.ecosystem import CI_ROLE, SETTINGS_SECRET, SHARED_PASSWORD
from tests.e2e.rollouts import BROKEN_TAG

REJECTED, DEGRADED, LATE = 3, 5, 6
"""Exit codes of deploy.sh."""

RUN_SECONDS = 60
"""TIMEOUT of deploy.sh; it needs five on an idle machine."""


class Pipeline:
    """The repository of examples/ci, adapted to an Application; and its deploy command.

    Attributes:
        app: the Application.
        commit: the last commit; it changed the code.
    """

    def __init__(self, app: App, system: str) -> None:
        self.app = app
        self._system = system
        self._token = app.on.argocd.project_token(app.project, CI_ROLE)
        files: dict[str, bytes | None] = dict.fromkeys(app.repository.files())
        for path in (each for each in FOLDER.rglob("*") if each.is_file()):
            text = path.read_bytes().replace(b"kv/data/demo/web", app.secret_path.encode())
            text = text.replace(b"namespace: demo", f"namespace: {app.namespace}".encode())
            files[str(path.relative_to(FOLDER))] = text
        app.repository.push(files)
        (app.repository.clone / "deploy.sh").chmod(0o755)
        self._before = app.repository.head
        self.commit = app.repository.push({"app/src/web.py": b"# changed\n"})

    def run(self, *, built: bool, **changed: str) -> "subprocess.CompletedProcess[str]":
        """Run the deploy stage in the clone.

        Args:
            built: whether the build stage has built an image.
            changed: variables that override those of the file.
        """
        command = deploy_command(self._system, self._values(), built=built)
        script = self.app.repository.clone.parent / "script"
        script.write_text(command.script)
        environment = {**command.env, **self._site(), **self.app.on.argocd.ci_environment}
        if not environment.get("IMAGE_TAG"):
            environment.pop("IMAGE_TAG", None)
        return subprocess.run(
            [*command.argv, str(script)],
            cwd=self.app.repository.clone,
            env={**environment, **changed},
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * RUN_SECONDS,
        )

    def _site(self) -> Mapping[str, str]:
        """What a team adapts in the file, and the token."""
        return {
            "APP_NAME": self.app.name,
            "DEST_NAME": CLUSTER_NAME,
            "DEST_NAMESPACE": self.app.namespace,
            "PROJECT": self.app.project,
            "REPO_URL": self.app.repository.url,
            "AVP_SECRET": f"argocd:{SETTINGS_SECRET}",
            "ARGOCD_AUTH_TOKEN": self._token,
            "TIMEOUT": str(RUN_SECONDS),
        }

    def _values(self) -> Mapping[str, str]:
        url = urlsplit(SOURCE_URL)
        return {
            "github.server_url": f"{url.scheme}://{url.netloc}",
            "github.repository": url.path.lstrip("/"),
            "github.ref_name": "main",
            "github.sha": self.commit,
            "steps.argocd.outputs.token": self._token,
            "CI_PROJECT_URL": SOURCE_URL,
            "CI_COMMIT_BRANCH": "main",
            "CI_COMMIT_SHORT_SHA": self.commit,
            "DRONE_REPO_LINK": SOURCE_URL,
            "DRONE_COMMIT_BRANCH": "main",
            "DRONE_COMMIT_BEFORE": self._before,
            "DRONE_COMMIT_SHA": self.commit,
            "argocd_token": self._token,
        }


@pytest.fixture(params=FILES)
def each_system(request: pytest.FixtureRequest, app: App) -> Pipeline:
    """A pipeline of each system."""
    return Pipeline(app, request.param)


@pytest.fixture
def pipeline(app: App) -> Pipeline:
    """A pipeline of one system."""
    return Pipeline(app, "github")


def test_a_build_is_deployed_and_a_later_deploy_keeps_its_tag(each_system: Pipeline) -> None:
    app, tag = each_system.app, each_system.commit
    done = each_system.run(built=True)
    assert done.returncode == 0, done.stderr
    assert f"{IMAGE}:{tag} is deployed" in done.stdout
    assert (app.image, app.status, app.health) == (f"{IMAGE}:{tag}", "Synced", "Healthy")
    assert app.secret == {"DATABASE_URL": DATABASE_URL, "SMTP_PASSWORD": SHARED_PASSWORD}

    done = each_system.run(built=False)
    assert done.returncode == 0, done.stderr
    assert app.image == f"{IMAGE}:{tag}"
    output = done.stdout + done.stderr
    assert not [value for value in (DATABASE_URL, CACHE_PASSWORD) if value in output]


def test_the_difference_shows_the_image_and_masks_secrets(pipeline: Pipeline) -> None:
    app = pipeline.app
    assert pipeline.run(built=True).returncode == 0
    rotated = "postgres://web:hunter3@db/web"
    app.on.vault.write(app.secret_path, {"DATABASE_URL": rotated})
    # Without automated sync nothing is applied before it is shown.
    app.on.api.patch_application(app.name, {"spec": {"syncPolicy": None}})
    done = pipeline.run(built=False, IMAGE_TAG="2.0.0", TIMEOUT="20")
    assert f"{IMAGE}:2.0.0" in done.stdout
    assert rotated not in done.stdout + done.stderr
    assert DATABASE_URL not in done.stdout + done.stderr


def test_what_the_plugin_refuses_is_rejected_with_its_message(pipeline: Pipeline) -> None:
    pipeline.app.repository.edit("deploy/secret.yaml", "<DATABASE_URL>", "<DATABASE_URI>")
    done = pipeline.run(built=True)
    assert done.returncode == REJECTED
    assert "DATABASE_URI" in done.stderr
    assert pipeline.app.uids == {}


def test_what_the_cluster_refuses_is_late_with_its_message(pipeline: Pipeline) -> None:
    # The API refuses a name with capitals; rendering does not. Argo CD tries five times.
    pipeline.app.repository.edit("deploy/secret.yaml", "name: web", "name: Web")
    done = pipeline.run(built=True, TIMEOUT="15")
    assert done.returncode == LATE
    assert 'Secret "Web" is invalid' in done.stdout


def test_a_deployment_that_fails_is_degraded(pipeline: Pipeline) -> None:
    done = pipeline.run(built=True, IMAGE_TAG=BROKEN_TAG, TIMEOUT="15")
    assert done.returncode == DEGRADED, done.stdout + done.stderr
    # The next tag heals it.
    assert pipeline.run(built=True).returncode == 0


def test_a_token_may_not_deploy_into_another_project(pipeline: Pipeline) -> None:
    done = pipeline.run(built=True, PROJECT="team-b")
    assert done.returncode == REJECTED
    assert "permission denied" in done.stderr
