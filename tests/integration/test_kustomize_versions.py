"""The oldest kustomize that is supported: the same proof as for the newest, and a difference."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import Run, build_tools
from tests.integration.test_kustomize import (
    CASES,
    DIGEST,
    EDITS,
    IMAGE,
    copy_case,
    reference,
    tenant,
)
from tests.trees import write


@pytest.fixture(scope="session")
def oldest(tools: Mapping[str, Path], environ: Mapping[str, str]) -> Mapping[str, str]:
    """An environment with that kustomize, and the only Helm that it runs."""
    kustomize = build_tools("kustomize-oldest")["kustomize-oldest"]
    return {**environ, "AVP_KUSTOMIZE": str(kustomize), "AVP_HELM": str(tools["helm"])}


@pytest.mark.parametrize("edits", ["no edit", "annotation", "tag", "digest"])
@pytest.mark.parametrize(
    "case",
    # It refuses a field that is written twice.
    sorted(each.name for each in CASES.iterdir() if each.name != "fields-in-any-case-and-twice"),
)
def test_the_output_is_its_own_on_a_copy(
    case: str, edits: str, tmp_path: Path, oldest: Mapping[str, str], run: Run
) -> None:
    expected = reference(copy_case(case, tmp_path / "copy"), EDITS[edits], oldest)
    app = copy_case(case, tmp_path / "tree")

    result = run("generate", app, env={**oldest, **tenant(EDITS[edits])})

    assert (result.code, result.err) == (0, "")
    assert result.out == expected


def test_a_tag_with_a_digest_is_not_ignored_in_silence(
    tmp_path: Path, oldest: Mapping[str, str], run: Run
) -> None:
    container = f"{{name: a, image: '{IMAGE}:1'}}"
    manifest = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{container}]}}\n"
    )
    app = write(tmp_path, {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": manifest})
    tag = f"2.0@{DIGEST}"
    env = {**oldest, "ARGOCD_ENV_IMAGE_NAME": IMAGE, "ARGOCD_ENV_IMAGE_TAG": tag}

    result = run("generate", app, env=env)
    assert f"image: {IMAGE}:1\n" in result.out
    assert f"warning: no object uses the image {IMAGE}" in result.err
    assert "kustomize before 5.4 ignores a tag with a digest" in result.err

    # What the warning says to write works with each.
    for kustomize in (oldest["AVP_KUSTOMIZE"], str(build_tools("kustomize")["kustomize"])):
        env |= {"AVP_KUSTOMIZE": kustomize, "ARGOCD_ENV_IMAGE_NAME": f"{IMAGE}={IMAGE}"}
        result = run("generate", app, env=env)
        assert (result.code, result.err) == (0, "")
        assert f"image: {IMAGE}:{tag}\n" in result.out


def test_that_it_runs_no_helm_4_is_an_error_with_a_way_out(
    tmp_path: Path,
    oldest: Mapping[str, str],
    only_kubectl: Mapping[str, str],
    environ: Mapping[str, str],
    run: Run,
) -> None:
    app = copy_case("a-chart-in-a-base", tmp_path / "tree")
    helm = {"AVP_HELM": environ["AVP_HELM"]}
    for env in ({**oldest, **helm}, {**only_kubectl, **helm}):
        result = run("generate", app, env=env)

        assert (result.code, result.out) == (1, "")
        assert "requires helm V3 but got v4" in result.err
        assert (
            "next: install kustomize 5.8.1 or later for Helm 4, or set AVP_HELM to a Helm 3\n"
        ) in result.err
