"""deploy.sh and token.sh of examples/ci, with a stand-in for the argocd program."""

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import pytest
from engine import install

from tests.ci_examples import FOLDER
from tests.conftest import build_tools
from tests.integration.certificates import self_signed
from tests.integration.stand_in import Exchange, stand_in

TOKEN: Final = "the-token-of-argo-cd"
TOKEN_SCRIPT: Final = FOLDER / "token.sh"
SETTINGS: Final = {
    "APP_NAME": "web",
    "APP_REPO": "https://git.example/team/web",
    "IMAGE_NAME": "registry.example/team/web",
    "IMAGE_TAG": "4f2c",
    "AVP_SECRET": "vault-credentials",
    "DEST_NAMESPACE": "demo",
    "PROJECT": "team",
    "ARGOCD_SERVER": "argocd.example",
    "ARGOCD_AUTH_TOKEN": TOKEN,
    "ARGOCD_OPTS": "--grpc-web",
    "TIMEOUT": "30",
}
OPTIONS: Final = (
    *("--dest-name", "in-cluster", "--dest-namespace", "demo", "--project", "team"),
    *("--repo", "https://git.example/team/web", "--revision", "main", "--path", "deploy"),
    *("--config-management-plugin", "avp-kustomize"),
    *("--plugin-env", "AVP_SECRET=vault-credentials"),
    *("--plugin-env", "APP_REPO=https://git.example/team/web"),
    *("--plugin-env", "IMAGE_NAME=registry.example/team/web"),
    *("--plugin-env", "IMAGE_TAG=4f2c"),
    *("--sync-policy", "automated"),
    *("--sync-option", "ServerSideApply=true", "--sync-option", "ApplyOutOfSyncOnly=true"),
)

ARGOCD: Final = """\
import json, os, pathlib, sys, time
folder = pathlib.Path(__file__).parent
plan = json.loads((folder / "plan.json").read_text())
arguments = sys.argv[1:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps({"argv": arguments, "env": dict(os.environ)}) + "\\n")
command = arguments[1]
times = (folder / "calls").read_text().count(f'["app", "{command}"')
answers = plan.get(command, [{}])
answer = answers[min(times, len(answers)) - 1]
time.sleep(answer.get("seconds", 0))
sys.stdout.write(answer.get("out", ""))
sys.stderr.write(answer.get("err", ""))
sys.exit(answer.get("code", 0))
"""
"""Records how it was called, and gives the answers of plan.json: the nth, else the last one."""

PLUGIN_MESSAGE: Final = "1. Secret 'web', field 'DATABASE_URL': kv/data/demo/web has no such key"


def state(sync: str, health: str, condition: str = "") -> str:
    """Return what `argocd app get` prints, as in Argo CD 3.2."""
    conditions = ""
    if condition:
        conditions = (
            "CONDITION        MESSAGE                LAST TRANSITION\n"
            f"{condition}  Failed to load target state: plugin failed\n"
            f"{PLUGIN_MESSAGE}  2025-11-28 00:00:00 +0000 UTC\n\n"
        )
    return (
        "Name:               argocd/web\n"
        f"Sync Status:        {sync} from main (4f2c1a9)\n"
        f"Health Status:      {health}\n\n"
        f"{conditions}"
        "GROUP  KIND    NAMESPACE  NAME  STATUS     HEALTH  HOOK  MESSAGE\n"
        "       Secret  demo       web   OutOfSync\n"
    )


OUT_OF_SYNC: Final = state("OutOfSync", "Progressing")


@dataclass(frozen=True)
class Deployment:
    """How a run of deploy.sh ended."""

    code: int
    out: str
    err: str
    seconds: float
    calls: Sequence[Mapping[str, Any]]

    def argv(self, command: str) -> Sequence[str]:
        """Return the arguments of the first call of an `argocd app` command."""
        return next(each["argv"] for each in self.calls if each["argv"][:2] == ["app", command])


Deploy = Callable[..., Deployment]


@pytest.fixture(params=["sh", "busybox"])
def deploy(request: pytest.FixtureRequest, tmp_path: Path) -> Deploy:
    """Run deploy.sh: `deploy({"create": [{"code": 20}]}, "--self-heal", IMAGE_TAG="")`.

    In the image of GitLab's job, BusyBox is the shell and all programs.
    """
    path, shell = os.environ["PATH"], request.param
    if shell == "busybox":
        install({"busybox": "busybox"})
        applets = tmp_path / "busybox"
        applets.mkdir()
        subprocess.run([str(shutil.which("busybox")), "--install", "-s", str(applets)], check=True)
        path, shell = str(applets), "ash"
    program = tmp_path / "bin" / "argocd"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable} -I\n{ARGOCD}")
    program.chmod(0o755)

    def run(plan: Mapping[str, Any], *options: str, **settings: str) -> Deployment:
        (program.parent / "plan.json").write_text(json.dumps(plan))
        (program.parent / "calls").write_text("")
        environ = {"PATH": f"{program.parent}:{path}", **SETTINGS, **settings}
        argv = [str(shutil.which(shell, path=path)), str(FOLDER / "deploy.sh"), *options]
        started = time.monotonic()
        done = subprocess.run(
            argv, env=environ, capture_output=True, text=True, check=False, timeout=60
        )
        calls = [json.loads(each) for each in (program.parent / "calls").read_text().splitlines()]
        seconds = time.monotonic() - started
        return Deployment(done.returncode, done.stdout, done.stderr, seconds, calls)

    return run


def test_it_creates_the_application_and_waits(deploy: Deploy) -> None:
    done = deploy(
        {"get": [{"out": OUT_OF_SYNC}], "diff": [{"out": "===== /Secret demo/web =====\n"}]}
    )

    assert done.code == 0, done.err
    assert [each["argv"][1] for each in done.calls[:4]] == ["create", "get", "diff", "wait"]
    create = done.argv("create")
    assert create[:4] == ["app", "create", "web", "--upsert"]
    assert _pairs(create[4:]) == _pairs(OPTIONS)
    # The status after `create` is that of the spec before, until Argo CD has compared.
    assert done.argv("get") == ["app", "get", "web", "--refresh"]
    assert {"--sync", "--health", "--operation"} <= set(done.argv("wait"))
    assert 0 < int(done.argv("wait")[-1]) <= 30
    assert "===== /Secret demo/web =====" in done.out


def test_it_asks_for_a_comparison_if_only_that_is_missing(deploy: Deploy) -> None:
    healthy = {"out": state("Synced", "Healthy")}
    done = deploy({"get": [{"out": OUT_OF_SYNC}, healthy], "wait": [{"seconds": 5}]})

    assert done.code == 0, done.err
    assert sum("--refresh" in each["argv"] for each in done.calls) > 1
    # While anything else is missing, Argo CD is at work by itself.
    done = deploy({"get": [{"out": OUT_OF_SYNC}], "wait": [{"seconds": 5}]})
    assert sum("--refresh" in each["argv"] for each in done.calls) == 1


def test_argocd_has_every_option_that_is_used(deploy: Deploy, tmp_path: Path) -> None:
    program = tmp_path / "argocd"
    program.symlink_to(build_tools("argocd")["argocd"])

    def reads(argv: Sequence[str]) -> bool:
        # An option that there is not is an error, also before --help.
        command = [str(program), *argv, "--help"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    kept = deploy({"get": [{"out": SPEC}, {"out": OUT_OF_SYNC}]}, IMAGE_TAG="")

    assert {each["argv"][1] for each in kept.calls} == {"get", "create", "diff", "wait"}
    assert all(reads(each["argv"]) for each in kept.calls)
    assert not reads([*kept.argv("create"), "--sync-options=a"])


def test_no_argument_has_the_token(deploy: Deploy) -> None:
    done = deploy({"get": [{"out": OUT_OF_SYNC}]})

    assert all(each["env"]["ARGOCD_AUTH_TOKEN"] == TOKEN for each in done.calls)
    assert all(each["env"]["ARGOCD_OPTS"] == "--grpc-web" for each in done.calls)
    assert TOKEN not in json.dumps([each["argv"] for each in done.calls])
    assert TOKEN not in done.out + done.err


def test_a_server_and_options_are_passed_on(deploy: Deploy) -> None:
    done = deploy({}, "--self-heal", DEST_SERVER="https://k8s.example", AVP_SECRET="")

    assert done.code == 0, done.err
    create = done.argv("create")
    assert "--self-heal" in create
    assert create[create.index("--dest-server") + 1] == "https://k8s.example"
    assert "--dest-name" not in create
    assert not any(each.startswith("AVP_SECRET=") for each in create)


def test_the_difference_is_never_a_server_side_one(deploy: Deploy) -> None:
    assert "--server-side-diff=false" in deploy({}).argv("diff")


def test_a_difference_that_cannot_be_shown_does_not_stop_it(deploy: Deploy) -> None:
    done = deploy({"diff": [{"code": 20, "err": "no diff\n"}]})

    assert done.code == 0
    assert "the difference cannot be shown" in done.err


@pytest.mark.parametrize(
    "name", ["APP_NAME", "APP_REPO", "IMAGE_NAME", "DEST_NAMESPACE", "PROJECT"]
)
def test_a_missing_setting_is_code_2(name: str, deploy: Deploy) -> None:
    done = deploy({}, **{name: ""})

    assert (done.code, done.calls) == (2, [])
    assert done.err.startswith(f"deploy: {name} is not set\n")


@pytest.mark.parametrize("value", ["0", "5m", "-1", "08"])
def test_a_malformed_time_limit_is_code_2(value: str, deploy: Deploy) -> None:
    done = deploy({}, TIMEOUT=value)

    assert (done.code, done.calls) == (2, [])
    assert f"'{value}'" in done.err


def test_without_argocd_it_is_code_2(deploy: Deploy, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("date", "timeout"):
        (folder / name).symlink_to(str(shutil.which(name)))
    done = deploy({}, PATH=str(folder))

    assert done.code == 2
    assert "argocd not found on PATH" in done.err


SPEC: Final = """\
{
  "metadata": {"annotations": {"last": "{\\"name\\":\\"IMAGE_TAG\\"}"}},
  "spec": {
    "source": {
      "plugin": {
        "env": [
          {
            "name": "IMAGE_NAME",
            "value": "registry.example/team/web"
          },
          {
            "name": "IMAGE_TAG",
            "value": "1.4.2"
          }
        ]
      }
    }
  },
  "status": {
    "history": [
          {
            "name": "IMAGE_TAG",
            "value": "1.3.0"
          }
    ]
  }
}
"""


def test_without_a_tag_the_application_keeps_its_tag(deploy: Deploy) -> None:
    done = deploy({"get": [{"out": SPEC}, {"out": OUT_OF_SYNC}]}, IMAGE_TAG="")

    assert done.code == 0, done.err
    assert done.argv("get") == ["app", "get", "web", "--output", "json"]
    assert "IMAGE_TAG=1.4.2" in done.argv("create")


def test_without_any_tag_it_is_code_2(deploy: Deploy) -> None:
    done = deploy({"get": [{"code": 20, "err": "permission denied\n"}]}, IMAGE_TAG="")

    assert done.code == 2
    assert "permission denied" in done.err
    assert "has none to keep" in done.err
    assert not any(each["argv"][1] == "create" for each in done.calls)


def test_a_rejected_application_is_code_3(deploy: Deploy) -> None:
    done = deploy({"create": [{"code": 20, "err": f"InvalidSpecError: {PLUGIN_MESSAGE}\n"}]})

    assert done.code == 3
    assert PLUGIN_MESSAGE in done.err
    assert [each["argv"][1] for each in done.calls] == ["create"]


@pytest.mark.parametrize("condition", ["ComparisonError", "SyncError      "])
def test_an_error_condition_is_code_4_at_once(condition: str, deploy: Deploy) -> None:
    done = deploy({"get": [{"out": state("Unknown", "Healthy", condition)}]})

    assert done.code == 4
    assert PLUGIN_MESSAGE in done.err
    assert "GROUP" not in done.err
    assert [each["argv"][1] for each in done.calls] == ["create", "get"]


def test_an_error_while_waiting_is_code_4_before_the_limit(deploy: Deploy) -> None:
    later = {"out": state("Unknown", "Healthy", "ComparisonError")}
    done = deploy({"get": [{"out": OUT_OF_SYNC}, later], "wait": [{"seconds": 25}]})

    assert done.code == 4
    assert done.seconds < 15
    assert PLUGIN_MESSAGE in done.err


def test_a_warning_is_not_an_error(deploy: Deploy) -> None:
    warned = state("OutOfSync", "Progressing", "OrphanedResourceWarning")

    assert deploy({"get": [{"out": warned}], "wait": [{"seconds": 3}]}).code == 0


def test_a_degraded_application_is_code_5(deploy: Deploy) -> None:
    degraded = {"out": state("Synced", "Degraded")}
    failed = {"code": 20, "err": "health state has transitioned from Progressing to Degraded\n"}
    done = deploy({"get": [{"out": OUT_OF_SYNC}, degraded], "wait": [failed]})

    assert done.code == 5
    assert "is Degraded" in done.err


@pytest.mark.parametrize(
    ("sync", "health"), [("OutOfSync", "Healthy"), ("Synced", "Progressing"), ("Synced", "Missing")]
)
def test_neither_synced_nor_healthy_in_time_is_code_6(
    sync: str, health: str, deploy: Deploy
) -> None:
    done = deploy({"get": [{"out": state(sync, health)}], "wait": [{"code": 20}]})

    assert done.code == 6
    assert f"sync: {sync} from main (4f2c1a9); health: {health}" in done.err


@pytest.mark.parametrize(("command", "code"), [("create", 3), ("get", 6), ("wait", 6)])
def test_an_argocd_that_hangs_is_ended_by_the_limit(
    command: str, code: int, deploy: Deploy
) -> None:
    plan = {"get": [{"out": OUT_OF_SYNC}], command: [{"seconds": 50}]}
    done = deploy(plan, TIMEOUT="2")

    assert done.code == code
    # Times are in whole seconds, so two may be little more than one.
    assert 0.9 < done.seconds < 25


# Written before each program that token.sh starts.
RECORD: Final = """\
#!/bin/sh
printf '%s\\n' "$0" "$@" >>{calls}
exec {program} "$@"
"""


@dataclass(frozen=True)
class Dex:
    """A stand-in for Dex: what it received, and how token.sh ends with it."""

    run: Callable[..., subprocess.CompletedProcess[str]]
    bodies: list[bytes]
    headers: list[Mapping[str, str]]
    calls: Path  # each program that was started, and its arguments


@pytest.fixture
def dex(tmp_path: Path) -> Any:
    certificate = self_signed(tmp_path, "dex", "IP:127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    found: list[bytes] = []
    headers: list[Mapping[str, str]] = []
    calls, programs = tmp_path / "calls", tmp_path / "programs"
    programs.mkdir()
    for name in ("curl", "sed"):
        place = programs / name
        place.write_text(RECORD.format(calls=calls, program=shutil.which(name)))
        place.chmod(0o755)

    def answer(exchange: Exchange) -> None:
        assert (exchange.asked.method, exchange.asked.path) == ("POST", "/api/dex/token")
        found.append(exchange.asked.body)
        headers.append(exchange.asked.headers)
        form = parse_qs(exchange.asked.body.decode())
        if form["subject_token"] == ["good"]:
            exchange.reply(200, b'{"access_token":"eyJ.a-b_c.d","token_type":"bearer"}')
        elif form["subject_token"] == ["odd"]:
            exchange.reply(200, b"{}")
        else:
            exchange.reply(401, b'{"error":"access_denied"}')

    with stand_in(answer, tls) as server:

        def run(script: Path = TOKEN_SCRIPT, **settings: str) -> subprocess.CompletedProcess[str]:
            environ = {
                "PATH": f"{programs}:{os.environ['PATH']}",
                "CURL_CA_BUNDLE": str(certificate.certificate),
                "NO_PROXY": "127.0.0.1",
                "ARGOCD_SERVER": server.address.removeprefix("https://"),
                "CONNECTOR": "github-actions",
                **settings,
            }
            command = ["sh", str(script)]
            return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

        yield Dex(run, found, headers, calls)


def test_the_id_token_is_exchanged_for_a_token(dex: Dex) -> None:
    done = dex.run(ID_TOKEN="good")

    assert (done.returncode, done.stdout) == (0, "eyJ.a-b_c.d\n"), done.stderr
    prefix = "urn:ietf:params:oauth:"
    assert {name: value for name, (value,) in parse_qs(dex.bodies[0].decode()).items()} == {
        "subject_token": "good",
        "subject_token_type": f"{prefix}token-type:id_token",
        "grant_type": f"{prefix}grant-type:token-exchange",
        "requested_token_type": f"{prefix}token-type:access_token",
        "scope": "openid email profile federated:id",
        "connector_id": "github-actions",
    }
    assert dex.headers[0]["Authorization"] == "Basic YXJnby1jZC1jbGk6"


def test_the_id_token_is_in_no_argument(dex: Dex, tmp_path: Path) -> None:
    assert dex.run(ID_TOKEN="good").returncode == 0
    arguments = dex.calls.read_text()
    assert "subject_token@-" in arguments
    assert "good" not in arguments
    assert "eyJ." not in arguments

    # The same exchange with the token as an argument of curl.
    careless = tmp_path / "token.sh"
    text = TOKEN_SCRIPT.read_text()
    careless.write_text(text.replace("subject_token@-", '"subject_token=$ID_TOKEN"'))
    assert dex.run(careless, ID_TOKEN="good").returncode == 0
    assert "subject_token=good" in dex.calls.read_text()


@pytest.mark.parametrize(
    ("token", "code", "message"),
    [
        ("bad", 1, 'Dex did not accept the ID token: {"error":"access_denied"}'),
        ("odd", 1, "has no access_token"),
        ("", 2, "ID_TOKEN is not set"),
    ],
)
def test_no_token_is_an_error(token: str, code: int, message: str, dex: Dex) -> None:
    done = dex.run(ID_TOKEN=token)

    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr


def _pairs(arguments: Sequence[str]) -> Sequence[tuple[str, str]]:
    return sorted(zip(arguments[::2], arguments[1::2], strict=True))
