"""Only harmless options and files of the repository reach helm, with any settings of a tenant."""

import dataclasses
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.errors import SettingsError
from avp_py.limits import limits_of
from avp_py.render.helm_arguments import ALLOWED, api_version_arguments, helm_arguments
from avp_py.render.repository import Repository
from avp_py.settings import RenderSettings
from tests.settings import load
from tests.trees import write

DANGEROUS = (
    *("--post-renderer", "--post-renderer-args", "--set-file", "--output-dir", "--kubeconfig"),
    *("--repo", "--ca-file", "--registry-config", "--repository-config", "--dependency-update"),
    *("--validate", "--dry-run=server", "--plugins", "--kube-apiserver", "--debug", "-o", "-n"),
)
WORDS = ("x=1", "values.yaml", "../common.yaml", "--", "-", "", "-f", "-a", "a,b", "/etc/passwd")
LIMITS = limits_of(load({}), started=0)
SEGMENTS = (
    "..",
    ".",
    "",
    "chart",
    "link",
    "up",
    "values.yaml",
    "common.yaml",
    "outside.yaml",
    "x,",
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    top = tmp_path_factory.mktemp("helm").resolve()
    files = ("chart/values.yaml", "chart/x,/values.yaml", "common.yaml", "scratch/.keep")
    root = write(top / "repository", dict.fromkeys(files, ""))
    write(top, {"outside.yaml": "", "values.yaml": ""})
    (root / "chart/link").symlink_to("..")
    (root / "chart/up").symlink_to("../..")
    return Repository(root, True)


def options(repository: Repository, **said: object) -> list[str]:
    render: RenderSettings = dataclasses.replace(load({}).render, **said)  # type: ignore[arg-type]
    root = repository.root
    _, found = helm_arguments(render, root / "chart", repository, LIMITS, root / "scratch")
    return list(found)


@given(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=8))
def test_a_values_file_that_is_taken_lies_in_the_repository(
    repository: Repository, segments: list[str]
) -> None:
    try:
        taken = options(repository, helm_values_files=("/".join(segments),))
    except SettingsError:
        taken = ["--include-crds"]

    for option in taken[:-1]:
        path = Path(option.removeprefix("--values="))
        assert path == path.resolve()
        assert path.is_relative_to(repository.root)
        assert "," not in option


# Neither a variable nor an accepted parameter can contain a NUL.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(st.sampled_from((*DANGEROUS, *ALLOWED, *WORDS)) | TEXTS, max_size=6))
def test_only_allowed_options_reach_helm(repository: Repository, words: list[str]) -> None:
    try:
        taken = options(repository, helm_args=shlex.join(words))
    except SettingsError:
        taken = []

    for option in taken:
        name, _, value = option.partition("=")
        assert name in ALLOWED
        assert name != "--values" or Path(value).is_relative_to(repository.root)


@pytest.mark.parametrize("option", DANGEROUS)
def test_a_dangerous_option_is_refused_before_and_after_allowed_ones(
    option: str, repository: Repository
) -> None:
    for words in (f"{option} --set a=b", f"--set a=b {option}", f"--set a=b {option}=x"):
        with pytest.raises(SettingsError, match=f"the option {option.partition('=')[0]},"):
            options(repository, helm_args=words)
    # The value of an option is a value, never an option.
    assert "--set=--post-renderer" in options(repository, helm_args="--set=--post-renderer")


def test_many_api_versions_are_few_arguments() -> None:
    versions = [f"group{number}.example.org/v1/Kind" for number in range(6000)]
    arguments = api_version_arguments("--api-versions", versions)

    assert len(arguments) == 3
    assert all(len(each) < 128 << 10 for each in arguments)
    assert (
        ",".join(each.removeprefix("--api-versions=") for each in arguments).split(",") == versions
    )
