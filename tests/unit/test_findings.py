"""Probable mistakes in manifests: errors, warnings, and the settings that change them."""

import pytest

from tests.conftest import Run

SECRET = b"kind: Secret\nmetadata: {name: a}\nstringData: {TOKEN: <TOKEN>}\n"
MAP = b"kind: ConfigMap\nmetadata: {name: a}\ndata: {TOKEN: <TOKEN>}\n"
IN_KEY = (
    b"kind: ConfigMap\nmetadata: {name: a, annotations: {avp.kubernetes.io/path: kv/data/x}}\n"
    b"data: {<TOKEN>: a}\n"
)
SAYS = "a placeholder is not filled, as the document has no annotation avp.kubernetes.io/path"
IGNORED = b"kind: Secret\nmetadata: {name: a, annotations: {avp.kubernetes.io/ignore: 'true'}}\n"


@pytest.mark.parametrize(
    ("stdin", "env", "code", "word"),
    [
        (SECRET, {}, 1, "1. "),
        (SECRET, {"AVP_WARNINGS": "ignore"}, 1, "1. "),
        (SECRET, {"AVP_LEFTOVERS": "ignore"}, 0, ""),
        (IGNORED + b"stringData: {TOKEN: <TOKEN>}\n", {}, 0, ""),
        (MAP, {}, 0, "warning: "),
        (MAP, {"AVP_WARNINGS": "error"}, 1, "1. "),
        (MAP, {"AVP_WARNINGS": "ignore"}, 0, ""),
        (MAP, {"AVP_LEFTOVERS": "ignore"}, 0, ""),
    ],
)
def test_a_placeholder_without_annotation(
    stdin: bytes, env: dict[str, str], code: int, word: str, run: Run
) -> None:
    result = run("generate", "-", env=env, stdin=stdin)

    assert result.code == code
    assert (f"{word}{SAYS}" in result.err) == bool(word)
    assert "TOKEN>" not in result.err
    assert result.out == ("" if code else stdin.decode())


@pytest.mark.parametrize(
    ("env", "code"),
    [({}, 1), ({"AVP_WARNINGS": "ignore"}, 1), ({"AVP_LEFTOVERS": "ignore"}, 0)],
)
def test_a_placeholder_in_a_key(env: dict[str, str], code: int, run: Run) -> None:
    result = run("generate", "-", env=env, stdin=IN_KEY)

    assert result.code == code
    assert ("1. a placeholder in a key is not filled" in result.err) == bool(code)
    assert result.out == ("" if code else IN_KEY.decode())


@pytest.mark.parametrize(
    "stdin",
    [
        SECRET,
        IN_KEY,
        b"kind: Secret\nmetadata: {name: a, annotations: {avp.kubernetes.io/version: '2'}}\n",
        b"kind: Secret\nmetadata: {name: a}\ndata: {a: not base64}\n",
    ],
)
def test_as_argocd_vault_plugin_all_are_warnings(stdin: bytes, run: Run) -> None:
    result = run("generate", "-", env={}, stdin=stdin)
    assert (result.code, result.out) == (1, "")

    result = run("generate", "-", env={}, stdin=stdin, program="argocd-vault-plugin")
    assert (result.code, result.out) == (0, stdin.decode())
    assert result.err.startswith("avp-py: warning: ")
    assert result.err.count("\n") == 1


TWICE = b"kind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: CANARY\n  b: 1\n  a: 2\n"
ALIKE = b"kind: ConfigMap\nmetadata: {name: a}\ndata: {a: CANARY, a: CANARY}\n"


@pytest.mark.parametrize(
    ("stdin", "env", "code", "word"),
    [
        (TWICE, {}, 0, "avp-py: warning: "),
        (TWICE, {"AVP_DUPLICATE_KEYS": "warn"}, 0, "avp-py: warning: "),
        (TWICE, {"AVP_DUPLICATE_KEYS": "error"}, 1, "1. "),
        (TWICE, {"AVP_DUPLICATE_KEYS": "error", "AVP_WARNINGS": "ignore"}, 1, "1. "),
        (TWICE, {"AVP_WARNINGS": "error"}, 1, "1. "),
        (TWICE, {"AVP_WARNINGS": "ignore"}, 0, ""),
        (ALIKE, {"AVP_DUPLICATE_KEYS": "error"}, 0, ""),
    ],
)
def test_a_duplicate_key(stdin: bytes, env: dict[str, str], code: int, word: str, run: Run) -> None:
    result = run("generate", "-", env=env, stdin=stdin)

    assert result.code == code
    assert (f"{word}duplicate key: Argo CD uses the last one" in result.err) == bool(word)
    for where in ("ConfigMap a", "data.a", "standard input:4"):
        assert (where in result.err) == bool(word)
    assert "CANARY" not in result.err
    assert result.out == ("" if code else stdin.decode())


@pytest.mark.parametrize("mode", ["warn", "error"])
def test_as_argocd_vault_plugin_a_duplicate_key_is_a_warning(mode: str, run: Run) -> None:
    env = {"AVP_DUPLICATE_KEYS": mode}
    result = run("generate", "-", env=env, stdin=TWICE, program="argocd-vault-plugin")

    assert (result.code, result.out) == (0, TWICE.decode())
    assert result.err.startswith("avp-py: warning: duplicate key: ")


def test_a_tenant_cannot_decide_about_duplicate_keys(run: Run) -> None:
    env = {"AVP_DUPLICATE_KEYS": "error", "ARGOCD_ENV_AVP_DUPLICATE_KEYS": "warn"}
    result = run("generate", "-", env=env, stdin=TWICE)

    assert (result.code, result.out) == (1, "")


def test_the_first_duplicate_keys_of_a_document_are_reported(run: Run) -> None:
    keys = "".join(f"  k{n}: 1\n  k{n}: 2\n" for n in range(50))
    result = run("generate", "-", env={}, stdin=f"kind: A\nspec:\n{keys}---\n{keys}".encode())

    assert [f"spec.k{n}," in result.err for n in (0, 9, 10, 49)] == [True, True, False, False]


@pytest.mark.parametrize(
    "stdin",
    [
        b"kind: A\na: <path:kv/data/x#a>\na: 1\n",
        b"kind: A\na: {b: {c: <path:kv/data/x#a>}}\na: 1\n",
        b"kind: Secret\nmetadata: {name: a}\nstringData: {a: <TOKEN>, a: b}\n",
        b"kind: Secret\nmetadata: {name: a}\ndata: {a: not base64, a: YQ==}\n",
        b"kind: A\na: <path\\u003akv/data/x#a>\na: 1\n",
        b"kind: A\na: <path:kv/data/x#a\na: 1\n",
    ],
)
def test_what_a_duplicate_key_overrides_is_not_filled_or_reported(stdin: bytes, run: Run) -> None:
    result = run("generate", "-", env={}, stdin=stdin)

    assert (result.code, result.out) == (0, stdin.decode())
    assert result.err.count("\n") == 1
    assert "duplicate key" in result.err


@pytest.mark.parametrize("text", ["", "<", "a <b>", "<b> c", "<1>", "< b >", "<a b>", "<!-- b -->"])
def test_other_text_in_angle_brackets_is_no_placeholder(text: str, run: Run) -> None:
    stdin = f'kind: Secret\nmetadata: {{name: a}}\nstringData: {{TOKEN: "{text}"}}\n'.encode()

    assert run("generate", "-", env={}, stdin=stdin).err == ""
