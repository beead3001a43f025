"""What an Application sets in `plugin.parameters`, and which parameters are announced."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.errors import Failure, GenerateError
from avp_py.settings import TABLE, Kind, Owner, Settings
from tests.conftest import Run
from tests.settings import load
from tests.trees import write

TENANTS = [each for each in TABLE if each.owner is Owner.TENANT and not each.is_family]
DIGEST = "sha256:" + "d" * 64


def environ(*entries: Mapping[str, Any], **further: str) -> dict[str, str]:
    return {"ARGOCD_APP_PARAMETERS": json.dumps(entries), **further}


def reasons(environ: Mapping[str, str]) -> list[str]:
    with pytest.raises(GenerateError) as caught:
        load(environ)
    assert all(failure.hint for failure in caught.value.failures)
    return [failure.reason for failure in caught.value.failures]


def names_of(images: Sequence[Any]) -> list[str]:
    return [image.argument for image in images]


@pytest.mark.parametrize("raw", ["", "null", "[]", " [ ] "])
def test_no_parameters_are_no_settings(raw: str) -> None:
    assert load({"ARGOCD_APP_PARAMETERS": raw}) == load({})


def test_parameters_set_what_variables_set() -> None:
    by_parameter = load(
        environ(
            {"name": "IMAGE_NAME", "string": "web"},
            {"name": "IMAGE_TAG", "string": "1"},
            {"name": "images", "array": ["a:1", "b=c:2"]},
            {"name": "APP_REPO", "string": "https://git.example/web"},
            {"name": "values-files", "array": ["a.yaml", "b.yaml"]},
            {"name": "HELM_VALUES", "string": "a: b\n"},
            {"name": "helm-parameters", "map": {"a.b": "c=d", "e": ""}},
            {"name": "HELM_RELEASE_NAME", "string": "shop"},
            {"name": "HELM_ARGS", "string": "--no-hooks"},
            {"name": "AVP_SECRET", "string": "ns:name"},
        )
    )
    by_variable = load(
        {
            "ARGOCD_ENV_IMAGE_NAME": "web",
            "ARGOCD_ENV_IMAGE_TAG": "1",
            "ARGOCD_ENV_IMAGES": "a:1,\n b=c:2",
            "ARGOCD_ENV_APP_REPO": "https://git.example/web",
            "ARGOCD_ENV_HELM_VALUES_FILES": "a.yaml b.yaml",
            "ARGOCD_ENV_HELM_VALUES": "a: b\n",
            "ARGOCD_ENV_HELM_PARAMETERS": "a.b=c=d\n\ne=\n",
            "ARGOCD_ENV_HELM_RELEASE_NAME": "shop",
            "ARGOCD_ENV_HELM_ARGS": "--no-hooks",
            "ARGOCD_ENV_AVP_SECRET": "ns:name",
        }
    )
    assert by_parameter == by_variable
    assert names_of(by_parameter.render.images) == ["a:1", "b=c:2"]
    assert by_parameter.render.helm_parameters == {"a.b": "c=d", "e": ""}


def test_a_parameter_wins_even_over_a_malformed_variable() -> None:
    loaded = load(
        environ(
            {"name": "IMAGE_TAG", "string": "2"},
            {"name": "images", "array": ["a:2"]},
            ARGOCD_ENV_IMAGE_TAG="1",
            ARGOCD_ENV_IMAGES="not an image",
        )
    )
    assert loaded.render.image_tag == "2"
    assert names_of(loaded.render.images) == ["a:2"]


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "IMAGE_TAG", "string": ""},
        {"name": "IMAGE_TAG"},
        {"name": "IMAGE_TAG", "string": None, "array": None},
    ],
)
def test_an_empty_parameter_counts_as_unset(entry: Mapping[str, Any]) -> None:
    assert load(environ(entry, ARGOCD_ENV_IMAGE_TAG="1")).render.image_tag == "1"


def test_the_variables_that_argo_cd_makes_of_parameters_are_not_read() -> None:
    assert load({"PARAM_IMAGE_TAG": "1", "PARAM_IMAGES_0": "a:1"}) == load({})


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (
            {"name": "images", "string": "canary:1"},
            "the parameter images holds a string: expected an array of strings",
        ),
        (
            {"name": "IMAGE_TAG", "array": ["canary"]},
            "the parameter IMAGE_TAG holds an array: expected a string",
        ),
        (
            {"name": "IMAGE_TAG", "string": "canary", "map": {}},
            "the parameter IMAGE_TAG holds a map: expected a string",
        ),
        (
            {"name": "helm-parameters", "map": {"a": 1}},
            "the parameter helm-parameters holds something else under map: expected a map of "
            "strings",
        ),
        (
            {"name": "images", "array": ["a:1", 2]},
            "the parameter images holds something else under array: expected an array of strings",
        ),
        (
            {"name": "IMAGE_TAG", "value": "canary"},
            "the parameter IMAGE_TAG holds something else: expected a string",
        ),
        (
            {"name": "images", "array": ["a:1", "canary"]},
            "the parameter images, item 2, is not a valid image",
        ),
        ({"name": "IMAGES", "array": ["a:1"]}, "unknown parameter 'IMAGES'"),
        ({"name": "tag", "string": "canary"}, "unknown parameter 'tag'"),
        (
            {"name": "HELM_ARGS", "string": "canary\0"},
            "the parameter HELM_ARGS holds a NUL, or half of a character",
        ),
        (
            {"name": "helm-parameters", "map": {"canary\ud800": ""}},
            "the parameter helm-parameters holds a NUL, or half of a character",
        ),
        ({"name": "\ud800"}, "unknown parameter '\\ud800'"),
        ({"string": "canary"}, "ARGOCD_APP_PARAMETERS: entry 1 has no name"),
        ({"name": 7}, "ARGOCD_APP_PARAMETERS: entry 1 has no name"),
    ],
)
def test_a_parameter_that_is_wrong_is_named_without_its_value(
    entry: Mapping[str, Any], reason: str
) -> None:
    (found,) = reasons(environ(entry))
    assert found == reason


def test_an_unknown_parameter_lists_those_that_there_are() -> None:
    with pytest.raises(GenerateError) as caught:
        load(environ({"name": "tag", "string": "1"}))
    (failure,) = caught.value.failures
    for setting in TENANTS:
        assert setting.parameter in failure.hint


def test_a_misspelt_parameter_is_named_with_what_was_meant() -> None:
    with pytest.raises(GenerateError) as caught:
        load(environ({"name": "image", "array": ["a:1"]}))
    (failure,) = caught.value.failures
    assert (failure.reason, failure.hint) == (
        "unknown parameter 'image'",
        "did you mean images?",
    )


def test_a_duplicate_parameter_is_an_error() -> None:
    entry = {"name": "IMAGE_TAG", "string": "1"}
    assert reasons(environ(entry, entry)) == ["duplicate parameter 'IMAGE_TAG'"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("{", "ARGOCD_APP_PARAMETERS is not JSON"),
        ("[" * 100_000, "ARGOCD_APP_PARAMETERS is not JSON"),
        ('{"name": "IMAGE_TAG"}', "ARGOCD_APP_PARAMETERS is not a list"),
        ('"canary"', "ARGOCD_APP_PARAMETERS is not a list"),
        ('["canary"]', "ARGOCD_APP_PARAMETERS: entry 1 has no name"),
    ],
)
def test_malformed_parameters_are_an_error(raw: str, reason: str) -> None:
    assert reasons({"ARGOCD_APP_PARAMETERS": raw}) == [reason]


OPERATORS = [setting.name for setting in TABLE if setting.is_operators]


@pytest.mark.parametrize("name", [*OPERATORS, "AVP_NO_SUCH", "AWS_REGION"])
def test_a_parameter_may_not_set_what_is_the_operators(name: str) -> None:
    reason = f"the Application sets {name}, which is the operator's to set"
    assert reasons(environ({"name": name, "string": "x"})) == [reason]
    # A variable and a parameter together are one failure.
    assert reasons(environ({"name": name, "array": ["x"]}, **{f"ARGOCD_ENV_{name}": "x"})) == [
        reason
    ]


@pytest.mark.parametrize("name", ["ARGOCD_APP_NAME", "KUBE_VERSION", "ARGOCD_APP_SOURCE_PATH"])
def test_a_parameter_may_not_set_what_is_argo_cds(name: str) -> None:
    assert reasons(environ({"name": name, "string": "x"})) == [f"unknown parameter {name!r}"]


def test_a_delegated_setting_can_be_a_parameter() -> None:
    loaded = load(
        environ({"name": "AVP_KV_VERSION", "string": "1"}, AVP_TENANT_SETTINGS="AVP_KV_VERSION")
    )
    assert loaded.backend.kv_version == "1"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
    | st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from([each.parameter for each in TENANTS] + ["VAULT_ADDR"])},
            optional={
                "string": st.text() | st.none(),
                "array": st.lists(st.text()),
                "map": st.dictionaries(st.text(), st.text()),
            },
        )
    )
)
def test_parameters_of_any_kind_are_settings_or_failures(parameters: object) -> None:
    found: Settings | Sequence[Failure]
    try:
        found = load({"ARGOCD_APP_PARAMETERS": json.dumps(parameters)})
    except GenerateError as error:
        found = error.failures
    # None of them changes an operator's setting.
    assert found.vault == load({}).vault if isinstance(found, Settings) else found


# What is announced.


def announced(run: Run, folder: Path, **env: str) -> Mapping[str, Any]:
    result = run("parameters", folder, env=env)
    assert (result.code, result.err) == (0, "")
    entries = json.loads(result.out)
    assert len({entry["name"] for entry in entries}) == len(entries)
    return {entry["name"]: entry for entry in entries}


KUSTOMIZE = {"IMAGE_NAME", "IMAGE_TAG", "images", "APP_REPO"}
HELM = {"values-files", "HELM_VALUES", "helm-parameters", "HELM_RELEASE_NAME", "HELM_ARGS"}
CHART = {"chart", "chart-repo", "chart-version"}


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("kustomization.yml", KUSTOMIZE | {"AVP_SECRET"}),
        ("Chart.yaml", HELM | {"AVP_SECRET"}),
        ("map.yaml", {"AVP_SECRET"}),
    ],
)
def test_each_render_mode_announces_what_it_accepts(
    file: str, names: set[str], tmp_path: Path, run: Run
) -> None:
    assert set(announced(run, write(tmp_path, {file: ""}))) == names


def test_together_they_announce_all_that_a_tenant_may_set() -> None:
    names = {setting.parameter for setting in TENANTS}
    assert names == KUSTOMIZE | HELM | CHART | {"AVP_SECRET"}


def test_an_announcement_has_what_argo_cd_knows_and_nothing_else(tmp_path: Path, run: Run) -> None:
    known = {
        *("name", "title", "tooltip", "required", "itemType", "collectionType"),
        *("string", "array", "map"),
    }
    for file in ("kustomization.yaml", "Chart.yaml"):
        for entry in announced(run, write(tmp_path / file, {file: ""})).values():
            assert entry.keys() <= known
            assert entry["title"]
            assert entry["tooltip"]
            assert entry["required"] is False
            assert entry["itemType"] == "string"
            assert entry["collectionType"] in set(Kind)
            assert set(Kind) & entry.keys() <= {entry["collectionType"]}


DEPLOYMENT = """\
kind: Deployment
spec:
  template:
    spec:
      initContainers: [{name: init, image: 'init@%s'}]
      containers:
      - {name: web, image: 'registry.example:5000/team/web:1.0'}
      - {name: side, image: side}
---
kind: Other
image: not-of-a-container:1
containers: [image: '{{ no image }}:1']
"""


def test_images_are_found_through_bases_and_their_kustomizations(tmp_path: Path, run: Run) -> None:
    tree = write(
        tmp_path,
        {
            ".git/HEAD": "",
            "base/kustomization.yaml": "resources: [web.yaml]\n"
            "images: [{name: side, newName: mirror/side, newTag: '3'}]\n",
            "base/web.yaml": DEPLOYMENT % DIGEST,
            "app/kustomization.yaml": "resources: [../base]\n"
            "images: [{name: registry.example:5000/team/web, newTag: '2.0'},"
            " {name: mirror/side, newName: other}]\n",
        },
    )

    assert announced(run, tree / "app")["images"]["array"] == [
        f"init@{DIGEST}",
        "mirror/side=other:3",
        "registry.example:5000/team/web:2.0",
    ]


def test_what_is_announced_for_images_can_be_set(tmp_path: Path, run: Run) -> None:
    tree = write(
        tmp_path,
        {"kustomization.yaml": "resources: [web.yaml]\n", "web.yaml": DEPLOYMENT % DIGEST},
    )
    array = announced(run, tree)["images"]["array"]

    loaded = load(environ({"name": "images", "array": [each for each in array if each != "side"]}))

    assert [image.argument for image in loaded.render.images] == array[:-1]


def test_nothing_outside_the_repository_is_announced(tmp_path: Path, run: Run) -> None:
    web = "containers: [{image: 'canary:1'}]\n"
    tree = write(
        tmp_path,
        {
            "other/kustomization.yaml": "resources: [web.yaml]\n",
            "other/web.yaml": web,
            "repo/app/kustomization.yaml": "resources: [../../other, link.yaml]\n",
        },
    )
    (tree / "repo/app/link.yaml").symlink_to(tree / "other/web.yaml")
    (tree / "repo/app/values.yaml").symlink_to(tree / "other/web.yaml")
    (tree / "repo/app/Chart.yaml").touch()
    app = tree / "repo/app"

    assert "canary" not in str(announced(run, app, ARGOCD_APP_SOURCE_PATH="app"))
    result = run("parameters", "--render=helm", app, env={})
    assert (result.code, "canary" in result.out) == (0, False)


@pytest.mark.parametrize(
    "files",
    [
        {"kustomization.yaml": "resources: [\n"},
        {"kustomization.yaml": "resources: [a.yaml]\nimages: x\n", "a.yaml": b"\xff: [\n"},
        {"kustomization.yaml": "a\n---\n[images]\n---\nimages: [1, {newTag: {}}]\n"},
        {"Chart.yaml": "", "values.yaml": "a: [\n"},
        {"Chart.yaml": "", "values.yaml": "- a\n"},
        {"Chart.yaml": "", "values.yaml": "[" * 5000},
    ],
)
def test_a_broken_folder_still_has_its_list(
    files: Mapping[str, str | bytes], tmp_path: Path, run: Run
) -> None:
    names = set(announced(run, write(tmp_path, files)))

    assert names - {"AVP_SECRET"} == (HELM if "Chart.yaml" in files else KUSTOMIZE)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, run: Run) -> None:
    result = run("parameters", tmp_path / "none", env={})

    assert (result.code, result.out) == (1, "")
    assert "cannot be read: No such file or directory" in result.err


def test_values_of_a_chart_are_announced_by_names_that_helm_accepts(
    tmp_path: Path, run: Run
) -> None:
    values = "a: 1\nb: &b\n  c.d: [x, {y: true}]\nnothing: ~\nempty: {}\nsame: *b\n"
    files = {"Chart.yaml": "", "values.yaml": values, "values-prod.yaml": "", "values/x": ""}

    found = announced(run, write(tmp_path, files))

    assert found["helm-parameters"]["map"] == {
        "a": "1",
        "b.c\\.d[0]": "x",
        "b.c\\.d[1].y": "true",
        "same.c\\.d[0]": "x",
        "same.c\\.d[1].y": "true",
    }
    assert found["values-files"]["tooltip"].endswith("found here: values-prod.yaml, values.yaml")


def test_the_announcement_is_limited(tmp_path: Path, run: Run) -> None:
    values = f"long: {'x' * 1000}\n" + "".join(f"key{each}: x\n" for each in range(1000))
    chart = write(tmp_path / "chart", {"Chart.yaml": "", "values.yaml": values})
    web = "".join(f"- image: web{each}:1\n" for each in range(1000))
    files = {"web.yaml": f"containers:\n{web}", "big.yaml": "#" * (5 << 20)}
    app = write(
        tmp_path / "app", {"kustomization.yaml": "resources: [big.yaml, web.yaml]", **files}
    )

    single = announced(run, chart)["helm-parameters"]["map"]

    assert (len(single), "long" in single) == (300, False)
    assert len(announced(run, app)["images"]["array"]) == 300


def test_aliases_within_aliases_do_not_hold_the_list_up(tmp_path: Path, run: Run) -> None:
    # Each line has ten times as many nodes as the one before.
    bomb = "a0: &a0 {containers: [{image: 'web:1'}]}\n" + "".join(
        f"a{each}: &a{each} [{', '.join([f'*a{each - 1}'] * 10)}]\n" for each in range(1, 4)
    )
    files = {"kustomization.yaml": "resources: [web.yaml]", "web.yaml": f"---\n{bomb}" * 50}

    assert announced(run, write(tmp_path, files))["images"]["array"] == ["web:1"]


def test_delegated_settings_are_announced(tmp_path: Path, run: Run) -> None:
    assert "VAULT_NAMESPACE" in announced(run, tmp_path, AVP_TENANT_SETTINGS="VAULT_NAMESPACE")


def test_parameters_that_are_set_wrongly_do_not_hide_the_list(tmp_path: Path, run: Run) -> None:
    wrong = {"ARGOCD_APP_PARAMETERS": "{", "ARGOCD_ENV_VAULT_ADDR": "http://x"}
    assert announced(run, tmp_path, **wrong)
