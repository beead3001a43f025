"""Edits of a kustomization: what is built is what kustomize's own edits give."""

import random
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from avp_py.render.edits import edit_kustomization
from tests.trees import write

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {a: b}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: a, image: 'web:1'}
        - {name: b, image: 'registry.example:5000/team/api@sha256:DIGEST'}
        - {name: c, image: other}
""".replace("DIGEST", "a" * 64)

ANNOTATION = ("github.com/url", "https://github.com/example/web")
IMAGES = ("web:2.0", "registry.example:5000/team/api:3", "other=example.org/new:1.2")

SIMPLE: Mapping[str, str] = {
    "nothing but resources": "resources: [web.yaml]\n",
    "no line break at the end": "resources:\n- web.yaml",
    "a document marker": "---\nresources: [web.yaml]\n",
    "comments": "# one\nresources:  # two\n  - web.yaml # three\n# four\n",
    "an image that stays": "images:\n- name: a\n  newTag: '1'\nresources: [web.yaml]\n",
    "an image that changes": "resources: [web.yaml]\nimages:\n- name: web\n  newTag: '1'\n",
    "a new name that changes": "images: [{name: web, newName: x, digest: 'sha256:1'}]\n"
    "resources: [web.yaml]\n",
    "an image twice": "images: [{name: a, newTag: x}, {name: a, newTag: z}]\n"
    "resources: [web.yaml]\n",
    "annotations": "commonAnnotations:\n  a: 'c'\n  github.com/url: old\nresources: [web.yaml]\n",
    "empty fields": "images:\ncommonAnnotations: {}\nresources: [web.yaml]\n",
    "a block scalar at the end": "resources: [web.yaml]\npatches:\n- patch: |\n"
    "    - {op: add, path: /metadata/labels, value: {x: 'y'}}\n  target: {kind: Deployment}",
    "generators": "resources: [web.yaml]\nconfigMapGenerator:\n- name: m\n  literals: [a=b]\n"
    "generatorOptions: {disableNameSuffixHash: true}\n",
    "names and labels": "namePrefix: x-\nnamespace: demo\nlabels:\n- pairs: {a: b}\n"
    "  includeSelectors: true\nresources: [web.yaml]\nreplicas: [{name: web, count: 3}]\n",
    "older fields": "commonLabels: {a: b}\npatchesStrategicMerge: [patch.yaml]\n"
    "resources: [web.yaml]\nvars:\n- name: X\n  objref: {kind: Deployment, name: web,"
    " apiVersion: apps/v1}\n",
    "bases": "bases: [base]\nnameSuffix: -x\n",
    "a component": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    "resources: [web.yaml]\n",
    "text beyond ASCII": "# ü\ncommonAnnotations: {ä: 'ö'}\nresources: [web.yaml]\n",
}
"""Kustomizations that are edited without kustomize."""

ODD: Mapping[str, str] = {
    "an anchor": "commonAnnotations: &a {a: b}\nresources: [web.yaml]\nlabels: [{pairs: *a}]\n",
    "another case": "Images: [{name: a, newTag: x}]\nresources: [web.yaml]\n",
    "an older name": "imageTags: [{name: web, newTag: '5'}]\nresources: [web.yaml]\n",
    "flow style": "{resources: [web.yaml], images: [{name: a, newTag: x}]}\n",
    "an unknown field of an image": "images: [{name: a, newTag: x, tagSuffix: y}]\n"
    "resources: [web.yaml]\n",
    "an order": "sortOptions: {order: fifo}\nresources: [web.yaml]\n",
    "a tag that is a number": "images: [{name: a, newTag: 1}]\nresources: [web.yaml]\n",
    "an annotation that is a number": "commonAnnotations: {a: 1}\nresources: [web.yaml]\n",
    "a key in quotes": '"resources": [web.yaml]\n',
    "a repeated key": "images: []\nimages: [{name: a}]\nresources: [web.yaml]\n",
    "a merge key": "<<: {images: []}\nresources: [web.yaml]\n",
    "a second document": "resources: [web.yaml]\n---\nresources: []\n",
    "what is not YAML": "resources: [web.yaml\n",
    "what is not a mapping": "- web.yaml\n",
    "a tab": "resources:\n- web.yaml\t# here\n",
    "a carriage return": "resources: [web.yaml]\r\n",
    "nothing": "",
}
"""Kustomizations that only kustomize edits, or rejects."""


def tree(folder: Path, kustomization: str) -> Path:
    return write(
        folder,
        {
            "kustomization.yaml": kustomization,
            "web.yaml": DEPLOYMENT,
            "patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels:"
            " {p: q}}\n",
            "base/kustomization.yaml": "resources: [map.yaml]\n",
            "base/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: base}\n",
        },
    )


def build(kustomize: Path, folder: Path) -> tuple[int, bytes]:
    done = subprocess.run([kustomize, "build", folder], capture_output=True, check=False)
    return done.returncode, done.stdout


def edited_by_kustomize(kustomize: Path, folder: Path, images: Sequence[str]) -> tuple[int, bytes]:
    for edit in (("annotation", "--", ":".join(ANNOTATION)), ("image", "--", *images)):
        subprocess.run([kustomize, "edit", "set", *edit], cwd=folder, check=True)
    return build(kustomize, folder)


def edited_by_us(
    kustomize: Path, folder: Path, text: str, images: Sequence[str]
) -> tuple[int, bytes]:
    edited = edit_kustomization(text, ANNOTATION, images)
    assert edited is not None
    return build(kustomize, tree(folder, edited))


@pytest.mark.parametrize("case", SIMPLE)
def test_a_simple_kustomization_is_built_as_after_kustomizes_edits(
    tools: Mapping[str, Path], tmp_path: Path, case: str
) -> None:
    theirs = edited_by_kustomize(tools["kustomize"], tree(tmp_path / "a", SIMPLE[case]), IMAGES)
    ours = edited_by_us(tools["kustomize"], tmp_path / "b", SIMPLE[case], IMAGES)
    assert ours == theirs
    assert theirs[0] == 0


@pytest.mark.parametrize("case", ODD)
def test_an_odd_kustomization_is_left_to_kustomize(case: str) -> None:
    assert edit_kustomization(ODD[case], ANNOTATION, IMAGES) is None


@pytest.mark.parametrize(
    "argument", ["web=*:1", "web=x:*", "web:1@sha256:" + "a" * 64, "*=x", "web:*"]
)
def test_an_odd_image_is_left_to_kustomize(argument: str) -> None:
    assert edit_kustomization("resources: [web.yaml]\n", None, [argument]) is None


@pytest.mark.parametrize("value", ['"quoted"', '"', "a:b", "ü 💡", "\\", "x'y", "on", "1"])
def test_the_annotation_is_kustomizes(
    tools: Mapping[str, Path], tmp_path: Path, value: str
) -> None:
    text = "resources: [web.yaml]\n"
    folder = tree(tmp_path / "a", text)
    edit = ("edit", "set", "annotation", "--", f"a.example/b:{value}")
    subprocess.run([tools["kustomize"], *edit], cwd=folder, check=True)
    edited = edit_kustomization(text, ("a.example/b", value), ())
    assert edited is not None
    theirs = build(tools["kustomize"], folder)
    assert build(tools["kustomize"], tree(tmp_path / "b", edited)) == theirs


def test_generated_kustomizations_are_built_alike(
    tools: Mapping[str, Path], tmp_path: Path
) -> None:
    choice = random.Random(14)  # noqa: S311 - it makes cases
    for number in range(40):
        text, images = generated(choice)
        theirs = edited_by_kustomize(
            tools["kustomize"], tree(tmp_path / f"a{number}", text), images
        )
        ours = edited_by_us(tools["kustomize"], tmp_path / f"b{number}", text, images)
        assert ours == theirs, (text, images)


def generated(choice: random.Random) -> tuple[str, Sequence[str]]:
    """A kustomization of fields in any order, and images to set."""
    names = ["web", "other", "registry.example:5000/team/api", "example.org/x"]
    digest = "sha256:" + "b" * 64

    def image(name: str) -> str:
        more = [f"newTag: 't{choice.randrange(3)}'", f"newName: {choice.choice(names)}",
                f"digest: {digest}", "newName: ''"]  # fmt: skip
        return f"- name: {name}\n  {choice.choice(more)}\n"

    fields = [
        "resources:\n- web.yaml\n",
        "images:\n" + "".join(map(image, choice.sample(names, choice.randrange(1, 4)))),
        "commonAnnotations:\n  x: 'y'\n",
        "namePrefix: p-\n",
        "labels:\n- pairs:\n    k: v\n",
        "configMapGenerator:\n- name: m\n  literals:\n  - a=b\n",
        "# a comment\n",
    ]
    chosen = [fields[0], *choice.sample(fields[1:], choice.randrange(len(fields)))]
    choice.shuffle(chosen)
    images = [
        choice.choice([f"{name}:v{choice.randrange(3)}", f"{name}@{digest}", f"{name}=n/e/w:1",
                       f"{name}=localhost:5000/n", f"{name}=y@{digest}"])
        for name in choice.sample(names, choice.randrange(1, 4))
    ]  # fmt: skip
    return "".join(chosen), images
