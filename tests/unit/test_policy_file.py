"""The policy file: its format, and the errors of a malformed one."""

from pathlib import Path

import pytest

from avp_py.errors import AvpError, DocumentError
from avp_py.policy.document import read_policy
from tests.conftest import Run

WHOLE = """\
rules:
  - name: own secrets
    projects: ["team-*"]
    namespaces: [demo]
    applications: ["*"]
    kinds: [Secret]
    allow: ["kv/data/{{ namespace }}/{{ app }}", kv/data/shared/*]
    deny: [kv/data/shared/root]
    secrets: ["argocd:avp-{{ project }}"]
  - allow: ["kv/public/**"]
"""


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "policy.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_a_policy_is_read_with_the_places_of_its_rules(tmp_path: Path) -> None:
    first, second = read_policy(written(tmp_path, WHOLE)).rules
    assert str(first) == "rule 'own secrets' (line 2)"
    assert str(second) == "rule 2 (line 10)"
    assert [each.text for each in first.projects or ()] == ["team-*"]
    assert [each.text for each in first.kinds or ()] == ["Secret"]
    assert [each.text for each in first.allow] == [
        "kv/data/{{ namespace }}/{{ app }}",
        "kv/data/shared/*",
    ]
    assert second.projects is second.namespaces is second.applications is second.kinds is None


def test_a_byte_order_mark_and_aliases_are_yaml(tmp_path: Path) -> None:
    text = "\ufeffrules:\n- allow: &a [kv/a]\n- allow: *a\n"
    assert [str(each.allow[0].text) for each in read_policy(written(tmp_path, text)).rules] == [
        "kv/a",
        "kv/a",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("---\nnull\n", "is empty"),
        ("{}\n", "line 1, column 1: a policy with nothing in it"),
        ("rules: []\n", "line 1, column 8: rules is an empty list"),
        ("rules:\n", "line 1, column 7: rules is a list"),
        ("rules: {allow: [a]}\n", "line 1, column 8: rules is a list"),
        ("- allow: [a]\n", "line 1, column 1: a policy is a mapping"),
        ("rules: [{allow: [a]}]\n---\nrules: []\n", "line 3, column 1: a second document"),
        ("rule: [{allow: [a]}]\n", "line 1, column 1: a policy has no key 'rule'"),
        ("rules: [a]\n", "line 1, column 9: a rule is a mapping"),
        ("rules: [{}]\n", "line 1, column 9: a rule with nothing in it"),
        ("rules:\n- name: a\n", "line 2, column 3: the rule allows and denies nothing"),
        ("rules:\n- alow: [a]\n", "line 2, column 3: a rule has no key 'alow'"),
        ("rules:\n- allow: [a]\n  Deny: [b]\n", "line 3, column 3: a rule has no key 'Deny'"),
        ("rules:\n- allow: [a]\n  allow: [b]\n", "line 3, column 3: duplicate key 'allow'"),
        ("rules:\n- allow: a\n", "line 2, column 10: allow is a list"),
        ("rules:\n- allow: []\n", "line 2, column 10: allow is an empty list"),
        ("rules:\n- {allow: [a], kinds: []}\n", "line 2, column 23: kinds is an empty list"),
        ("rules:\n- allow: [[a]]\n", "line 2, column 11: allow: expected a string"),
        ("rules:\n- allow: ['']\n", "line 2, column 11: allow: expected a string"),
        ("rules:\n- allow: [null]\n", "line 2, column 11: allow: expected a string"),
        ("rules:\n- allow: [{{ app }}]\n", "line 2, column 12: a key is a mapping"),
        ("rules:\n- allow: [a//b]\n", "line 2, column 11: allow: 'a//b' is a pattern that matches"),
        ("rules:\n- allow: [/a]\n", "'/a' is a pattern that matches nothing"),
        ("rules:\n- allow: [a/]\n", "'a/' is a pattern that matches nothing"),
        ("rules:\n- deny: [a/../b]\n", "'a/../b' is a pattern that matches nothing"),
        ("rules:\n- allow: [a**]\n", "'a**' is a pattern with ** where it is not a whole part"),
        ("rules:\n- allow: ['a?']\n", "is a pattern with ?"),
        ("rules:\n- allow: ['a[b]']\n", "is a pattern with ["),
        ("rules:\n- allow: ['{a,b}']\n", "is a pattern with {"),
        ("rules:\n- allow: ['a\\b']\n", "is a pattern with \\"),
        ('rules:\n- deny: ["a\\x02b"]\n', "matches nothing: it has a control character"),
        (
            f"rules:\n- deny: ['{'a' * 4097}']\n",
            "is a pattern that matches nothing: it has more than 4096 characters",
        ),
        (
            f"rules:\n- {{projects: ['{'a' * 4097}'], deny: [b]}}\n",
            "line 2, column 15: projects: a pattern of more than 4096 characters",
        ),
        ("rules:\n- allow: ['{{ ap }}']\n", "is a template with the unknown name 'ap'"),
        ("rules:\n- allow: ['{{ app']\n", "is not a template: unexpected end"),
        ("rules:\n- allow: ['{{ app + 1 }}']\n", "is a template that fails (TypeError)"),
        ("rules:\n- allow: [\"{{ ''.__class__.__mro__ }}\"]\n", "is not a template"),
        ("rules:\n- secrets: [avp]\n", "line 2, column 13: secrets: 'avp' is not namespace:name"),
        ("rules:\n- secrets: ['a:b:c']\n", "is not namespace:name"),
        (
            "rules:\n- {projects: ['a?'], allow: [b]}\n",
            "line 2, column 15: projects: a pattern with",
        ),
        (
            "rules:\n- secrets: ['a:b']\n  trust: [everything]\n",
            "line 3, column 11: unknown trust 'everything'",
        ),
        ("rules:\n- secrets: ['a:b']\n  trust: files\n", "line 3, column 10: trust is a list"),
        ("rules:\n- secrets: ['a:b']\n  trust: [Files]\n", "unknown trust 'Files'"),
        ("rules:\n- secrets: ['a:b']\n  trust: []\n", "line 3, column 10: trust is an empty list"),
        ("rules:\n- {allow: [a], trust: [files]}\n", "line 2, column 16: trust without secrets"),
        ("rules:\n- allow: [a\n", "not valid YAML"),
        (b"\xff\n", "is not UTF-8"),
        (
            "rules:\n- fetch: [https://a.example/**]\n  kinds: [Secret]\n",
            "line 3, column 3: a rule with kinds and fetch or denyFetch",
        ),
        (
            "rules:\n- {kinds: [Secret], allow: [a], denyFetch: [https://a.example]}\n",
            "line 2, column 4: a rule with kinds and fetch or denyFetch",
        ),
        ("rules:\n- fetch: a\n", "line 2, column 10: fetch is a list"),
        ("rules:\n- denyFetch: []\n", "line 2, column 14: denyFetch is an empty list"),
        ("rules:\n- fetch: [[a]]\n", "line 2, column 11: fetch: expected a string"),
        ("rules:\n- fetch: ['**']\n", "line 2, column 11: fetch: '**' is not a pattern of URLs"),
        ("rules:\n- fetch: ['*://a.example']\n", "fetch: '*://a.example' is not a pattern of URLs"),
        ("rules:\n- fetch: ['git@a.example:b']\n", "write one for each scheme"),
        ("rules:\n- fetch: [charts.example.com/team]\n", "is not a pattern of URLs: write one"),
        ("rules:\n- fetch: ['file://a/b']\n", "has an unknown scheme; "),
        ("rules:\n- fetch: ['https:///a']\n", "has an invalid host"),
        ("rules:\n- fetch: ['https://-a.example/*']\n", "'https://-a.example/*' has an invalid"),
        ("rules:\n- fetch: ['https://*']\n", "is a pattern with * or an inserted name in"),
        ("rules:\n- fetch: ['https://a.*/b']\n", "is a pattern with * or an inserted name in"),
        ("rules:\n- fetch: ['https://a.ex*.:443/b']\n", "in the last part of its host"),
        ("rules:\n- fetch: ['https://[::*]/b']\n", "in the last part of its host"),
        ("rules:\n- fetch: ['https://a.{{ app }}/b']\n", "in the last part of its host"),
        ("rules:\n- fetch: ['https://x-{{ app }}:1/b']\n", "in the last part of its host"),
        ("rules:\n- fetch: ['https://**.a.example/b']\n", "with ** in the host"),
        ("rules:\n- fetch: ['https://a.example:*/b']\n", "whose user or port is not spelt out"),
        ("rules:\n- fetch: ['https://a.example:{{ app }}/b']\n", "whose user or port is not"),
        ("rules:\n- fetch: ['ssh://*@a.example/b']\n", "whose user or port is not spelt out"),
        ("rules:\n- fetch: ['https://u:secret@a.example/b']\n", "has a user or a password"),
        ("rules:\n- fetch: ['https://a.example/b**']\n", "with ** where it is not a whole part"),
        ("rules:\n- fetch: ['https://a.example/b//c']\n", "has an empty segment in its path"),
        ("rules:\n- fetch: ['https://a.example/../b']\n", "matches nothing: a part of it is dots"),
        ("rules:\n- fetch: ['https://a.example/%2E./b']\n", "nothing: a part of it is dots"),
        ("rules:\n- fetch: ['https://a.example/%2*']\n", "with % that no two hexadecimal digits"),
        ("rules:\n- fetch: ['https://a.example/%2{{ app }}']\n", "with % that no two hexadecimal"),
        ("rules:\n- fetch: ['https://a.example/b%2Fc']\n", "has %2F in it"),
        ("rules:\n- fetch: ['https://a.example/b?c=d']\n", "is a pattern with ?"),
        ("rules:\n- fetch: ['https://a.example/b#c']\n", "is a pattern with #"),
        ("rules:\n- fetch: ['https://a.example/[b]']\n", "is a pattern with [ or ] in its path"),
        ("rules:\n- fetch: ['https://a.example/b c']\n", "has the character ' '"),
        ('rules:\n- fetch: ["https://a.example/\\x02"]\n', "nothing: it has a control character"),
        ("rules:\n- fetch: ['https://a.example/{{ ap }}']\n", "with the unknown name 'ap'"),
        (
            f"rules:\n- denyFetch: ['https://a.example/{'a' * 4097}']\n",
            "line 2, column 15: denyFetch: ",
        ),
    ],
)
def test_a_malformed_policy_is_reported_with_its_location(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        read_policy(written(tmp_path, text))
    assert message in caught.value.reason
    assert str(tmp_path) in caught.value.reason


@pytest.mark.parametrize(("key", "near"), [("alow", "allow"), ("namespace", "namespaces")])
def test_an_unknown_key_gets_a_suggestion(tmp_path: Path, key: str, near: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_policy(written(tmp_path, f"rules:\n- {key}: [a]\n"))
    assert caught.value.hint == f"did you mean {near}?"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("file", "did you mean files?"),
        ("adress", "did you mean address?"),
        ("everything", "known: address, files"),
    ],
)
def test_an_unknown_word_of_trust_gets_a_suggestion(tmp_path: Path, word: str, hint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_policy(written(tmp_path, f"rules:\n- {{secrets: ['a:b'], trust: [{word}]}}\n"))
    assert caught.value.hint == hint


@pytest.mark.parametrize("text", [None, "", "rules: [\n", "rules: []\n"])
def test_a_malformed_policy_fails_a_run_without_placeholders(
    run: Run, tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "policy.yaml" if text is None else written(tmp_path, text)
    env = {"AVP_POLICY": str(file), "AVP_TYPE": "file", "AVP_FILE": "/none"}
    result = run("generate", "-", env=env, stdin=b"kind: ConfigMap\n")
    assert (result.code, result.out) == (1, "")
    assert str(file) in result.err


@pytest.mark.parametrize("name", ["policy.yaml", "./policy.yaml", "../policy.yaml"])
def test_a_relative_policy_would_be_the_tenants_and_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "rules: [{allow: ['**']}]\n")
    result = run("generate", "-", env={"AVP_POLICY": name}, stdin=b"kind: ConfigMap\n")
    assert result.code == 1
    assert "AVP_POLICY is not an absolute path" in result.err


def test_a_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(AvpError, match="cannot be read: Is a directory"):
        read_policy(tmp_path)
