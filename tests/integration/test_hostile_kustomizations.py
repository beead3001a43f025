"""What a hostile kustomization names, without a sandbox: the check before the build refuses it.

Each attack is first tried on bare kustomize, where it succeeds. All are tried with the sandbox too.
"""

import codecs
import json
import os
import shutil
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.sandbox.messages import OUTSIDE as NOT_SHOWN
from tests.conftest import Run
from tests.integration.hostile import CHART, MAP, TEMPLATE, Tree, kustomize, make_tree
from tests.trees import write

UP: Final = "../../../other"
OUTSIDE: Final = f"'{UP}', which a kustomization names, is outside of the repository"
UNREAD: Final = "kustomization.yaml, so that its references cannot be checked"
PLUGIN: Final = "apiVersion: builtin\nkind: {kind}\nmetadata: {{name: x}}\n"


@pytest.fixture(params=["required", "off"])
def tree(request: pytest.FixtureRequest, tmp_path: Path, environ: Mapping[str, str]) -> Tree:
    """A hostile repository, once with the whole sandbox and once without any."""
    made = make_tree(tmp_path, environ)
    return made._replace(env={**made.env, "AVP_SANDBOX": request.param})


def stopped(run: Run, tree: Tree, says: str) -> None:
    """Check that the run fails, says so, and prints and runs nothing."""
    result = run("generate", tree.app, env=tree.env)
    assert (result.code, result.out) == (1, ""), result.out
    assert says in result.err, result.err
    assert not tree.ran.exists()


# What is a path

PATHS: Final = {
    "a line break": "a\n",
    "YAML that is no object": "a: b\n# c",
    "a URL after a space": " https://a",
    "a scheme of git that kustomize does not know": "git://a",
    "a scheme of helm": "oci://a",
    "a user and a host": "a@b",
    "github.com": "github.com",
    "a server that is not there": "http://127.0.0.1:9/a",
    "a host that is not contacted": "ssh://a",
    "a query": "a?ref=b",
    "a prefix twice": "git::git::https://a",
}
"""How what looks like something else begins, and is a path to kustomize."""


@pytest.mark.parametrize("field", ["resources", "components", "generators"])
@pytest.mark.parametrize("name", PATHS)
def test_whatever_kustomize_opens_is_treated_as_a_path(
    name: str, field: str, tree: Tree, run: Run
) -> None:
    other = tree.token.parent / "other"
    path = f"{PATHS[name]}/{os.path.relpath(other, tree.app / PATHS[name])}"
    if field == "components":
        kind = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        write(other, {"kustomization.yaml": f"{kind}resources: [map.yaml]\n"})
    if field == "generators":
        write(tree.app, {"a.yaml": MAP})
        text = PLUGIN.format(kind="ConfigMapGenerator") + "name: map\nliterals: [a=b]\n"
        write(other, {"map.yaml": text})
    write(tree.app, {"kustomization.yaml": json.dumps({field: [path]})})
    assert "name: map" in kustomize(tree)

    says = f"{path[:200]!r}, which a kustomization names, is outside of the repository"
    stopped(run, tree, says)


SPELLINGS: Final[Mapping[str, bytes | str]] = {
    "UTF-16, little-endian": codecs.BOM_UTF16_LE + f"resources: [{UP}]\n".encode("utf-16-le"),
    "UTF-16, big-endian": codecs.BOM_UTF16_BE + f"resources: [{UP}]\n".encode("utf-16-be"),
    "UTF-8 with a byte order mark": codecs.BOM_UTF8 + f"resources: [{UP}]\n".encode(),
    "a key in base64": f"!!binary cmVzb3VyY2Vz: [{UP}]\n",
    "a key with a tag": f"!!str resources: !!seq [!!str {UP}]\n",
    "a key with a question mark": f"? resources\n: [{UP}]\n",
    "an explicit document": f"%YAML 1.1\n--- # a\nresources: [{UP}]\n...\nb: [\n",
    "a merge key": f"<<: {{resources: [{UP}]}}\n",
    "a merge key in upper case": f"<<: {{RESOURCES: [{UP}]}}\nresources: [map.yaml]\n",
    "an alias": f"buildMetadata: [&x {UP}]\nresources: [*x]\n",
    "a key that is an alias": f"metadata: {{name: &x resources}}\n*x : [{UP}]\n",
    "a key twice": f"resources: [map.yaml]\nresources: [{UP}]\n",
    "an escape": '"\\x72esources": ["\\x2e./../../other"]\n',
    "a folded text": "resources:\n- >-\n  ../../../other\n",
    "a second document": f"resources: [{UP}]\n---\nresources: [map.yaml]\n",
    "a comma in a tag": f"resources: [!a,b {UP}]\n",
    "bytes that are no text": "resources: [!!binary /w==]\n",
    "two byte order marks": codecs.BOM_UTF8 * 2 + f"resources: [a]\n#bases: [{UP}]\n".encode(),
    "a byte order mark before a comment": f"resources: [\n\ufeff#,\n{UP}]\n",
}  # fmt: skip


ONLY_KUSTOMIZE: Final = (
    "a comma in a tag", "two byte order marks", "a byte order mark before a comment",
)  # fmt: skip
"""What we do not read: in the sandbox, kustomize cannot read the base either."""


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_base_is_found_however_it_is_written(name: str, tree: Tree, run: Run) -> None:
    write(tree.app, {"kustomization.yaml": SPELLINGS[name], "a": MAP.replace("map", "a")})
    write(tree.app, {"\ufeff#": MAP.replace("map", "b")})
    (tree.app / "\ufffd").symlink_to(tree.token.parent / "other")
    assert "name: map" in kustomize(tree)

    says = OUTSIDE
    if name == "bytes that are no text":
        says = OUTSIDE.replace(UP, "\ufffd")
    is_confined = tree.env["AVP_SANDBOX"] == "required"
    if name in ONLY_KUSTOMIZE:
        says = NOT_SHOWN if is_confined else f"only kustomize can read {UNREAD}"
    stopped(run, tree, says)


@pytest.mark.parametrize("line_break", ["\r", "\x85", "\u2028"])
def test_no_field_comes_out_of_a_text_in_an_edit(line_break: str, tree: Tree, run: Run) -> None:
    """Kustomize keeps the lines that look like comments, and ends them only at a line feed."""
    text = f'commonAnnotations:\n  a: "b\n# c{line_break}bases: [{UP}]\n"\nresources: [a.yaml]\n'
    write(tree.app, {"kustomization.yaml": text, "a.yaml": MAP.replace("map", "a")})
    assert "name: map" not in kustomize(tree)
    copy = tree._replace(app=tree.app.parent / "copy")
    shutil.copytree(tree.app, copy.app)
    edit = [tree.env["AVP_KUSTOMIZE"], "edit", "set", "annotation", "x:y"]
    subprocess.run(edit, cwd=copy.app, check=True, capture_output=True)
    assert "name: map" in kustomize(copy)
    shutil.rmtree(copy.app)

    env = {**tree.env, "ARGOCD_ENV_APP_REPO": "https://git.example"}
    says = OUTSIDE if tree.env["AVP_SANDBOX"] == "off" else NOT_SHOWN
    stopped(run, tree._replace(env=env), says)


# What cannot be read

DEEP: Final = "[" * 5000 + "]" * 5000
BAD: Final = {
    "deeper than we read": f"helmCharts: [{{name: c, valuesInline: {{a: {DEEP}}}}}]\n",
    "longer than we read": f"buildMetadata: [&x {'x' * 100_000}, {'*x, ' * 100}]\n",
    "a byte order mark": "namePrefix: 'a\ufeff'\n",
}
"""What kustomize reads and we do not."""


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("where", ["", "base/"])
def test_what_only_kustomize_reads_is_refused(name: str, where: str, tree: Tree, run: Run) -> None:
    """Git, which kustomize starts for a base, may run a program; here it finds none."""
    ran = f"file://{tree.app}/none?ref=--upload-pack=touch%20{tree.ran}%3B"
    text = BAD[name] + f"resources: ['{ran}']\n"
    write(
        tree.app, {"kustomization.yaml": "resources: [base]\n", f"{where}kustomization.yaml": text}
    )
    kustomize(tree)
    assert tree.ran.exists()
    tree.ran.unlink()

    is_confined = tree.env["AVP_SANDBOX"] == "required"
    no_git = 'exec: "git": executable file not found'
    stopped(run, tree, no_git if is_confined else f"only kustomize can read {where}{UNREAD}")


@pytest.mark.parametrize("where", ["", "base/"])
def test_what_kustomize_cannot_read_either_it_explains(where: str, tree: Tree, run: Run) -> None:
    text = "resources:\n  - a\n b: [\n"
    write(
        tree.app, {"kustomization.yaml": "resources: [base]\n", f"{where}kustomization.yaml": text}
    )

    says = "invalid Kustomization: yaml: line 2: did not find expected key"
    assert says in kustomize(tree)
    stopped(run, tree, says)
    if tree.env["AVP_SANDBOX"] == "off":
        stopped(run, tree, f"kustomize cannot read {where}kustomization.yaml")


# What is not a path

POD: Final = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {transformer: generator}}\nspec:\n"
    "  containers: [{name: a, env: [{name: A, value: /dev/null}]}]\n"
    "  volumes: [{name: a, hostPath: {path: /var/run}}, {name: b, files: [/etc/passwd]}]\n"
)
PATCH: Final = "apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{text}"
HARMLESS: Final = {
    "a file of the machine in a patch": "patches:\n- patch: |-\n"
    + textwrap.indent(
        PATCH.format(kind="ConfigMap", name="map", text="data: {logFile: /dev/null, path: /etc}\n"),
        "    ",
    ),
    "a path of the machine in a patch": "patchesStrategicMerge:\n- |-\n"
    + textwrap.indent(POD, "    "),
    "a folder of the name of a namespace": "namespace: monitoring\n",
    "a folder of the name of a prefix": "namePrefix: broken\n",
    "a folder in a label": "commonLabels: {path: monitoring, files: broken}\n",
    "a manifest beside a transformer": "transformers:\n- |-\n  apiVersion: builtin\n"
    "  kind: PrefixTransformer\n  metadata: {name: x}\n  prefix: x-\n"
    "  fieldSpecs: [{path: metadata/name}]\n",
    "a file with a user's name": "configMapGenerator: [{name: x, "
    "files: [a@b.c/d/e, k=a@b.c/d/e]}]\n",
    "a folder with a user's name": "components: [a@b]\n",
    "where a chart that is there comes from": "helmCharts: [{name: d, version: 1.2.3, "
    "repo: 'https://charts.example'}]\n",
    "dots in a script of a plugin": "transformers:\n- |-\n  apiVersion: builtin\n"
    "  kind: PatchTransformer\n  metadata: {name: x}\n  target: {kind: ConfigMap}\n"
    '  patch: \'[{"op": "add", "path": "/data", "value": {"a": "cd ../..; cat ../x"}}]\'\n',
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_what_kustomize_does_not_open_may_lead_anywhere(name: str, tree: Tree, run: Run) -> None:
    component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    write(
        tree.app,
        {
            "kustomization.yaml": f"resources: [map.yaml, pod.yaml]\n{HARMLESS[name]}",
            "pod.yaml": POD,
            "broken/kustomization.yaml": "resources: [\n",
            "charts/d-1.2.3/d/Chart.yaml": CHART.replace("name: c", "name: d"),
            "charts/d-1.2.3/d/values.yaml": "a: b\n",
            "charts/d-1.2.3/d/templates/a.yaml": TEMPLATE,
            "a@b.c/d/e": "x",
            "a@b/kustomization.yaml": f"{component}resources: [a.yaml]\n",
            "a@b/a.yaml": MAP.replace("map", "b"),
        },
    )
    (tree.app / "monitoring").symlink_to(tree.token.parent / "other")
    expected = kustomize(tree)
    assert "Error" not in expected

    result = run("generate", tree.app, env={**tree.env, "AVP_RENDER_NETWORK": "false"})

    assert (result.code, result.err) == (0, ""), result.err
    assert result.out.strip() in expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_every_encoding_of_kustomize_is_read(encoding: str, tree: Tree, run: Run) -> None:
    text = "resources: [map.yaml]\nnamePrefix: é-\n"
    write(tree.app, {"kustomization.yaml": text.encode(encoding)})
    assert "name: é-map" in kustomize(tree)

    result = run("generate", tree.app, env=tree.env)

    assert (result.code, result.err) == (0, "")
    assert "name: é-map" in result.out


def test_one_large_kustomization_of_many_folders_is_too_much(tree: Tree, run: Run) -> None:
    """Each of them would be read, by us and by kustomize."""
    write(tree.app, {f"{'a/' * 20}big": f"# {'x' * 100_000}\nresources: [a]\n"})
    for depth in range(20):
        link = tree.app / ("a/" * depth) / "kustomization.yaml"
        link.symlink_to("a/" * (20 - depth) + "big")

    env = {**tree.env, "AVP_MAX_INPUT": "1Mi"}
    stopped(run, tree._replace(env=env), "the kustomizations are larger than 1048576 bytes in all")
    assert run("parameters", tree.app, env=env).code == 0


@pytest.mark.parametrize("edited", [False, True])
def test_a_base_that_is_a_long_chain_of_symlinks_is_refused(
    edited: bool, tree: Tree, run: Run
) -> None:
    for number in range(3000):
        (tree.app / f"l{number}").symlink_to(f"l{number + 1}")
    (tree.app / "l3000").symlink_to(tree.token.parent / "other")
    write(tree.app, {"kustomization.yaml": "resources: [l0]\n"})
    edit = {"ARGOCD_ENV_APP_REPO": "https://git.example"} if edited else {}

    outside = "a directory that a kustomization names is outside of the repository"
    if edited and tree.env["AVP_SANDBOX"] == "required":
        outside = NOT_SHOWN
    says = outside if edited else "too many links"
    stopped(run, tree._replace(env={**tree.env, **edit}), says)


def test_a_fifo_is_found_after_a_missing_folder(tree: Tree, run: Run) -> None:
    os.mkfifo(tree.app / "fifo")
    write(tree.app, {"kustomization.yaml": "resources: [none/../fifo]\n"})
    with pytest.raises(subprocess.TimeoutExpired):
        kustomize(tree, timeout=1)

    stopped(run, tree, "fifo is neither a file nor a folder")


# What cannot be checked

OF_PLUGIN: Final = PLUGIN.format(kind="ConfigMapGenerator") + "name: x\nfiles: [map.yaml]\n"
UNKNOWN: Final[Mapping[str, Mapping[str, bytes | str]]] = {
    "a patch": {"g/kustomization.yaml": "resources: [p.yaml]\npatches: [{path: patch.yaml}]\n"},
    "a prefix": {"g/kustomization.yaml": "resources: [p.yaml]\nnamePrefix: a\n"},
    "a patch in a base": {
        "g/kustomization.yaml": "resources: [b]\n",
        "g/b/kustomization.yaml": "resources: [../p.yaml]\npatches: [{path: patch.yaml}]\n",
        "g/b/patch.yaml": OF_PLUGIN,
    },
    "what is fetched": {"g/kustomization.yaml": "resources: [p.yaml, 'http://127.0.0.1:9/g']\n"},
    "a plugin that only kustomize reads": {"g/p.yaml": OF_PLUGIN + "# \ufeff\n"},
    "a plugin with a merge key": {"g/p.yaml": OF_PLUGIN + "<<: {name: x}\n"},
    "a plugin in UTF-16": {"g/p.yaml": OF_PLUGIN.encode("utf-16")},
}


@pytest.mark.parametrize("field", ["generators", "validators"])
@pytest.mark.parametrize("name", UNKNOWN)
def test_plugins_that_cannot_be_known_need_the_sandbox(
    name: str, field: str, tree: Tree, run: Run
) -> None:
    files = {
        "kustomization.yaml": f"resources: [map.yaml]\n{field}: [g]\n",
        "g/kustomization.yaml": "resources: [p.yaml]\n",
        "g/p.yaml": OF_PLUGIN,
        "g/patch.yaml": OF_PLUGIN,
    }
    if field == "generators":
        write(tree.app, files)
        assert run("generate", tree.app, env=tree.env).code == 0
    write(tree.app, {**files, **UNKNOWN[name]})
    env = {**tree.env, "ARGOCD_ENV_APP_REPO": "https://git.example"}

    for each in (tree.env, env):
        result = run("generate", tree.app, env=each)
        refused = (
            "cannot be known beforehand" in result.err or "only kustomize can read" in result.err
        )
        assert refused is (tree.env["AVP_SANDBOX"] == "off"), result.err


@pytest.mark.parametrize("edited", [False, True])
def test_a_kustomization_behind_many_symlinks_is_read(edited: bool, tree: Tree, run: Run) -> None:
    """The kernel follows 40, Go 255."""
    write(tree.app, {"kustomization.yaml": "resources: [in]\n", "in/l0": f"resources: [../{UP}]\n"})
    for number in range(200):
        (tree.app / f"in/l{number + 1}").symlink_to(f"l{number}")
    (tree.app / "in/kustomization.yaml").symlink_to("l200")
    assert "name: map" in kustomize(tree)

    edit = {"ARGOCD_ENV_APP_REPO": "https://git.example"} if edited else {}
    stopped(run, tree._replace(env={**tree.env, **edit}), OUTSIDE.replace(UP, f"../{UP}"))


def test_a_fifo_beside_a_kustomization_is_refused(tree: Tree, run: Run) -> None:
    """Kustomize opens every name that a kustomization may have."""
    write(tree.app, {"kustomization.yaml": "resources: [map.yaml]\n"})
    os.mkfifo(tree.app / "kustomization.yml")
    with pytest.raises(subprocess.TimeoutExpired):
        kustomize(tree, timeout=1)

    stopped(run, tree, "kustomization.yml is neither a file nor a folder")
