"""The plugin files follow Argo CD's rules, and the commands in them are ours."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from avp_py.cli.main import build_parser
from avp_py.cmp import PLUGINS, Plugin
from avp_py.render.helm_arguments import ALLOWED
from avp_py.render.kustomization import FILE_NAMES
from avp_py.settings import TABLE, Program
from tests.conftest import ROOT, Run
from tests.settings import load

each_plugin = pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)


def read(plugin: Plugin) -> Any:
    return yaml.safe_load(plugin.manifest())


def argv(command: Any) -> list[str]:
    return [*command["command"], *command.get("args", [])]


@each_plugin
def test_the_file_is_what_the_command_prints(plugin: Plugin, run: Run) -> None:
    result = run("plugin", plugin.name, env={})

    assert (result.code, result.err) == (0, "")
    assert result.out == (ROOT / plugin.file).read_text()


def test_without_a_name_the_plugins_are_listed(run: Run) -> None:
    lines = run("plugin", env={}).out.splitlines()

    assert [line.split()[0] for line in lines] == ["avp-kustomize", "avp-helm", "avp"]


def test_an_unknown_plugin_is_wrong_usage(run: Run) -> None:
    result = run("plugin", "jsonnet", env={})

    assert (result.code, result.out) == (2, "")
    assert (
        "unknown NAME 'jsonnet'\n   next: choose from avp-kustomize, avp-helm, avp;" in result.err
    )


@each_plugin
def test_argo_cds_rules_hold(plugin: Plugin) -> None:
    config = read(plugin)

    assert config["apiVersion"] == "argoproj.io/v1alpha1"
    assert config["kind"] == "ConfigManagementPlugin"
    assert config["metadata"] == {"name": plugin.name}
    # ValidatePluginConfig and PluginConfigSpec in cmpserver/plugin/config.go, v3.2: what is not
    # named there is ignored, and a version would become part of the plugin's name.
    assert config["spec"].keys() <= {"discover", "generate", "parameters"}
    assert config["spec"]["generate"]["command"]


@each_plugin
def test_commands_are_ours_and_no_shell_reads_them(plugin: Plugin) -> None:
    spec = read(plugin)["spec"]

    for command in (spec["generate"], spec["parameters"]["dynamic"]):
        program, *arguments = argv(command)
        assert program == "avp-py"
        parsed = build_parser(Program.AVP_PY, None).parse_args(arguments)
        assert (parsed.path, parsed.render) == (".", plugin.mode)


@each_plugin
def test_what_the_dynamic_parameters_print_is_what_argo_cd_reads(
    plugin: Plugin, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = run(*argv(read(plugin)["spec"]["parameters"]["dynamic"])[1:], env={})

    assert (result.code, result.err) == (0, "")
    assert all(announcement["name"] for announcement in json.loads(result.out))


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("avp-kustomize", FILE_NAMES),
        ("avp-helm", ("Chart.yaml",)),
        ("avp", ()),
    ],
)
def test_discovery_matches_these_files_and_no_others(name: str, files: tuple[str, ...]) -> None:
    (plugin,) = (each for each in PLUGINS if each.name == name)
    found = set(patterns(read(plugin)["spec"].get("discover", {})))

    # None begins with a folder: the kustomization of a sub-folder is not the Application's.
    assert found == set(files)


def patterns(discover: Any) -> list[str]:
    """The names that a `discover` matches, with braces as in go-zglob."""
    if "fileName" in discover:
        return [discover["fileName"]]
    glob = discover.get("find", {}).get("glob", "")
    return glob.removeprefix("{").removesuffix("}").split(",") if glob else []


PAGE = (ROOT / "docs" / "plugin.md").read_text()
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_page_has_an_application_for_each_plugin() -> None:
    named = [example["spec"]["source"]["plugin"]["name"] for example in EXAMPLES]

    assert named == [plugin.name for plugin in PLUGINS]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["metadata"]["name"])
def test_what_the_applications_of_the_page_set_is_theirs_to_set(example: Any) -> None:
    used = example["spec"]["source"]["plugin"]
    (mode,) = (plugin.mode for plugin in PLUGINS if plugin.name == used["name"])
    env = {f"ARGOCD_ENV_{each['name']}": each["value"] for each in used.get("env", [])}
    parameters = {"ARGOCD_APP_PARAMETERS": json.dumps(used.get("parameters"))}
    named = {each["name"] for key in ("env", "parameters") for each in used.get(key, [])}
    taken = {name for each in TABLE if each.concerns(mode) for name in (each.name, each.parameter)}

    assert load({**env, **parameters})
    assert named <= taken


def test_the_page_lists_every_option_that_helm_may_get() -> None:
    listed = PAGE[PAGE.index("| option | meaning |") :]

    assert [option for option in ALLOWED if f"`{option}`" not in listed] == []
