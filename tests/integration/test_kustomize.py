"""The output is that of kustomize's own edits and build on a copy, byte for byte.

Each folder under kustomizations/ is a case; what is rendered is the folder `app` in it.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import Run
from tests.integration.test_helm import MANY_VERSIONS
from tests.trees import snapshot, write

pytestmark = pytest.mark.cover

CASES: Final = Path(__file__).parent / "kustomizations"
IMAGE: Final = "ghcr.io/team/web"
DIGEST: Final = "sha256:" + "d" * 64
URL: Final = "https://git.example/team/web?a=b:c"

EDITS: Final[Mapping[str, Mapping[str, str]]] = {
    "no edit": {},
    "annotation": {"APP_REPO": URL},
    "tag": {"IMAGE_NAME": IMAGE, "IMAGE_TAG": "2.0"},
    "digest": {"IMAGE_NAME": IMAGE, "IMAGE_TAG": DIGEST},
    "both": {"APP_REPO": URL, "IMAGE_NAME": IMAGE, "IMAGE_TAG": f"2.0@{DIGEST}"},
    "images": {"IMAGES": f"{IMAGE}=registry.example/moved/web:3.0, zzz=*:1 aaa@{DIGEST}"},
    "images beside the pair": {"IMAGE_NAME": "side", "IMAGE_TAG": "2.0", "IMAGES": f"{IMAGE}:4"},
    "images one by one": {
        "IMAGES_WEB": f"{IMAGE}=other/new/web:3@{DIGEST}",
        "IMAGES": "zzz=*:1",
    },
}


def copy_case(name: str, to: Path) -> Path:
    """Copy a case and return the folder that is rendered."""
    shutil.copytree(CASES / name, to, symlinks=True)
    return app_of(to)


def app_of(tree: Path) -> Path:
    return next(each for each in tree.rglob("app") if each.is_dir())


def reference(folder: Path, edits: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Return what kustomize prints; it edits the folder that it gets."""
    kustomize = environ["AVP_KUSTOMIZE"]
    commands = []
    if "APP_REPO" in edits:
        annotation = f"github.com/url:{edits['APP_REPO']}"
        commands.append([kustomize, "edit", "set", "annotation", annotation])
    images = edits.get("IMAGES", "").replace(",", " ").split()
    images += [image for name, image in edits.items() if name.startswith("IMAGES_")]
    if "IMAGE_NAME" in edits:
        separator = "@" if edits["IMAGE_TAG"].startswith("sha256:") else ":"
        images.append(f"{edits['IMAGE_NAME']}{separator}{edits['IMAGE_TAG']}")
    if images:
        commands.append([kustomize, "edit", "set", "image", *images])
    build = [kustomize, "build", "--enable-helm", "--helm-command", environ["AVP_HELM"], "."]
    for command in (*commands, build):
        done = subprocess.run(
            command, cwd=folder, capture_output=True, check=True, timeout=60,
            env={"PATH": environ["PATH"], "HOME": str(folder.parent)},
        )  # fmt: skip
    return done.stdout.decode()


def tenant(edits: Mapping[str, str]) -> Mapping[str, str]:
    """The edits as Argo CD passes them; not every case has the images."""
    return {f"ARGOCD_ENV_{name}": value for name, value in edits.items()} | {
        "AVP_WARNINGS": "ignore"
    }


@pytest.mark.parametrize("edits", EDITS)
@pytest.mark.parametrize("case", sorted(each.name for each in CASES.iterdir()))
def test_output_is_that_of_kustomize_on_a_copy(
    case: str, edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    expected = reference(copy_case(case, tmp_path / "copy"), EDITS[edits], environ)
    app = copy_case(case, tmp_path / "tree")
    before = snapshot(tmp_path / "tree")

    result = run("generate", app, env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    assert snapshot(tmp_path / "tree") == before
    # A case that an edit does not reach would prove nothing of that edit.
    if "APP_REPO" in EDITS[edits]:
        assert expected.count(f"github.com/url: {URL}\n") >= expected.count("\n---\n") + 1


def test_every_edit_reaches_some_case(tmp_path: Path, environ: Mapping[str, str]) -> None:
    case = "an-overlay-over-a-base-that-renames-the-image"
    outputs = {
        name: reference(copy_case(case, tmp_path / name), edits, environ)
        for name, edits in EDITS.items()
    }
    assert len(set(outputs.values())) == len(EDITS)
    assert f"{IMAGE}:2.0\n" in outputs["tag"]
    assert f"{IMAGE}@{DIGEST}\n" in outputs["digest"]
    assert "registry.example/moved/web:3.0\n" in outputs["images"]
    assert f"{IMAGE}:4\n" in outputs["images beside the pair"]


def test_image_with_a_new_name_is_what_kustomize_makes_of_it(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    edits = {"IMAGE_NAME": f"{IMAGE}=registry.example:5000/web", "IMAGE_TAG": "2.0"}
    case = "an-images-entry-for-another-image"
    expected = reference(copy_case(case, tmp_path / "copy"), edits, environ)

    result = run("generate", copy_case(case, tmp_path / "tree"), env={**environ, **tenant(edits)})

    assert result.out == expected
    assert "image: registry.example:5000/web:2.0\n" in result.out


CASE: Final = "an-images-entry-for-the-same-image"

FORMS: Final = (
    f"{IMAGE}:2.0",
    f"{IMAGE}@{DIGEST}",
    f"{IMAGE}:2.0@{DIGEST}",
    f"{IMAGE}=other",
    f"{IMAGE}=localhost:5000/other:2.0",
    f"{IMAGE}=other@{DIGEST}",
    f"{IMAGE}=*:2.0",
    f"{IMAGE}=other:*",
    f"{IMAGE}=*@*",
    f"{IMAGE}:*",
)


@pytest.mark.parametrize("form", FORMS)
def test_a_parameter_sets_an_image_in_any_form_kustomize_accepts(
    form: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    expected = reference(copy_case(CASE, tmp_path / "copy"), {"IMAGES": form}, environ)
    parameters = json.dumps([{"name": "images", "array": [form, "further:1"]}])

    result = run(
        "generate", copy_case(CASE, tmp_path / "tree"),
        env={**environ, "ARGOCD_APP_PARAMETERS": parameters, **tenant({"IMAGES": f"{IMAGE}:9"})},
    )  # fmt: skip

    assert (result.code, result.err) == (0, "")
    assert result.out == expected


@pytest.mark.parametrize(
    "form",
    [
        *("web", "web:", "web@", "=web:1", "web=", "*:1", "web=a=b", "web:1=web:2", "we b:1"),
        *("-n:1", "--help", "web:-1", "web@sha256:d", "web:1:2", "../web:1", "wéb:1", "web:1\n"),
        "web=--help:1",
    ],
)
def test_an_invalid_image_is_refused_before_kustomize_runs(
    form: str, tmp_path: Path, run: Run
) -> None:
    parameters = json.dumps([{"name": "images", "array": ["a:1", f"{form} "]}])
    app = copy_case(CASE, tmp_path / "tree")

    result = run(
        "generate", app, env={"ARGOCD_APP_PARAMETERS": parameters, "AVP_KUSTOMIZE": "/no/kustomize"}
    )

    if form.strip() == form:
        assert (result.code, result.out) == (1, "")
        assert "1. the parameter images, item 2, is not a valid image\n" in result.err
    else:
        # White space around an item is not part of it.
        assert "AVP_KUSTOMIZE" in result.err


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        (
            {"IMAGE_NAME": IMAGE, "IMAGE_TAG": "1", "IMAGES": f"{IMAGE}:2"},
            f"IMAGE_NAME with IMAGE_TAG and IMAGES set the image {IMAGE} twice, and differently",
        ),
        (
            {"IMAGES": f"{IMAGE}:1,{IMAGE}=other:1"},
            f"IMAGES set the image {IMAGE} twice, and differently",
        ),
        (
            {"IMAGES_WEB": f"{IMAGE}:1", "IMAGES_OTHER": f"{IMAGE}:2"},
            f"IMAGES_OTHER and IMAGES_WEB set the image {IMAGE} twice, and differently",
        ),
    ],
)
def test_one_image_set_twice_and_differently_is_an_error(
    edits: Mapping[str, str], says: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    result = run("generate", copy_case(CASE, tmp_path / "tree"), env={**environ, **tenant(edits)})

    assert (result.code, result.out) == (1, "")
    assert says in result.err


def test_one_image_set_twice_and_alike_is_set(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    edits = {"IMAGE_NAME": IMAGE, "IMAGE_TAG": "2", "IMAGES": f"{IMAGE}:2 {IMAGE}:2"}
    expected = reference(copy_case(CASE, tmp_path / "copy"), edits, environ)

    result = run("generate", copy_case(CASE, tmp_path / "tree"), env={**environ, **tenant(edits)})

    assert (result.code, result.out) == (0, expected)


def test_values_of_a_chart_have_no_place_in_a_kustomization(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    edits = {"HELM_ARGS": "-f values.yaml", "HELM_RELEASE_NAME": "web"}

    result = run("generate", copy_case(CASE, tmp_path / "tree"), env={**environ, **tenant(edits)})

    assert (result.code, result.out) == (1, "")
    assert "sets HELM_RELEASE_NAME, HELM_ARGS, and there is no chart in" in result.err


def test_annotation_key_is_the_operators_choice(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("a-file-named-kustomization", tmp_path / "tree")

    result = run(
        "generate", app,
        env={**environ, "AVP_REPO_ANNOTATION": "example.org/repo", **tenant({"APP_REPO": URL})},
    )  # fmt: skip

    assert result.out.count(f"example.org/repo: {URL}\n") == 3
    assert "github.com/url" not in result.out


@pytest.mark.parametrize(
    ("given", "missing"), [("IMAGE_NAME", "IMAGE_TAG"), ("IMAGE_TAG", "IMAGE_NAME")]
)
def test_one_of_the_image_pair_without_the_other_is_an_error(
    given: str, missing: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("a-file-named-kustomization", tmp_path / "tree")

    result = run("generate", app, env={**environ, **tenant({given: "web"})})

    assert (result.code, result.out) == (1, "")
    assert f"{given} is set and {missing} is not" in result.err
    assert f"ARGOCD_ENV_{missing}" in result.err


@pytest.mark.parametrize("tag", [{}, {"IMAGE_TAG": "2.0"}])
@pytest.mark.parametrize("name", [f"{IMAGE}:1.0", f"{IMAGE}=host:5000/web:1.0"])
def test_a_tag_in_the_name_of_the_image_is_an_error(
    name: str, tag: Mapping[str, str], tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("a-file-named-kustomization", tmp_path / "tree")

    result = run("generate", app, env={**environ, **tenant({"IMAGE_NAME": name, **tag})})

    assert (result.code, result.out) == (1, "")
    assert "1. ARGOCD_ENV_IMAGE_NAME is not the name of an image without a tag\n" in result.err
    assert (
        "next: move the tag to IMAGE_TAG, or set IMAGES to name:tag in place of both\n"
        in result.err
    )
    assert "\n2. " not in result.err


CAPABILITIES = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: capabilities
data:
  version: {{ .Capabilities.KubeVersion.Version | quote }}
  gadgets: {{ .Capabilities.APIVersions.Has "example.org/v1/Gadget" | quote }}
  widgets: {{ .Capabilities.APIVersions.Has "example.org/v1/Widget" | quote }}
"""


@pytest.mark.both_helms
@pytest.mark.parametrize("more", ["", MANY_VERSIONS], ids=["few", "many"])
@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_cluster_facts_reach_helm_through_kustomize(
    edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run, more: str
) -> None:
    tree = write(
        tmp_path / "tree",
        {
            "kustomization.yaml": "helmCharts: [{name: cap, releaseName: cap}]\n",
            "charts/cap/Chart.yaml": "{apiVersion: v2, name: cap, version: 1.0.0}\n",
            "charts/cap/values.yaml": "",
            "charts/cap/templates/capabilities.yaml": CAPABILITIES,
        },
    )
    versions = f"v1,{more}example.org/v1/Gadget"
    cluster = {"KUBE_VERSION": "1.29.7", "KUBE_API_VERSIONS": versions}

    result = run("generate", tree, env={**environ, **cluster, **tenant(EDITS[edits])})

    assert (result.code, result.err) == (0, "")
    assert 'gadgets: "true"\n  version: v1.29.7\n  widgets: "false"\n' in result.out


@pytest.mark.parametrize(
    "case", ["generators-with-hashes", "components", "nested-bases-two-levels-up"]
)
def test_kubectl_alone_renders_what_needs_no_edit(
    case: str,
    tmp_path: Path,
    environ: Mapping[str, str],
    only_kubectl: Mapping[str, str],
    run: Run,
) -> None:
    expected = reference(copy_case(case, tmp_path / "copy"), {}, environ)

    result = run("generate", copy_case(case, tmp_path / "tree"), env=only_kubectl)

    assert (result.code, result.err) == (0, "")
    assert result.out == expected


def test_kubectl_renders_a_chart_with_helm_3(
    tmp_path: Path,
    tools: Mapping[str, Path],
    environ: Mapping[str, str],
    only_kubectl: Mapping[str, str],
    run: Run,
) -> None:
    case = "a-chart-in-a-base"
    environ = {**environ, "AVP_HELM": str(tools["helm"])}
    expected = reference(copy_case(case, tmp_path / "copy"), {}, environ)
    app = copy_case(case, tmp_path / "tree")
    before = snapshot(tmp_path / "tree")

    result = run("generate", app, env={**only_kubectl, "AVP_HELM": environ["AVP_HELM"]})

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    assert snapshot(tmp_path / "tree") == before


def test_kubectl_alone_cannot_edit_and_the_error_says_so(
    tmp_path: Path, only_kubectl: Mapping[str, str], run: Run
) -> None:
    app = copy_case("components", tmp_path / "tree")

    result = run("generate", app, env={**only_kubectl, **tenant(EDITS["tag"])})

    assert (result.code, result.out) == (1, "")
    assert "kubectl cannot set an image or annotation" in result.err
    assert "AVP_KUSTOMIZE" in result.err


UNUSED: Final = "no object uses the image ghcr.io/team/wbe, which IMAGE_NAME with IMAGE_TAG sets"


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """A kustomization with a Deployment of two images."""
    containers = f"[{{name: a, image: {IMAGE}}}, {{name: b, image: 'side:1'}}]"
    template = f"spec: {{template: {{spec: {{containers: {containers}}}}}}}\n"
    manifest = f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\n{template}"
    files = {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": manifest}
    return write(tmp_path / "app", files)


def test_an_image_that_no_object_uses_is_a_warning(
    deployment: Path, environ: Mapping[str, str], run: Run
) -> None:
    wrong = {**environ, **tenant({"IMAGE_NAME": "ghcr.io/team/wbe", "IMAGE_TAG": "2.0"})}
    del wrong["AVP_WARNINGS"]

    result = run("generate", deployment, env=wrong)
    assert result.code == 0
    assert result.err == (
        f"avp-py: warning: {UNUSED}; next: the images there are: {IMAGE}, side:1\n"
    )

    assert run("generate", deployment, env={**wrong, "AVP_WARNINGS": "ignore"}).err == ""
    result = run("generate", deployment, env={**wrong, "AVP_WARNINGS": "error"})
    assert (result.code, result.out) == (1, "")
    assert f"1. {UNUSED}\n" in result.err


def test_images_that_objects_use_are_no_warning(
    deployment: Path, environ: Mapping[str, str], run: Run
) -> None:
    for edits in EDITS.values():
        edits = {key: value for key, value in edits.items() if "zzz" not in value}
        env = {**environ, **tenant(edits), "AVP_WARNINGS": "show"}
        result = run("generate", deployment, env=env)
        assert (result.code, result.err) == (0, "")
