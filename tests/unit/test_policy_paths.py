"""Hostile paths: only paths that the policy allows reach a backend, exactly as checked.

Each request is a whole run; the backends record what is requested.
"""

import posixpath
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from avp_py.backends import Backend, Location, Secret
from avp_py.backends.vault.auth.token import Token
from avp_py.backends.vault.backend import VaultBackend
from avp_py.backends.vault.connection import Connection
from avp_py.backends.vault.session import Session
from avp_py.errors import AvpError, PathError
from avp_py.generate import LocalKeeper, Request, generate
from avp_py.policy import normalise
from avp_py.policy.paths import MAX_PARTS
from avp_py.settings import Sensitive, Settings, Sources, resolve

POLICY = """\
rules:
  - projects: ["team-*"]
    allow: ["kv/data/{{ namespace }}/{{ app }}", "kv/data/shared/*", "deep/**/x"]
    deny: ["kv/data/shared/root", "deep/**/secret/**"]
  - kinds: [ConfigMap]
    allow: [kv/data/public]
"""

ALLOWED = re.compile(
    r"kv/data/demo/web|kv/data/shared/(?!root\Z)[^/]+|deep/(?!(.*/)?secret/)(.+/)?x", re.DOTALL
)
"""The same for Secrets of the request below, said in another way."""

IDENTITY = {
    "ARGOCD_APP_NAME": "web",
    "ARGOCD_APP_NAMESPACE": "demo",
    "ARGOCD_APP_PROJECT_NAME": "team-a",
}


class Recording(Backend):
    """A backend that has every path, and records requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.opened = 0

    def open(self, _settings: Settings, _environ: Mapping[str, str]) -> Backend:
        self.opened += 1
        return self

    def read(self, location: Location) -> Secret:
        self.asked.append(location.path)
        return Secret({"key": "value"})


class RecordingConnection:
    """A stand-in for a connection to Vault that records requests; the test sets the mounts."""

    def __init__(self, mount: str, version: str) -> None:
        self._mount = {"path": mount, "type": "kv", "options": {"version": version}}
        self.asked: list[str] = []
        self.logins = 0

    def open(self, _settings: Settings, _environ: Mapping[str, str]) -> Backend:
        return VaultBackend(Session(cast(Connection, self), Token(Sensitive("t"))))

    def use(self, _token: Sensitive) -> None:
        self.logins += 1

    def read(self, path: str, _parameters: Mapping[str, str], _since: float) -> Mapping[str, Any]:
        self.asked.append(path)
        if path.startswith("sys/internal/ui/mounts/"):
            return {"data": self._mount}
        return {"errors": []}

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(POLICY)
    return file


def document(path: str, kind: str = "Secret", **annotations: str) -> bytes:
    ours = {f"avp.kubernetes.io/{key}": value for key, value in annotations.items()}
    metadata = {"name": "a", "annotations": {"avp.kubernetes.io/path": path, **ours}}
    text: str = yaml.safe_dump({"kind": kind, "metadata": metadata, "data": {"a": "<key>"}})
    return text.encode()


def attempt(policy: Path | None, stdin: bytes, backend: Any, **env: str) -> str:
    """Run; return the output, or the reasons of the failures."""
    environ = {**IDENTITY, **env} | ({"AVP_POLICY": str(policy)} if policy else {})
    resolution = resolve(Sources(environ))
    request = Request(stdin, "plain", resolution.settings, environ)
    try:
        return generate(request, LocalKeeper(resolution, backend.open)).text
    except AvpError as error:
        return "\n".join(f"{each.reason} [{each.field}]" for each in error.failures)


def asked(policy: Path | None, path: str, **annotations: str) -> list[str]:
    backend = Recording()
    attempt(policy, document(path, **annotations), backend)
    return backend.asked


NFC, NFD = "kv/data/shared/caf\u00e9", "kv/data/shared/cafe\u0301"

SPELLINGS = {
    "as it is": ("kv/data/demo/web", "kv/data/demo/web"),
    "double slashes": ("kv//data///demo/web", "kv/data/demo/web"),
    "slashes at the ends": ("/kv/data/demo/web//", "kv/data/demo/web"),
    "single dots": ("./kv/./data/demo/./web/.", "kv/data/demo/web"),
    "double dots to an allowed path": ("kv/data/demo/x/../web", "kv/data/demo/web"),
    "double dots from elsewhere": ("kv/data/other/../demo/web", "kv/data/demo/web"),
    "percent signs are text": ("kv/data/shared/%2e%2e", "kv/data/shared/%2e%2e"),
    "an encoded slash is text": ("kv/data/shared/a%2fb", "kv/data/shared/a%2fb"),
    "a question mark is text": ("kv/data/shared/a?list=true", "kv/data/shared/a?list=true"),
    "a semicolon is text": ("kv/data/shared/..;", "kv/data/shared/..;"),
    "glob characters are text": ("kv/data/shared/*", "kv/data/shared/*"),
    "a glob in brackets is text": ("kv/data/shared/[a-z]?", "kv/data/shared/[a-z]?"),
    "a division slash is a letter": ("kv/data/shared/a\u2215b", "kv/data/shared/a\u2215b"),
    "a fullwidth slash is a letter": ("kv/data/shared/a\uff0fb", "kv/data/shared/a\uff0fb"),
    "one dot leaders are letters": ("kv/data/shared/\u2024\u2024", "kv/data/shared/\u2024\u2024"),
    "composed": (NFC, NFC),
    "decomposed stays decomposed": (NFD, NFD),
    "three dots are a name": ("kv/data/shared/...", "kv/data/shared/..."),
    "a space at the end": ("kv/data/shared/a ", "kv/data/shared/a "),
}


@pytest.mark.parametrize(("path", "form"), SPELLINGS.values(), ids=SPELLINGS)
def test_an_allowed_path_is_requested_exactly_as_checked(
    policy: Path, path: str, form: str
) -> None:
    assert asked(policy, path) == [form]


OUTSIDE = {
    "another application": "kv/data/demo/web2",
    "another namespace": "kv/data/other/web",
    "a part more": "kv/data/demo/web/x",
    "a part less": "kv/data/demo",
    "double dots out of an allowed path": "kv/data/demo/web/../../other/web",
    "double dots behind a star": "kv/data/shared/../other/web",
    "double dots to the denied path": "kv/data/shared/x/../root",
    "dots and slashes to the denied path": "kv/data//shared/./root/",
    "double dots above the beginning": "../kv/data/demo/web",
    "encoded dots": "kv/data/shared/%2e%2e/other/web",
    "an encoded slash in place of one": "kv/data%2fdemo/web",
    "an encoded letter": "kv/data/demo/%77eb",
    "twice encoded": "kv/data/%252e%252e/demo/web",
    "NUL": "kv/data/demo/web\0",
    "NUL and more": "kv/data/shared/a\0/../root",
    "a line break": "kv/data/demo/web\n",
    "a tab": "kv/data/demo/\tweb",
    "a backslash": "kv\\data\\demo\\web",
    "a backslash in a part": "kv/data/shared/..\\root",
    "upper case": "KV/data/demo/web",
    "upper case in a name": "kv/data/demo/Web",
    "a Cyrillic letter": "kv/d\u0430ta/demo/web",
    "fullwidth letters": "kv/data/demo/\uff57eb",
    "a fullwidth slash in place of one": "kv\uff0fdata/demo/web",
    "a zero-width space": "kv/data/demo/web\u200b",
    "a soft hyphen": "kv/data/demo/we\u00adb",
    "a byte order mark": "\ufeffkv/data/demo/web",
    "a bidi override": "kv/data/demo/\u202ebew",
    "spaces around": " kv/data/demo/web ",
    "a star": "kv/data/demo/*",
    "two stars": "**",
    "a template": "kv/data/demo/{{ app }}",
    "brackets": "kv/data/demo/[w]eb",
    "nothing but slashes": "///",
    "nothing but dots": "./../.",
    "very long": "kv/data/shared/" + "a" * 5000,
    "very long by dots": "kv/" + "./" * 3000 + "data/demo/web",
    "very many parts": "deep/" + "a/" * 2400 + "x",
    "denied in the depth": "deep/a/secret/b/x",
    "denied at the top": "deep/secret/x",
    "a path of Vault's own": "auth/token/lookup-self",
    "the metadata of an allowed secret": "kv/metadata/demo/web",
}


@pytest.mark.parametrize("path", OUTSIDE.values(), ids=OUTSIDE)
@pytest.mark.parametrize("version", ["", "1", "2"])
def test_a_path_outside_of_the_policy_reaches_no_backend(
    policy: Path, path: str, version: str
) -> None:
    backend = Recording()
    text = attempt(policy, document(path, **{"kv-version": version} if version else {}), backend)
    assert backend.asked == []
    assert backend.opened == 0 or not version, "the backend was opened for nothing"
    assert "[data.a]" in text or "not allowed in YAML" in text


def test_the_forms_of_unicode_are_different_paths(tmp_path: Path) -> None:
    assert unicodedata.normalize("NFC", NFD) == NFC
    file = tmp_path / "policy.yaml"
    file.write_text(f'rules: [{{allow: ["{NFC}"]}}]\n', encoding="utf-8")
    assert asked(file, NFC) == [NFC]
    assert asked(file, NFD) == []


def test_an_inline_path_and_an_import_pass_the_same_gate(policy: Path) -> None:
    backend = Recording()
    inline = b"kind: Secret\ndata:\n  a: <path:kv/data/shared/x/../root#key>\n"
    imported = document("kv/data/demo/web", **{"import": "kv/data/other/web"})
    encoded = b"kind: Secret\ndata: {a: PHBhdGg6a3YvZGF0YS9vdGhlci93ZWIja2V5Pg==}\n"
    text = attempt(policy, b"---\n".join((inline, imported, encoded)), backend)
    assert "kv/data/shared/root" in text
    assert "kv/data/other/web [metadata" in text
    assert "kv/data/other/web [data.a (inside base64)]" in text
    assert set(backend.asked) <= {"kv/data/demo/web"}


def test_the_operators_template_passes_the_gate_too(policy: Path) -> None:
    backend = Recording()
    text = attempt(policy, document(""), backend, AVP_PATH_TEMPLATE="kv/data/other/{{ app }}")
    assert "the policy does not allow the path kv/data/other/web" in text
    assert backend.opened == 0
    attempt(policy, document(""), backend)
    assert backend.asked == ["kv/data/demo/web"]


def test_a_kind_decides_for_its_own_documents_only(policy: Path) -> None:
    backend = Recording()
    path = "kv/data/public"
    both = b"---\n".join((document(path, kind="ConfigMap"), document(path, kind="Secret")))
    text = attempt(policy, both, backend)
    assert "does not allow the path kv/data/public in a Secret" in text
    assert attempt(policy, document(path, kind="ConfigMap"), backend).startswith("data:")


@pytest.mark.parametrize(
    "first", ["kind: ConfigMap", '"k\\x69nd": ConfigMap', "<<: {kind: ConfigMap}"]
)
def test_of_repeated_kinds_the_last_one_counts(policy: Path, first: str) -> None:
    data = 'data: {a: "<path:kv/data/public#key>"}\n'
    backend = Recording()
    text = attempt(policy, f"{first}\nkind: Secret\n{data}".encode(), backend)
    assert "does not allow the path kv/data/public in a Secret" in text
    assert backend.opened == 0
    text = attempt(policy, f"kind: Secret\nkind: ConfigMap\n{data}".encode(), backend)
    assert "value" in text


def test_of_repeated_paths_the_last_one_counts(policy: Path) -> None:
    annotation = "    avp.kubernetes.io/path: kv/data/public\n"
    text = document("kv/data/other/x", kind="ConfigMap").decode()
    assert text.count("    avp.kubernetes.io/path:") == 1
    denied = text.replace("    avp.kubernetes.io/path:", f"{annotation}    avp.kubernetes.io/path:")
    backend = Recording()
    assert "does not allow the path kv/data/other/x" in attempt(policy, denied.encode(), backend)
    assert backend.opened == 0


@pytest.mark.parametrize("kind", ["List", "SecretList", "secret", "configmap"])
def test_a_kind_that_wraps_or_resembles_is_another(policy: Path, kind: str) -> None:
    text = attempt(policy, document("kv/data/public", kind=kind), Recording())
    assert f"the policy does not allow the path kv/data/public in a {kind}" in text


@pytest.mark.parametrize("kind", ["List", "ConfigMap"])
def test_an_item_does_not_hide_behind_the_kind_around_it(policy: Path, kind: str) -> None:
    item = f'kind: {kind}\nitems: [{{kind: KIND, data: {{a: "<path:kv/data/public#key>"}}}}]\n'
    backend = Recording()
    text = attempt(policy, item.replace("KIND", "Secret").encode(), backend)
    assert "does not allow the path kv/data/public in a Secret" in text
    assert backend.opened == 0
    assert "value" in attempt(policy, item.replace("KIND", "ConfigMap").encode(), backend)


@pytest.mark.parametrize(
    "item",
    [
        '{data: "<path:kv/data/public#key>"}',
        '"<path:kv/data/public#key | jsonParse>"',
        '{kind: ConfigMap, items: [{kind: Secret, data: "<path:kv/data/public#key>"}]}',
        '{kind: "<path:kv/data/public#key>"}',
    ],
)
def test_an_item_without_a_certain_kind_gets_nothing(policy: Path, item: str) -> None:
    backend = Recording()
    text = attempt(policy, f"kind: ConfigMap\nitems:\n- {item}\n".encode(), backend)
    assert "the policy distinguishes kinds, and " in text
    assert backend.opened == 0


@pytest.mark.parametrize(
    "text",
    [
        'kind: "<path:kv/data/public#key>"\ndata: {}\n',
        '<<: {kind: "<path:kv/data/public#key>"}\ndata: {}\n',
        'x: &x "<path:kv/data/public#key>"\nkind: *x\n',
        'kind: ConfigMap\nitems: "<path:kv/data/public#key | jsonParse>"\n',
    ],
)
def test_what_is_filled_in_does_not_decide_the_kind(policy: Path, text: str) -> None:
    backend = Recording()
    reasons = attempt(policy, text.encode(), backend)
    assert "a placeholder decides the kind of this document" in reasons
    assert backend.opened == 0


def test_where_kinds_do_not_matter_a_placeholder_may_decide_them() -> None:
    text = b'kind: "<path:kv/data/public#key>"\n'
    assert attempt(None, text, Recording()) == 'kind: "value"\n'


def test_without_a_policy_every_path_is_requested() -> None:
    assert asked(None, "anything/at/../all") == ["anything/all"]


def test_path_validation_counts_beside_the_policy(policy: Path) -> None:
    backend = Recording()
    env = {"AVP_PATH_VALIDATION": "^kv/data/shared/"}
    text = attempt(policy, document("kv/data/demo/web"), backend, **env)
    assert "AVP_PATH_VALIDATION does not allow the path kv/data/demo/web" in text
    attempt(policy, document("kv/data/shared/root"), backend, **env)
    attempt(None, document("kv/data/shared/../other"), backend, **env)
    assert backend.asked == []
    attempt(policy, document("kv/data/shared/a"), backend, **env)
    assert backend.asked == ["kv/data/shared/a"]


PIECES = st.sampled_from(
    (
        *(
            "kv",
            "data",
            "demo",
            "web",
            "shared",
            "root",
            "deep",
            "secret",
            "x",
            "other",
            "metadata",
        ),
        *("", ".", "..", "..;", "%2e%2e", "%2f", "*", "**", "~", "a?b", "\\", "\0", "\u2215"),
        *("Kv", "w\u0435b", "auth", "token", " web", "web ", "\xe9", "{{ app }}", "a" * 300),
    )
)
PATHS = st.lists(PIECES, min_size=1, max_size=9).map("/".join) | st.text(max_size=30)


@settings(max_examples=200)
@given(path=PATHS, version=st.sampled_from(["", "1", "2"]))
def test_no_generated_path_reaches_a_backend_outside_of_the_policy(
    policy: Path, path: str, version: str
) -> None:
    for each in asked(policy, path, **{"kv-version": version} if version else {}):
        assert ALLOWED.fullmatch(each), each
        assert each == posixpath.normpath(each).strip("/")


@settings(max_examples=200)
@given(
    path=PATHS,
    version=st.sampled_from(["", "1", "2"]),
    mount=st.sampled_from(["kv/", "deep/", "kv/data/", "", "../kv/", "kv/data/other/../", "auth/"]),
    engine=st.sampled_from(["1", "2"]),
)
def test_no_generated_path_reaches_vault_outside_of_the_policy(
    policy: Path, path: str, version: str, mount: str, engine: str
) -> None:
    vault = RecordingConnection(mount, engine)
    attempt(policy, document(path, **{"kv-version": version} if version else {}), vault)
    for each in vault.asked:
        if not each.startswith("sys/internal/ui/mounts/"):
            assert ALLOWED.fullmatch(each), each
    if version and not vault.asked:
        assert vault.logins == 0


def test_the_path_that_vault_reports_is_what_is_checked(policy: Path) -> None:
    vault = RecordingConnection("kv/", "2")
    text = attempt(policy, document("kv/demo/web"), vault)
    assert vault.asked == ["sys/internal/ui/mounts/kv/demo/web", "kv/data/demo/web"]
    assert "Vault has nothing at kv/data/demo/web" in text
    vault = RecordingConnection("kv/", "1")
    text = attempt(policy, document("kv/demo/web"), vault)
    assert vault.asked == ["sys/internal/ui/mounts/kv/demo/web"]
    assert "the policy does not allow the path kv/demo/web" in text
    # A `data` further on: first as it is, then where the mount says.
    vault = RecordingConnection("deep/", "2")
    text = attempt(policy, document("deep/a/data/x"), vault)
    assert vault.asked == [
        "deep/a/data/x",
        "sys/internal/ui/mounts/deep/a/data/x",
        "deep/data/a/data/x",
    ]
    assert "Vault has nothing at deep/data/a/data/x" in text


def test_a_path_that_no_place_could_allow_costs_no_login(policy: Path) -> None:
    vault = RecordingConnection("kv/", "2")
    for path in ("kv/other/web", "kv/shared/root", "sys/mounts", "other"):
        assert "[data.a]" in attempt(policy, document(path), vault)
    assert (vault.logins, vault.asked) == (0, [])


def test_a_path_has_a_limited_number_of_parts() -> None:
    assert normalise("a/" * MAX_PARTS) == "a/" * (MAX_PARTS - 1) + "a"
    with pytest.raises(PathError, match="more than 64 parts"):
        normalise("a/" * MAX_PARTS + "a")
