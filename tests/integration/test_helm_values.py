"""Which options of helm an Application may set."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.render.helm_arguments import ALLOWED
from tests.conftest import Run
from tests.trees import snapshot, write

pytestmark = pytest.mark.both_helms

TEMPLATE: Final = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: facts
data:
  values: {{ .Values | toJson | quote }}
  release: {{ .Release.Name }}
  upgrade: {{ .Release.IsUpgrade | quote }}
  version: {{ .Capabilities.KubeVersion.Version }}
  gadgets: {{ .Capabilities.APIVersions.Has "example.org/v1/Gadget" | quote }}
"""
TREE: Final[Mapping[str, str]] = {
    "repo/.git/HEAD": "",
    "repo/common.yaml": "colour: common\nshade: common\n",
    "repo/chart/Chart.yaml": "{apiVersion: v2, name: shop, version: 1.0.0}\n",
    "repo/chart/values.yaml": "colour: blue\nlist: [1]\n",
    "repo/chart/prod.yaml": "colour: prod\n",
    "repo/chart/env/eu.yaml": "colour: eu\nregion: eu\n",
    "repo/chart/crds/gadgets.yaml": "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\nmetadata:\n  name: gadgets.example.org\n",
    "repo/chart/templates/facts.yaml": TEMPLATE,
    "repo/chart/templates/hook.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hook\n"
    "  annotations: {helm.sh/hook: post-install}\n",
    "repo/chart/templates/tests/check.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: check\n"
    "  annotations: {helm.sh/hook: test}\n",
    "outside.yaml": "colour: canary\n",
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return write(tmp_path, TREE) / "repo/chart"


def parameters(**values: object) -> Mapping[str, str]:
    """ARGOCD_APP_PARAMETERS; `values_files` stands for `values-files`."""
    kinds: Mapping[type, str] = {str: "string", list: "array", dict: "map"}
    entries = [
        {"name": name if name.isupper() else name.replace("_", "-"), kinds[type(value)]: value}
        for name, value in values.items()
    ]
    return {"ARGOCD_APP_PARAMETERS": json.dumps(entries)}


def helm(environ: Mapping[str, str], chart: Path, *arguments: str, release: str = "web") -> str:
    """Return what helm itself prints."""
    argv = [environ["AVP_HELM"], "template", "--include-crds", *arguments, release, "."]
    done = subprocess.run(
        argv, cwd=chart, env={}, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        (parameters(values_files=["prod.yaml"]), ["-f=prod.yaml"]),
        (parameters(values_files=["prod.yaml", "env/eu.yaml"]), ["-f=prod.yaml", "-f=env/eu.yaml"]),
        (parameters(values_files=["../common.yaml"]), ["-f=../common.yaml"]),
        (parameters(HELM_VALUES="colour: inline\n"), ["--set=colour=inline"]),
        (
            parameters(values_files=["prod.yaml"], HELM_VALUES="colour: inline\n"),
            ["-f=prod.yaml", "--set=colour=inline"],
        ),
        (
            parameters(helm_parameters={"a.b": "c", "list[0]": "x,y", "n": "1", "e": ""}),
            ["--set=a.b=c", r"--set=list[0]=x\,y", "--set=n=1", "--set=e="],
        ),
        (
            parameters(helm_parameters={"colour": "last"}, HELM_VALUES="colour: inline\n"),
            ["--set=colour=last"],
        ),
        (
            {"ARGOCD_ENV_HELM_ARGS": "-f prod.yaml -fenv/eu.yaml"},
            ["-f=prod.yaml", "-f=env/eu.yaml"],
        ),
        ({"ARGOCD_ENV_HELM_ARGS": "--values=prod.yaml,env/eu.yaml"}, ["-f=prod.yaml,env/eu.yaml"]),
        ({"ARGOCD_ENV_HELM_ARGS": "--set a=1,b=2"}, ["--set=a=1,b=2"]),
        ({"ARGOCD_ENV_HELM_ARGS": "--set-string 'a=1 2'"}, ["--set-string=a=1 2"]),
        ({"ARGOCD_ENV_HELM_ARGS": """--set-json 'a={"b":[1]}'"""}, ['--set-json=a={"b":[1]}']),
        ({"ARGOCD_ENV_HELM_ARGS": "--set-literal=a=1,b"}, ["--set-literal=a=1,b"]),
        ({"ARGOCD_ENV_HELM_ARGS": "--set a=$HOME`id`"}, ["--set=a=$HOME`id`"]),
        ({"ARGOCD_ENV_HELM_ARGS": "--set a=@/etc/passwd"}, ["--set=a=@/etc/passwd"]),
        ({"ARGOCD_ENV_HELM_ARGS": "--kube-version 1.29.1"}, ["--kube-version=1.29.1"]),
        ({"ARGOCD_ENV_HELM_ARGS": "-a example.org/v1/Gadget"}, ["-a=example.org/v1/Gadget"]),
        ({"ARGOCD_ENV_HELM_ARGS": "--api-versions x/v1"}, ["-a=x/v1"]),
        ({"ARGOCD_ENV_HELM_ARGS": "--no-hooks --is-upgrade"}, ["--no-hooks", "--is-upgrade"]),
        ({"ARGOCD_ENV_HELM_ARGS": "--skip-tests --include-crds"}, ["--skip-tests"]),
        ({"ARGOCD_ENV_HELM_VALUES_FILES": "prod.yaml"}, ["-f=prod.yaml"]),
        ({"ARGOCD_ENV_HELM_PARAMETERS": "colour=red\na=b=c"}, ["--set=colour=red", "--set=a=b=c"]),
    ],
)
def test_output_is_that_of_helm_with_the_same_arguments(
    said: Mapping[str, str],
    arguments: list[str],
    chart: Path,
    environ: Mapping[str, str],
    run: Run,
) -> None:
    before = snapshot(chart.parent)
    expected = helm(environ, chart, *arguments)

    result = run("generate", chart, env={**environ, "ARGOCD_APP_NAME": "web", **said})

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    assert expected != helm(environ, chart) or "crds" in str(said) or "x/v1" in str(said)
    assert snapshot(chart.parent) == before


def test_crds_can_be_left_out(chart: Path, environ: Mapping[str, str], run: Run) -> None:
    result = run("generate", chart, env={**environ, "ARGOCD_ENV_HELM_ARGS": "--skip-crds"})

    assert (result.code, result.err) == (0, "")
    assert "name: facts" in result.out
    assert "gadgets.example.org" not in result.out


@pytest.mark.parametrize(
    "said",
    [
        {"ARGOCD_ENV_HELM_RELEASE_NAME": "other"},
        {"ARGOCD_ENV_HELM_ARGS": "--name-template other"},
        {"ARGOCD_ENV_HELM_ARGS": "--name-template other", "ARGOCD_ENV_HELM_RELEASE_NAME": "other"},
    ],
)
def test_the_release_can_have_a_name_of_its_own(
    said: Mapping[str, str], chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    result = run("generate", chart, env={**environ, "ARGOCD_APP_NAME": "web", **said})

    assert (result.code, result.err) == (0, "")
    assert result.out == helm(environ, chart, release="other")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--post-renderer /bin/sh", "the option --post-renderer,"),
        ("--set-file a=/etc/passwd", "the option --set-file,"),
        ("--set-file=a=canary", "the option --set-file,"),
        ("--validate", "the option --validate,"),
        ("--kubeconfig=x", "the option --kubeconfig,"),
        ("--output-dir /tmp", "the option --output-dir,"),
        ("--dependency-update", "the option --dependency-update,"),
        ("--repo http://canary", "the option --repo,"),
        ("--plugins=x", "the option --plugins,"),
        ("-n other", "the option -n,"),
        ("--val prod.yaml", "the option --val,"),
        ("-xcanary", "the option -x,"),
        ("-- canary", "the option --,"),
        ("canary", "an argument that is not an option,"),
        ("; canary", "an argument that is not an option,"),
        ("--set", "HELM_ARGS: --set has no value"),
        ("--no-hooks=canary", "HELM_ARGS: --no-hooks has no value, or one where none is wanted"),
        ("--set 'canary", "HELM_ARGS has a quote that is not closed"),
        (
            "--name-template '{{ env `PATH` }}'",
            "HELM_ARGS: --name-template is not a valid release name",
        ),
    ],
)
def test_what_is_not_allowed_is_named_and_never_run(
    arguments: str, says: str, chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    env = {**environ, "AVP_HELM": "/bin/false", "ARGOCD_ENV_HELM_ARGS": arguments}

    result = run("generate", chart, env=env)

    assert (result.code, result.out) == (1, "")
    assert says in result.err
    assert "canary" not in result.err


def test_two_names_for_the_release_are_an_error(
    chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    said = {"ARGOCD_ENV_HELM_ARGS": "--name-template a", "ARGOCD_ENV_HELM_RELEASE_NAME": "b"}

    result = run("generate", chart, env={**environ, **said})

    assert (result.code, result.out) == (1, "")
    assert "HELM_RELEASE_NAME and --name-template in HELM_ARGS name the release" in result.err


HOSTILE_FILES: Final = {
    "/etc/hostname": "is not a path relative to the chart's folder",
    "http://127.0.0.1:9/values.yaml": "is not a path relative to the chart's folder",
    "s3://bucket/values.yaml": "is not a path relative to the chart's folder",
    "": "is not a path relative to the chart's folder",
    "../../outside.yaml": "leads out of the repository",
    "../side/link.yaml": "leads out of the repository",
    "../side/folder/outside.yaml": "leads out of the repository",
    "-": "was not found, or is not a regular file",
    "none.yaml": "was not found, or is not a regular file",
    "../side/fifo.yaml": "was not found, or is not a regular file",
    "env": "was not found, or is not a regular file",
    "../side/x,/values.yaml": "has a comma, a quote or a line break in its path",
}


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_a_values_file_is_a_file_of_the_repository(
    name: str, chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    # helm would read the second half of the path as a file of its own.
    side = write(chart.parent / "side", {"x,/values.yaml": "colour: x\n"})
    (side / "link.yaml").symlink_to("../../outside.yaml")
    (side / "folder").symlink_to("../..")
    os.mkfifo(side / "fifo.yaml")

    result = run("generate", chart, env={**environ, **parameters(values_files=[name])})

    assert (result.code, result.out) == (1, "")
    assert HOSTILE_FILES[name] in result.err
    assert "canary" not in result.err


def test_values_files_have_a_size_that_is_allowed(
    chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    write(chart.parent, {"big.yaml": "# " + "x" * 2_000_000})
    env = {**environ, "AVP_MAX_INPUT": "1Mi", **parameters(values_files=["../big.yaml"])}

    result = run("generate", chart, env=env)

    assert (result.code, result.out) == (1, "")
    assert "the values files are larger than AVP_MAX_INPUT (1048576 bytes)" in result.err


def test_a_values_file_may_be_a_symlink_within_the_repository(
    chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    (chart / "link.yaml").symlink_to("../common.yaml")

    result = run("generate", chart, env={**environ, **parameters(values_files=["link.yaml"])})

    assert (result.code, result.err) == (0, "")
    assert "shade" in result.out


@pytest.mark.parametrize(
    ("source_path", "code"),
    [
        ("chart", 0),
        ("./chart/", 0),
        ("repo/chart/../chart", 1),
        (".", 1),
        ("other", 1),
        ("../repo/chart", 1),
    ],
)
def test_in_a_sidecar_argo_cd_says_where_the_repository_begins(
    source_path: str, code: int, chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    # With it, git would find another root than Argo CD names.
    shutil.rmtree(chart.parent / ".git")
    said = {"ARGOCD_APP_SOURCE_PATH": source_path, **parameters(values_files=["../common.yaml"])}

    assert run("generate", chart, env={**environ, **said}).code == code


def test_values_that_are_no_yaml_are_an_error_that_names_the_setting(
    chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    result = run("generate", chart, env={**environ, "ARGOCD_ENV_HELM_VALUES": "a: ["})

    assert (result.code, result.out) == (1, "")
    assert "failed to parse HELM_VALUES" in result.err
    assert "/avp-" not in result.err


def test_placeholders_in_values_are_filled(
    chart: Path, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    write(chart, {"templates/s.yaml": "kind: Secret\nstringData: {a: '{{ .Values.password }}'}\n"})
    # It shows all values in JSON, where a placeholder is escaped and nothing fills it.
    (chart / "templates/facts.yaml").unlink()
    secrets = write(tmp_path, {"s.yaml": "kv/data/web: {password: from-the-backend}\n"}) / "s.yaml"
    said = {"ARGOCD_ENV_HELM_VALUES": "password: <path:kv/data/web#password>\n"}

    result = run(
        "generate", chart, env={**environ, "AVP_TYPE": "file", "AVP_FILE": str(secrets), **said}
    )

    assert (result.code, result.err) == (0, "")
    assert "from-the-backend" in result.out


def test_every_option_that_is_allowed_is_one_of_helms(environ: Mapping[str, str]) -> None:
    usage = subprocess.run(
        [environ["AVP_HELM"], "template", "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert [option for option in ALLOWED if f" {option} " not in f"{usage} "] == []
