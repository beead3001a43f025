"""One resolution of the sources serves every command: what wins in one of them wins in all.

Two settings are visible in the commands: AVP_TENANT_SETTINGS in what an Application may set,
AVP_LOG_FORMAT in how an error is written. A Secret may set neither of them.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from avp_py.errors import GenerateError
from avp_py.settings import Program, Sources, resolve
from tests.conftest import Run

MANIFEST = (
    b"kind: ConfigMap\nmetadata: {name: a, annotations: {avp.kubernetes.io/path: kv/data/web}}\n"
    b"data: {a: <key>}\n"
)
POLICY = "rules:\n- projects: [team]\n  allow: [kv/data/web]\n"

PLACES = ("Application", "parameter", "environment", "settings file")
COMBINATIONS = [
    chosen for count in range(len(PLACES) + 1) for chosen in itertools.combinations(PLACES, count)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets.yaml").write_text("kv/data/web: {key: value}\n")
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "app").mkdir()
    return tmp_path


def given(
    folder: Path, name: str, said: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The environment and the options for a setting from each source; `said` is by source."""
    env = {
        "AVP_TYPE": "file",
        "AVP_FILE": str(folder / "secrets.yaml"),
        "TMPDIR": str(folder),
        "PATH": "/nowhere",
    }
    argv: tuple[str, ...] = ()
    for place, value in said.items():
        if place == "Application":
            env[f"ARGOCD_ENV_{name}"] = value
        elif place == "parameter":
            env["ARGOCD_APP_PARAMETERS"] = json.dumps([{"name": name, "string": value}])
        elif place == "environment":
            env[name] = value
        else:
            (folder / "settings.yaml").write_text(f"{name}: {json.dumps(value)}\n")
            argv = ("-c", str(folder / "settings.yaml"))
    return env, argv


def commands(folder: Path) -> Mapping[str, Sequence[str]]:
    return {
        "generate": ["generate", "-"],
        "healthcheck": ["healthcheck"],
        "parameters": ["parameters", str(folder / "app"), "--render=plain"],
        "policy check": ["policy", "check", str(folder / "policy.yaml"), "kv/data/web"],
    }


@pytest.mark.parametrize("program", [program.value for program in Program])
@pytest.mark.parametrize("chosen", COMBINATIONS, ids=" and ".join)
def test_every_command_delegates_the_same(
    run: Run, folder: Path, chosen: tuple[str, ...], program: str
) -> None:
    # Each source delegates another setting, so the delegated one shows which source won.
    names = dict(
        zip(PLACES, ("AVP_MOUNT_PATH", "AVP_USERNAME", "AVP_K8S_ROLE", "AVP_JWT_ROLE"), strict=True)
    )
    env, argv = given(folder, "AVP_TENANT_SETTINGS", {place: names[place] for place in chosen})
    trespass = "Application" in chosen or ("parameter" in chosen and program == "avp-py")
    winner = next((each for each in ("environment", "settings file") if each in chosen), None)

    for place, name in names.items():
        sets = {**env, f"ARGOCD_ENV_{name}": "x"}
        generated = run("generate", "-", *argv, env=sets, stdin=MANIFEST, program=program)
        checked = run("healthcheck", *argv, env=sets, program=program)
        verdict = 0 if place == winner and not trespass else 1
        assert generated.code == verdict, generated.err
        settings_line = next(line for line in checked.out.splitlines() if "settings" in line)
        assert settings_line.startswith("failed" if verdict else "ok"), checked.out
        listed = run(*commands(folder)["parameters"], *argv, env=env, program=program)
        found = {each["name"] for each in json.loads(listed.out)}
        assert (name in found) is (place == winner and program == "avp-py")


@pytest.mark.parametrize("command", ["generate", "parameters", "policy check"])
@pytest.mark.parametrize("chosen", COMBINATIONS, ids=" and ".join)
def test_every_command_writes_messages_the_same(
    run: Run, folder: Path, chosen: tuple[str, ...], command: str
) -> None:
    env, argv = given(folder, "AVP_LOG_FORMAT", dict.fromkeys(chosen, "json"))
    env["AVP_FILE"] = "/nowhere.yaml"
    missing = {str(folder / "app"): "/nowhere", str(folder / "policy.yaml"): "/nowhere"}
    words = [missing.get(each, each) for each in commands(folder)[command]]
    result = run(*words, *argv, env=env, stdin=MANIFEST)
    assert result.code != 0
    is_json = "environment" in chosen or "settings file" in chosen
    assert result.err.startswith("{") is is_json, result.err


VALUES = {
    "Application": "application",
    "environment": "environment",
    "settings file": "file",
    "Secret": "secret",
}


@pytest.mark.parametrize("is_backends", [True, False])
@pytest.mark.parametrize(
    "chosen",
    [each for n in range(5) for each in itertools.combinations(VALUES, n)],
    ids=" and ".join,
)
def test_which_source_wins(chosen: tuple[str, ...], is_backends: bool) -> None:
    name = "VAULT_NAMESPACE" if is_backends else "AVP_JWT_ROLE"
    values = {place: {name: VALUES[place]} for place in chosen}
    environ = {"AVP_TENANT_SETTINGS": name, **values.get("environment", {})}
    if "Application" in chosen:
        environ[f"ARGOCD_ENV_{name}"] = VALUES["Application"]
    resolution = resolve(Sources(environ, values.get("settings file"), "argocd:avp"))
    settings = resolution.settings
    # A settings file replaces the Secret.
    assert (resolution.secret_name is None) is ("settings file" in chosen)
    if resolution.secret_name is not None:
        settings = resolution.with_secret(values.get("Secret", {}), "argocd:avp", None)
    order = ["Application", "environment", "settings file", "Secret"]
    if is_backends:
        order = ["Application", "settings file", "Secret", "environment"]
    readable = [each for each in order if each in chosen]
    if "settings file" in chosen and "Secret" in readable:
        readable.remove("Secret")
    expected = VALUES[readable[0]] if readable else None
    assert (settings.vault.namespace if is_backends else settings.vault.jwt_role) == expected


@pytest.mark.parametrize(
    ("sources", "read"),
    [
        (Sources({}), None),
        (Sources({"AVP_SECRET": "own"}), "own"),
        (Sources({"ARGOCD_ENV_AVP_SECRET": "theirs"}), "theirs"),
        (Sources({"AVP_SECRET": "own", "ARGOCD_ENV_AVP_SECRET": "theirs"}), "theirs"),
        (Sources({"ARGOCD_ENV_AVP_SECRET": "theirs"}, secret_name="ours"), "ours"),
        (Sources({"AVP_SECRET": "own"}, {}), None),
        (Sources({"AVP_SECRET": "own"}, {}, "ours"), None),
        (Sources({"AVP_SECRET": "own"}, program=Program.ARGOCD_VAULT_PLUGIN), None),
        (Sources({}, None, "ours", Program.ARGOCD_VAULT_PLUGIN), "ours"),
    ],
)
def test_which_secret_is_read(sources: Sources, read: str | None) -> None:
    assert resolve(sources).secret_name == read


def test_what_the_secret_can_correct_waits_for_it() -> None:
    wrong = {"VAULT_ADDR": "vault", "AVP_SECRET": "own"}
    assert resolve(Sources(wrong)).settings.vault.server_address is None
    with pytest.raises(GenerateError) as caught:
        resolve(Sources({**wrong, "AVP_CONCURRENCY": "many"}))
    assert [each.reason.split()[0] for each in caught.value.failures] == [
        "AVP_CONCURRENCY",
        "VAULT_ADDR",
    ]
    resolution = resolve(Sources(wrong))
    corrected = resolution.with_secret({"VAULT_ADDR": "https://vault"}, "argocd:own", None)
    assert corrected.vault.address == "https://vault"
