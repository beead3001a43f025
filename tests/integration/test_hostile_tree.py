"""A hostile repository with real kustomize, helm and git: it reads and runs nothing outside.

Each attack is tried with the program alone first, where it succeeds; if something other than
this project stops it there, the test says what.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from avp_py.render.kustomization import find_roots
from avp_py.render.repository import Repository
from tests.conftest import HELM, Run
from tests.integration.charts import host_of, serve_chart
from tests.integration.hostile import (
    MAP,
    TOKEN,
    Tree,
    has_run,
    helm,
    kustomize,
    make_tree,
    program,
    refused,
)
from tests.processes import AVP
from tests.trees import write


@pytest.fixture
def tree(tmp_path: Path, environ: Mapping[str, str]) -> Tree:
    """A hostile repository."""
    return make_tree(tmp_path, environ)


UNRESTRICTED: Final = "--load-restrictor=LoadRestrictionsNone"
LINKS: Final = {
    "to a file": ("stolen", "{token}"),
    "to a file, relative": ("stolen", "../../../../../token"),
    "through /proc": ("stolen", "/proc/self/root{token}"),
    "to a folder": ("d", "{folder}"),
    "a template": ("templates/b.yaml", "{token}"),
    "the values": ("values.yaml", "{token}"),
}
"""A symlink in a chart, and where it leads."""


def link_out(tree: Tree, attack: str) -> str:
    """Put a symlink into the chart, and return the message that names it."""
    name, target = LINKS[attack]
    stolen = f"{MAP}data: {{x: {TOKEN}}}\nstolen: {TOKEN}\n"
    write(tree.token.parent, {"token": stolen, "other/map.yaml": stolen})
    link = tree.app / "charts/c" / name
    link.unlink(missing_ok=True)
    link.symlink_to(target.format(token=tree.token, folder=tree.token.parent / "other"))
    return f"{name} in the chart is a symlink that leads out of the repository"


@pytest.mark.both_helms
@pytest.mark.parametrize("attack", LINKS)
def test_a_symlink_in_a_chart_of_a_kustomization_does_not_lead_out(
    attack: str, tree: Tree, run: Run
) -> None:
    says = link_out(tree, attack)
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})
    if attack == "the values":
        # kustomize reads these itself, and no file outside of its folder.
        says = "values.yaml' is not in or below"
        assert says in kustomize(tree)
    else:
        assert TOKEN in kustomize(tree)

    refused(run, tree, says)


@pytest.mark.both_helms
@pytest.mark.parametrize("attack", LINKS)
def test_a_symlink_in_a_chart_does_not_lead_out(attack: str, tree: Tree, run: Run) -> None:
    says = link_out(tree, attack)
    env = {**tree.env, "ARGOCD_APP_SOURCE_PATH": "apps/web/charts/c"}
    chart = tree._replace(app=tree.app / "charts/c", env=env)
    assert TOKEN in helm(chart)

    refused(run, chart, says)


@pytest.mark.both_helms
def test_the_name_of_a_symlink_in_a_chart_forges_no_line(tree: Tree, run: Run) -> None:
    (tree.app / "charts/c/a\navp-py: all is well\x1b[2J").symlink_to(tree.token)
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})

    result = run("generate", tree.app, env=tree.env)

    assert "'a\\navp-py: all is well\\x1b[2J' in the chart is a symlink" in result.err
    assert "\x1b" not in result.err


@pytest.mark.both_helms
@pytest.mark.parametrize("where", ["a base", "a generator", "a generator in a base", "a link"])
def test_a_symlink_in_an_indirect_chart_does_not_lead_out(where: str, tree: Tree, run: Run) -> None:
    generator = "{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: x}, "
    files = {
        "a base": {
            "kustomization.yaml": "resources: [../base]\n",
            "../base/kustomization.yaml": "helmCharts: [{name: c}]\n",
        },
        "a generator": {
            "kustomization.yaml": f"generators:\n- |-\n  {generator} name: c}}\n",
        },
        "a generator in a base": {
            "kustomization.yaml": "generators: [../base]\n",
            "../base/kustomization.yaml": "resources: [g.yaml]\npatches: [{target: {kind: "
            'HelmChartInflationGenerator}, patch: \'[{"op": "replace", "path": "/name", '
            '"value": "c"}]\'}]\n',
            "../base/g.yaml": f"{generator} name: x, chartHome: ../web/charts}}\n",
        },
        "a link": {
            "kustomization.yaml": "helmCharts: [{name: d}]\nhelmGlobals: {chartHome: vendor}\n",
        },
    }  # fmt: skip
    write(tree.app, files[where])
    (tree.app / "charts/c/stolen").symlink_to(tree.token)
    if where == "a base":
        (tree.app / "charts").rename(tree.app.parent / "base/charts")
    if where == "a link":
        (tree.app / "vendor").mkdir()
        (tree.app / "vendor/d").symlink_to("../charts/c")
    assert TOKEN in kustomize(tree)

    refused(run, tree, "stolen in the chart is a symlink that leads out of the repository")


@pytest.mark.both_helms
def test_a_symlink_that_stays_in_the_repository_is_followed(tree: Tree, run: Run) -> None:
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n", "../../shared/s": "ours"})
    (tree.app / "charts/c/stolen").symlink_to("../../../../shared/s")

    result = run("generate", tree.app, env=tree.env)

    assert (result.code, result.err) == (0, "")
    assert "x: ours\n" in result.out


@pytest.mark.both_helms
def test_a_chart_file_counts_as_often_as_symlinks_lead_to_it(tree: Tree, run: Run) -> None:
    """Ten directories, each with two symlinks to the next: helm reads the last one 512 times."""
    chart = tree.app / "charts/c"
    env = {**tree.env, "ARGOCD_APP_SOURCE_PATH": "apps/web/charts/c"}
    for number in range(10):
        write(chart, {f"d{number}/file": "x" * 100})
        for name in ("a", "b") if number < 9 else ():
            (chart / f"d{number}" / name).symlink_to(f"../d{number + 1}")
    assert run("generate", chart, env=env).code == 0

    for setting, value in (("AVP_MAX_FILES", "1000"), ("AVP_MAX_INPUT", "100000")):
        refused(run, tree._replace(app=chart, env={**env, setting: value}), setting)

    (chart / "d9/circle").symlink_to("../d8")
    refused(run, tree._replace(app=chart, env=env), "a symlink that leads in a circle")


@pytest.mark.parametrize("source_path", ["s/web", "../repo/apps/web", "elsewhere"])
def test_an_application_cannot_widen_the_root_by_its_path(
    source_path: str, tree: Tree, run: Run
) -> None:
    # Argo CD derives the folder from that path.
    chart = tree.app / "charts/c"
    env = {**tree.env, "ARGOCD_APP_SOURCE_PATH": "apps/web/charts/c"}
    assert run("generate", chart, env=env).code == 0

    env["ARGOCD_APP_SOURCE_PATH"] = source_path
    says = f"not the one that ARGOCD_APP_SOURCE_PATH names: {source_path!r}"
    refused(run, tree._replace(app=chart, env=env), says)


def test_the_folder_itself_is_the_root_where_argo_cd_says_so(tree: Tree, run: Run) -> None:
    (tree.app / "charts/c/stolen").symlink_to(tree.token)
    env = {**tree.env, "ARGOCD_APP_SOURCE_PATH": "."}
    chart = tree._replace(app=tree.app / "charts/c", env=env)
    assert TOKEN in helm(chart)

    refused(run, chart, "stolen in the chart is a symlink that leads out of the repository")


CHARTS: Final = {
    "a folder above": (
        "helmGlobals: {{chartHome: ../../../}}\nhelmCharts: [{{name: outside}}]\n",
        "'../../../', which a kustomization names,",
    ),
    "an absolute folder": (
        "helmGlobals: {{chartHome: '{top}'}}\nhelmCharts: [{{name: outside}}]\n",
        "'{top}', which a kustomization names,",
    ),
    "a name that climbs": (
        "helmCharts: [{{name: ../../../../outside}}]\n",
        "the chart '../../../../outside'",
    ),
    "base64": (
        "helmGlobals: {{chartHome: !!binary Li4vLi4vLi4v}}\nhelmCharts: [{{name: outside}}]\n",
        "'../../../', which a kustomization names,",
    ),
}
"""A kustomization, and what the message says is outside of the repository."""


@pytest.mark.both_helms
@pytest.mark.parametrize("attack", CHARTS)
def test_a_chart_outside_of_the_repository_is_not_rendered(
    attack: str, tree: Tree, run: Run
) -> None:
    top = tree.token.parent
    (tree.app / "charts/c").rename(top / "outside")
    text, what = (each.format(top=top) for each in CHARTS[attack])
    write(tree.app, {"kustomization.yaml": text})
    # kustomize restricts the values of the chart itself, unless a flag turns that off.
    assert "values.yaml' is not in or below" in kustomize(tree)
    assert "name: stolen" in kustomize(tree, UNRESTRICTED)

    refused(run, tree, f"{what} is outside of the repository")


VALUES: Final = ["{token}", "../../../token", "charts/../../../../token", "link"]


@pytest.mark.both_helms
@pytest.mark.parametrize("field", ["valuesFile", "additionalValuesFiles"])
@pytest.mark.parametrize("path", VALUES)
def test_values_are_not_read_from_outside(path: str, field: str, tree: Tree, run: Run) -> None:
    write(tree.token.parent, {"token": f"stolen: {TOKEN}\n"})
    (tree.app / "link").symlink_to(tree.token)
    value = json.dumps(path.format(token=tree.token))
    listed = f"[{value}]" if field.startswith("add") else value
    write(tree.app, {"kustomization.yaml": f"helmCharts: [{{name: c, {field}: {listed}}}]\n"})
    # kustomize restricts these itself, unless a flag turns that off.
    assert "is not in or below" in kustomize(tree)
    # Each further file is looked up below the folder, even by an absolute path.
    is_relative = field == "valuesFile" or not path.startswith("{")
    shown = TOKEN if is_relative else "no such file or directory"
    assert shown in kustomize(tree, UNRESTRICTED)

    says = f"{path.format(token=tree.token)!r}, which a kustomization names, is outside"
    refused(run, tree, says)


OPTIONS: Final = {
    "a file": ("--set-file=stolen={token}", TOKEN, TOKEN),
    "values": ("--values={token}", TOKEN, TOKEN),
    "a program": ("--post-renderer=./evil", "", "plugin: {Name:./evil Type:postrenderer/v1} not"),
    "a shell that reads the manifests": ("--post-renderer=/bin/sh", "", "postrenderer/v1} not"),
    "a plugin": ("--post-renderer=evil", "unable to find binary at evil", ""),
    "a cluster": ("--validate", "Kubernetes cluster unreachable", "cluster reachability check"),
    "a short option": ("-f{token}", TOKEN, TOKEN),
}
"""The name of a release, and what kustomize alone prints with Helm 3 and with Helm 4; where that is
nothing, a program runs."""

PLUGINS: Final = {
    "postrenderer/v1": "runtimeConfig: {platformCommand: [{command: $HELM_PLUGIN_DIR/run}]}\n",
    "getter/v1": "config: {protocols: [evil]}\nruntimeConfig:\n  protocolCommands:\n"
    "  - {protocols: [evil], platformCommand: [{command: run}]}\n",
}
"""The end of a plugin.yaml of Helm 4, by the type of the plugin."""


def write_plugin(tree: Tree, kind: str) -> None:
    """Write a plugin of Helm 4 where a kustomization with `configHome: cfg` makes helm look."""
    begin = f"apiVersion: v1\nname: evil\nversion: 0.1.0\nruntime: subprocess\ntype: {kind}\n"
    folder = tree.app / "cfg/.data/plugins/evil"
    write(folder, {"plugin.yaml": begin + PLUGINS[kind]})
    program(folder / "run", tree.ran)


@pytest.mark.both_helms
@pytest.mark.parametrize("attack", OPTIONS)
@pytest.mark.parametrize("generated", [False, True])
def test_a_name_in_a_kustomization_is_no_option_of_helm(
    generated: bool, attack: str, tree: Tree, run: Run, helm_name: str
) -> None:
    program(tree.app / "evil", tree.ran)
    write_plugin(tree, "postrenderer/v1")
    write(tree.token.parent, {"token": f"stolen: {TOKEN}\n"})
    write(tree.app, {"charts/c/templates/b.yaml": f"{MAP}data:\n  a: $(echo ran >{tree.ran})\n"})
    option, *by_version = OPTIONS[attack]
    printed = by_version[helm_name == HELM]
    release = json.dumps(option.format(token=tree.token))
    if generated:
        text = (
            "generators:\n- |-\n  {apiVersion: builtin, kind: HelmChartInflationGenerator, "
            f"metadata: {{name: x}}, name: c, releaseName: {release}, configHome: cfg}}\n"
        )
    else:
        chart = f"{{name: c, releaseName: {release}}}"
        text = f"helmGlobals: {{configHome: cfg}}\nhelmCharts: [{chart}]\n"
    write(tree.app, {"kustomization.yaml": text})
    assert printed in kustomize(tree)
    assert has_run(tree) is (not printed)

    refused(run, tree, "a name, release or version in helmCharts begins with a dash")


@pytest.mark.both_helms
@pytest.mark.parametrize(
    "call",
    [
        'env "HTTPS_PROXY" | b32enc | b32dec',
        "env `HTTPS_PROXY`",
        '"$HTTPS_PROXY" | expandenv',
        'getHostByName "localhost" | replace ":" "-" | printf "proxy%s"',
        '"}}" | len }}{{ env "HTTPS_PROXY"',
        "`a` }}{{/* {{ */ -}}{{- env `HTTPS_PROXY`",
    ],
)
def test_a_template_of_a_name_shows_no_environment(call: str, tree: Tree, run: Run) -> None:
    template = json.dumps("{{ " + call + ' | lower | trimAll "=" | trunc 53 }}')
    write(
        tree.app,
        {
            "kustomization.yaml": f"helmCharts: [{{name: c, nameTemplate: {template}}}]\n",
            "charts/c/templates/a.yaml": f"{MAP}data: {{x: '{{{{ .Release.Name }}}}'}}\n",
        },
    )
    assert "proxy" in kustomize(tree, env={"HTTPS_PROXY": "proxy"})

    refused(run, tree, "the nameTemplate of a chart holds env, expandenv or getHostByName")


@pytest.mark.both_helms
@pytest.mark.parametrize(
    "template",
    ['{{ "Web" | lower }}', 'env-{{ "Web" | lower }}-env', '{{ "an-environment" }}', "env"],
)
def test_a_harmless_template_of_a_name_is_accepted(template: str, tree: Tree, run: Run) -> None:
    template = json.dumps(template)
    write(
        tree.app,
        {"kustomization.yaml": f"helmCharts: [{{name: c, nameTemplate: {template}}}]\n"},
    )

    assert run("generate", tree.app, env=tree.env).code == 0


@pytest.mark.both_helms
@pytest.mark.parametrize(
    ("name", "printed"),
    [("--destination=/", "requires at least 1 argument"), ("-c", "unknown shorthand flag: 'c'")],
)
def test_the_name_of_a_chart_to_pull_is_not_an_option_of_helm(
    name: str, printed: str, tree: Tree, run: Run
) -> None:
    chart = f"helmCharts: [{{name: '{name}', repo: 'http://127.0.0.1:9'}}]\n"
    write(tree.app, {"kustomization.yaml": chart})
    assert printed in kustomize(tree)

    refused(run, tree, "a name, release or version in helmCharts begins with a dash")


@pytest.mark.both_helms
@pytest.mark.parametrize("name", ["a/b", "./d", "a/../../d"])
def test_the_name_of_a_chart_to_pull_is_no_path(name: str, tree: Tree, run: Run) -> None:
    chart = (
        "{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: x}, name: x, "
        "repo: 'http://127.0.0.1:9'}\n"
    )
    patch = json.dumps([{"op": "replace", "path": "/name", "value": name}])
    write(
        tree.app,
        {
            "kustomization.yaml": "generators: [g]\n",
            "g/kustomization.yaml": "resources: [g.yaml]\npatches:\n- target: {kind: "
            f"HelmChartInflationGenerator}}\n  patch: '{patch}'\n",
            "g/g.yaml": chart,
        },
    )

    assert f" --repo http://127.0.0.1:9 {name}'" in kustomize(tree)

    refused(run, tree, "the name of a chart to pull is a path")


@pytest.mark.both_helms
def test_a_plugin_of_helm_in_the_tree_is_never_run(tree: Tree, run: Run) -> None:
    write(
        tree.app,
        {
            "kustomization.yaml": "helmGlobals: {configHome: cfg}\n"
            "helmCharts: [{name: d, repo: 'evil://x'}]\n",
            "cfg/.data/plugins/evil/plugin.yaml": "name: evil\nversion: 0.1.0\n"
            "command: $HELM_PLUGIN_DIR/run\ndownloaders: [{command: run, protocols: [evil]}]\n",
        },
    )
    program(tree.app / "cfg/.data/plugins/evil/run", tree.ran)
    kustomize(tree)
    assert has_run(tree)

    refused(run, tree, "the URL 'evil://x' has an unknown scheme")


def test_a_plugin_of_helm_4_in_the_tree_is_never_run(tree: Tree, run: Run) -> None:
    chart = "helmGlobals: {configHome: cfg}\nhelmCharts: [{name: d, repo: 'evil://x'}]\n"
    write(tree.app, {"kustomization.yaml": chart})
    write_plugin(tree, "getter/v1")
    kustomize(tree)
    assert has_run(tree)

    refused(run, tree, "the URL 'evil://x' has an unknown scheme")


KRM: Final = {
    "exec": "{exec: {path: ./evil}}",
    "container": "{container: {image: evil, network: true}}",
    "starlark": "{starlark: {path: evil.star, name: x}}",
}


@pytest.mark.parametrize("field", ["generators", "transformers", "validators"])
@pytest.mark.parametrize("function", KRM)
def test_functions_and_plugins_of_kustomize_are_never_run(
    function: str, field: str, tree: Tree, run: Run
) -> None:
    program(tree.app / "evil", tree.ran)
    config = (
        "apiVersion: x/v1\nkind: Evil\nmetadata:\n  name: x\n  annotations:\n"
        f"    config.kubernetes.io/function: '{KRM[function]}'\n"
    )
    text = f"resources: [map.yaml]\n{field}: [f.yaml]\n"
    write(tree.app, {"kustomization.yaml": text, "f.yaml": config})
    kustomize(tree, "--enable-alpha-plugins", "--enable-exec")
    # The others need Docker, or a build of kustomize with Starlark.
    assert has_run(tree) is (function == "exec")

    refused(run, tree, "external plugins disabled; unable to load external plugin 'Evil'")


@pytest.mark.parametrize("field", ["generators", "transformers"])
def test_legacy_plugins_of_kustomize_are_never_run(field: str, tree: Tree, run: Run) -> None:
    program(tree.app / "kustomize/plugin/x/v1/evil/Evil", tree.ran)
    write(
        tree.app,
        {
            "kustomization.yaml": f"resources: [map.yaml]\n{field}: [f.yaml]\n",
            "f.yaml": "apiVersion: x/v1\nkind: Evil\nmetadata: {name: x}\n",
        },
    )
    home = {"KUSTOMIZE_PLUGIN_HOME": str(tree.app / "kustomize/plugin")}
    kustomize(tree, "--enable-alpha-plugins", env=home)
    assert has_run(tree)

    says = "external plugins disabled; unable to load external plugin 'Evil'"
    refused(run, tree._replace(env={**tree.env, **home}), says)


FILES: Final = {
    "resources": "resources: ['{path}']\n",
    "files": "configMapGenerator: [{{name: x, files: ['{path}']}}]\n",
    "files with a key": "configMapGenerator: [{{name: x, files: ['k={path}']}}]\n",
    "envs": "secretGenerator: [{{name: x, envs: ['{path}']}}]\n",
    "patches": "resources: [map.yaml]\npatches: [{{path: '{path}'}}]\n",
    "crds": "resources: [map.yaml]\ncrds: ['{path}']\n",
    "openapi": "resources: [map.yaml]\nopenapi: {{path: '{path}'}}\n",
    "replacements": "resources: [map.yaml]\nreplacements: [{{path: '{path}'}}]\n",
    "configurations": "resources: [map.yaml]\nconfigurations: ['{path}']\n",
}


@pytest.mark.parametrize("path", ["{token}", "../../../token", "link"])
@pytest.mark.parametrize("field", FILES)
def test_no_field_of_a_kustomization_reads_a_file_outside(
    field: str, path: str, tree: Tree, run: Run
) -> None:
    (tree.app / "link").symlink_to(tree.token)
    path = path.format(token=tree.token)
    write(tree.app, {"kustomization.yaml": FILES[field].format(path=path)})
    # kustomize restricts these itself, unless a flag turns that off.
    refusal = "is not in or below"
    assert refusal in kustomize(tree)
    assert refusal not in kustomize(tree, UNRESTRICTED)

    refused(run, tree, f"{path!r}, which a kustomization names, is outside of the repository")


@pytest.mark.parametrize(
    "base", ["../../../other", "link", "*alias", "!!binary Li4vLi4vLi4vb3RoZXI="]
)
def test_a_base_outside_of_the_repository_is_not_rendered(base: str, tree: Tree, run: Run) -> None:
    (tree.app / "link").symlink_to(tree.token.parent / "other")
    head = "namePrefix: &alias ../../../other\n" if base == "*alias" else ""
    write(tree.app, {"kustomization.yaml": f"{head}resources: [{base}]\n"})
    assert "kind: ConfigMap" in kustomize(tree)

    name = "link" if base == "link" else "../../../other"
    refused(run, tree, f"{name!r}, which a kustomization names, is outside of the repository")


def git_repository(folder: Path) -> None:
    write(folder, {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP})
    git = shutil.which("git") or "git"
    identity = ["-c", "user.name=a", "-c", "user.email=a@example"]
    for argv in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "a"]):
        subprocess.run([git, *argv], cwd=folder, check=True, env={"PATH": os.environ["PATH"]})


@pytest.mark.parametrize("prefix", ["file://", "git::file://", "FILE://"])
@pytest.mark.parametrize("query", ["", "?ref=--upload-pack%3Dtouch%20{ran}%3Bgit-upload-pack"])
@pytest.mark.parametrize("component", ["", "spelt in another way"])
def test_git_neither_reads_this_machine_nor_runs_a_program(
    component: str, query: str, prefix: str, tree: Tree, run: Run
) -> None:
    repository = tree.token.parent / "git"
    git_repository(repository)
    base = f"{prefix}{repository}{query.format(ran=tree.ran)}"
    write(tree.app, {"kustomization.yaml": f"resources: ['{base}']\n"})
    if query:
        kustomize(tree)
        assert has_run(tree)
    else:
        assert "name: map" in kustomize(tree)
    if component:
        spelt = base.replace("f", r"\x66", 1).replace("F", r"\x46", 1)
        component = f'kind: Component\nresources: ["{spelt}"]\n'
        text = "resources: [map.yaml]\ncomponents: [c]\n"
        write(tree.app, {"kustomization.yaml": text, "c/kustomization.yaml": component})

    refused(run, tree, "a git repository of this machine")


@pytest.mark.both_helms
def test_a_fifo_is_refused_and_nothing_waits_for_it(tree: Tree, run: Run) -> None:
    chart = tree.app / "charts/c"
    os.mkfifo(chart / "templates/f")
    env = {**tree.env, "ARGOCD_APP_SOURCE_PATH": "apps/web/charts/c"}
    says = "templates/f in the chart is neither a file nor a directory"
    # helm refuses it too, and kustomize waits for it.
    assert "cannot load irregular file" in helm(tree._replace(app=chart))
    refused(run, tree._replace(app=chart, env=env), says)
    os.mkfifo(tree.app / "fifo")
    write(tree.app, {"kustomization.yaml": "resources: [map.yaml, fifo]\n"})
    with pytest.raises(subprocess.TimeoutExpired):
        kustomize(tree, timeout=1)
    refused(run, tree, "fifo is neither a file nor a folder")
    (tree.app / "kustomization.yaml").unlink()
    os.mkfifo(tree.app / "kustomization.yaml")
    refused(run, tree, "kustomization.yaml is not a regular file")


NUL: Final = {
    "a base": 'resources: ["a\\0b"]\n',
    "a file": 'configMapGenerator: [{name: x, files: ["a\\0b"]}]\n',
    "values": 'helmCharts: [{name: c, valuesFile: "a\\0b"}]\n',
    "a chart's home": 'helmGlobals: {chartHome: "a\\0b"}\nhelmCharts: [{name: c}]\n',
}


@pytest.mark.parametrize("name", NUL)
def test_a_path_with_a_nul_is_refused(name: str, tree: Tree, run: Run) -> None:
    write(tree.app, {"kustomization.yaml": NUL[name]})

    refused(run, tree, "'a\\x00b', which a kustomization names, is outside of the repository")


def test_what_is_beside_the_repository_is_not_laid_out_for_helm(tree: Tree) -> None:
    """It would take time and inodes that AVP_MAX_FILES does not count."""
    home = os.path.relpath(tree.token.parent / "other", tree.app)
    # Not a field of kustomize, so that nothing else refuses it.
    text = f"resources: [map.yaml]\ncommonAnnotations: {{helmCharts: x, chartHome: {home}}}\n"
    write(tree.app, {"kustomization.yaml": text})

    for is_known in (True, False):
        root = tree.app.parents[1] if is_known else tree.app
        roots = find_roots(tree.app, Repository(root, is_known))
        assert (tree.token.parent / "other" in roots.chart_dirs) is not is_known


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/proc/kmsg", "/dev/stdin"])
def test_devices_are_not_read(device: str, tree: Tree, run: Run) -> None:
    """Helm alone refuses the first two; only a run could read the others, and it does not."""
    (tree.app / "d.yaml").symlink_to(device)
    (tree.app / "charts/c/stolen").symlink_to(device)
    write(tree.app, {"kustomization.yaml": "resources: [d.yaml]\n"})
    refused(run, tree, "'d.yaml', which a kustomization names, is outside of the repository")
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})
    if device in ("/dev/zero", "/dev/full"):
        assert "cannot load irregular file" in kustomize(tree)
    refused(run, tree, "stolen in the chart is a symlink that leads out of the repository")
    (tree.app / "kustomization.yaml").unlink()
    refused(run, tree, "d.yaml is a symlink that leads out of the folder")


class Api(NamedTuple):
    """A stand-in for the Kubernetes API, and its requests."""

    port: int
    asked: list[str]


@pytest.fixture
def api() -> Iterator[Api]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Api(server.server_port, asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.both_helms
@pytest.mark.parametrize("mode", ["helm", "kustomize"])
def test_a_chart_with_lookup_meets_no_cluster(mode: str, tree: Tree, run: Run, api: Api) -> None:
    config = json.dumps(
        {
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{api.port}"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        }
    )  # fmt: skip
    chart = tree.app / "charts/c"
    lookup = '{{ (lookup "v1" "Secret" "kube-system" "").items | default "none" | toJson | quote }}'
    template = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {{x: {lookup}}}\n"
    write(chart, {"templates/a.yaml": template})
    write(tree.token.parent, {"home/.kube/config": config})
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n", ".kube/config": config})
    env = {
        **tree.env,
        "HOME": str(tree.token.parent / "home"),
        "KUBECONFIG": str(tree.token.parent / "home/.kube/config"),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(api.port),
        "HELM_KUBEAPISERVER": f"http://127.0.0.1:{api.port}",
    }

    alone = {"KUBECONFIG": env["KUBECONFIG"]}
    helm(tree._replace(app=chart), "--dry-run=server", env=alone)
    assert api.asked
    api.asked.clear()

    source = "apps/web/charts/c" if mode == "helm" else "apps/web"
    folder = chart if mode == "helm" else tree.app
    result = run("generate", folder, env={**env, "ARGOCD_APP_SOURCE_PATH": source})

    assert (result.code, result.err) == (0, "")
    assert "none" in result.out
    assert api.asked == []


REMOTES: Final = {
    "a base": "resources: ['http://127.0.0.1:{port}/team/base?ref=v1']\n",
    "a base by ssh": "resources: ['git@127.0.0.1:team/base']\n",
    "a base at github": "resources: [github.com/team/base]\n",
    "a file": "resources: ['http://127.0.0.1:{port}/all.yaml']\n",
    "a component": "resources: [map.yaml]\ncomponents: ['https://127.0.0.1:{port}/team/base']\n",
    "a patch": "resources: [map.yaml]\npatches: [{{path: 'http://127.0.0.1:{port}/p.yaml'}}]\n",
    "a file of a generator": "configMapGenerator: [{{name: x, files: "
    "['http://127.0.0.1:{port}/x']}}]\n",
    "a chart": "helmCharts: [{{name: remote, version: 1.2.3, repo: 'http://127.0.0.1:{port}'}}]\n",
    "a chart of a registry": "helmCharts: [{{name: x, repo: 'oci://127.0.0.1:{port}/c'}}]\n",
    "in a base": "resources: [../base]\n",
}
NAMED: Final = {
    "a base": "git repository http://127.0.0.1:{port}/team/base at v1",
    "a base by ssh": "git repository git@127.0.0.1:team/base",
    "a base at github": "git repository https://github.com/team/base",
    "a file": "file http://127.0.0.1:{port}/all.yaml",
    "a component": "git repository https://127.0.0.1:{port}/team/base",
    "a patch": "file http://127.0.0.1:{port}/p.yaml",
    "a file of a generator": "file http://127.0.0.1:{port}/x",
    "a chart": "chart remote 1.2.3 from http://127.0.0.1:{port}",
    "a chart of a registry": "chart x from oci://127.0.0.1:{port}/c",
    "in a base": "file http://127.0.0.1:{port}/all.yaml",
}
"""What the message names."""

ELSEWHERE: Final = ("a base by ssh", "a base at github", "a component", "a chart of a registry")
"""What is fetched by another protocol than that of the server here."""


@pytest.mark.parametrize("attack", REMOTES)
def test_nothing_remote_is_fetched_where_the_operator_forbids_it(
    attack: str, tree: Tree, run: Run, api: Api
) -> None:
    text = REMOTES[attack].format(port=api.port)
    write(tree.app, {"kustomization.yaml": text})
    write(tree.app, {"../base/kustomization.yaml": REMOTES["a file"].format(port=api.port)})
    if attack not in ELSEWHERE:
        kustomize(tree)
        assert api.asked
        api.asked.clear()
    env = {**tree.env, "AVP_RENDER_NETWORK": "false"}

    says = f"the {NAMED[attack]} cannot be fetched: nothing remote may be fetched"
    refused(run, tree._replace(env=env), says.format(port=api.port), "AVP_RENDER_NETWORK")
    assert api.asked == []


def test_a_chart_that_only_a_generator_names_is_not_pulled_either(
    tree: Tree, run: Run, tmp_path: Path, tools: Mapping[str, Path]
) -> None:
    generator = (
        "generators:\n- |-\n  {{apiVersion: builtin, kind: HelmChartInflationGenerator, "
        "metadata: {{name: x}}, name: remote, version: 1.2.3, repo: '{url}'}}\n"
    )
    with serve_chart(tmp_path / "charts", tools[HELM]) as (url, asked):
        write(tree.app, {"kustomization.yaml": generator.format(url=url)})
        env = {**tree.env, "AVP_RENDER_HOSTS": host_of(url)}
        assert run("generate", tree.app, env=env).code == 0
        assert asked
        asked.clear()
        env |= {"AVP_RENDER_NETWORK": "false"}
        says = f"the chart remote 1.2.3 from {url} cannot be fetched: nothing remote may be fetched"
        refused(run, tree._replace(env=env), says)
        assert asked == []


def test_what_only_names_an_address_is_no_remote(tree: Tree, run: Run) -> None:
    write(
        tree.app,
        {
            "kustomization.yaml": "resources: [map.yaml]\n"
            "commonAnnotations: {home: 'https://git.example/team/web'}\n"
            "configMapGenerator: [{name: x, literals: ['https://a=b'], options: "
            "{annotations: {a: 'https://x'}}}]\n"
            "helmCharts: [{name: c, valuesInline: {url: 'https://x'}}]\n",
        },
    )

    result = run("generate", tree.app, env={**tree.env, "AVP_RENDER_NETWORK": "false"})

    assert (result.code, result.err) == (0, "")


def test_nothing_of_the_tree_is_imported_or_run(tree: Tree) -> None:
    modules = ("avp_py", "sitecustomize", "usercustomize", "yaml", "jinja2", "hvac", "helm_guard")
    code = f"open({str(tree.ran)!r}, 'w').write('ran')\n"
    write(tree.app, {f"{name}.py": code for name in (*modules, "os", "stat", "encodings")})
    for name in ("kustomize", "helm", "git", "kubectl", "python3", "sh"):
        program(tree.app / name, tree.ran)
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})
    script = Path(AVP[0]).parent / "avp-py"
    path = f".::{tree.app.name}:bin:{os.environ['PATH']}"
    env = {**tree.env, "PATH": path, "ARGOCD_ENV_APP_REPO": "https://git.example"}
    env |= {"AVP_TYPE": "file", "AVP_FILE": str(tree.token)}

    for argv in ([str(script)], [AVP[0], "-I", "-m", "avp_py"]):
        done = subprocess.run(
            [*argv, "generate", "."],
            cwd=tree.app, env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert not tree.ran.exists()
