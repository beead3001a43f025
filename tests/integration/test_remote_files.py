"""Files that a kustomization names by URLs: as kustomize renders them where it has a network."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from avp_py.render.remote_files import FOLDER
from tests.conftest import Run
from tests.integration.repositories import status
from tests.integration.stand_in import Answer, Exchange, StandIn, stand_in
from tests.integration.test_kustomize import reference
from tests.processes import AVP, session_members, until
from tests.trees import snapshot, write

pytestmark = pytest.mark.cover

MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n"
DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: 'ghcr.io/team/web:1.0'}]}}}
"""
SCHEMA: Final = """\
{"definitions": {"v1.Gadget": {
  "properties": {"parts": {"type": "array",
    "items": {"properties": {"name": {"type": "string"}, "size": {"type": "integer"}}},
    "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}},
  "x-kubernetes-group-version-kind": [{"group": "example.org", "kind": "Gadget", "version": "v1"}]
}}}
"""
GADGET: Final = "apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: g}\nparts: [{}]\n"
CRD: Final = """\
{"Gadget": {"Schema": {"properties": {"spec": {"properties": {"map": {
  "properties": {"name": {"type": "string"}}, "x-kubernetes-object-ref-api-version": "v1",
  "x-kubernetes-object-ref-kind": "ConfigMap"}}}}}}}
"""
PREFIX: Final = "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: pre-\n"
PREFIX_FIELDS: Final = "fieldSpecs: [{path: metadata/name}]\n"
GENERATOR: Final = (
    "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nliterals: [a=b]\n"
)
PAGE: Final = b"<!DOCTYPE html><html><body>a git host</body></html>"

FILES: Final[Mapping[str, bytes]] = {
    path: text.encode()
    for path, text in {
        "/map.yaml": MAP.format("fetched"),
        "/other.yaml": MAP.format("other"),
        "/list": MAP.format("listed"),
        "/many.yaml": "---\n".join(MAP.format(f"many-{number}") for number in range(3)),
        "/web.yaml": DEPLOYMENT,
        "/merge.yaml": DEPLOYMENT.replace("web:1.0", "web:2.0"),
        "/json.yaml": '[{"op": "add", "path": "/data", "value": {"a": "b"}}]',
        "/facts.txt": "one\ntwo: 2\n",
        "/facts.env": "A=1\nB=2\n",
        "/schema.json": SCHEMA,
        "/crd.json": CRD,
        "/replacements.yaml": "source: {kind: ConfigMap, name: local, fieldPath: metadata.name}\n"
        "targets: [{select: {kind: Deployment}, fieldPaths: "
        "[spec.template.spec.containers.0.image]}]\n",
        "/prefix.yaml": PREFIX + PREFIX_FIELDS,
        "/generator.yaml": GENERATOR,
        "/config.yaml": "namePrefix: [{path: spec/title, kind: Gadget}]\n",
        "/values.yaml": "text: of the file\n",
        "/utf8.yaml": "\ufeff" + MAP.format("marked"),
        "/crlf.yaml": MAP.format("crlf").replace("\n", "\r\n"),
        "/a%20b.yaml": MAP.format("spaced"),
    }.items()
}


@dataclass(frozen=True)
class Files:
    """A server of files.

    Attributes:
        server: what counts its requests.
        answers: answers to paths instead of a file.
    """

    server: StandIn
    answers: dict[str, Answer]

    @property
    def url(self) -> str:
        """Its URL."""
        return self.server.address

    def taken(self) -> list[str]:
        """The requests since the last time."""
        found = self.server.paths
        self.server.asked.clear()
        return found


@pytest.fixture
def files() -> Iterator[Files]:
    answers: dict[str, Answer] = {}

    def answer(exchange: Exchange) -> None:
        path = exchange.path.partition("?")[0]
        if path in answers:
            answers[path](exchange)
        elif path in FILES:
            exchange.reply(200, FILES[path])
        else:
            exchange.reply(404, b"not found")

    with stand_in(answer) as server:
        yield Files(server, answers)


@pytest.fixture
def env(files: Files, environ: Mapping[str, str]) -> Mapping[str, str]:
    hosts = f"127.0.0.1:{files.server.port}"
    return {**environ, "AVP_RENDER_HOSTS": hosts, "AVP_SANDBOX": "required"}


LOCAL: Final = {"local.yaml": MAP.format("local"), "web.yaml": DEPLOYMENT}

CASES: Final[Mapping[str, str]] = {
    "resources": "resources: [URL/map.yaml, local.yaml, URL/many.yaml]\n",
    "a name without an ending": "resources: [URL/list]\n",
    "a name in capitals": "resources: ['HTTPURL/map.yaml']\n",
    "a query": "resources: ['URL/map.yaml?token=a&x=b']\n",
    "an escape in a name": "resources: ['URL/a%20b.yaml']\n",
    "the same twice in generators": "configMapGenerator:\n"
    "- {name: a, files: [URL/facts.txt]}\n- {name: b, files: [URL/facts.txt, k=URL/facts.txt]}\n",
    "patches": "resources: [web.yaml, local.yaml]\npatches:\n- path: URL/merge.yaml\n"
    "- {path: 'URL/json.yaml', target: {kind: ConfigMap}}\n",
    "patchesStrategicMerge": "resources: [web.yaml]\npatchesStrategicMerge: [URL/merge.yaml]\n",
    "patchesJson6902": "resources: [local.yaml]\npatchesJson6902:\n"
    "- {path: URL/json.yaml, target: {version: v1, kind: ConfigMap, name: local}}\n",
    "configMapGenerator": "configMapGenerator: [{name: m, files: [URL/facts.txt]}]\n",
    "a key": "configMapGenerator: [{name: m, files: [key.txt=URL/facts.txt]}]\n",
    "secretGenerator": "secretGenerator: [{name: m, files: [k=URL/facts.txt]}]\n",
    "envs": "configMapGenerator: [{name: m, envs: [URL/facts.env]}]\n",
    "env": "configMapGenerator: [{name: m, env: URL/facts.env}]\n",
    "openapi": "resources: [gadget.yaml]\nopenapi: {path: URL/schema.json}\n",
    "crds": "resources: [local.yaml]\ncrds: [URL/crd.json]\n",
    "replacements": "resources: [web.yaml, local.yaml]\nreplacements: [path: URL/replacements.yaml]"
    "\n",
    "transformers": "resources: [local.yaml]\ntransformers: [URL/prefix.yaml]\n",
    "generators": "generators: [URL/generator.yaml]\n",
    "configurations": "resources: [gadget.yaml]\nnamePrefix: x-\n"
    "configurations: [URL/config.yaml]\n",
    "block style": "resources:\n- URL/map.yaml # a comment\n-   'URL/other.yaml'\n- \"URL/list\"\n",
    "a folded text": "resources:\n- >-\n  URL/map.yaml\n- |-\n  URL/other.yaml\n",
    "a plain text on two lines": "resources: [local.yaml]\nconfigMapGenerator:\n- name: m\n"
    "  files:\n  - URL/facts.txt\n",
    "an anchor": "resources: [&a URL/map.yaml]\nconfigMapGenerator: [{name: m, files: [*a]}]\n",
    "a tag": "resources: [!!str URL/map.yaml]\n",
    "an escape in a text": 'resources: ["URL\\x2fmap.yaml", "\\u0068ttp:HTTP/other.yaml"]\n',
    "a merge key": "configMapGenerator:\n- &g {name: m, files: [URL/facts.txt]}\n"
    "secretGenerator: [{<<: *g, type: Opaque}]\n",
    "files with marks and CRLF": "resources: [URL/utf8.yaml, URL/crlf.yaml]\n",
    "keys in capitals": "Resources: [URL/map.yaml]\n",
    "a second document": "resources: [URL/map.yaml]\n",
    "values of a chart": "helmCharts: [{name: c, valuesFile: URL/values.yaml}]\n",
    "an empty entry": "resources:\n- URL/map.yaml\nnamePrefix:\n",
}


def filled(text: str, url: str) -> str:
    """Put the URL of the server in."""
    rest = url.partition(":")[2]
    return text.replace("HTTPURL", f"HTTP:{rest}").replace("URL", url).replace("HTTP/", f"{rest}/")


CHART: Final = {
    "charts/c/Chart.yaml": "{apiVersion: v2, name: c, version: 1.0.0}\n",
    "charts/c/values.yaml": "text: of the chart\n",
    "charts/c/templates/a.yaml": MAP.format("c") + "data: {text: '{{ .Values.text }}'}\n",
}
LINES: Final = {
    "as it is": lambda text: text.encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
}


def place(folder: Path, kustomization: bytes) -> Path:
    """An Application, with what the cases refer to."""
    return write(
        folder, {**LOCAL, **CHART, "gadget.yaml": GADGET, "kustomization.yaml": kustomization}
    )


@pytest.mark.parametrize("case", CASES)
def test_output_is_that_of_kustomize_with_a_network(
    case: str, files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    text = filled(CASES[case], files.url)
    expected = reference(place(tmp_path / "copy", text.encode()), {}, env)
    # Otherwise kustomize had not used it either.
    assert files.taken()
    app = place(tmp_path / "app", text.encode())
    before = snapshot(app)

    result = run("generate", app, env=env)

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    assert snapshot(app) == before
    requests = files.taken()
    assert len(requests) == len(set(requests))


@pytest.mark.parametrize("lines", LINES)
def test_a_kustomization_is_read_in_every_encoding(
    lines: str, files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    text = LINES[lines](filled(CASES["block style"] + CASES["configMapGenerator"], files.url))
    expected = reference(place(tmp_path / "copy", text), {}, env)

    result = run("generate", place(tmp_path / "app", text), env=env)

    assert (result.code, result.err) == (0, "")
    assert result.out == expected


def test_bases_and_components_name_files(
    files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    tree = {
        "app/kustomization.yaml": "resources: [../base, inner]\ncomponents: [../component]\n",
        "app/inner/kustomization.yaml": "resources: [URL/other.yaml]\n",
        "base/kustomization.yaml": "resources: [URL/map.yaml]\n",
        "component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\n"
        "kind: Component\npatches: [{path: URL/json.yaml, target: {kind: ConfigMap}}]\n",
    }
    for name in ("copy", "tree"):
        write(tmp_path / name, {path: filled(text, files.url) for path, text in tree.items()})
    expected = reference(tmp_path / "copy/app", {}, env)
    before = snapshot(tmp_path / "tree")

    result = run("generate", tmp_path / "tree/app", env=env)

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    assert snapshot(tmp_path / "tree") == before


def test_an_edit_applies_to_what_was_fetched(
    files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    text = filled("resources: [URL/web.yaml]\n", files.url).encode()
    edits = {"IMAGES": "ghcr.io/team/web:9"}
    expected = reference(place(tmp_path / "copy", text), edits, env)

    app = place(tmp_path / "app", text)
    result = run("generate", app, env={**env, "ARGOCD_ENV_IMAGES": edits["IMAGES"]})

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    assert "web:9" in result.out


@pytest.mark.parametrize("target", ["real.yaml", "../through/back/real.yaml"])
def test_a_symlinked_kustomization_is_rewritten_in_a_copy(
    target: str, files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    text = filled("resources: [URL/map.yaml]\n", files.url)
    for name in ("copy", "tree"):
        write(tmp_path / name, {"app/real.yaml": text, "through/note": ""})
        (tmp_path / name / "through/back").symlink_to("../app")
        (tmp_path / name / "app/kustomization.yaml").symlink_to(target)
    before = snapshot(tmp_path / "tree")

    result = run("generate", tmp_path / "tree/app", env=env)

    assert (result.code, result.err) == (0, "")
    assert result.out == reference(tmp_path / "copy/app", {}, env)
    assert snapshot(tmp_path / "tree") == before


REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "a missing file": ("resources: [URL/none.yaml]\n", "no file at URL/none.yaml (HTTP"),
    "a missing patch": ("resources: [local.yaml]\npatches: [path: URL/none]\n", "no file at"),
    "neither a file nor a repository": ("resources: [URL/none]\n", "no file at URL/none (HTTP"),
    "a page": ("resources: [URL/page]\n", "URL/page is a page in HTML, and not a manifest"),
    "a page instead of YAML": ("resources: [URL/page.yaml]\n", "is a page in HTML"),
    "a text": ("resources: [URL/facts.env]\n", "URL/facts.env is not YAML with a mapping"),
    "a page of a repository": ("resources: [URL/page.git]\n", "repository URL/page.git cannot"),
    "a password": ("resources: ['http://u:hunter22@HOST/map.yaml']\n", "has a user or a password"),
    "a space": ("resources: ['URL/a b.yaml']\n", "write %20"),
    "a line break": ('resources: ["URL/a\\nb.yaml"]\n', "has the character"),
    "a fragment": ("resources: ['URL/map.yaml#x']\n", "leave the fragment out"),
    "a path out of the root": ("resources: ['URL/../map.yaml']\n", "leads out of the root"),
    "a bracket": ("resources: ['http://[::1/map']\n", "invalid IPv6 address"),
    "no host": ("resources: ['http:///map.yaml']\n", "an invalid host"),
    "no slashes": ("resources: ['http:map.yaml']\n", "is not complete"),
    "an equals sign without a key": (
        "configMapGenerator: [{name: m, files: ['URL/facts.txt?a=b']}]\n", "kustomize build failed",
    ),
    "too many": (
        "resources: [" + ", ".join(f"'URL/map.yaml?{number}'" for number in range(201)) + "]\n",
        "the kustomizations name more than 200 ",
    ),
    "a plugin in the kustomization": (
        "resources: [local.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n"
        "  kind: PatchTransformer\n  metadata: {name: p}\n  path: URL/json.yaml\n"
        "  target: {kind: ConfigMap}\n",
        "is named where it cannot be fetched: in the configuration of a plugin",
    ),
    "a plugin in a file": (
        "resources: [local.yaml]\ntransformers: [plugin.yaml]\n",
        "is named where it cannot be fetched: in the configuration of a plugin",
    ),
}  # fmt: skip
PLUGIN: Final = (
    "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: URL/json.yaml\n"
    "target: {kind: ConfigMap}\n"
)


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_fetched_is_an_error_that_says_why(
    case: str, files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    for path in ("/page", "/page.yaml", "/page.git"):
        files.answers[path] = lambda exchange: exchange.reply(200, PAGE)
    text, reason = REFUSED[case]
    text = filled(text, files.url).replace("HOST", files.url.partition("://")[2])
    app = place(tmp_path / "app", text.encode())
    write(app, {"plugin.yaml": filled(PLUGIN, files.url)})
    before = snapshot(app)

    result = run("generate", app, env=env)

    assert (result.code, result.out) == (1, "")
    assert filled(reason, files.url) in result.err
    assert "next:" in result.err
    assert "please report it" not in result.err
    assert "hunter22" not in result.err
    assert len(files.taken()) < 5
    assert snapshot(app) == before


@pytest.mark.parametrize("answer", [status(401), status(403)], ids=["401", "403"])
@pytest.mark.parametrize("name", ["map.yaml", "list"])
def test_a_server_that_wants_credentials_is_named(
    name: str, answer: Answer, files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    files.answers[f"/{name}"] = answer
    app = place(tmp_path, filled(f"resources: [URL/{name}]\n", files.url).encode())

    result = run("generate", app, env=env)

    assert (result.code, result.out) == (1, "")
    assert f"the file {files.url}/{name} cannot be fetched" in result.err
    assert "AVP_REPOSITORIES" in result.err


@pytest.mark.parametrize("name", [FOLDER, f"{FOLDER}/0/map.yaml"])
def test_a_file_of_that_name_is_not_overwritten(
    name: str, files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    text = filled("resources: [URL/map.yaml]\n", files.url)
    app = write(tmp_path, {"kustomization.yaml": text, name: "of the repository"})
    before = snapshot(app)

    result = run("generate", app, env=env)

    assert (result.code, result.out) == (1, "")
    assert f"{FOLDER} beside a kustomization is in the way" in result.err
    assert snapshot(app) == before


def test_a_page_may_be_data_of_a_config_map(
    files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    files.answers["/page"] = lambda exchange: exchange.reply(200, PAGE)
    text = filled("configMapGenerator: [{name: m, files: [URL/page]}]\n", files.url).encode()
    expected = reference(place(tmp_path / "copy", text), {}, env)

    result = run("generate", place(tmp_path / "app", text), env=env)

    assert (result.code, result.err, result.out) == (0, "", expected)


def test_the_origin_is_the_path_of_the_copy(
    files: Files, tmp_path: Path, env: Mapping[str, str], run: Run
) -> None:
    text = "resources: [URL/map.yaml, local.yaml]\nbuildMetadata: [originAnnotations]\n"
    text = filled(text, files.url)
    expected = reference(place(tmp_path / "copy", text.encode()), {}, env)

    result = run("generate", place(tmp_path / "app", text.encode()), env=env)

    written = f"path: {files.url.replace('//', '/')}/map.yaml\n"
    assert written in expected
    assert result.out == expected.replace(written, f"path: {FOLDER}/0/map.yaml\n")


KILLS: Final = 8


def test_sigkill_at_any_moment_leaves_the_tree_and_no_child(
    files: Files, tmp_path: Path, env: Mapping[str, str]
) -> None:
    text = filled("resources: [URL/map.yaml, local.yaml]\n", files.url).encode()
    app = place(tmp_path / "app", text)
    before = snapshot(app)
    temporary = tmp_path / "temporary"

    def start() -> "subprocess.Popen[bytes]":
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        argv = [*AVP, "generate", str(app)]
        return subprocess.Popen(
            argv,
            env={**env, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def is_rewritten() -> bool:
        return any(FOLDER in folders for _, folders, _ in os.walk(temporary))

    started = time.monotonic()
    with start() as whole:
        assert b"name: fetched" in whole.communicate(timeout=60)[0]
    length = time.monotonic() - started
    moments = [length * number / KILLS for number in range(KILLS)]
    for moment in (*moments, None):
        with start() as child:
            if moment is None:
                # In the middle of what it does in the copy.
                assert until(is_rewritten, 20)
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(moment)
            child.kill()
        assert child.returncode in ((-signal.SIGKILL,) if moment is None else (0, -signal.SIGKILL))
        assert until(lambda session=child.pid: not session_members(session), 20)  # type: ignore[misc]
        assert snapshot(app) == before
