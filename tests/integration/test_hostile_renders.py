"""What a hostile repository can make kustomize and helm do, with the sandbox and without it.

Each attack is first tried on bare kustomize and helm, where it succeeds; then on a run, where it
reads, writes, starts and reaches nothing. Those that no check can predict are stopped by the
sandbox alone.
"""

import base64
import contextlib
import json
import re
import shutil
import ssl
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from subprocess import PIPE
from typing import Final, NamedTuple

import pytest

from avp_py.sandbox.messages import OUTSIDE as NOT_SHOWN
from tests.conftest import HELM, Result, Run
from tests.integration.certificates import self_signed
from tests.integration.charts import host_of, serve_chart
from tests.integration.hostile import MAP, TOKEN, Tree, kustomize, make_tree, program
from tests.processes import AVP
from tests.trees import write

MODES: Final = ("required", "off")
GENERATOR: Final = (
    "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\n"
    "name: c\nreleaseName: r\n"
)
OUTSIDE: Final = "outside of the repository"


@pytest.fixture
def tree(tmp_path: Path, environ: Mapping[str, str]) -> Tree:
    """A hostile repository."""
    return make_tree(tmp_path, environ)


@pytest.fixture(params=MODES)
def guarded(request: pytest.FixtureRequest, tree: Tree) -> Tree:
    """The repository, once with the whole sandbox and once without any."""
    return tree._replace(env={**tree.env, "AVP_SANDBOX": request.param})


@pytest.fixture
def confined(tree: Tree) -> Tree:
    """The repository, with the sandbox: for what no check can predict."""
    return tree._replace(env={**tree.env, "AVP_SANDBOX": "required"})


class Site(NamedTuple):
    """A server on loopback, and its requests."""

    url: str
    asked: list[str]

    @property
    def host(self) -> str:
        """Its host and port, for AVP_RENDER_HOSTS."""
        return host_of(self.url)


@contextlib.contextmanager
def serve(
    status: int = 404,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Iterator[Site]:
    """Serve one answer to every request."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scheme = "http" if context is None else "https"
    try:
        yield Site(f"{scheme}://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    """A server that answers every request with a manifest."""
    with serve(200, MAP.encode()) as running:
        yield running


def stopped(run: Run, tree: Tree, says: str) -> Result:
    """Check that the run fails, says so, prints and runs nothing, and shows no token."""
    result = run("generate", tree.app, env=tree.env)
    assert (result.code, result.out) == (1, ""), result.out
    assert says in result.err, result.err
    assert TOKEN not in result.err
    assert not tree.ran.exists()
    return result


# helm's environment


@pytest.mark.both_helms
def test_a_credential_helper_of_the_tree_is_not_run(guarded: Tree, run: Run) -> None:
    tree = guarded
    certificate = self_signed(tree.token.parent, "registry", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    wanted = {"WWW-Authenticate": 'Basic realm="x"'}
    with serve(401, headers=wanted, context=context) as registry:
        host = registry.url.removeprefix("https://")
        write(
            tree.app,
            {
                "kustomization.yaml": "helmGlobals: {configHome: cfg}\n"
                f"helmCharts: [{{name: remote, version: 1.0.0, repo: 'oci://{host}/x'}}]\n",
                "cfg/registry/config.json": json.dumps({"credHelpers": {host: "x/evil"}}),
            },
        )
        program(tree.app / "docker-credential-x/evil", tree.ran)
        certificates = {"SSL_CERT_FILE": str(certificate.certificate)}
        kustomize(tree, env=certificates)
        assert tree.ran.exists()
        tree.ran.unlink()
        registry.asked.clear()

        env = {**tree.env, **certificates, "AVP_RENDER_HOSTS": registry.host}
        stopped(run, tree._replace(env=env), "wants credentials, and there are none for it")
        # The registry was asked, and there was no helper to get a credential from.
        assert registry.asked


HELM_VARIABLES: Final = (
    "HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME", "HELM_REGISTRY_CONFIG",
    "HELM_REPOSITORY_CONFIG", "HELM_REPOSITORY_CACHE", "HELM_PLUGINS", "DOCKER_CONFIG",
    "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HOME",
)  # fmt: skip


@pytest.mark.parametrize("named", [False, True])
def test_helm_always_gets_the_directories_of_the_run(named: bool, tree: Tree, run: Run) -> None:
    dump = tree.token.parent / "environ"
    helm = write(tree.token.parent, {"helm": ""}) / "helm"
    script = '#!/bin/sh\n[ "$1" = version ] && { echo v3.19.4; exit; }\nenv -0 >"$0.env"\n'
    helm.write_text(script.replace('"$0.env"', str(dump)) + f"printf '{MAP}'\n")
    helm.chmod(0o755)
    write(
        tree.app,
        {"kustomization.yaml": "helmGlobals: {configHome: cfg}\nhelmCharts: [{name: c}]\n"},
    )
    operators = {"HELM_REGISTRY_CONFIG": "/operators/config.json", "HELM_PLUGINS": "/none"}
    env = {**tree.env, **operators, "AVP_HELM": str(helm), "AVP_SANDBOX": "off"}
    env |= {"AVP_RENDER_ENV": ",".join(operators)} if named else {}

    assert run("generate", tree.app, env=env).code == 0

    pairs = [each.partition("=") for each in dump.read_text().split("\0") if each]
    seen = {name: value for name, _, value in pairs}
    # The operator's are for what fetches, and not for what a tenant's chart runs in.
    for name in HELM_VARIABLES:
        assert name not in seen or "/avp-py-run-" in seen[name], (name, seen[name])
    assert not [name for name in seen if name.startswith("HELM_") and "cfg" in seen[name]]


# Charts and values


@pytest.mark.both_helms
def test_a_chart_is_not_pulled_outside_of_the_staging_copy(
    guarded: Tree, run: Run, tools: Mapping[str, Path]
) -> None:
    tree = guarded
    above = tree.token.parent
    # For a tenant it would be refused without the sandbox, before helm is started.
    env = {name: value for name, value in tree.env.items() if name != "ARGOCD_APP_SOURCE_PATH"}
    (tree.app.parents[1] / ".git").mkdir()
    with serve_chart(above / "repository", tools[HELM]) as (url, _):
        patch = json.dumps([{"op": "add", "path": "/chartHome", "value": str(above / "pulled")}])
        write(
            tree.app,
            {
                "kustomization.yaml": "generators: [g]\n",
                "g/kustomization.yaml": "resources: [g.yaml]\npatches:\n- target: {kind: "
                f"HelmChartInflationGenerator}}\n  patch: '{patch}'\n",
                "g/g.yaml": GENERATOR.replace("name: c", f"name: remote\nrepo: {url}"),
            },
        )
        kustomize(tree)
        assert (above / "pulled/remote/Chart.yaml").is_file()
        shutil.rmtree(above / "pulled")

        env["AVP_RENDER_HOSTS"] = host_of(url)
        says = "'remote' would be pulled to a directory outside of the copies that kustomize works"
        stopped(run, tree._replace(env=env), says)

    assert not (above / "pulled").exists()


@pytest.mark.both_helms
def test_the_wrapper_around_helm_is_not_replaced_by_a_chart(
    guarded: Tree, run: Run, tools: Mapping[str, Path]
) -> None:
    """kustomize alone has no such wrapper: it would pull the chart to the same relative path."""
    tree = guarded
    # The staging copy of /a/b is WORKSPACE/tree/a/b, so this climbs to the workspace.
    up = "../" * (len(tree.app.resolve().parts))
    with serve_chart(tree.token.parent / "repository", tools[HELM]) as (url, _):
        write(
            tree.app,
            {
                "kustomization.yaml": "generators: [g]\nhelmCharts: [{name: c}]\n",
                "g/kustomization.yaml": "resources: [g.yaml]\n",
                "g/g.yaml": GENERATOR.replace("name: c", f"name: remote\nrepo: {url}")
                + f"chartHome: {up}provided\n",
            },
        )
        env = {**tree.env, "AVP_RENDER_HOSTS": host_of(url)}
        says = f"'{up}provided', which a kustomization names, is {OUTSIDE}"
        stopped(run, tree._replace(env=env), says)


@pytest.mark.both_helms
def test_a_comma_in_the_name_of_a_values_file_names_no_second_one(guarded: Tree, run: Run) -> None:
    tree = guarded
    write(tree.token.parent, {"token": f"stolen: {TOKEN}\n"})
    name = f"x,{tree.token}"
    chart = f"helmCharts: [{{name: c, additionalValuesFiles: ['{name}']}}]\n"
    write(tree.app, {name: "a: b\n", "x": "a: b\n", "kustomization.yaml": chart})
    assert TOKEN in kustomize(tree)

    stopped(run, tree, "the path of a values file has a comma, a quote or a line break")


@pytest.mark.both_helms
@pytest.mark.parametrize("patched", [False, True])
def test_the_name_of_a_chart_writes_no_file_outside(patched: bool, tree: Tree, run: Run) -> None:
    temporary = tree.token.parent / "a/b/c/d/e"
    temporary.mkdir(parents=True)
    climbing = "../../../out"
    for path in ("deep/er/and/er", "out"):
        (tree.app / path).mkdir(parents=True, exist_ok=True)
    (tree.app / "deep/out").mkdir()
    write(tree.app, {"deep/out/Chart.yaml": "{apiVersion: v2, name: out, version: 1.0.0}\n"})
    write(tree.app, {"deep/out/values.yaml": "a: b\n"})
    home = "deep/er/and/er"
    if patched:
        patch = json.dumps([{"op": "replace", "path": "/name", "value": climbing}])
        files = {
            "kustomization.yaml": "generators: [g]\n",
            "g/kustomization.yaml": "resources: [g.yaml]\npatches:\n- target: {kind: "
            f"HelmChartInflationGenerator}}\n  patch: '{patch}'\n",
            "g/g.yaml": GENERATOR + f"chartHome: {home}\n",
        }
    else:
        files = {
            "kustomization.yaml": f"helmGlobals: {{chartHome: {home}}}\n"
            f"helmCharts: [{{name: {climbing}}}]\n"
        }
    write(tree.app, files)
    kustomize(tree, env={"TMPDIR": str(temporary)})
    written = list(tree.token.parent.rglob("out-kustomize-values.yaml"))
    assert written
    for each in written:
        each.unlink()

    for mode in MODES:
        says = f"the chart '{climbing}' is {OUTSIDE}"
        if patched:
            unknown = "what the plugins of kustomization.yaml open cannot be known beforehand"
            says = NOT_SHOWN if mode == "required" else unknown
        stopped(run, tree._replace(env={**tree.env, "AVP_SANDBOX": mode}), says)
        assert not list(tree.token.parent.rglob("out-kustomize-values.yaml"))


# What appears between check and use


@pytest.fixture
def charts(tree: Tree, tools: Mapping[str, Path]) -> Iterator[str]:
    """A repository with a chart that contains a kustomization, which refers to files outside.

    Where the ConfigMap outside has `data.x`, kustomize fails and shows it.
    """
    above = tree.token.parent
    up = "../" * 40
    evil = (
        f"resources: [{up}{str(above / 'other').lstrip('/')}]\n"
        "labels: [{pairs: {a: b}, fields: [{path: data/x}]}]\n"
    )
    write(above, {"repository/remote/evil/kustomization.yaml": evil})
    with serve_chart(above / "repository", tools[HELM]) as (url, _):
        yield url


@pytest.mark.both_helms
@pytest.mark.parametrize("fails", [False, True])
def test_a_base_in_a_chart_that_is_pulled_leads_nowhere(
    fails: bool, guarded: Tree, run: Run, charts: str
) -> None:
    tree = guarded
    if fails:
        write(tree.token.parent, {"other/map.yaml": f"{MAP}data: {{x: {TOKEN}}}\n"})
    chart = f"helmCharts: [{{name: remote, version: 1.2.3, repo: '{charts}'}}]\n"
    write(
        tree.app,
        {
            "kustomization.yaml": "resources: [base, second]\n",
            "base/kustomization.yaml": chart,
            "second/kustomization.yaml": "resources: [../base/charts/remote-1.2.3/remote/evil]\n",
        },
    )
    assert (TOKEN if fails else "name: map") in kustomize(tree)
    shutil.rmtree(tree.app / "base/charts")

    env = {**tree.env, "AVP_RENDER_HOSTS": host_of(charts)}
    is_confined = tree.env["AVP_SANDBOX"] == "required"
    says = NOT_SHOWN if is_confined else f"/other', which a kustomization names, is {OUTSIDE}"
    stopped(run, tree._replace(env=env), says)


PROCESSES: Final = {
    "the root": "proc/self/root{other}",
    "the root of another process": "proc/{pid}/root{other}",
    "the directory of another process": "proc/{pid}/cwd",
    "a thread": "proc/thread-self/root{other}",
}


@pytest.mark.parametrize("path", PROCESSES)
def test_a_base_below_proc_leads_nowhere(path: str, guarded: Tree, run: Run) -> None:
    tree = guarded
    other = tree.token.parent / "other"
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=other, stdin=PIPE) as process:
        base = "../" * 40 + PROCESSES[path].format(pid=process.pid, other=other)
        write(tree.app, {"kustomization.yaml": f"resources: ['{base}']\n"})
        assert "name: map" in kustomize(tree)

        says = f"{base[:200]!r}, which a kustomization names, is {OUTSIDE}"
        stopped(run, tree, says)
        process.communicate(b"\n")


def test_a_symlink_that_is_swapped_leads_nowhere(confined: Tree, run: Run) -> None:
    tree = confined
    write(tree.app, {"in/kustomization.yaml": "resources: [map.yaml]\n", "in/map.yaml": MAP})
    write(tree.token.parent / "other", {"map.yaml": MAP + f"data: {{x: {TOKEN}}}\n"})
    write(tree.app, {"kustomization.yaml": "resources: [link]\n"})
    link, other = tree.app / "link", tree.app / "link2"
    link.symlink_to("in")
    ended = threading.Event()

    def swap() -> None:
        targets = ("in", tree.token.parent / "other")
        while not ended.is_set():
            for target in targets:
                other.symlink_to(target)
                other.replace(link)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        # On kustomize alone it succeeds sooner or later.
        assert any(TOKEN in kustomize(tree) for _ in range(200))
        for _ in range(60):
            result = run("generate", tree.app, env=tree.env)
            assert TOKEN not in result.out + result.err
    finally:
        ended.set()
        thread.join()


def test_an_application_directory_that_is_a_symlink_out_is_refused(guarded: Tree, run: Run) -> None:
    tree = guarded
    link = tree.app.parent / "link"
    link.symlink_to(tree.token.parent / "other")
    assert "name: map" in kustomize(tree._replace(app=link))

    env = {**tree.env, "ARGOCD_APP_SOURCE_PATH": "apps/link"}
    for mode in ("kustomize", "plain", "auto"):
        result = run("generate", f"--render={mode}", link, env=env)
        assert (result.code, result.out) == (1, "")
        assert "ARGOCD_APP_SOURCE_PATH" in result.err


# The network

FETCHES: Final = {
    "a base": "resources: ['{url}/all.yaml']\n",
    "a file of a generator": "configMapGenerator: [{{name: x, files: ['{url}/x']}}]\n",
    "a file with a key": "configMapGenerator: [{{name: x, files: ['k={url}/x']}}]\n",
    "a file of a secret": "secretGenerator: [{{name: x, files: ['k={url}/x']}}]\n",
    "an alias": "namePrefix: &u '{url}/x'\nresources: [*u]\n",
    "base64": "resources: [!!binary '{packed}']\n",
    "an escape": 'resources: ["{escaped}"]\n',
    "an inline generator": "generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n"
    "  metadata: {{name: x}}\n  name: x\n  files: ['k={url}/x']\n",
    "a generator": "generators: [g.yaml]\n",
    "an environment": "configMapGenerator: [{{name: x, envs: ['{url}/x']}}]\n",
    "a patch": "resources: [map.yaml]\npatches: [{{path: '{url}/x'}}]\n",
    "a replacement": "resources: [map.yaml]\nreplacements: [{{path: '{url}/x'}}]\n",
    "a schema": "resources: [map.yaml]\nopenapi: {{path: '{url}/x'}}\n",
    "a custom resource": "resources: [map.yaml]\ncrds: ['{url}/x']\n",
    "a configuration": "resources: [map.yaml]\nconfigurations: ['{url}/x']\n",
    "upper case": "resources: ['HTTP{rest}/all.yaml']\n",
    "targets of a plugin": "resources: [map.yaml]\ntransformers:\n- |\n  apiVersion: builtin\n"
    "  kind: ValueAddTransformer\n  metadata: {{name: x}}\n  targetFilePath: '{url}/x'\n",
    "patches of a plugin": "resources: [map.yaml]\ntransformers:\n- |\n  apiVersion: builtin\n"
    "  kind: PatchStrategicMergeTransformer\n  metadata: {{name: x}}\n  paths: ['{url}/x']\n",
    "a list of plugins": "resources: [map.yaml]\nvalidators:\n- |\n  apiVersion: v1\n  kind: List\n"
    "  items:\n  - apiVersion: builtin\n    kind: PatchTransformer\n    metadata: {{name: x}}\n"
    "    path: '{url}/x'\n",
}  # fmt: skip
PATCHED_FETCH: Final = "a generator that a patch changes"
NOT_FETCHED: Final = (
    "base64", "an inline generator", "a generator", "targets of a plugin", "patches of a plugin",
    "a list of plugins",
)  # fmt: skip


def named(site: Site, name: str) -> str:
    """Return the message that names what a kustomization would fetch."""
    url = site.url.replace("http", "HTTP") if name == "upper case" else site.url
    file = "all.yaml" if name in ("a base", "upper case") else "x"
    if name in NOT_FETCHED:
        return f"{url}/{file} is named where it cannot be fetched"
    return f"the file {url}/{file} cannot be fetched: nothing remote may be fetched"


def fetch(tree: Tree, site: Site, name: str) -> None:
    """Write a kustomization that fetches something."""
    url = site.url
    config = (
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nname: x\n"
        f"files: ['k={url}/x']\n"
    )
    if name == PATCHED_FETCH:
        patch = json.dumps([{"op": "replace", "path": "/files/0", "value": f"k={url}/x"}])
        write(
            tree.app,
            {
                "kustomization.yaml": "generators: [g]\n",
                "g/kustomization.yaml": "resources: [g.yaml]\npatches:\n- target: {kind: "
                f"ConfigMapGenerator}}\n  patch: '{patch}'\n",
                "g/g.yaml": config.replace(f"k={url}/x", "map.yaml"),
            },
        )
        return
    text = FETCHES[name].format(
        url=url,
        rest=url.removeprefix("http"),
        packed=base64.b64encode(f"{url}/x".encode()).decode(),
        escaped=url.replace("h", r"\x68", 1) + "/x",
    )
    write(tree.app, {"kustomization.yaml": text, "g.yaml": config})


@pytest.mark.parametrize("name", FETCHES)
def test_nothing_is_fetched_where_the_operator_forbids_it(
    name: str, guarded: Tree, run: Run, site: Site
) -> None:
    tree = guarded
    fetch(tree, site, name)
    kustomize(tree)
    assert site.asked
    site.asked.clear()

    env = {**tree.env, "AVP_RENDER_NETWORK": "false", "AVP_RENDER_HOSTS": site.host}
    stopped(run, tree._replace(env=env), named(site, name))
    assert site.asked == []


@pytest.mark.parametrize("name", [*FETCHES, PATCHED_FETCH])
def test_what_listens_on_this_machine_is_out_of_reach(
    name: str, guarded: Tree, run: Run, site: Site
) -> None:
    tree = guarded
    fetch(tree, site, name)
    kustomize(tree)
    assert site.asked
    site.asked.clear()

    host, port = site.host.rsplit(":", 1)
    # Even if its port is permitted.
    tree = tree._replace(env={**tree.env, "AVP_RENDER_PORTS": port})
    says = f"{host} is this machine"
    if name in NOT_FETCHED:
        says = named(site, name)
    elif name == PATCHED_FETCH:
        unknown = "what the plugins of kustomization.yaml open cannot be known beforehand"
        says = "socket: permission denied" if tree.env["AVP_SANDBOX"] == "required" else unknown
    stopped(run, tree, says)
    assert site.asked == []


def test_no_port_is_connected_to_that_the_operator_does_not_list(
    guarded: Tree, run: Run, site: Site
) -> None:
    tree = guarded
    fetch(tree, site, "a base")
    host, _, port = site.host.partition(":")
    env = {**tree.env, "AVP_RENDER_HOSTS": host}
    if tree.env["AVP_SANDBOX"] == "required":
        stopped(run, tree._replace(env=env), f"connections to port {port}")
        assert site.asked == []

    # A host that is listed with its port needs no list of ports.
    for further in ({"AVP_RENDER_PORTS": port}, {"AVP_RENDER_HOSTS": site.host}):
        result = run("generate", tree.app, env={**env, **further})
        assert (result.code, result.out) == (0, MAP), result.err


SCHEMAS: Final = {
    "a file": ('{{"$ref": "file://{token}"}}', "$ref"),
    "a relative file": ('{{"$ref": "{relative}"}}', "$ref"),
    "a file below": (
        '{{"properties": {{"a": {{"allOf": [{{"$ref": "file://{token}#/x"}}]}}}}}}', "$ref",
    ),
    "a file as its schema": ('{{"$schema": "file://{token}"}}', "$schema"),
    "a file in a dynamic reference": (
        '{{"$schema": "https://json-schema.org/draft/2020-12/schema",'
        ' "$dynamicRef": "file://{token}"}}', "$dynamicRef",
    ),
}  # fmt: skip
"""A schema, and the key that the message names."""

REFERS: Final = "in the chart refers to a file, or to another machine"


@pytest.mark.both_helms
@pytest.mark.parametrize("mode", ["kustomize", "helm"])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_schema_of_a_chart_reads_no_file(
    schema: str, mode: str, guarded: Tree, run: Run
) -> None:
    tree = guarded
    write(tree.token.parent, {"token": json.dumps({"x": {"const": TOKEN}, "const": TOKEN})})
    text, key = SCHEMAS[schema]
    text = text.format(token=tree.token, relative=str(tree.token).lstrip("/"))
    write(
        tree.app,
        {"charts/c/values.schema.json": text, "kustomization.yaml": "helmCharts: [{name: c}]\n"},
    )
    if schema == "a file as its schema":
        # helm opens the file, and prints nothing of it.
        tree.token.rename(tree.token.parent / "elsewhere")
        assert "token: no such file or directory" in kustomize(tree)
        (tree.token.parent / "elsewhere").rename(tree.token)
    else:
        assert TOKEN in kustomize(tree)
    folder, env = tree.app, tree.env
    if mode == "helm":
        folder, env = tree.app / "charts/c", {**env, "ARGOCD_APP_SOURCE_PATH": "apps/web/charts/c"}

    says = f"values.schema.json {REFERS} ({key})"
    stopped(run, tree._replace(app=folder, env=env), says)


@pytest.mark.both_helms
def test_a_chart_schema_makes_no_request_without_a_network(
    guarded: Tree, run: Run, site: Site
) -> None:
    tree = guarded
    write(
        tree.app,
        {
            "charts/c/values.schema.json": json.dumps({"$ref": f"{site.url}/x"}),
            "kustomization.yaml": "helmCharts: [{name: c}]\n",
        },
    )
    kustomize(tree)
    assert site.asked
    site.asked.clear()

    env = {**tree.env, "AVP_RENDER_NETWORK": "false", "AVP_RENDER_HOSTS": site.host}
    stopped(run, tree._replace(env=env), f"values.schema.json {REFERS} ($ref)")
    assert site.asked == []


UNREADABLE: Final = {
    "text that is not UTF-8": b'"title": "\xff"',
    "deep nesting": b'"x": ' + b"[" * 9000 + b"]" * 9000,
    "a long number": b'"maximum": ' + b"9" * 5000,
}


@pytest.mark.both_helms
@pytest.mark.parametrize("name", UNREADABLE)
def test_a_schema_that_only_helm_can_read_reads_no_file(name: str, guarded: Tree, run: Run) -> None:
    tree = guarded
    write(tree.token.parent, {"token": json.dumps({"const": TOKEN})})
    schema = f'{{"$ref": "file://{tree.token}", '.encode() + UNREADABLE[name] + b"}"
    (tree.app / "charts/c/values.schema.json").write_bytes(schema)
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})
    assert TOKEN in kustomize(tree)

    says = f"values.schema.json {REFERS} ($ref)"
    if name != "text that is not UTF-8":
        unread = "values.schema.json in the chart cannot be read as JSON"
        says = NOT_SHOWN if tree.env["AVP_SANDBOX"] == "required" else unread
    stopped(run, tree, says)


@pytest.mark.both_helms
@pytest.mark.parametrize("depth", [1, 2])
def test_a_schema_in_a_packed_chart_reads_no_file(
    depth: int, guarded: Tree, run: Run, tools: Mapping[str, Path]
) -> None:
    tree = guarded
    write(tree.token.parent, {"token": json.dumps({"const": TOKEN})})
    chart = tree.token.parent / "sub"
    write(
        chart,
        {
            "Chart.yaml": "{apiVersion: v2, name: sub, version: 1.0.0}\n",
            "values.yaml": "a: b\n",
            "values.schema.json": json.dumps({"$ref": f"file://{tree.token}"}),
        },
    )
    if depth == 2:
        package(tools[HELM], chart, chart / "charts")
        (chart / "values.schema.json").unlink()
        write(chart, {"values.yaml": "sub: {a: b}\n"})
    package(tools[HELM], chart, tree.app / "charts/c/charts")
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})
    assert TOKEN in kustomize(tree)

    found = f"a schema in charts/sub-1.0.0.tgz {REFERS} ($ref)"
    stopped(run, tree, NOT_SHOWN if tree.env["AVP_SANDBOX"] == "required" else found)


def package(helm: Path, chart: Path, folder: Path) -> None:
    """Pack a chart."""
    folder.mkdir()
    argv = [str(helm), "package", f"--destination={folder}", str(chart)]
    subprocess.run(argv, check=True, capture_output=True)


@pytest.mark.both_helms
def test_a_packed_chart_is_rendered_with_its_schema(
    guarded: Tree, run: Run, tools: Mapping[str, Path]
) -> None:
    tree = guarded
    chart = tree.token.parent / "sub"
    write(chart, {"Chart.yaml": "{apiVersion: v2, name: sub, version: 1.0.0}\n"})
    write(chart, {"values.yaml": "a: b\n", "templates/map.yaml": MAP})
    write(chart, {"values.schema.json": json.dumps({"required": ["a"]})})
    package(tools[HELM], chart, tree.app / "charts/c/charts")
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})

    result = run("generate", tree.app, env=tree.env)

    assert (result.code, result.err) == (0, "")
    assert "name: map\n" in result.out


EMBEDDED: Final = {
    "a part with a name": {
        "$id": "https://charts.example/values.schema.json",
        "$defs": {"a": {"$id": "a.json", "type": "string"}},
        "properties": {"a": {"$ref": "a.json"}},
    },
    "a part of itself": {
        "$defs": {"a": {"type": "string"}},
        "properties": {"a": {"$ref": "values.schema.json#/$defs/a"}},
    },
    "a property with the name": {"properties": {"$ref": {"type": "string"}}},
    "a value with the name": {"properties": {"a": {"default": {"$ref": "a.json"}}}},
    "of the specification": {"$schema": "http://json-schema.org/draft-07/schema#"},
}


@pytest.mark.both_helms
@pytest.mark.parametrize("name", EMBEDDED)
def test_a_schema_may_refer_to_its_own_parts(name: str, confined: Tree, run: Run) -> None:
    tree = confined
    write(tree.app, {"charts/c/values.schema.json": json.dumps(EMBEDDED[name])})
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})
    assert "kind: ConfigMap" in kustomize(tree)

    for network in ("true", "false"):
        result = run("generate", tree.app, env={**tree.env, "AVP_RENDER_NETWORK": network})
        assert (result.code, result.err) == (0, "")


@pytest.mark.both_helms
@pytest.mark.parametrize("path", ["/{name}", "{name}", "{above}/{name}"])
def test_a_schema_does_not_tell_what_exists(path: str, guarded: Tree, run: Run) -> None:
    tree = guarded
    said = []
    write(tree.app, {"kustomization.yaml": "helmCharts: [{name: c}]\n"})
    for name in ("etc", "token", "other", "not-one"):
        uri = path.format(name=name, above=tree.token.parent)
        write(tree.app, {"charts/c/values.schema.json": json.dumps({"$ref": uri})})
        is_hidden = path == "{name}" and tree.env["AVP_SANDBOX"] == "required"
        says = NOT_SHOWN if is_hidden else f"values.schema.json {REFERS} ($ref)"
        message = re.sub(rf"\b{name}\b", "NAME", stopped(run, tree, says).err)
        said.append(re.sub(r"kustomize-helm-\d+", "", message))
    assert len(set(said)) == 1, said


FOLDED: Final = {
    "bases": "base\u017f: ['{other}']\n",
    "resources": "re\u017fource\u017f: ['{other}']\n",
    "components": "component\u017f: ['{other}']\n",
    "inside": "resources: ['in']\n",
}
"""Keys that Go's encoding/json takes for a field, as it folds case by Unicode."""


@pytest.mark.parametrize("name", FOLDED)
def test_a_key_in_a_case_that_only_unicode_folds_names_no_base(
    name: str, guarded: Tree, run: Run
) -> None:
    tree = guarded
    other = "../" * 40 + str(tree.token.parent / "other").lstrip("/")
    inside = "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n"
    write(
        tree.app,
        {
            "kustomization.yaml": FOLDED[name].format(other=other),
            "in/kustomization.yaml": f"base\u017f: ['../{other}']\n",
        },
    )
    if name == "components":
        write(
            tree.token.parent / "other", {"kustomization.yaml": f"{inside}resources: [map.yaml]\n"}
        )
    assert "name: map" in kustomize(tree)

    named_base = f"../{other}" if name == "inside" else other
    stopped(run, tree, f"{named_base[:200]!r}, which a kustomization names, is {OUTSIDE}")


# What messages show

PATHS: Final = {
    "an absolute resource": ("resources: ['{path}']\n", "'{path}'"),
    "a relative resource": ("resources: ['{relative}']\n", "'{relative}'"),
    "a link": ("resources: [link]\n", "'link'"),
    "a link to a folder": ("resources: [folder/x.yaml]\n", "'folder/x.yaml'"),
    "a file of a generator": (
        "configMapGenerator: [{{name: x, files: ['k={path}']}}]\n", "'{path}'",
    ),
    "a patch": ("resources: [map.yaml]\npatches: [{{path: '{path}'}}]\n", "'{path}'"),
    "an inline generator": (
        "generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n"
        "  metadata: {{name: x}}\n  name: x\n  files: ['k={path}']\n", "'{path}'",
    ),
    "a generator that a patch changes": ("generators: [g]\n", ""),
    "a chart's home": (
        "helmGlobals: {{chartHome: '{path}'}}\nhelmCharts: [{{name: other}}]\n", "'{path}'",
    ),
    "a chart": ("helmCharts: [{{name: '../{relative}'}}]\n", ""),
    "values": ("helmCharts: [{{name: c, valuesFile: '{path}'}}]\n", "'{path}'"),
    "a link in a chart": ("helmCharts: [{{name: c}}]\n", ""),
}  # fmt: skip
"""A kustomization, and what the message says that it names."""


def outside_of(name: str, tree: Tree, path: Path) -> str:
    """Return the message about a path of PATHS."""
    relative = f"../../../{path.name}"
    if name == "a generator that a patch changes":
        unknown = "what the plugins of kustomization.yaml open cannot be known beforehand"
        return NOT_SHOWN if tree.env["AVP_SANDBOX"] == "required" else unknown
    if name == "a chart":
        return f"the chart '../{relative}' is {OUTSIDE}"
    if name == "a link in a chart":
        return "stolen in the chart is a symlink that leads out of the repository"
    shown = PATHS[name][1].format(path=path, relative=relative)
    return f"{shown}, which a kustomization names, is {OUTSIDE}"


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("name", PATHS)
def test_messages_do_not_tell_what_exists_outside(
    name: str, edited: bool, guarded: Tree, run: Run
) -> None:
    tree = guarded
    said = []
    above = tree.token.parent
    write(above, {"there/other/Chart.yaml": "{}", "there/x.yaml": MAP})
    for path in (above / "there", above / "nope!", tree.token, above / "not-one"):
        relative = "../../../" + path.name
        text = PATHS[name][0].format(path=path, relative=relative)
        patch = json.dumps([{"op": "replace", "path": "/files/0", "value": f"k={path}"}])
        write(
            tree.app,
            {
                "kustomization.yaml": text,
                "g/kustomization.yaml": "resources: [g.yaml]\npatches:\n- target: {kind: "
                f"ConfigMapGenerator}}\n  patch: '{patch}'\n",
                "g/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\n"
                "metadata: {name: x}\nname: x\nfiles: [map.yaml]\n",
            },
        )
        for link in ("link", "folder", "charts/c/stolen"):
            (tree.app / link).unlink(missing_ok=True)
            (tree.app / link).symlink_to(path)
        if name != "a link in a chart":
            (tree.app / "charts/c/stolen").unlink()
        env = {**tree.env, **({"ARGOCD_ENV_APP_REPO": "https://git.example"} if edited else {})}
        says = outside_of(name, tree, path)
        message = stopped(run, tree._replace(env=env), says).err.replace(path.name, "PATH")
        said.append(re.sub(r"kustomize-helm-\d+", "", message))
    assert len(set(said)) == 1, said


@pytest.mark.both_helms
@pytest.mark.parametrize("mode", ["plain", "helm"])
def test_messages_about_files_and_charts_reveal_nothing_either(
    mode: str, guarded: Tree, run: Run
) -> None:
    tree = guarded
    said = []
    for path in (tree.token, tree.token.parent / "not-one", tree.token.parent / "other"):
        for link in ("link.yaml", "charts/c/stolen", "charts/c/values.yaml"):
            (tree.app / link).unlink(missing_ok=True)
            (tree.app / link).symlink_to(path)
        folder = tree.app if mode == "plain" else tree.app / "charts/c"
        env = {**tree.env, "ARGOCD_APP_SOURCE_PATH": str(folder.relative_to(tree.app.parents[1]))}
        if mode == "helm":
            env |= {"ARGOCD_ENV_HELM_VALUES_FILES": "../../link.yaml"}
        result = run("generate", f"--render={mode}", folder, env=env)
        assert (result.code, result.out) == (1, "")
        said.append(result.err.replace(path.name, "PATH"))
    assert len(set(said)) == 1, said


BACK: Final = "/../.." * 20 + "/proc/self/cwd/"
"""From any directory to the one in which kustomize and helm run."""

RETURNS: Final = {
    "a file": ("link", "map.yaml", "resources: [link]\n"),
    "a base": ("link", "base", "resources: [link]\n"),
    "values": ("link", "charts/c/values.yaml", "helmCharts: [{name: c, valuesFile: link}]\n"),
    "a link in a chart": ("charts/c/stolen", "map.yaml", "helmCharts: [{name: c}]\n"),
}


@pytest.mark.parametrize("name", RETURNS)
def test_a_symlink_through_the_outside_reveals_nothing(name: str, guarded: Tree, run: Run) -> None:
    tree = guarded
    link, inside, text = RETURNS[name]
    write(tree.app, {"kustomization.yaml": text, "base/kustomization.yaml": "namePrefix: x-\n"})
    write(tree.app, {"base/map.yaml": MAP, "base/kustomization.yaml": "resources: [map.yaml]\n"})
    bare, said = [], []
    for path in (tree.token.parent / "other", tree.token.parent / "not-one"):
        (tree.app / link).unlink(missing_ok=True)
        (tree.app / link).symlink_to(f"{path}{BACK}{inside}")
        bare.append("kind: ConfigMap" in kustomize(tree))
        says = f"'link', which a kustomization names, is {OUTSIDE}"
        if name == "a link in a chart":
            says = "stolen in the chart is a symlink that leads out of the repository"
        message = stopped(run, tree, says).err.replace(path.name, "PATH")
        said.append(re.sub(r"kustomize-helm-\d+", "", message))
    assert bare == [True, False]
    assert said[0] == said[1]


@pytest.mark.both_helms
@pytest.mark.parametrize("mode", ["plain", "helm"])
def test_a_symlink_in_a_folder_or_a_chart_reveals_nothing(
    mode: str, guarded: Tree, run: Run
) -> None:
    tree = guarded
    write(tree.app, {"charts/c/map.yaml": MAP})
    folder = tree.app / "charts/c"
    env = {**tree.env, "ARGOCD_APP_SOURCE_PATH": "apps/web/charts/c"}
    values = {"ARGOCD_ENV_HELM_VALUES_FILES": "link.yaml"} if mode == "helm" else {}
    for further in ({}, values):
        said = []
        for path in (tree.token.parent / "other", tree.token.parent / "not-one"):
            (folder / "link.yaml").unlink(missing_ok=True)
            (folder / "link.yaml").symlink_to(f"{path}{BACK}map.yaml")
            result = run("generate", f"--render={mode}", folder, env=env | further)
            assert (result.code, result.out) == (1, "")
            said.append(result.err.replace(path.name, "PATH"))
        assert said[0] == said[1]


def test_bare_kustomize_tells_what_exists(tree: Tree) -> None:
    said = []
    for path in (tree.token, tree.token.parent / "not-one"):
        write(tree.app, {"kustomization.yaml": f"resources: ['{path}']\n"})
        said.append(kustomize(tree).replace(path.name, "PATH"))
    assert said[0] != said[1]


def test_messages_name_files_relative_to_the_repository(guarded: Tree, run: Run) -> None:
    tree = guarded
    write(tree.app, {"kustomization.yaml": "resources: [missing.yaml]\n"})

    for edit in ({}, {"ARGOCD_ENV_APP_REPO": "https://git.example"}):
        result = stopped(run, tree._replace(env={**tree.env, **edit}), "apps/web/missing.yaml")
        assert str(tree.token.parent) not in result.err
        assert "avp-py-run-" not in result.err


def test_a_render_that_needs_too_much_memory_says_so(tree: Tree) -> None:
    leaves = ", ".join(["x"] * 1_000)
    text = (
        "a: &a ["
        + leaves
        + "]\n"
        + "".join(
            f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
            for before, name in pairwise("abcd")
        )
    )
    manifest = "apiVersion: v1\nkind: A\nmetadata: {name: a}\nspec:\n"
    write(tree.app, {"map.yaml": manifest + textwrap.indent(text, "  ")})
    write(tree.app, {"kustomization.yaml": "resources: [map.yaml]\n"})
    argv = [*AVP, "generate", str(tree.app)]

    done = subprocess.run(
        argv,
        env={**tree.env, "AVP_MAX_MEMORY": "150Mi"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "kustomize build needed more memory than it may use" in done.stderr, done.stderr[:2000]
    assert "AVP_MAX_MEMORY" in done.stderr
