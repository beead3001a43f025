"""Settings: the table, its defaults, precedence, and who may set what."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from avp_py.errors import AvpError, GenerateError
from avp_py.settings import TABLE, Program, RateLimit, Sensitive, Settings, images, read_config
from avp_py.settings import parse as parsers
from avp_py.settings.regexp import regexp
from tests.settings import load


def reasons(environ: dict[str, str]) -> list[str]:
    with pytest.raises(GenerateError) as caught:
        load(environ)
    return [failure.reason for failure in caught.value.failures]


def test_each_field_of_the_groups_declares_one_setting() -> None:
    fields = [
        (group.name, field.name)
        for group in dataclasses.fields(Settings)
        if group.name not in ("secret", "warnings")
        for field in dataclasses.fields(group.type)  # type: ignore[arg-type]
    ]
    assert len(TABLE) == len(fields)
    assert len({setting.name for setting in TABLE}) == len(TABLE)


def test_the_defaults() -> None:
    settings = load({})
    assert dataclasses.asdict(settings) == {
        "identity": {"app": None, "namespace": None, "project": None},
        "render": {
            "kustomize": "kustomize",
            "helm": "helm",
            "kubectl": "kubectl",
            "timeout": 60.0,
            "network": True,
            "ports": (443, 80, 22),
            "sandbox": "auto",
            "environment": (),
            "source_path": None,
            "annotation_key": "github.com/url",
            "image_name": None,
            "image_tag": None,
            "images": (),
            "named_images": {},
            "app_repo": None,
            "helm_values_files": (),
            "helm_values": None,
            "helm_parameters": {},
            "helm_release_name": None,
            "helm_args": None,
            "chart": None,
            "chart_repo": None,
            "chart_version": None,
            "kube_version": None,
            "kube_api_versions": (),
        },
        "fetch": {
            "repositories": None,
            "argocd_repositories": (),
            "cache": None,
            "cache_bytes": 1024**3,
            "hosts": (),
            "ranges": False,
        },
        "limits": {
            "seconds": 55.0,
            "memory_bytes": 1024**3,
            "input_bytes": 100 * 1024**2,
            "files": 200_000,
            "output_bytes": 100 * 1024**2,
            "documents": 20_000,
            "references": 1000,
        },
        "backend": {
            "type": "vault",
            "concurrency": 8,
            "kv_version": None,
            "file": None,
            "secret_name": None,
        },
        "vault": {
            "server_address": None,
            "agent_address": None,
            "namespace": None,
            "ca_cert": None,
            "ca_cert_text": None,
            "ca_path": None,
            "client_cert": None,
            "client_key": None,
            "tls_server_name": None,
            "skip_verify": False,
            "proxy_address": None,
            "http_proxy": None,
            "disable_redirects": False,
            "srv_lookup": False,
            "rate_limit": None,
            "timeout": 20.0,
            "max_retries": 2,
            "auth_type": None,
            "mount_path": None,
            "token": None,
            "role_id": None,
            "secret_id": None,
            "username": None,
            "password": None,
            "github_token": None,
            "k8s_role": None,
            "k8s_mount_path": None,
            "k8s_token_path": None,
            "jwt_role": None,
            "jwt": None,
            "jwt_path": None,
            "cert_role": None,
            "token_cache": None,
        },
        "policy": {
            "path_template": "kv/data/{{ namespace }}/{{ app }}",
            "path_validation": None,
            "file": None,
            "tenant_settings": (),
            "fail_on_unresolved": True,
            "warnings": "show",
            "duplicate_keys": "warn",
        },
        "log": {"format": "text"},
        "serve": {
            "socket": None,
            "parallel": None,
            "queue": 256,
            "cache_seconds": 0.0,
            "metrics": None,
        },
        "secret": None,
        "warnings": (),
    }


def test_what_a_tenant_may_set_comes_with_the_prefix_only() -> None:
    settings = load(
        {"ARGOCD_ENV_IMAGE_TAG": "1", "IMAGE_NAME": "not/ours", "ARGOCD_ENV_OTHER": "x"}
    )
    assert settings.render.image_tag == "1"
    assert settings.render.image_name is None


def test_a_tenants_word_beats_the_process_where_it_counts() -> None:
    environ = {"ARGOCD_ENV_AVP_SECRET": "a:b", "AVP_SECRET": "c:d"}
    assert load(environ).backend.secret_name == "a:b"
    assert load({"AVP_SECRET": "c:d"}).backend.secret_name == "c:d"


def test_an_empty_variable_counts_as_unset() -> None:
    settings = load({"ARGOCD_ENV_IMAGE_TAG": "", "AVP_CONCURRENCY": "", "VAULT_ADDR": ""})
    assert settings.render.image_tag is None
    assert settings.backend.concurrency == 8


def test_an_agent_wins_over_the_server() -> None:
    environ = {"VAULT_ADDR": "http://server", "VAULT_AGENT_ADDR": "http://agent"}
    assert load(environ).vault.address == "http://agent"


OPERATORS = [setting.name for setting in TABLE if setting.is_operators]


@pytest.mark.parametrize("name", [*OPERATORS, "AVP_NO_SUCH", "VAULT_AGENT_ADDR", "AWS_REGION"])
def test_a_tenant_may_not_set_what_is_the_operators(name: str) -> None:
    (reason,) = reasons({f"ARGOCD_ENV_{name}": "x"})
    assert reason == f"the Application sets {name}, which is the operator's to set"


def test_the_environment_beats_a_file_except_for_backend_names() -> None:
    config = {"AVP_KV_VERSION": "1", "AVP_CONCURRENCY": "3", "VAULT_ADDR": "http://config"}
    environ = {"AVP_KV_VERSION": "2", "VAULT_ADDR": "http://environment"}
    settings = load(environ, config)
    assert settings.backend.kv_version == "2"
    assert settings.backend.concurrency == 3
    assert settings.vault.address == "http://config"


def test_a_file_sets_neither_the_identity_nor_tenant_settings() -> None:
    config = {"ARGOCD_APP_NAME": "x", "IMAGE_TAG": "1", "ARGOCD_ENV_IMAGE_TAG": "1"}
    settings = load({}, config)
    assert settings.identity.app is None
    assert settings.render.image_tag is None


def test_a_delegated_value_of_the_tenant_beats_all_other_sources() -> None:
    environ = {"AVP_TENANT_SETTINGS": "VAULT_NAMESPACE", "VAULT_NAMESPACE": "a"}
    environ["ARGOCD_ENV_VAULT_NAMESPACE"] = "b"
    assert load(environ, {"VAULT_NAMESPACE": "c"}).vault.namespace == "b"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", 'avp_type: file\nVAULT_ADDR: "http://x"\nAVP_ROLE_ID: 0123\nnothing:\n'),
        ("c.json", '{"AVP_TYPE": "file", "VAULT_ADDR": "http://x", "AVP_ROLE_ID": "0123"}'),
        (
            "c.json",
            '{"avp_type": "file", "VAULT_ADDR": "http:\\/\\/x", "AVP_ROLE_ID": "0123",'
            ' "AVP_FILE": null, "other": ["\\ud83e\\udd89"]}',
        ),
        ("c.yaml", 'AVP_TYPE: file\nVAULT_ADDR: "http://x"\nAVP_ROLE_ID: 0123\nother: {a: [b]}\n'),
        ("c.env", "# c\nAVP_TYPE=file\nexport VAULT_ADDR='http://x'\nAVP_ROLE_ID=\"0123\" # c\n"),
        (".env", "AVP_TYPE=file\nVAULT_ADDR=http://x\nAVP_ROLE_ID=0123\n"),
    ],
)
def test_a_settings_file_is_yaml_json_or_env(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    config = {"AVP_TYPE": "file", "VAULT_ADDR": "http://x", "AVP_ROLE_ID": "0123"}
    assert read_config(file, {}) == config


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=pa#ss", "pa"),
        ("A='pa#ss'", "pa#ss"),
        ('A="pa\\$ss"', "pa$ss"),
        ("A=pa\\$ss", "pa$ss"),
        ("A: yes", "yes"),
        ("A=$HOME/${X}", "/home/above"),
        ("A=p@ss$w0rd", "p@ss$w0rd"),
        ("A=a$", "a$"),
        ('A="$lower"', "$lower"),
        ("A=${lower}", "${lower}"),
        ("A=$(x)$$", "$(x)$$"),
        ("A='$HOME'", "$HOME"),
        ('A="two\nlines"', "two\nlines"),
        ('A="a\\nb"', "a\nb"),
        ('A="a"b', '"a"b'),
        ("A=", ""),
        ("  export A = spaced  # c", "spaced"),
    ],
)
def test_an_env_file_is_read_like_argocd_vault_plugin_reads_it(
    tmp_path: Path, line: str, value: str
) -> None:
    file = tmp_path / "c.env"
    file.write_text(f"X=above\n{line}\n")
    assert read_config(file, {"HOME": "/home"}) == {"X": "above", "A": value}


def test_an_env_file_may_have_the_line_ends_of_windows(tmp_path: Path) -> None:
    file = tmp_path / "c.env"
    file.write_bytes(b'A=1\r\nB="two\r\nlines"\r\n')
    assert read_config(file, {}) == {"A": "1", "B": "two\nlines"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.toml", "", "the format of the settings file is not known"),
        ("c.yaml", "- a\n", "line 1, column 1: a setting has a name and one value"),
        ("c.json", "AVP_A: canary", "line 1: not JSON"),
        ("c.json", "", "line 1: not JSON"),
        ("c.json", "[]", "the settings are no object"),
        ("c.json", '"canary"', "the settings are no object"),
        ("c.json", '{"AVP_A": ["canary"]}', "'AVP_A' has more than one value"),
        ("c.json", '{"AVP_A": "1", "avp_a": "2"}', "duplicate name 'avp_a'"),
        ("c.yaml", "AVP_A:\n  b: canary\n", "line 2, column 3: a setting has a name and one value"),
        ("c.yaml", "A: [\n", "not valid YAML"),
        ("c.env", "A=1\ncanary\n", "line 2: not NAME=value"),
        ("c.env", "A='canary\n", "line 1: not NAME=value"),
        ("none.yaml", None, "cannot be read: No such file or directory"),
    ],
)
def test_a_malformed_settings_file_is_an_error(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    with pytest.raises(AvpError) as caught:
        read_config(file, {})
    assert message in caught.value.reason
    assert "canary" not in caught.value.reason


def test_the_operator_can_delegate_a_setting() -> None:
    environ = {"AVP_TENANT_SETTINGS": "AVP_KV_VERSION, AVP_CONCURRENCY"}
    environ |= {"ARGOCD_ENV_AVP_KV_VERSION": "1", "AVP_KV_VERSION": "2", "AVP_CONCURRENCY": "3"}
    settings = load(environ)
    assert settings.backend.kv_version == "1"
    assert settings.backend.concurrency == 3


def test_a_tenant_cannot_delegate_settings_to_itself() -> None:
    environ = {"ARGOCD_ENV_AVP_TENANT_SETTINGS": "VAULT_ADDR", "ARGOCD_ENV_VAULT_ADDR": "http://x"}
    assert len(reasons(environ)) == 2


def test_the_identity_is_argo_cds_to_say() -> None:
    settings = load({"ARGOCD_APP_NAME": "web", "ARGOCD_ENV_ARGOCD_APP_NAME": "other"})
    assert settings.identity.app == "web"


NAME, NAMESPACE, PROJECT = (f"ARGOCD_APP_{each}" for each in ("NAME", "NAMESPACE", "PROJECT_NAME"))


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        (NAME, "web"),
        (NAME, "0"),
        (NAME, "a.b-c.1"),
        (NAME, "team-a_web"),
        (NAME, f"{'n' * 63}_{'a' * 253}"),
        (NAMESPACE, "demo"),
        (NAMESPACE, "n" * 63),
        (PROJECT, "default"),
        (PROJECT, "a" * 253),
    ],
)
def test_names_of_argo_cd_are_taken_verbatim(variable: str, name: str) -> None:
    identity = load({variable: name}).identity
    field = {NAME: identity.app, NAMESPACE: identity.namespace, PROJECT: identity.project}
    assert field.pop(variable) == name
    assert set(field.values()) == {None}


@pytest.mark.parametrize("variable", [NAME, NAMESPACE, PROJECT])
@pytest.mark.parametrize(
    "name",
    [
        *("billing ", " billing", "billing\n", "billing\u00a0", "\u200bbilling", "billing\t"),
        *("Billing", "bill\u0131ng", "b\u0456lling", "caf\u00e9", "\uff42illing", "billing\udcff"),
        *(" ", "-a", "a-", ".a", "a.", "a..b", "a.-b", "..", "*", "a/b", "a:b", "a@b", "{{ app }}"),
        *("a_", "_a", "a_b_c", "a.b_c", "A_b", "a_B", f"{'n' * 64}_a", "a" * 254, "a\0"),
    ],
)
def test_names_that_kubernetes_does_not_have_are_refused(variable: str, name: str) -> None:
    (reason,) = reasons({variable: name})
    assert reason.startswith(f"{variable} is not the name of a")
    assert name.strip() == "" or name not in reason


@pytest.mark.parametrize(
    ("variable", "name"), [(NAMESPACE, "a.b"), (NAMESPACE, "a" * 64), (PROJECT, "a_b")]
)
def test_each_name_has_its_own_form(variable: str, name: str) -> None:
    assert len(reasons({variable: name})) == 1


def test_names_that_are_empty_are_not_said() -> None:
    identity = load({NAME: "", NAMESPACE: "", PROJECT: ""}).identity
    assert (identity.app, identity.namespace, identity.project) == (None, None, None)


@pytest.mark.parametrize(
    ("parser", "raw", "value"),
    [
        (parsers.seconds, "30", 30.0),
        (parsers.seconds, " 1.5 ", 1.5),
        (parsers.seconds, "1m30s", 90.0),
        (parsers.seconds, "1h", 3600.0),
        (parsers.seconds, "250ms", 0.25),
        (parsers.time_limit, "90s", 90.0),
        (parsers.time_limit, "0", 86_400.0),
        (parsers.time_limit, "-1s", 86_400.0),
        (parsers.time_limit, "48h", 86_400.0),
        (parsers.time_limit, "2d", 86_400.0),
        (parsers.time_limit, "-2d", 86_400.0),
        (parsers.time_limit, "1.5m", 90.0),
        (parsers.time_limit, ".5s", 0.5),
        (parsers.time_limit, "+5s", 5.0),
        (parsers.time_limit, "1000000us", 1.0),
        (parsers.time_limit, "250ms250ms", 0.5),
        (parsers.retries, "2000", 2000),
        (parsers.boolean, "T", True),
        (parsers.boolean, "false", False),
        (parsers.words, "a, b\nc,,", ("a", "b", "c")),
        (parsers.retries, "0", 0),
        (parsers.positive, "7", 7),
        (parsers.address, "http://127.0.0.1:8200/", "http://127.0.0.1:8200"),
        (parsers.address, "https://vault.example/prefix", "https://vault.example/prefix"),
        (parsers.address, "http://[::1]:8200", "http://[::1]:8200"),
        (parsers.address, "unix:///run/vault.sock", "unix:///run/vault.sock"),
        (parsers.proxy, "http://u:p@proxy:3128\n", Sensitive("http://u:p@proxy:3128")),
        (parsers.rate_limit, "100", RateLimit(100.0, 100)),
        (parsers.rate_limit, "100:20", RateLimit(100.0, 20)),
        (parsers.rate_limit, " 2.5 ", RateLimit(2.5, 2)),
        (parsers.rate_limit, "0.5", RateLimit(0.5, 1)),
        (images.image_name, "ghcr.io:443/team/web", "ghcr.io:443/team/web"),
        (images.image_name, "web=ghcr.io/team/web", "web=ghcr.io/team/web"),
        (images.image_name, "*", "*"),
        (images.image_name, "host:5000/web=other:5000/web", "host:5000/web=other:5000/web"),
        (images.image_tag, "v1.2_3-x", "v1.2_3-x"),
        (images.image_tag, f"sha256:{'a' * 64}", f"sha256:{'a' * 64}"),
        (images.image_tag, f"1@sha256:{'a' * 64}", f"1@sha256:{'a' * 64}"),
        (parsers.annotation_key, "github.com/url", "github.com/url"),
        (parsers.annotation_key, "url", "url"),
        (parsers.token, " hvs.abc\n", Sensitive("hvs.abc")),
    ],
)
def test_a_setting_is_read(parser: Any, raw: str, value: object) -> None:
    assert parser(raw) == value


@pytest.mark.parametrize(
    ("parser", "raw"),
    [
        (parsers.seconds, "0"),
        (parsers.seconds, "-1"),
        (parsers.seconds, "s"),
        (parsers.seconds, "30 minutes"),
        (parsers.boolean, "yes"),
        (parsers.positive, "0"),
        (parsers.positive, "²"),
        (parsers.positive, "9" * 5000),
        (parsers.seconds, "99999999999"),
        (parsers.time_limit, "soon"),
        (parsers.time_limit, ".s"),
        (parsers.time_limit, "1m31"),
        (parsers.time_limit, "1 m"),
        (parsers.time_limit, "1.5d"),
        (parsers.time_limit, "--1s"),
        (parsers.time_limit, "٣s"),
        (parsers.retries, "4294967296"),
        (regexp, "(unclosed"),
        (parsers.retries, "-1"),
        (parsers.address, "vault:8200"),
        (parsers.address, "http://user:password@vault"),
        (parsers.address, "unix://run/vault.sock"),
        (parsers.proxy, "socks5://proxy:1080"),
        (parsers.proxy, "proxy:3128"),
        (parsers.pem, "MIIB-canary"),
        (parsers.pem, "-----BEGIN CERTIFICATE-----\nü\n"),
        (parsers.rate_limit, "fast"),
        (parsers.rate_limit, "0.0"),
        (parsers.rate_limit, "10:x"),
        (images.image_name, "-n"),
        (images.image_name, "web:1.0"),
        (images.image_name, "web:"),
        (images.image_name, "host:5000/web:1.0"),
        (images.image_name, "web:1.0=new"),
        (images.image_name, "web=new:1.0"),
        (images.image_name, "web=host:5000/new:1.0"),
        (images.image_name, "a b"),
        (images.image_name, "a\nb"),
        (images.image_tag, "a b"),
        (images.image_tag, "--help"),
        (images.image_tag, "sha256:abc"),
        (parsers.annotation_key, "a:b"),
        (parsers.annotation_key, "/x"),
        (parsers.one_line, "a\nb"),
        (parsers.token, "a b"),
        (parsers.token, "a\u2028b"),
    ],
)
def test_a_malformed_setting_is_refused_without_its_text(parser: Any, raw: str) -> None:
    with pytest.raises(parsers.MalformedError) as caught:
        parser(raw)
    assert len(raw) < 4 or raw not in str(caught.value)


def test_each_variable_of_a_family_has_one_value() -> None:
    settings = load(
        {
            "ARGOCD_ENV_IMAGES_WEB": "registry.example:5000/web:1",
            "ARGOCD_ENV_IMAGES_JOB_2": "job=registry.example/job:2",
            "ARGOCD_ENV_IMAGES_NONE": "",
            "ARGOCD_ENV_IMAGES_BASE": "what kustomize gets",
            "AVP_RENDER_ENV": "ARGOCD_ENV_IMAGES_BASE",
            "IMAGES_ELSE": "else:1",
        }
    )
    assert settings.render.named_images == {
        "IMAGES_JOB_2": images.Image("job", "job=registry.example/job:2"),
        "IMAGES_WEB": images.Image("registry.example:5000/web", "registry.example:5000/web:1"),
    }


def test_each_malformed_variable_of_a_family_is_reported() -> None:
    environ = {"ARGOCD_ENV_IMAGES_A": "web", "ARGOCD_ENV_IMAGES_B": "a:1,b:2"}
    with pytest.raises(GenerateError) as caught:
        load(environ)
    assert [failure.reason for failure in caught.value.failures] == [
        "ARGOCD_ENV_IMAGES_A is not a valid image",
        "ARGOCD_ENV_IMAGES_B is not a valid image",
    ]
    load(environ, program=Program.ARGOCD_VAULT_PLUGIN)


@pytest.mark.parametrize(
    ("name", "value", "reason", "hint"),
    [
        ("VAULT_SKIP_VERIFY", "maybe", "is not a boolean: 'maybe'", "true or false"),
        ("AVP_LEFTOVERS", "warn", "is not a valid choice: 'warn'", "fail or ignore"),
        ("AVP_SANDBOX", "on", "is not a valid choice: 'on'", "auto, required or off"),
        ("AVP_CONCURRENCY", "0", "is not a valid number: '0'", "a whole number from 1 to 1000"),
        (
            "AVP_RUN_TIMEOUT",
            "5 s",
            "is not a valid duration: '5 s'",
            "seconds such as 30, or 1m30s",
        ),
        ("AVP_MAX_MEMORY", "1G", "is not a valid size: '1G'", "such as 1048576 or 100Mi"),
        ("VAULT_SKIP_VERIFY", "x" * 999, f"is not a boolean: '{'x' * 60}…'", "true or false"),
        ("VAULT_SKIP_VERIFY", "a\x1b[1m", "is not a boolean: 'a\\x1b[1m'", "true or false"),
        ("VAULT_ADDR", "canary", "is not a valid URL", "set it to https://HOST:PORT or"),
        ("VAULT_PROXY_ADDR", "canary", "is not the URL of a proxy", "set it to http://HOST:PORT"),
        ("VAULT_TOKEN", "can ary", "is not a token in printable ASCII", "copy it again"),
        ("VAULT_CACERT_BYTES", "canary", "is not the text of a PEM file", "BEGIN CERTIFICATE"),
        ("AVP_POLICY", "canary", "is not an absolute path", "write it from the root"),
        ("AVP_PATH_VALIDATION", "canary(", "is not a regular expression", "look-around"),
        ("ARGOCD_ENV_HELM_PARAMETERS", "canary", "is not a list of name=value", "one name=value"),
    ],
)
def test_a_malformed_setting_says_what_it_must_be(
    name: str, value: str, reason: str, hint: str
) -> None:
    with pytest.raises(GenerateError) as caught:
        load({name: value})
    (failure,) = caught.value.failures
    assert failure.reason.startswith(f"{name} {reason}")
    assert hint in failure.hint
    assert value not in failure.reason + failure.hint or ": '" in reason


@pytest.mark.parametrize(
    "parser",
    [
        *(parsers.token, parsers.proxy, parsers.address, parsers.pem, parsers.one_line),
        *(parsers.file_path, parsers.absolute, regexp, images.image_tag),
    ],
)
def test_what_could_hold_a_credential_is_not_shown(parser: Any) -> None:
    with pytest.raises(parsers.MalformedError) as caught:
        parser("canary( \x01\nü")
    assert caught.value.given is None


def test_a_setting_that_cannot_be_delegated_is_explained() -> None:
    with pytest.raises(GenerateError) as caught:
        load({"AVP_TENANT_SETTINGS": "AVP_POLICY,AVP_KV_VERSON,PATH"})
    hints = {failure.reason.split()[2]: failure.hint for failure in caught.value.failures}
    assert hints == {
        "AVP_POLICY,": "remove it: only the operator may set it",
        "AVP_KV_VERSON,": "did you mean AVP_KV_VERSION?",
        "PATH,": "remove it",
    }


def test_all_malformed_settings_are_reported_at_once() -> None:
    assert len(reasons({"AVP_CONCURRENCY": "x", "VAULT_ADDR": "y", "AVP_RENDER_TIMEOUT": "z"})) == 3


def test_a_credential_prints_as_stars() -> None:
    environ = {"VAULT_TOKEN": "canary-1", "AVP_ROLE_ID": "canary-2", "AVP_SECRET_ID": "canary-3"}
    settings = load(environ)
    for shown in (repr(settings), str(settings), f"{settings.vault.token}"):
        assert "canary" not in shown
    assert settings.vault.token is not None
    assert settings.vault.token.reveal() == "canary-1"
    assert settings.vault.token == Sensitive("canary-1")
    assert len({Sensitive("a"), Sensitive("a"), Sensitive("b")}) == 2
