"""The CI files of examples/ci: valid for their systems, and which jobs run for which change."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest
import yaml
from engine import install

from tests.ci_examples import FILES, FOLDER, built_image, deploy_command, documents
from tests.conftest import Run, build_tools
from tests.integration.ci_filters import EVALUATE, Outcome, github, push

SCRIPTS: Final = ("deploy.sh", "token.sh")
SCHEMAS: Final = {
    "github": ("vendor.github-workflows",),
    "gitlab": ("vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
    "drone": ("vendor.drone-ci",),
}
UNKNOWN_TO_ACTIONLINT: Final = 'unexpected key "queue" for "concurrency" section'
"""A key that GitHub has had since May 2026, and actionlint 1.7.12 has not; the schema has it."""

UNQUOTED: Final = "echo $UNQUOTED"


@pytest.fixture(scope="module")
def shellcheck() -> str:
    install({"shellcheck": "shellcheck"})
    return "shellcheck"


@pytest.fixture(scope="module")
def actionlint() -> Path:
    return build_tools("actionlint")["actionlint"]


def schema_errors(system: str, text: str, folder: Path) -> str:
    """Return what is wrong with a file according to the schema of its system, or nothing."""
    found = ""
    # The validator reads one document of a file.
    for number, document in enumerate(re.split(r"^---$", text, flags=re.MULTILINE)):
        file = folder / f"{number}.yaml"
        file.write_text(document)
        program = Path(sys.executable).parent / "check-jsonschema"
        command = [str(program), "--builtin-schema", *SCHEMAS[system], str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found += done.stdout if done.returncode else ""
    return found


def lint(actionlint: Path, file: Path) -> str:
    command = [
        *(str(actionlint), "-no-color", "-shellcheck", "shellcheck", "-pyflakes", ""),
        *("-ignore", UNKNOWN_TO_ACTIONLINT, str(file)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bool(done.stdout) == bool(done.returncode), done.stderr
    return done.stdout


def check_shell(shellcheck: str, text: str) -> str:
    command = [shellcheck, "--shell=sh", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert bool(done.stdout) == bool(done.returncode), done.stderr
    return done.stdout


def scripts(system: str) -> Mapping[str, Sequence[str]]:
    """Return the commands of GitLab's jobs and of Drone's steps, by their names."""
    if system == "gitlab":
        (pipeline,) = documents("gitlab")
        return {
            name: [*pipeline[name].get("before_script", []), *pipeline[name]["script"]]
            for name in pipeline["stages"]
        }
    return {
        f"{pipeline['name']} {step['name']}": step["commands"]
        for pipeline in documents("drone")
        for step in pipeline["steps"]
        if "commands" in step
    }


@pytest.mark.parametrize("system", FILES)
def test_the_file_is_valid_by_the_schema_of_its_system(system: str, tmp_path: Path) -> None:
    text = (FOLDER / FILES[system]).read_text()

    assert schema_errors(system, text, tmp_path) == ""


@pytest.mark.parametrize(
    ("system", "right", "wrong"),
    [
        ("github", "queue: max", "queue: most"),
        ("github", "runs-on: ubuntu-24.04", "runs-upon: ubuntu-24.04"),
        ("gitlab", "resource_group: production", "resource_group: [production]"),
        ("gitlab", "on_new_commit: none", "on_new_commit: never"),
        ("drone", "  limit: 1", "  limit: one"),
        ("drone", "type: docker", "type: dockers"),
    ],
)
def test_the_schema_rejects_a_broken_file(
    system: str, right: str, wrong: str, tmp_path: Path
) -> None:
    text = (FOLDER / FILES[system]).read_text()
    assert right in text

    assert "validation errors" in schema_errors(system, text.replace(right, wrong), tmp_path)


def test_actionlint_accepts_the_workflow(actionlint: Path, shellcheck: str) -> None:
    assert shellcheck
    assert lint(actionlint, FOLDER / FILES["github"]) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("needs: changes\n", "needs: change\n", "job-needs"),
        ("outputs.deploy == 'true'", "outputs.deploys == 'true'", "is not defined"),
        ("        run: ./deploy.sh", f"        run: {UNQUOTED}", "SC2086"),
    ],
)
def test_actionlint_rejects_a_broken_workflow(
    right: str, wrong: str, finding: str, actionlint: Path, shellcheck: str, tmp_path: Path
) -> None:
    assert shellcheck
    text = (FOLDER / FILES["github"]).read_text()
    assert right in text
    broken = tmp_path / "deploy.yaml"
    broken.write_text(text.replace(right, wrong))

    assert finding in lint(actionlint, broken)


@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_accepts_the_script(name: str, shellcheck: str) -> None:
    text = (FOLDER / name).read_text()

    assert check_shell(shellcheck, text) == ""
    assert "SC2086" in check_shell(shellcheck, f"{text}{UNQUOTED}\n")


@pytest.mark.parametrize("system", ["gitlab", "drone"])
def test_shellcheck_accepts_the_commands_of_each_job(system: str, shellcheck: str) -> None:
    found = scripts(system)
    assert len(found) > 1
    for commands in found.values():
        text = "\n".join(commands) + "\n"
        assert check_shell(shellcheck, text) == ""
        assert "SC2086" in check_shell(shellcheck, f"{text}{UNQUOTED}\n")


NOTHING: Final = Outcome()
TAG_STAYS: Final = Outcome(deploys=True)
BUILD_ONLY: Final = Outcome(builds=True)
ALL: Final = Outcome(builds=True, deploys=True, new_tag=True)


@pytest.mark.parametrize("system", FILES)
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("README.md", "docs/use.md"), NOTHING),
        (("deploy/deployment.yaml", "deploy/base/secret.yaml"), NOTHING),
        (("app/src/web.py",), ALL),
        (("app/src/pages/home.py",), ALL),
        (("app/Dockerfile",), ALL),
        (("app/tests/test_web.py",), BUILD_ONLY),
        (("app/src/web.py", "deploy/secret.yaml", "README.md"), ALL),
        (("app/src/web.py", "deploy.sh"), ALL),
        (("deploy.sh",), TAG_STAYS),
        (("deploy.sh", "deploy/secret.yaml"), TAG_STAYS),
    ],
)
def test_the_jobs_that_run_for_a_change(
    system: str, files: Sequence[str], expected: Outcome, tmp_path: Path
) -> None:
    assert EVALUATE[system](push(tmp_path / "web", files)) == expected


@pytest.mark.parametrize("system", FILES)
def test_a_change_of_the_ci_file_deploys_with_the_tag_that_there_is(
    system: str, tmp_path: Path
) -> None:
    assert EVALUATE[system](push(tmp_path / "web", [FILES[system]])) == TAG_STAYS


@pytest.mark.parametrize("system", FILES)
def test_the_first_push_builds_and_deploys(system: str, tmp_path: Path) -> None:
    pushed = push(tmp_path / "web", ["app/src/web.py", "README.md"], first=True)

    assert EVALUATE[system](pushed) == ALL


VALUES: Final = {
    "github": {
        "github.sha": "4f2c",
        "github.server_url": "https://git.example",
        "github.repository": "team/web",
        "github.ref_name": "main",
        "steps.argocd.outputs.token": "a-token",
    },
    "gitlab": {
        "CI_COMMIT_SHORT_SHA": "4f2c",
        "CI_PROJECT_URL": "https://git.example/team/web",
        "CI_COMMIT_BRANCH": "main",
    },
    "drone": {
        "DRONE_COMMIT_BEFORE": "0000",
        "DRONE_COMMIT_SHA": "4f2c",
        "DRONE_REPO_LINK": "https://git.example/team/web",
        "DRONE_COMMIT_BRANCH": "main",
        "argocd_token": "a-token",
    },
}


@pytest.mark.parametrize("result", ["failure", "cancelled"])
def test_github_deploys_nothing_that_was_not_built(result: str, tmp_path: Path) -> None:
    pushed = push(tmp_path / "repository", ["app/src/web.py"])
    assert github(pushed).deploys
    assert not github(pushed, result=result).deploys


def test_github_deploys_no_other_branch(tmp_path: Path) -> None:
    pushed = push(tmp_path / "repository", ["deploy.sh"])
    assert github(pushed).deploys
    assert not github(pushed, ref="refs/heads/mine").deploys


@pytest.mark.parametrize("system", FILES)
def test_each_file_deploys_with_the_same_settings(system: str) -> None:
    command = deploy_command(system, VALUES[system])

    assert command.script.splitlines()[-1] == "./deploy.sh"
    expected = {
        "APP_NAME": "web",
        "APP_REPO": "https://git.example/team/web",
        "IMAGE_NAME": "registry.example/team/web",
        "IMAGE_TAG": "4f2c",
        "REVISION": "main",
        "AVP_SECRET": "vault-credentials",
        "DEST_NAMESPACE": "demo",
        "PROJECT": "team",
        "ARGOCD_SERVER": "argocd.example",
    }
    assert {name: command.env[name] for name in expected} == expected
    # GitLab's job gets its token in `before_script`.
    assert command.env.get("ARGOCD_AUTH_TOKEN") == (None if system == "gitlab" else "a-token")


@pytest.mark.parametrize("system", FILES)
def test_the_image_that_is_deployed_is_the_one_that_is_built(system: str) -> None:
    deployed = deploy_command(system, VALUES[system]).env
    assert built_image(system, VALUES[system]) == (deployed["IMAGE_NAME"], deployed["IMAGE_TAG"])


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_there_is_no_tag_if_nothing_was_built(system: str) -> None:
    assert not deploy_command(system, VALUES[system], built=False).env.get("IMAGE_TAG")


@pytest.mark.parametrize("system", FILES)
def test_a_value_that_is_not_given_is_an_error(system: str) -> None:
    values = {name: text for name, text in VALUES[system].items() if text != "4f2c"}
    with pytest.raises(KeyError):
        deploy_command(system, values)


def test_the_manifests_get_the_tag_and_the_secrets(
    run: Run, environ: Mapping[str, str], tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text(
        "kv/data/demo/web: {DATABASE_URL: 'postgres://web@db/web'}\n"
        "kv/data/shared/smtp: {password: correct horse}\n"
    )
    settings = {
        "AVP_TYPE": "file",
        "AVP_FILE": str(secrets),
        "ARGOCD_ENV_IMAGE_NAME": deploy_command("github", VALUES["github"]).env["IMAGE_NAME"],
        "ARGOCD_ENV_IMAGE_TAG": "4f2c",
        "ARGOCD_ENV_APP_REPO": "https://git.example/team/web",
    }

    result = run("generate", FOLDER / "deploy", env={**environ, **settings})

    assert result.code == 0, result.err
    found = {each["kind"]: each for each in yaml.safe_load_all(result.out)}
    (container,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/team/web:4f2c"
    assert found["Secret"]["stringData"] == {
        "DATABASE_URL": "postgres://web@db/web",
        "SMTP_PASSWORD": "correct horse",
    }
