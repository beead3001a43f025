"""Which jobs of examples/ci run for a push: the filters of each file, evaluated.

GitHub's `paths` and GitLab's `rules:changes` are matched here, as those systems document them; what
is a script (GitHub's job `changes`, all of Drone's filters) is run in a real repository.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.ci_examples import documents, drone_step, github_step
from tests.trees import write

SKIPPED: Final = 78
"""The exit code that makes Drone skip the steps after it."""


@dataclass(frozen=True)
class Outcome:
    """What a push leads to.

    Attributes:
        builds: whether the image is built.
        deploys: whether deploy.sh is run.
        new_tag: whether deploy.sh is given the tag of this commit.
    """

    builds: bool = False
    deploys: bool = False
    new_tag: bool = False


@dataclass(frozen=True)
class Push:
    """A push: the repository, the commit before (zeros for a new branch), and the files changed."""

    repository: Path
    before: str
    after: str
    files: Sequence[str]

    def run(self, shell: Sequence[str], script: str, **env: str) -> int:
        """Run a script in the repository; return its exit code."""
        environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", **env}
        argv = [*shell, "-c", script]
        done = subprocess.run(
            argv, cwd=self.repository, env=environ, capture_output=True, text=True, check=False
        )
        return done.returncode


def push(repository: Path, files: Iterable[str], *, first: bool = False) -> Push:
    """Make a repository with two commits, of which the second changes the files."""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example")
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=repository, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(text: str) -> str:
        git("add", "--all")
        git("commit", "--quiet", "--message", text)
        return git("rev-parse", "HEAD")

    changed = list(files)
    repository.mkdir()
    git("init", "--quiet")
    write(repository, dict.fromkeys(changed, "before\n"))
    before = commit("before")
    write(repository, dict.fromkeys(changed, "after\n"))
    after = commit("after")
    return Push(repository, "0" * 40 if first else before, after, changed)


def github(pushed: Push, *, result: str = "success", ref: str = "refs/heads/main") -> Outcome:
    """Evaluate `paths`, the job `changes`, and the conditions of the jobs.

    Args:
        pushed: what was pushed.
        result: how the job `build` ends, if it runs.
        ref: the branch.
    """
    (workflow,) = documents("github")
    # YAML 1.1 reads the key `on` as true.
    paths = workflow[True]["push"]["paths"]
    if not any(_matches(_github_pattern(each), pushed.files) for each in paths):
        return Outcome()
    written = pushed.repository / ".git" / "output"
    written.touch()
    environ = {"BEFORE": pushed.before, "GITHUB_SHA": pushed.after, "GITHUB_OUTPUT": str(written)}
    assert pushed.run(["bash", "-e"], github_step("changes", "changes")["run"], **environ) == 0
    outputs = dict(line.split("=", 1) for line in written.read_text().splitlines())
    facts = {f"needs.changes.outputs.{name}": value for name, value in outputs.items()}
    jobs = workflow["jobs"]
    builds = _holds(jobs["build"]["if"], facts)
    facts["needs.build.result"] = result if builds else "skipped"
    facts["github.ref"] = ref
    deploys = _holds(jobs["deploy"]["if"], facts)
    # `needs.build.outputs.tag` is empty if the job was skipped.
    return Outcome(builds, deploys, builds and deploys)


def gitlab(pushed: Push) -> Outcome:
    """Evaluate `rules:changes`: the first rule that matches decides."""
    (pipeline,) = documents("gitlab")

    def rule(job: str) -> Mapping[str, object] | None:
        return next(
            (
                each
                for each in pipeline[job]["rules"]
                # There is nothing to compare the first push of a branch with.
                if set(pushed.before) == {"0"}
                or any(_matches(_ruby_pattern(glob), pushed.files) for glob in each["changes"])
            ),
            None,
        )

    deploy = rule("deploy")
    return Outcome(rule("build") is not None, deploy is not None, bool(deploy and len(deploy) > 1))


def drone(pushed: Push) -> Outcome:
    """Run the first step of each pipeline, and the step that deploys."""
    commits = {"DRONE_COMMIT_BEFORE": pushed.before, "DRONE_COMMIT_SHA": pushed.after}

    def skips(pipeline: str) -> bool:
        script = "\n".join(drone_step(pipeline, "changes")["commands"])
        code = pushed.run(["sh", "-e"], script, **commits)
        assert code in {0, SKIPPED}
        return code == SKIPPED

    builds = not skips("build")
    if skips("deploy"):
        return Outcome(builds)
    tag = pushed.repository / ".git" / "tag"
    deploy = pushed.repository / "deploy.sh"
    deploy.write_text(f'#!/bin/sh\nprintf %s "${{IMAGE_TAG:-}}" >{tag}\n')
    deploy.chmod(0o755)
    script = "\n".join(drone_step("deploy", "deploy")["commands"])
    assert pushed.run(["sh", "-e"], script, IMAGE_TAG=pushed.after, **commits) == 0
    return Outcome(builds, True, tag.read_text() == pushed.after)


EVALUATE: Final[Mapping[str, Callable[[Push], Outcome]]] = {
    "github": github,
    "gitlab": gitlab,
    "drone": drone,
}


def _matches(pattern: str, files: Iterable[str]) -> bool:
    return any(re.fullmatch(pattern, each) for each in files)


def _github_pattern(glob: str) -> str:
    """`*` matches within a folder, `**` across folders; no pattern of ours begins with `!`."""
    assert not re.search(r"[!?+\[\]]", glob)
    parts = {"**": ".*", "*": "[^/]*"}
    return "".join(parts.get(each) or re.escape(each) for each in re.split(r"(\*\*|\*)", glob))


def _ruby_pattern(glob: str) -> str:
    """`**/` matches any number of folders, also none; `*` matches within a folder."""
    assert not re.search(r"[!?{}\[\]]", glob)
    parts = {"**/": "(?:[^/]+/)*", "*": "[^/]*"}
    return "".join(parts.get(each) or re.escape(each) for each in re.split(r"(\*\*/|\*)", glob))


def _holds(condition: str, facts: Mapping[str, str]) -> bool:
    """Evaluate a condition that is a conjunction of comparisons with texts."""

    def comparison(text: str) -> bool:
        if text == "!cancelled()":
            return True
        if found := re.fullmatch(r"contains\(fromJSON\('(.+)'\), (\S+)\)", text):
            return facts[found[2]] in json.loads(found[1])
        name, operator, value = text.split(" ")
        assert operator in {"==", "!="}
        return (facts[name] == value.strip("'")) == (operator == "==")

    return all(comparison(each.strip()) for each in condition.strip().split("&&"))
