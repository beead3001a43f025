"""No failure shows a secret: every credential and value is a canary, searched for everywhere.

A case is a run in a sandbox that must fail. What it prints, writes, and passes to child programs
is searched for the canaries in any encoding; it runs with `-vv` unless a case says otherwise.
"""

import base64
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from avp_py import errors
from avp_py.settings import TABLE, parse
from tests.integration import leaks
from tests.integration.manifests import manifest
from tests.integration.stand_in import Answer, Exchange, as_html, as_json, secret, stand_in
from tests.integration.test_kustomize import copy_case
from tests.integration.watched import Ended, Sandbox
from tests.processes import NO_LANDLOCK, run_as_anybody
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

MARK: Final = "cAnAry7f3a9c"
"""Stands at the beginning and the end of each secret, so that half of one is found too."""

TOKEN: Final = f"hvs.{MARK}+of/the=token%{MARK}"
AWKWARD: Final = f'{MARK} "of" the <secret> id/+&=ü\\ {MARK}'
NUMBER: Final = 731_984_650_123
JWT: Final = f"eyJhbGciOiJSUzI1NiJ9.{MARK}.{MARK}"
VALUE: Final = f"{MARK} line\n\tand a tab: <{MARK}> *{MARK}"

VALUES: Final[Mapping[str, object]] = {
    "text": VALUE,
    "number": NUMBER,
    "object": {"inner": VALUE, MARK: [VALUE]},
    "list": [VALUE],
    "json": json.dumps({"inner": VALUE})[:-1],
    "alias": f"a: *{MARK}",
    "tag": f"a: !!int {MARK}",
    "local-tag": f"a: !{MARK} b: {MARK}",
    "directive": f"%{MARK} x\n---\na",
    "twice": f"{{{MARK}: {MARK}, {MARK}: 1}}",
    "open": f'a: "{MARK}',
    "tabs": f"a:\n\t- {MARK}",
    "control": f"{MARK}\x00{MARK}",
    "surrogate": f"{MARK}\ud800",
    "binary": base64.b64encode(f"{MARK}\xff".encode("latin-1")).decode(),
    "long": MARK * 20,
}
"""What the backend holds: each value is one that something can stumble over."""

SECRETS: Final = (MARK, str(NUMBER), TOKEN, AWKWARD, JWT, VALUE)

CREDENTIALS: Final[Mapping[str, str]] = {
    "VAULT_TOKEN": TOKEN,
    "AVP_ROLE_ID": AWKWARD,
    "AVP_SECRET_ID": AWKWARD,
    "AVP_USERNAME": "alice",
    "AVP_PASSWORD": AWKWARD,
    "AVP_GITHUB_TOKEN": AWKWARD,
    "AVP_JWT_ROLE": "web",
    "AVP_JWT": JWT,
}
"""Every credential that the environment can hold."""

WANTED: Final = manifest({"a": "<text>"}, "kv/data/app")
GOOD: Final = secret(VALUES)


@pytest.fixture
def sandbox(tmp_path: Path, tools: Mapping[str, Path]) -> Sandbox:
    """Where a run is watched."""
    folder = tmp_path / "sandbox"
    folder.mkdir()
    return Sandbox(folder, tools)


@dataclass(frozen=True)
class Stage:
    """What a case is built from.

    Attributes:
        sandbox: where it runs.
        folder: an empty folder for its files.
        vault: the address of the stand-in for Vault.
    """

    sandbox: Sandbox
    folder: Path
    vault: str

    def file(self, name: str, text: str) -> Path:
        return write(self.folder, {name: text}) / name


@dataclass(frozen=True)
class Attempt:
    """A run: its arguments, and how it differs from the usual."""

    argv: tuple[str | Path, ...] = ("-",)
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = WANTED
    answer: Answer = GOOD
    before: str = ""
    full: bool = False
    command: str = "generate"


@dataclass(frozen=True)
class Case:
    """A failure: the errors that it must raise, words that it must print, and the run."""

    raises: tuple[type[errors.AvpError], ...]
    says: str
    attempt: Callable[[Stage], Attempt]


def echo(status: int, spell: Callable[[str], str]) -> Answer:
    """An answer that repeats all that was sent, in Vault's form of an error."""

    def answer(exchange: Exchange) -> None:
        sent = [exchange.headers.get("X-Vault-Token") or "no-token"]
        sent += json.loads(exchange.asked.body or b"{}").values()
        said = [f"cannot use {spell(each)}" for each in sent]
        as_json(status, {"errors": said})(exchange)

    return answer


def escaped(text: str) -> str:
    return json.dumps(text)


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


BAD_HEADERS: Final = (
    f"HTTP/1.1 500 {MARK}\r\nX: y\r\n{MARK} is no header\r\nContent-Length: 2\r\n\r\n{{}}".encode()
)
LOGIN: Final = {"AVP_AUTH_TYPE": "approle"}

_KUBECONFIG: Final = f"""
current-context: a
contexts: [{{name: a, context: {{cluster: a, user: a}}}}]
clusters: [{{name: a, cluster: {{server: 'https://127.0.0.1:1'}}}}]
users: [{{name: a, user: {{token: '{TOKEN}'}}}}]
"""


def unfit(name: str) -> Callable[[Stage], Attempt]:
    """A value that does not fit its location."""
    return lambda _: Attempt(stdin=manifest({"a": f"x <{name}>"}, "kv/data/app"))


def modified(name: str, modifier: str) -> Callable[[Stage], Attempt]:
    text = f"<{name} | {modifier}>"
    return lambda _: Attempt(stdin=manifest({"a": text}, "kv/data/app"))


def answered(answer: Answer, **env: str) -> Callable[[Stage], Attempt]:
    return lambda _: Attempt(answer=answer, env=env)


def tree(name: str, text: str) -> Callable[[Stage], Attempt]:
    def attempt(stage: Stage) -> Attempt:
        files = {"kustomization.yaml": "resources: [map.yaml]\n", name: text}
        return Attempt((write(stage.folder / "app", files),))

    return attempt


def chart(template: str) -> Callable[[Stage], Attempt]:
    def attempt(stage: Stage) -> Attempt:
        app = copy_case("a-chart-in-a-base", stage.folder / "tree")
        file = "base/charts/cache/templates/workload.yaml"
        write(stage.folder / "tree", {file: template})
        return Attempt((app,))

    return attempt


def program(script: str) -> Callable[[Stage], Attempt]:
    """A kustomize that prints all that it can find out."""

    def attempt(stage: Stage) -> Attempt:
        app = write(stage.folder / "app", {"kustomization.yaml": "resources: []\n"})
        fake = stage.file("kustomize", f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)
        return Attempt((app,), {"AVP_KUSTOMIZE": str(fake)})

    return attempt


def config(name: str, text: str) -> Callable[[Stage], Attempt]:
    return lambda stage: Attempt(("-c", stage.file(name, text), "-"))


FAKE_BACKEND: Final = """
import sys, types
from avp_py.backends import Backend, registry

class Fake(Backend):
    def read(self, location):
        secret = sys.argv[0] and {value!r}
        try:
            raise ValueError(secret)
        except ValueError as error:
            raise RuntimeError(f"cannot use {{secret}}") from error

registry.BACKENDS["vault"] = "fake"
sys.modules["fake"] = types.SimpleNamespace(open_backend=lambda settings, environ: Fake())
"""


def private_chart(stage: Stage) -> Attempt:
    """A chart of a repository with a password, which cannot be reached."""
    url = "http://127.0.0.1:1/charts"
    app = f"helmCharts: [{{name: web, repo: '{url}', version: 1.0.0}}]\n"
    repositories = f"repositories: [{{url: '{url}', username: robot, password: '{MARK}'}}]\n"
    return Attempt(
        (write(stage.folder / "app", {"kustomization.yaml": app}),),
        {
            "AVP_REPOSITORIES": str(stage.file("repositories.yaml", repositories)),
            "AVP_RENDER_HOSTS": "127.0.0.1:1",
        },
    )


CASES: Final[Mapping[str, Case]] = {
    "a chart that cannot be fetched": Case(
        (errors.FetchError,), "refused the connection", private_chart
    ),
    "a folder that is not there": Case(
        (errors.UsageError,), "cannot be used", lambda stage: Attempt((stage.folder / "none",))
    ),
    "a core whose socket others could reach": Case(
        (errors.ServeError,),
        "is not a directory of ours alone",
        lambda _: Attempt((), env={"AVP_SOCKET": "/core.sock"}, command="serve"),
    ),
    "output that cannot be written": Case(
        (errors.OutputError,), "No space left on device", lambda _: Attempt(full=True)
    ),
    "a setting that is malformed": Case(
        (errors.SettingsError, errors.GenerateError),
        "VAULT_TOKEN is not a token",
        lambda _: Attempt(env={"VAULT_TOKEN": f"{MARK} {MARK}"}),
    ),
    "an address with a password": Case(
        (errors.SettingsError,),
        "VAULT_ADDR is not a valid URL",
        lambda _: Attempt(env={"VAULT_ADDR": f"https://user:{MARK}@127.0.0.1:1"}),
    ),
    "a proxy with a password": Case(
        (errors.UnreachableError,),
        "the proxy on the way",
        lambda _: Attempt(
            env={
                "VAULT_ADDR": "http://vault.example:8200",
                "VAULT_MAX_RETRIES": "0",
                "HTTP_PROXY": f"http://user:{MARK}@127.0.0.1:1",
                "http_proxy": f"http://user:{MARK}@127.0.0.1:1",
            }
        ),
    ),
    "a credential for a child": Case(
        (errors.SettingsError,),
        "AVP_RENDER_ENV is not a list without our own settings",
        lambda _: Attempt(env={"AVP_RENDER_ENV": "LANG,VAULT_TOKEN"}),
    ),
    "a settings file in YAML": Case(
        (errors.DocumentError,), "not valid YAML", config("s.yaml", f"VAULT_TOKEN: [{MARK}\n")
    ),
    "a settings file in JSON": Case(
        (errors.SettingsError,), "not JSON", config("s.json", f'{{"VAULT_TOKEN": "{MARK}",}}')
    ),
    "a settings file of lines": Case(
        (errors.SettingsError,), "not NAME=value", config("s.env", f"VAULT_TOKEN {MARK}\n")
    ),
    "a file of secrets with an alias": Case(
        (errors.DocumentError,),
        "secrets.yaml",
        lambda stage: Attempt(
            env={
                "AVP_TYPE": "file",
                "AVP_FILE": str(stage.file("secrets.yaml", f"kv/data/app: {{a: *{MARK}}}\n")),
            }
        ),
    ),
    "a folder without manifests": Case(
        (errors.RenderError,),
        "has no kustomization",
        lambda stage: Attempt((write(stage.folder / "app", {"readme": ""}),)),
    ),
    "kustomize is not there": Case(
        (errors.ToolMissingError,),
        "is not an executable program",
        lambda stage: Attempt(
            (write(stage.folder / "app", {"kustomization.yaml": ""}),), {"AVP_KUSTOMIZE": "/none"}
        ),
    ),
    "kustomize on a broken manifest": Case(
        (errors.ChildError,), "kustomize build failed", tree("map.yaml", "kind: [<text>\n")
    ),
    "kustomize quotes a patch": Case(
        (errors.ChildError,),
        "kustomize build failed",
        tree(
            "kustomization.yaml",
            "patches: [{patch: 'kind: <path:kv/data/app#text> [', target: {kind: A}}]",
        ),
    ),
    "helm fails in a template": Case(
        (errors.ChildError,), "wants a size", chart('{{ fail "it wants a size <text>" }}\n')
    ),
    "a chart with more rules than are read": Case(
        (errors.ChartLimitError,),
        "there are more than 1000 rules",
        lambda stage: Attempt(
            (
                write(
                    stage.folder / "app",
                    {
                        "Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: "
                        "[{name: b, version: 1.0.0, repository: 'file://b'}]\n",
                        ".helmignore": f"{MARK}\n" * 1001,
                    },
                ),
            )
        ),
    ),
    "helm quotes its output": Case(
        (errors.ChildError,), "kustomize build failed", chart("kind: [<text>\na: {{ .Values }}\n")
    ),
    "a kernel without the sandbox": Case(
        (errors.SandboxError,), "AVP_SANDBOX=required, and this kernel",
        lambda stage: replace(
            tree("map.yaml", "kind: [")(stage), before=NO_LANDLOCK,
            env={"AVP_SANDBOX": "required"},
        ),
    ),
    "a program that shows its environment": Case(
        (errors.ChildError,), "kustomize build failed (exit code 3)",
        program("/usr/bin/env >&2; tr '\\0' '\\n' </proc/self/cmdline >&2; cat >&2; exit 3"),
    ),
    "a program that prints its environment": Case(
        (errors.DocumentError,), "the rendered manifests", program("echo '{'; /usr/bin/env")
    ),
    "a program that shows a password of a URL": Case(
        (errors.ChildError,),
        "git fetch https://***@git.example/app",
        program(f"echo 'git fetch https://user:{MARK}@git.example/app' >&2; exit 3"),
    ),
    "a broken document on standard input": Case(
        (errors.DocumentError,),
        "not valid YAML",
        lambda _: Attempt(stdin=f"kind: Secret\nstringData: {{a: {MARK}, b: [\n".encode()),
    ),
    "a path that climbs": Case(
        (errors.PathError,),
        "climbs",
        lambda _: Attempt(stdin=manifest({"a": "<path:../x#text>"})),
    ),
    "a key that is missing": Case(
        (errors.PlaceholderError,), "'txt' is not in the secret", modified("txt", "upper")
    ),
    "an object in a longer string": Case(
        (errors.PlaceholderError,), "the value is a mapping", unfit("object")
    ),
    "a list in a longer string": Case(
        (errors.PlaceholderError,), "the value is a list", unfit("list")
    ),
    "keys that do not fit": Case(
        (errors.PlaceholderError,),
        "cannot have the key",
        lambda _: Attempt(
            stdin=manifest({}, None, **{"import": "kv/data/app"}),
            answer=secret({"a b": VALUE, "c": NUMBER}),
        ),
    ),
    "a version that is none": Case(
        (errors.BackendError,),
        "is not a version number",
        lambda _: Attempt(stdin=manifest({"a": "<path:kv/data/app#text#new>"})),
    ),
    "Vault repeats the token": Case(
        (errors.BackendError,), "cannot use ***", answered(echo(400, str))
    ),
    "Vault repeats the token as JSON": Case(
        (errors.BackendError,), "cannot use", answered(echo(400, escaped))
    ),
    "Vault repeats the token in base64": Case(
        (errors.BackendError,), "cannot use ***", answered(echo(400, in_base64))
    ),
    "Vault repeats the ids": Case(
        (errors.LoginError,), "cannot use ***", answered(echo(400, str), **LOGIN)
    ),
    "Vault repeats the ids as JSON": Case(
        (errors.LoginError,), "cannot use", answered(echo(400, escaped), **LOGIN)
    ),
    "Vault repeats the ids in base64": Case(
        (errors.LoginError,), "cannot use ***", answered(echo(400, in_base64), **LOGIN)
    ),
    "Vault fails": Case(
        (errors.UnreachableError,),
        "failed with status 500",
        answered(echo(500, str), VAULT_MAX_RETRIES="0"),
    ),
    "a page with the token": Case(
        (errors.UnreachableError,), "is not Vault", answered(as_html(400, f"<p>{TOKEN}</p>"))
    ),
    "headers that are none": Case(
        (errors.UnreachableError,),
        "failed with status 500",
        answered(lambda exchange: exchange.raw(BAD_HEADERS), VAULT_MAX_RETRIES="0"),
    ),
    "an answer that breaks off": Case(
        (errors.UnreachableError,),
        "closed the connection",
        answered(
            lambda exchange: exchange.raw(
                f'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{{"data": "{MARK}'.encode()
            ),
            VAULT_MAX_RETRIES="0",
        ),
    ),
    "a login that gives no token": Case(
        (errors.UnreachableError,),
        "is not Vault",
        answered(as_json(200, {"auth": {"client_token": f"{MARK}\n"}}), **LOGIN),
    ),
    "the backend is too slow": Case(
        (errors.LimitError,),
        # The reader names what it waited for; on a busy machine, the watchdog may come first.
        "AVP_RUN_TIMEOUT",
        answered(lambda _: time.sleep(3), AVP_RUN_TIMEOUT="1"),
    ),
    "too many documents": Case(
        (errors.LimitError,),
        "there are more than 1 documents",
        lambda _: Attempt(stdin=WANTED * 2, env={"AVP_MAX_DOCUMENTS": "1"}),
    ),
    "nobody answers": Case(
        (errors.UnreachableError,),
        "Connection refused",
        lambda _: Attempt(env={"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_MAX_RETRIES": "0"}),
    ),
    "the token is refused": Case(
        (errors.LoginError,),
        "Vault rejected the token from VAULT_TOKEN (403)",
        answered(as_json(403, {"errors": ["permission denied", "invalid token"]})),
    ),
    "the path is refused": Case(
        (errors.ForbiddenError,),
        "Vault denied read access to kv/data/app (403)",
        answered(as_json(403, {"errors": ["permission denied"]})),
    ),
    "there is nothing": Case(
        (errors.NotFoundError,), "nothing at kv/data/app", answered(as_json(404, {"errors": []}))
    ),
    "the cluster is not there": Case(
        (errors.ClusterError,),
        "no connection to the Kubernetes API",
        lambda stage: Attempt(
            ("-s", "avp", "-"), {"KUBECONFIG": str(stage.file("kubeconfig", _KUBECONFIG))}
        ),
    ),
    "a kubeconfig with a token that is none": Case(
        (errors.SettingsError,),
        "token",
        lambda stage: Attempt(
            ("-s", "avp", "-"),
            {
                "KUBECONFIG": str(
                    stage.file("kubeconfig", _KUBECONFIG.replace("token: 'hvs.", "token: 'hvs. "))
                )
            },
        ),
    ),
    "a cache that is not ours alone": Case(
        (errors.SettingsError,),
        "is accessible to other users",
        lambda stage: Attempt(
            env={**LOGIN, "AVP_TOKEN_CACHE": str(stage.file("tokens/key", "").parent)},
            before=f"os.chmod({str(stage.folder / 'tokens')!r}, 0o755)",
        ),
    ),
    "an error that nobody has foreseen": Case(
        (),
        "internal error, RuntimeError; please report it",
        lambda _: Attempt(before=FAKE_BACKEND.format(value=VALUE + TOKEN)),
    ),
    **{
        f"yamlParse of {name}": Case(
            (errors.PlaceholderError,), "modifier yamlParse: ", modified(name, "yamlParse")
        )
        for name in ("alias", "tag", "directive", "open", "tabs", "control")
    },
    "a modifier that is not known": Case(
        (errors.PlaceholderError,), "unknown modifier 'nothing'", modified("text", "nothing")
    ),
    **{
        f"{modifier} of {name}": Case(
            (errors.PlaceholderError,),
            f"modifier {modifier.split()[0]}: ",
            modified(name, modifier),
        )
        for name, modifier in (
            ("json", "jsonParse"),
            ("json", "jsonPath {.inner}"),
            ("object", "jsonPath {.outer}"),
            ("object", "jsonPath {.inner.deeper}"),
            ("list", "jsonPath {[5]}"),
            ("text", "base64decode"),
            ("object", "base64encode"),
            ("number", "upper"),
            ("long", "bcrypt"),
            ("text", "indent x"),
        )
    },
}  # fmt: skip


def attempt(stage: Stage, wanted: Attempt, address: str) -> Ended:
    """Run the attempt, with every credential in its environment."""
    env = {"VAULT_ADDR": address, "AVP_AUTH_TYPE": "token", **CREDENTIALS, **wanted.env}
    argv = (wanted.command, "-vv", *wanted.argv)
    with Path("/dev/full").open("wb") as full:
        return stage.sandbox.run(
            *argv,
            env=env,
            stdin=wanted.stdin,
            before=wanted.before,
            stdout=full if wanted.full else None,
        )


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", CASES)
def test_no_failure_shows_a_secret(name: str, form: str, sandbox: Sandbox, tmp_path: Path) -> None:
    case = CASES[name]
    with stand_in(GOOD) as server:
        stage = Stage(sandbox, tmp_path / "files", server.address)
        wanted = case.attempt(stage)
        server.answer = wanted.answer
        wanted = replace(wanted, env={"AVP_LOG_FORMAT": form, **wanted.env})
        ended = attempt(stage, wanted, server.address)

    said = ended.err
    if form == "json":
        records = [json.loads(line) for line in ended.err.splitlines()]
        said = "\n".join(str(value) for record in records for value in record.values())
        assert leaks.found(said, SECRETS) == []
    assert case.says in said
    assert ended.code != 0
    assert ended.out == ""
    assert {each.__name__ for each in case.raises} <= ended.raised
    assert ended.leaks(SECRETS) == []
    # Only the workspace of the render is written, before any value is known.
    allowed = (sandbox.environ["TMPDIR"], str(stage.folder / "tokens"), "/dev/null")
    assert [path for path in ended.wrote if not path.startswith(allowed)] == []


def test_every_class_of_errors_has_a_case() -> None:
    known = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.AvpError)
    } - {errors.AvpError}
    assert {each for case in CASES.values() for each in case.raises} == known


def test_a_class_that_has_a_case_is_raised_by_name(sandbox: Sandbox) -> None:
    ended = sandbox.run("generate", "none", env={})
    assert ended.raised == {"UsageError"}


SENSITIVE: Final = [
    setting.name for setting in TABLE if setting.parse in (parse.sensitive, parse.token)
]
PATHS: Final = [setting.name for setting in TABLE if setting.parse is parse.file_path]

METHODS: Final[Mapping[str, str]] = {
    "VAULT_TOKEN": "token", "AVP_ROLE_ID": "approle", "AVP_SECRET_ID": "approle",
    "AVP_PASSWORD": "userpass", "AVP_GITHUB_TOKEN": "github", "AVP_JWT": "jwt",
    "AVP_JWT_PATH": "jwt", "AVP_K8S_TOKEN_PATH": "k8s",
}  # fmt: skip


def test_every_sensitive_setting_is_tried_here() -> None:
    assert set(SENSITIVE) == set(METHODS) - {"AVP_JWT_PATH", "AVP_K8S_TOKEN_PATH"}
    assert set(SENSITIVE) <= set(CREDENTIALS)


@pytest.mark.parametrize("name", SENSITIVE)
@pytest.mark.parametrize("value", [f"{MARK}\n{MARK}", f" {MARK}\x00ü{MARK}\u2028", MARK * 2000])
def test_a_bad_credential_is_not_shown(name: str, value: str, sandbox: Sandbox) -> None:
    value = value.replace("\x00", "\x01")
    with stand_in(echo(400, str)) as server:
        env = {**CREDENTIALS, "AVP_AUTH_TYPE": METHODS[name], name: value}
        ended = sandbox.run(
            "generate", "-vv", "-", env={**env, "VAULT_ADDR": server.address}, stdin=WANTED
        )
    assert (ended.code, ended.out) == (1, "")
    assert ended.leaks(SECRETS) == []


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    "value", [JWT, f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----", MARK * 30]
)
def test_the_text_of_a_file_in_place_of_its_path_is_not_shown(
    name: str, value: str, sandbox: Sandbox
) -> None:
    env = {"AVP_TYPE": "file" if name == "AVP_FILE" else "vault", "VAULT_TOKEN": TOKEN, name: value}
    ended = sandbox.run("generate", "-vv", "-", env=env, stdin=WANTED)
    assert f"{name} is not the path of a file; it looks like the text of one" in ended.err
    assert (ended.code, ended.out) == (1, "")
    assert ended.leaks(SECRETS) == []


CRASHES: Final[Mapping[str, str]] = {
    "in a thread": "threading.Thread(target=int, args=(SECRET,)).start(); time.sleep(0.1)",
    "in a destructor": "type('A', (), {'__del__': lambda self: int(SECRET)})()",
    "a warning": "warnings.warn(SECRET)",
    "a library's warning": "logging.getLogger('urllib3').warning(SECRET)",
    "a library's error": "logging.error(SECRET)",
    "before anything is caught": "int(SECRET)",
    "a chain": "exec('try: int(SECRET)\\nexcept ValueError as e: raise KeyError(SECRET) from e')",
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("place", ["program", "command"])
@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_shows_no_text(name: str, place: str, form: str, sandbox: Sandbox) -> None:
    # Either outside of main's own handler, or inside it.
    target = "sys.modules['avp_py.cli.main'].main"
    if place == "command":
        target = "sys.modules['avp_py.cli.version'].resolve"
    before = f"""
import logging, threading, time, warnings
import avp_py.cli.version
SECRET = {VALUE!r}
def crash(*_):
    {CRASHES[name]}
    return 1
{target} = crash
"""
    ended = sandbox.run("version", env={**CREDENTIALS, "AVP_LOG_FORMAT": form}, before=before)
    assert ended.leaks(SECRETS) == []
    if form == "json":
        assert all(json.loads(line)["msg"] for line in ended.err.splitlines())
    if "warning" not in name and name != "a library's error":
        assert "internal error, " in ended.err


def test_nothing_leaves_by_a_core_dump(sandbox: Sandbox) -> None:
    before = """
def look(*_):
    import ctypes, resource
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    print(soft, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
    return 0
sys.modules['avp_py.cli.main'].main = look
"""
    ended = sandbox.run("version", env={}, before=before)
    soft, dumpable = map(int, ended.out.split())
    assert soft in (0, 1)
    assert dumpable == 0


SPY: Final = "tr '\\0' '\\n' </proc/$PPID/environ >&2; exit 3"


def test_a_child_cannot_look_into_our_environment(tmp_path: Path) -> None:
    spy = write(tmp_path, {"spy": f"#!/bin/sh\n{SPY}\n"}) / "spy"
    spy.chmod(0o755)
    app = write(tmp_path / "app", {"kustomization.yaml": "resources: []\n"})
    env = {"PATH": "/usr/bin:/bin", "AVP_KUSTOMIZE": str(spy), **CREDENTIALS}

    argv = [sys.executable, "-I", "-m", "avp_py", "generate", "-vv", app]
    done = run_as_anybody([str(each) for each in argv], env)
    assert "spy build failed (exit code 3)" in done.stderr
    assert leaks.found(done.stdout + done.stderr, SECRETS) == []

    # The spy is one: it reads everything from a process that does not protect itself.
    careless = f"import subprocess; subprocess.run([{str(spy)!r}])"
    done = run_as_anybody([sys.executable, "-I", "-c", careless], env)
    assert MARK in done.stderr


def test_children_of_a_run_that_succeeds_see_no_credential(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    app = copy_case("a-chart-in-a-base", tmp_path / "tree")
    files = {
        "kustomization.yaml": "resources: [../base, more.yaml]\n",
        "more.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: more}\n"
        "data: {a: <path:kv/data/app#text>}\n",
    }
    write(app, files)
    more = {"AVP_AUTH_TYPE": "approle", "AVP_RENDER_ENV": "SEEN", "SEEN": "by-the-children"}

    def answer(exchange: Exchange) -> None:
        log_in = {"auth": {"client_token": TOKEN, "lease_duration": 600}}
        (as_json(200, log_in) if exchange.path.endswith("/login") else GOOD)(exchange)

    with stand_in(answer) as server:
        env = {**CREDENTIALS, **more, "VAULT_ADDR": server.address}
        ended = sandbox.run("generate", "-vv", app, env=env)
    assert ended.code == 0, ended.err
    assert MARK in ended.out
    environs = [text for place, text in ended.seen.items() if place.endswith("environ")]
    # Those that only report their versions see less.
    assert sum("by-the-children" in text for text in environs) == ended.children - 2 >= 2
    assert ended.leaks(SECRETS) == []


def test_only_the_cache_that_is_named_holds_a_token(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    log_in = as_json(200, {"auth": {"client_token": TOKEN, "lease_duration": 600}})
    with stand_in(lambda each: (log_in if each.path.endswith("/login") else GOOD)(each)) as server:
        env = {**CREDENTIALS, **LOGIN, "VAULT_ADDR": server.address, "AVP_TOKEN_CACHE": str(folder)}
        ended = sandbox.run("generate", "-vv", "-", env=env, stdin=WANTED)
    assert ended.code == 0, ended.err
    assert ended.leaks(SECRETS) == []
    texts = {each.name: each.read_text("latin-1") for each in folder.iterdir()}
    holding = [name for name, text in texts.items() if leaks.found(text, SECRETS)]
    assert len(holding) == 1
    assert leaks.found(texts[holding[0]], [AWKWARD, VALUE]) == []
    assert leaks.found(" ".join(texts), SECRETS) == []


PLANTED: Final[Mapping[str, tuple[str, str]]] = {
    "stderr": ("sys.stderr.write(SECRET)", "stderr"),
    "stderr in base64": (
        "import base64; sys.stderr.write(base64.b64encode(b'x' + SECRET.encode()).decode())",
        "stderr",
    ),
    "stderr in a URL": (
        "import urllib.parse; sys.stderr.write(urllib.parse.quote_plus(SECRET))", "stderr",
    ),
    "stderr in JSON": ("import json; sys.stderr.write(json.dumps(SECRET))", "stderr"),
    "half of it": ("sys.stderr.write(SECRET[:14])", "stderr"),
    "the environment": ("os.environ['SEEN'] = SECRET", "environ"),
    "argv": (
        "from avp_py.render import child as c; f = c.run\n"
        "c.run = lambda argv, **more: f([*argv, SECRET.replace(' ', '')], **more)",
        "cmdline",
    ),
    "a file": ("open(os.environ['HOME'] + '/x', 'w').write(SECRET)", "/home/x"),
    "the name of a file": (
        "open(os.environ['TMPDIR'] + '/' + SECRET[:12], 'w')", "names in",
    ),
    "a file that goes again": (
        "import tempfile; m = tempfile.mkdtemp\n"
        "def made(**more):\n"
        "    folder = m(**more); open(folder + '/x', 'w').write(SECRET); return folder\n"
        "tempfile.mkdtemp = made",
        "during",
    ),
}  # fmt: skip
"""A leak in each place, and in which of the places that are searched it must be found."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_leak_would_be_found(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    plant, place = PLANTED[name]
    app = write(tmp_path / "app", {"kustomization.yaml": "resources: []\n"})
    before = f"SECRET = {AWKWARD!r}\n{plant}"
    ended = sandbox.run("generate", "-vv", app, env={"AVP_RENDER_ENV": "SEEN"}, before=before)
    found = ended.leaks(SECRETS)
    assert found
    assert all(place in each for each in found)


def test_a_file_that_is_written_would_be_noticed(sandbox: Sandbox) -> None:
    ended = sandbox.run("version", env={}, before="open('/dev/null', 'w'); os.mkdir('made')")
    assert {"/dev/null", "made"} <= ended.wrote
