"""Base64 within text: filled text is encoded as before, and no placeholder is missed."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.errors import Failures
from avp_py.manifests import read_stream, unresolved
from avp_py.manifests.packed import LAYERS, WORD, has_sign, readings, unpack
from tests.conftest import Run

PLACEHOLDER = "<path:kv/data/x#k>"


def packed(layers: list[tuple[str, str]], text: str = PLACEHOLDER) -> str:
    """Return a text in base64, with other text around it in each layer."""
    for before, after in layers:
        text = base64.b64encode(f"{before}{text}{after}".encode()).decode()
    return text


around = st.tuples(st.text("ab<é {\n", max_size=5), st.text("ab>é }\n", max_size=5))


@given(st.lists(around, min_size=1, max_size=LAYERS))
def test_each_placeholder_in_base64_has_a_sign(layers: list[tuple[str, str]]) -> None:
    assert has_sign(packed(layers))


@given(st.lists(around, min_size=1, max_size=LAYERS), around, st.sampled_from(("X", "ConfigMap")))
def test_no_placeholder_in_base64_is_deployed(
    layers: list[tuple[str, str]], beside: tuple[str, str], kind: str
) -> None:
    text = repr(beside[0].replace("<", "") + packed(layers) + beside[1].replace(">", ""))
    written = f'kind: {kind}\na: "{text[1:-1]}"\n'
    failures = Failures()
    stream = read_stream(written.encode(), "test", failures)
    assert list(failures) == []
    (manifest,) = stream.manifests
    assert [each.is_packed for each in unresolved(stream.text, manifest)] == [True]


def test_what_has_no_sign_is_not_looked_into() -> None:
    assert not has_sign(base64.b64encode(b"<patch:kv/data/x#k> <path kv").decode())


@given(st.text(), st.booleans(), st.booleans())
def test_a_word_is_written_as_it_was(text: str, is_url: bool, is_padded: bool) -> None:
    encode = base64.urlsafe_b64encode if is_url else base64.b64encode
    word = encode(text.encode()).decode()
    word = word if is_padded else word.rstrip("=")
    if not WORD.fullmatch(word):
        return
    found = unpack(word)
    assert found is not None
    assert found[0] == text
    # Without a character that only one alphabet has, it is the standard one.
    assert found[1].pack(text) == word
    assert next(readings(word)) == text


@pytest.mark.parametrize("word", ["YWxpY2U6c", "YWxpY2U6cw=", "YWxpY2U6=", "+WxpY2U-", "/////w=="])
def test_what_is_not_text_in_base64_is_no_word(word: str) -> None:
    assert unpack(word) is None


def test_a_path_in_base64_in_base64_passes_the_gate(run: Run, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("kv/data/x: {k: value}\n")
    text = f"kind: Secret\ndata: {{a: {packed([('', ''), ('auth: ', '')])}}}\n"
    env = {"AVP_TYPE": "file", "AVP_FILE": str(secrets)}
    filled = base64.b64encode(b"auth: " + base64.b64encode(b"value")).decode()
    assert filled in run("generate", "-", env=env, stdin=text.encode()).out

    refused = run(
        "generate", "-", env={**env, "AVP_PATH_VALIDATION": "^kv/data/y$"}, stdin=text.encode()
    )
    assert "AVP_PATH_VALIDATION does not allow the path kv/data/x" in refused.err
    assert (refused.code, refused.out) == (1, "")
