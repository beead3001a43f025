"""The pages: their blocks of commands, run as they are (tests/pages.py)."""

import base64
import json
import re
import shlex
import shutil
import socket
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cmp.application import documents, identity, secret
from tests.compat.generator import make_case
from tests.conftest import HELM, ROOT, Run
from tests.e2e import test_ecosystem_page
from tests.integration import test_admission_values, test_installation_page
from tests.integration.cluster import Cluster
from tests.integration.conftest import StartCmpServer
from tests.integration.vault import Vault
from tests.pages import (
    COMMANDS,
    LANGUAGES,
    NOT_RUN,
    PAGES,
    Block,
    Terminal,
    blocks,
    claims,
    outside_blocks,
    terminal,
)
from tests.trees import write

__all__ = ["terminal"]

pytestmark = pytest.mark.usefixtures("any_machine")

GET: Final = (
    *("get", "applications.argoproj.io", "web"),
    *("--namespace=argocd", "--output=json"),
)
ARGO_CD: Final = """
apiVersion: v1
kind: Namespace
metadata: {name: argocd}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: applications.argoproj.io
  annotations: {api-approved.kubernetes.io: unapproved}
spec:
  group: argoproj.io
  names: {kind: Application, plural: applications}
  scope: Namespaced
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""

# The options are checked by the real argocd. `argocd app patch --type merge` applies the patch to
# the Application by the same library as Kubernetes (evanphx/json-patch) does here.
ARGOCD: Final = """#!/bin/sh
set -eu
ARGOCD "$@" --help > help
command=$2 name=$3
shift 3
application="applications.argoproj.io $name --namespace argocd"
case $command in
patch) exec kubectl patch $application "$@" ;;
*) exec kubectl get $application --output=json > "at-$command" ;;
esac
"""


def application(sync_policy: Mapping[str, Any]) -> Any:
    """Return an Application of argocd-vault-plugin that sets its image."""
    plugin = {
        "name": "argocd-vault-plugin",
        "env": [{"name": "IMAGE_TAG", "value": "1.4.2"}],
        "parameters": [{"name": "APP_REPO", "string": "https://git.example/team/web"}],
    }
    source = {"repoURL": "https://git.example/team/web", "path": "deploy", "plugin": plugin}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"name": "in-cluster", "namespace": "demo"},
            "source": source,
            "syncPolicy": dict(sync_policy),
        },
    }


def generated_spec(program: Path, home: Path, *arguments: str, app: object = None) -> Any:
    """Return the Application that argocd generates from options, or from one and options."""
    shell = Terminal(home, [])
    if app is not None:
        (home / "app.yaml").write_text(yaml.safe_dump(app))
        arguments = ("--file", "app.yaml", *arguments)
    command = shlex.join([str(program), "admin", "app", "generate-spec", *arguments])
    return yaml.safe_load(shell.script(command))


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A fresh namespace."""
    name = f"pages-{uuid.uuid4().hex}"
    cluster.run("create", "namespace", name)
    return name


@pytest.fixture
def argo_cd(cluster: Cluster, terminal: Terminal, argocd_program: Path) -> Terminal:
    """A shell with kubectl, and with argocd's changes of Applications."""
    terminal.env["KUBECONFIG"] = str(cluster.kubeconfig(terminal.folder))
    cluster.apply(ARGO_CD)
    cluster.run("wait", "--for=condition=Established", "crd/applications.argoproj.io")
    terminal.install(
        kubectl=cluster.kubectl, argocd=ARGOCD.replace("ARGOCD", str(argocd_program), 1)
    )
    return terminal


SYNC_POLICIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "automated": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["A=true"]},
    "automated without options": {"automated": {}},
    "switched off": {"automated": {"enabled": False, "prune": True}},
    "by hand": {"syncOptions": ["A=true"]},
}


@pytest.mark.runs("docs/migration.md", "Swap")
@pytest.mark.parametrize("policy", SYNC_POLICIES.values(), ids=SYNC_POLICIES)
def test_the_swap_changes_only_the_name_of_the_plugin(
    argo_cd: Terminal, cluster: Cluster, policy: Mapping[str, Any]
) -> None:
    app = application(policy)
    cluster.apply(yaml.safe_dump(app))
    try:
        argo_cd.run(*blocks("docs/migration.md", "Swap", "sh"))
        after = json.loads(cluster.run(*GET))["spec"]
    finally:
        cluster.run("delete", "applications.argoproj.io", "web", "--namespace=argocd")

    expected = application(policy)["spec"]
    expected["source"]["plugin"]["name"] = "avp-kustomize"
    assert after == expected
    # The check before the sync already uses the new plugin, and nothing is applied meanwhile.
    for moment in ("at-diff", "at-sync"):
        then = json.loads((argo_cd.folder / moment).read_text())["spec"]
        assert then["source"] == expected["source"]
        assert "automated" not in then["syncPolicy"]


def test_argocd_app_set_deletes_what_the_plugin_sets(argocd_program: Path, tmp_path: Path) -> None:
    app = application({"automated": {"prune": True, "selfHeal": True}})
    options = ("--config-management-plugin=avp-kustomize", "--sync-policy=automated")
    found = generated_spec(argocd_program, tmp_path, *options, app=app)
    assert found["spec"]["source"]["plugin"] == {"name": "avp-kustomize"}
    assert found["spec"]["syncPolicy"] == {"automated": {}}


@pytest.mark.runs("docs/plugin.md", "Applications")
def test_the_command_of_a_pipeline_makes_the_application_that_it_says(
    terminal: Terminal, argocd_program: Path
) -> None:
    (block,) = blocks("docs/plugin.md", "Applications", "sh")
    terminal.install(argocd=argocd_program)
    # The options are those of `app create`; generate-spec prints what that would send.
    terminal.script(f"{block.text.rstrip()} --help")
    terminal.fill = {r"\bargocd app create\b": "argocd admin app generate-spec", " --upsert": ""}
    found = yaml.safe_load(terminal.run(block))

    assert found["metadata"]["name"] == "web"
    assert found["spec"]["source"]["plugin"] == {
        "name": "avp-kustomize",
        "env": [
            {"name": "AVP_SECRET", "value": "vault-credentials"},
            {"name": "APP_REPO", "value": "https://git.example/team/web"},
            {"name": "IMAGE_NAME", "value": "ghcr.io/team/web"},
            {"name": "IMAGE_TAG", "value": "1.4.2"},
        ],
    }
    assert found["spec"]["syncPolicy"] == {
        "automated": {},
        "syncOptions": ["ApplyOutOfSyncOnly=true", "ServerSideApply=true"],
    }


def test_argocd_reads_two_options_in_one_as_a_single_option(
    argocd_program: Path, tmp_path: Path
) -> None:
    found = generated_spec(argocd_program, tmp_path, "web", "--sync-option=A=true,B=true")
    assert found["spec"]["syncPolicy"]["syncOptions"] == ["A=true,B=true"]


ROWS: Final = re.findall(
    r"^\| `(.+?)`.*? \| `(.+?)`.*? \| `(.+?)` \| (.+) \|$",
    (ROOT / "docs" / "placeholders.md")
    .read_text()
    .split("## stringData or data\n", 1)[-1]
    .split("\n## ", 1)[0],
    re.MULTILINE,
)
"""Of the table below "stringData or data": what is written, the value, the output, the end."""


@pytest.mark.parametrize(("written", "value", "output", "end"), ROWS)
def test_data_of_a_secret_is_not_encoded_for_its_author(
    run: Run, namespace: str, cluster: Cluster, tmp_path: Path, environ: Mapping[str, str],
    written: str, value: str, output: str, end: str,
) -> None:  # fmt: skip
    files = {"secrets.yaml": yaml.safe_dump({"kv/data/demo/web": {"key": value}})}
    env = {**environ, "AVP_TYPE": "file", "AVP_FILE": str(write(tmp_path, files) / "secrets.yaml")}
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web", "annotations": {"avp.kubernetes.io/path": "kv/data/demo/web"}},
        "data": {"key": written.replace(r"\|", "|")},
    }
    found = run("generate", "-", env=env, stdin=yaml.safe_dump(manifest).encode())
    where = ("--namespace", namespace)
    if output == "nothing":
        assert (found.code, found.out) == (1, "")
        assert "a value in the data of a Secret is not base64" in found.err
        manifest["data"] = {"key": value}
        with pytest.raises(AssertionError, match="illegal base64 data"):
            cluster.run("create", *where, "--filename=-", stdin=yaml.safe_dump(manifest))
        return
    assert found.code == 0, found.err
    assert yaml.safe_load(found.out)["data"] == {"key": output}

    cluster.run("create", *where, "--filename=-", stdin=found.out)
    stored = cluster.run("get", "secret", "web", *where, "--output=jsonpath={.data.key}")
    if end.startswith("bytes that differ"):
        assert base64.b64decode(stored) != value.encode()
    else:
        assert base64.b64decode(stored).decode() == end.strip("`")


def test_the_table_of_data_has_five_rows() -> None:
    assert len(ROWS) == 5


FILE_BACKEND: Final = {"AVP_TYPE": "file", "AVP_FILE": "secrets.yaml"}


def block_with(page: str, text: str) -> Block:
    """Return the block of a page that holds a text."""
    (found,) = (block for block in blocks(page) if text in block.text)
    return found


@pytest.fixture
def avp_py(terminal: Terminal, tools: Mapping[str, Path]) -> Terminal:
    """A shell with avp-py, kustomize and helm."""
    programs = {**tools, "helm": tools[HELM]}
    terminal.install(**programs, avp_py=Path(sys.executable).parent / "avp-py")
    return terminal


KUSTOMIZATION: Final = {
    "kustomization.yaml": "resources: [pod.yaml, secret.yaml]\n",
    "pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
    "    - {name: web, image: registry.example/team/web:1}\n"
    "    - {name: job, image: registry.example/team/job:1}\n",
}


@pytest.mark.runs("README.md", "avp-py")
def test_make_demo_shows_the_main_job(terminal: Terminal, tools: Mapping[str, Path]) -> None:
    # Nothing is installed or built. `make test`, which runs this test, is only looked up.
    make = f"make -C {ROOT} VENV={sys.prefix} --old-file={sys.prefix}/.ready"
    terminal.install(
        make="#!/bin/sh\nset -eu\nPATH=${PATH#*:}\n"
        f'[ "$1" = test ] && set -- --dry-run test\nexec {make} "$@"\n'
    )
    terminal.env["AVP_PY_TOOLS"] = str(tools["kustomize"].parent.parent)
    found = terminal.run(*blocks("README.md", "avp-py", "sh"))
    assert "registry.example/team/web:1.4.2" in found
    assert "pytest" in found


@pytest.mark.runs("README.md", "Install")
def test_pip_installs_the_command(terminal: Terminal) -> None:
    terminal.install(pip=Path(sys.executable).parent / "pip")
    for name in ("avp_py", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, terminal.folder / name)
    # Without a package index: the build and its dependencies are those of this environment.
    terminal.env |= {
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_TARGET": str(terminal.folder / "installed"),
    }
    terminal.run(*blocks("README.md", "Install", "sh"))
    assert (terminal.folder / "installed" / "bin" / "avp-py").is_file()


@pytest.mark.runs("README.md", "Use", 0)
def test_the_help_that_the_readme_shows(avp_py: Terminal) -> None:
    avp_py.env["COLUMNS"] = "80"
    avp_py.run(*blocks("README.md", "Use", "console"))


@pytest.mark.runs("README.md", "Use", 1)
def test_a_person_runs_what_argo_cd_runs(avp_py: Terminal, vault: Vault, kv2: str) -> None:
    vault.write(f"{kv2}/data/web", {"key": "hunter22"})
    manifest = secret(f"{kv2}/data/web", key="<key>")
    write(avp_py.folder / "app", {**KUSTOMIZATION, "secret.yaml": manifest})
    avp_py.fill = {
        "https://vault.example:8200": vault.address,
        "…": vault.root_token,
        r"\A": "cd app\n",
    }
    found = {
        each["kind"]: each
        for each in yaml.safe_load_all(avp_py.run(*blocks("README.md", "Use", "sh")))
    }
    assert found["Secret"]["stringData"] == {"key": "hunter22"}
    assert found["Pod"]["spec"]["containers"][0]["image"] == "registry.example/team/web:1.4.2"


@pytest.mark.runs("docs/policy.md", "Check a policy")
def test_the_check_of_a_policy_prints_what_the_page_shows(avp_py: Terminal) -> None:
    (rules,) = blocks("docs/policy.md", "Rules", "yaml")
    write(avp_py.folder, {"policy.yaml": rules.text})
    avp_py.run(*blocks("docs/policy.md", "Check a policy", "console"), code=1)


@pytest.mark.runs("docs/policy.md", "What may be fetched")
def test_the_check_of_urls_prints_what_the_page_shows(avp_py: Terminal) -> None:
    (rules,) = blocks("docs/policy.md", "What may be fetched", "yaml")
    write(avp_py.folder, {"policy.yaml": rules.text})
    avp_py.run(*blocks("docs/policy.md", "What may be fetched", "console"), code=1)


@pytest.mark.runs("docs/rendering.md", "kustomize")
def test_kustomize_prints_the_same_by_hand(avp_py: Terminal) -> None:
    manifest = "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\n"
    for name in ("by-hand", "avp-py"):
        write(avp_py.folder / name, {**KUSTOMIZATION, "secret.yaml": manifest})
    values = {
        "APP_REPO": "https://git.example/team/web",
        "IMAGE_NAME": "registry.example/team/web",
        "IMAGE_TAG": "1.4.2",
    }
    job = "registry.example/team/job:7"
    avp_py.env |= values
    avp_py.fill = {r"\A": "cd by-hand\n", "…": job}
    by_hand = avp_py.run(*blocks("docs/rendering.md", "kustomize", "sh"))
    avp_py.env |= {f"ARGOCD_ENV_{name}": value for name, value in values.items()}
    avp_py.env["ARGOCD_ENV_IMAGES"] = job
    assert avp_py.script("avp-py generate avp-py") == by_hand
    assert "team/job:7" in by_hand
    assert "team/web:1.4.2" in by_hand


@pytest.mark.runs("docs/sidecar.md", "Health")
def test_the_health_that_the_page_shows(avp_py: Terminal) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{closed.getsockname()[1]}"
        avp_py.env |= {"VAULT_ADDR": address, "VAULT_TOKEN": "made-up", "TMPDIR": "/tmp"}  # noqa: S108
        (sandbox,) = re.findall(r"^\S+ +sandbox .*$", avp_py.script("avp-py healthcheck"), re.M)
        avp_py.fill = {
            "https://vault.example:8200": address,
            # The features of the kernel depend on this machine.
            r"^ok +sandbox .*$": sandbox,
            "/usr/local/bin/": f"{avp_py.folder}/bin/",
        }
        avp_py.run(*blocks("docs/sidecar.md", "Health", "console"), code=1)


def test_the_error_that_the_page_shows(avp_py: Terminal) -> None:
    shown = block_with("docs/errors.md", "avp-py: 1 failure").text
    manifest = secret("kv/data/demo/web", DATABASE_URL="<DATABSE_URL>")
    manifest = manifest.replace("name: web\n", "name: web\n  namespace: demo\n")
    secrets = "kv/data/demo/web: {DATABASE_URL: hunter22}\n"
    kustomization = "resources: [secret.yaml, pod.yaml]\n"
    app = KUSTOMIZATION | {"kustomization.yaml": kustomization, "secret.yaml": manifest}
    write(avp_py.folder / "app", app)
    write(avp_py.folder, {"secrets.yaml": secrets})
    avp_py.env |= FILE_BACKEND
    assert avp_py.script("avp-py generate app", code=1) == shown


@pytest.mark.runs("tests/compat/README.md", "When the two differ")
def test_a_generated_case_is_made_again(terminal: Terminal) -> None:
    terminal.install(python=f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} "$@"\n')
    found = terminal.run(*blocks("tests/compat/README.md", "When the two differ", "sh"))
    assert found == make_case("7", 123).text.replace("\r\n", "\n") + "\n"


def files(*languages: str) -> Sequence[Block]:
    """Return the blocks that are files, of every page but those with tests of their own."""
    return [
        block
        for page in PAGES
        if page not in ("docs/admission.md", "docs/charts.md", "docs/installation.md")
        for block in blocks(page, "", *languages)
    ]


def named(block: Block) -> str:
    """Return the name of a block, for a test's id."""
    return f"{block.page}-{block.line}"


APPLICATIONS: Final = [
    block
    for page in PAGES
    for block in blocks(page, "", "yaml")
    if "kind: Application\n" in block.text
]
POLICIES: Final = [
    block
    for page in PAGES
    for block in blocks(page, "", "yaml")
    if re.match(r"(?:# policy\.yaml\n)?rules:\n", block.text)
]
SECRETS: Final = [block for block in files("yaml") if "\nkind: Secret\n" in block.text]
ROLES: Final = [block for block in files("yaml") if "\nkind: Role\n" in block.text]


@pytest.mark.parametrize("block", APPLICATIONS, ids=named)
def test_argo_cd_reads_every_field_of_an_application(
    argocd_program: Path, tmp_path: Path, block: Block
) -> None:
    shown = yaml.safe_load(re.sub(r"\A# .*\n", "", block.text))
    assert generated_spec(argocd_program, tmp_path, app=shown)["spec"] == shown["spec"]


@pytest.mark.parametrize("block", POLICIES, ids=named)
def test_a_policy_is_valid(avp_py: Terminal, block: Block) -> None:
    write(avp_py.folder, {"policy.yaml": block.text})
    # Any verdict will do: an invalid policy has none.
    found = avp_py.script("avp-py policy check policy.yaml kv/data/x || true")
    assert re.match(r"(allowed|denied) +kv/data/x\n", found), found


@pytest.mark.parametrize("block", SECRETS, ids=named)
def test_the_secrets_are_filled(avp_py: Terminal, block: Block) -> None:
    keys = dict.fromkeys(("DATABASE_URL", "PASSWORD", "PORT", "API_KEY", "password"), "hunter22")
    secrets = yaml.safe_dump({"kv/data/demo/web": keys, "kv/data/shared/smtp": keys})
    write(avp_py.folder, {"app/secret.yaml": block.text, "secrets.yaml": secrets})
    avp_py.env |= FILE_BACKEND
    found = yaml.safe_load(avp_py.script("avp-py generate --render=plain app"))
    written = {**found["stringData"], **found.get("data", {})}
    encoded = base64.b64encode(b"hunter22").decode()
    assert all("hunter22" in value or value == encoded for value in written.values())


@pytest.mark.parametrize("block", ROLES, ids=named)
def test_the_cluster_accepts_the_role(cluster: Cluster, namespace: str, block: Block) -> None:
    cluster.run(
        *("create", "--dry-run=server", "--filename=-"),
        stdin=block.text.replace("namespace: argocd", f"namespace: {namespace}"),
    )


def test_the_file_of_the_file_backend(avp_py: Terminal) -> None:
    (block,) = blocks("docs/backends.md", "file", "yaml")
    template = (
        "new: <path:kv/data/demo/web#replicas>\nold: <path:kv/data/demo/web#DATABASE_URL#1>\n"
    )
    write(avp_py.folder, {"app/x.yaml": f"kind: X\n{template}", "secrets.yaml": block.text})
    avp_py.env |= FILE_BACKEND
    found = yaml.safe_load(avp_py.script("avp-py generate --render=plain app"))
    assert found == {"kind": "X", "new": 3, "old": "postgres://…"}


def test_the_generate_of_a_plugin_file_renders(cmp_server: StartCmpServer, tmp_path: Path) -> None:
    block = block_with("docs/migration.md", "generate:\n")
    plugin = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ConfigManagementPlugin",
        "metadata": {"name": "web"},
        "spec": yaml.safe_load(block.text),
    }
    file = write(tmp_path, {"plugin.yaml": yaml.safe_dump(plugin)}) / "plugin.yaml"
    manifest = "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\n"
    app = write(tmp_path / "app", {**KUSTOMIZATION, "secret.yaml": manifest})
    found = documents(cmp_server(file, {}).client.generate(app, env=identity()))
    assert set(found) == {"Pod", "Secret"}


def test_every_file_of_a_page_is_read_by_what_it_is_for() -> None:
    others = [
        block_with("docs/backends.md", "kv/data/demo/web#1:"),
        block_with("docs/migration.md", "generate:\n"),
        # tests/e2e/test_rotation.py
        block_with("docs/rotation.md", "checksum/web"),
    ]
    assert {*APPLICATIONS, *POLICIES, *SECRETS, *ROLES, *others} >= set(files("yaml"))
    assert files("hcl") == []
    # Those of docs/installation.md are read by its own tests.
    assert {name for name in test_installation_page.FILES if "values.yaml" not in name} == {
        "argocd.hcl",
        "application.yaml",
        "kustomization.yaml",
        "kustomization.yaml, without the core",
        "kustomization.yaml, the part for a policy",
        "kustomization.yaml, with what the chart printed",
        "policy.yaml",
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_commands_is_run_or_marked(page: str) -> None:
    modules = (
        *(sys.modules[__name__], test_admission_values, test_installation_page),
        test_ecosystem_page,
    )
    run_by_a_test = {
        block
        for module in modules
        for test in vars(module).values()
        for block in claims(getattr(test, "pytestmark", []))
    }
    for block in blocks(page):
        assert block.language in LANGUAGES, block
        assert (block in run_by_a_test) == block.is_run, block
    assert re.findall(r"^ {0,3}(?:~~~|```)", outside_blocks(page), re.MULTILINE) == []
    assert re.findall(r"\n\n    \S.*", outside_blocks(page)) == []


MARKED: Final = [
    block for page in PAGES for block in blocks(page, "", *COMMANDS) if NOT_RUN in block.before
]


@pytest.mark.parametrize("block", MARKED, ids=named)
def test_a_block_that_is_not_run_is_read_by_the_shell(
    terminal: Terminal, argocd_program: Path, block: Block
) -> None:
    terminal.script(f"bash -n <<'END'\n{block.text}END\n")
    for line in block.text.splitlines():
        if line.startswith("argocd "):
            terminal.install(argocd=argocd_program)
            terminal.script(f"{line} --help")
            (terminal.folder / "bin" / "argocd").unlink()


def test_pages_name_targets_of_make_that_exist() -> None:
    text = "".join((ROOT / page).read_text() for page in PAGES)
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    used = set(re.findall(r"(?:^|`)(?:[A-Z_]+=\S+ )*make ([a-z0-9-]+)", text, re.MULTILINE))
    assert len(used) > 5
    assert used <= set(targets)


def test_no_page_names_a_release_that_there_is_not() -> None:
    released = re.findall(r"^## \[?v?(\d\S*?)\]?(?: |$)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    text = "".join((ROOT / page).read_text() for page in PAGES)
    assert set(re.findall(r"avp-py//deploy/kustomize\?ref=v([\d.]+)", text)) <= set(released)
