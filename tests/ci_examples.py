"""The CI files of examples/ci: their jobs, and the command by which each deploys."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tests.conftest import ROOT

FOLDER: Final = ROOT / "examples" / "ci"
FILES: Final = {
    "github": ".github/workflows/deploy.yaml",
    "gitlab": ".gitlab-ci.yml",
    "drone": ".drone.yml",
}


@dataclass(frozen=True)
class Command:
    """What a CI system runs.

    Attributes:
        argv: the shell and its options; it reads the script as a file that follows them.
        script: the text of the script.
        env: the variables that the file sets, filled in.
    """

    argv: Sequence[str]
    script: str
    env: Mapping[str, str]


def documents(system: str) -> Sequence[Any]:
    """Return the YAML documents of a system's file."""
    return list(yaml.safe_load_all((FOLDER / FILES[system]).read_text()))


def deploy_command(system: str, values: Mapping[str, str], *, built: bool = True) -> Command:
    """Return the command by which a system deploys, with its environment.

    Args:
        system: a key of `FILES`.
        values: what the system fills in, by the name that the file uses: `github.sha` and
            `steps.argocd.outputs.token`, `CI_COMMIT_SHORT_SHA`, `DRONE_COMMIT_SHA`; for Drone also
            secrets, by their names, such as `argocd_token`.
        built: whether an image was built, so that there is a new tag.

    Raises:
        KeyError: the file uses a value that is not among them.
    """
    return {"github": _github, "gitlab": _gitlab, "drone": _drone}[system](values, built)


def built_image(system: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Return the name and the tag of the image that a system builds and pushes.

    Args:
        system: a key of `FILES`.
        values: what the system fills in, as for `deploy_command`.
    """
    if system == "drone":
        settings = drone_step("build", "image")["settings"]
        (tag,) = settings["tags"]
        return settings["repo"], _fill_shell(tag, values)
    (document,) = documents(system)
    if system == "github":
        script, written = github_step("build", "Build and push")["run"], document["env"]
        # GitHub gives each step this variable.
        written = {**written, "GITHUB_SHA": "${{ github.sha }}"}
        variables = {name: _fill_github(text, values) for name, text in written.items()}
    else:
        script = "\n".join(document["build"]["script"])
        variables = {**document["variables"], **values}
    found = re.findall(r'docker (?:build .*--tag|push) "([^":]+):([^":]+)"', script)
    assert len(found) == 2
    # What is built is what is pushed.
    ((name, tag),) = set(found)
    return _fill_shell(name, variables), _fill_shell(tag, variables)


def _fill_shell(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values[found[1]], text)


def github_step(job: str, name: str) -> Mapping[str, Any]:
    """Return the step of a GitHub job that has this name or id."""
    (workflow,) = documents("github")
    steps = workflow["jobs"][job]["steps"]
    found: Mapping[str, Any] = _only(
        each for each in steps if name in (each.get("name"), each.get("id"))
    )
    return found


def drone_step(pipeline: str, name: str) -> Mapping[str, Any]:
    """Return the step of a Drone pipeline by its name."""
    document = _only(each for each in documents("drone") if each["name"] == pipeline)
    found: Mapping[str, Any] = _only(each for each in document["steps"] if each["name"] == name)
    return found


def _github(values: Mapping[str, str], built: bool) -> Command:
    (workflow,) = documents("github")
    tag = workflow["jobs"]["build"]["outputs"]["tag"]
    outputs = {"needs.build.outputs.tag": _fill_github(tag, values) if built else ""}
    step = github_step("deploy", "Deploy")
    written = {**workflow["env"], **step["env"]}
    env = {name: _fill_github(text, {**values, **outputs}) for name, text in written.items()}
    return Command(("bash", "-e"), step["run"], env)


def _fill_github(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values[found[1]], text)


def _gitlab(values: Mapping[str, str], built: bool) -> Command:
    (pipeline,) = documents("gitlab")
    job = pipeline["deploy"]
    rule = _only(each for each in job["rules"] if ("variables" in each) == built)
    written = {**pipeline["variables"], **job["variables"], **rule.get("variables", {})}
    env = {name: _fill_shell(text, values) for name, text in written.items()}
    return Command(("sh", "-e"), "\n".join(job["script"]) + "\n", env)


def _drone(values: Mapping[str, str], built: bool) -> Command:
    step = drone_step("deploy", "deploy")
    env = {
        name: values[text["from_secret"]] if isinstance(text, dict) else _fill_shell(text, values)
        for name, text in step["environment"].items()
    }
    # Its script asks git for what changed, and removes the tag itself.
    commits = {name: values[name] for name in ("DRONE_COMMIT_BEFORE", "DRONE_COMMIT_SHA")}
    if not built:
        commits["DRONE_COMMIT_BEFORE"] = commits["DRONE_COMMIT_SHA"]
    return Command(("sh", "-e"), "\n".join(step["commands"]) + "\n", env | commits)


def _only(found: Iterator[Any]) -> Any:
    (one,) = found
    return one
