"""What is probably not meant: errors, warnings, and what the operator makes of them."""

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
def test_by_the_name_of_argocd_vault_plugin_all_are_warnings(stdin: bytes, run: Run) -> None:
    result = run("generate", "-", env={}, stdin=stdin)
    assert (result.code, result.out) == (1, "")

    result = run("generate", "-", env={}, stdin=stdin, door="argocd-vault-plugin")
    assert (result.code, result.out) == (0, stdin.decode())
    assert result.err.startswith("avp-py: warning: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "<", "a <b>", "<b> c", "<1>", "< b >", "<a b>", "<!-- b -->"])
def test_other_text_in_angle_brackets_is_no_placeholder(text: str, run: Run) -> None:
    stdin = f'kind: Secret\nmetadata: {{name: a}}\nstringData: {{TOKEN: "{text}"}}\n'.encode()

    assert run("generate", "-", env={}, stdin=stdin).err == ""
