"""Manifests as Kubernetes and Argo CD read them, and the form in which they are compared.

Sources: apimachinery v0.29.1, util/yaml/decoder.go (how a stream is split) and util/json/json.go
(int64 where a number fits, else float64); sigs.k8s.io/yaml v1.3.0 (what YAML is).
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import yaml

from avp_py.golang import yaml_reader
from avp_py.golang.yaml_error import YamlTextError
from avp_py.values import Number

Manifest: TypeAlias = dict[str, Any]
"""A manifest: str, bool, int, float, None, lists and dicts with text keys."""

ARGO_CD_PEEKS: Final = 4096
"""What Argo CD reads manifests with (SplitYAML in gitops-engine's kube.go)."""

AVP_PEEKS: Final = 1
"""What argocd-vault-plugin reads them with (readManifestData in cmd/util.go)."""

_SEPARATOR: Final = "---"
_SUSPICIOUS: Final = re.compile(r"\\/|\?|[\s\[{,]:\S")
_POSITIONAL: Final = 1e21
_INT64: Final = range(-(2**63), 2**63)


class UnreadableError(ValueError):
    """A text that Kubernetes' readers refuse."""


def read_stream(text: str, peek: int = ARGO_CD_PEEKS) -> list[Manifest]:
    """The manifests of a stream; empty documents are none.

    Args:
        text: the text.
        peek: how many characters are looked at for a brace, which makes it JSON.

    Raises:
        UnreadableError: the text is not YAML or JSON, or a document is no mapping.
    """
    if text[:peek].lstrip().startswith("{"):
        values = read_json(text)
        if values is None:
            raise UnreadableError("what begins with a brace is not JSON")
    else:
        documents = split(text.removeprefix("\ufeff"))
        values = [read_document(document) for document in documents]
    for value in values:
        if value is not None and not isinstance(value, dict):
            raise UnreadableError("a document is not a mapping")
    return [value for value in values if value]


def read_output(text: str) -> list[Manifest]:
    """The manifests that Argo CD makes of what a plugin prints.

    It reads them a second time, as YAML, from the JSON that the first reading gives (SplitYAML in
    gitops-engine's kube.go, Argo CD v3.2.1); JSON that was printed is read so as it is.

    Raises:
        UnreadableError: as read_stream does.
    """
    manifests = read_stream(text)
    if text[:ARGO_CD_PEEKS].lstrip().startswith("{"):
        again = [read_document(each) for each in _json_texts(text)]
        return [value for value in again if value]
    return [_again(each) for each in manifests]


def _again(value: Any) -> Any:
    match value:
        case str() if _UNESCAPED.search(value):
            # Go's encoder escapes the separators U+2028 and U+2029, and not what YAML refuses.
            text = json.dumps(value, ensure_ascii=False)
            text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
            if _REFUSED.search(text):
                raise UnreadableError("control characters are not allowed")
            return read_document(text)
        case dict():
            return {_again(key): _again(item) for key, item in value.items()}
        case list():
            return [_again(item) for item in value]
    return value


_UNESCAPED: Final = re.compile("[\x7f-\x9f\ufffe\uffff]")
_REFUSED: Final = re.compile("[\x7f-\x84\x86-\x9f\ufffe\uffff]")


def _json_texts(text: str) -> Iterator[str]:
    decoder = json.JSONDecoder()
    rest = text.lstrip()
    while rest:
        _, end = decoder.raw_decode(rest)
        yield rest[:end]
        rest = rest[end:].lstrip()


def split(text: str) -> Iterator[str]:
    """The texts of the documents (YAMLReader.Read).

    Raises:
        UnreadableError: there is more than a comment behind a `---` on its line.
    """
    lines: list[str] = []
    for line in text.removesuffix("\n").split("\n"):
        line = line.removesuffix("\r")
        if line.startswith(_SEPARATOR):
            rest = line.removeprefix(_SEPARATOR).strip()
            if rest and not rest.startswith("#"):
                raise UnreadableError("there is text behind a ---")
            if lines:
                yield "".join(lines)
                lines = []
                continue
        lines.append(f"{line}\n")
    if lines:
        yield "".join(lines)


def read_document(text: str) -> Any:
    """The value of one YAML document.

    Raises:
        UnreadableError: it is not YAML, or says what JSON cannot say.
    """
    text = text.removeprefix("\ufeff")
    if _SUSPICIOUS.search(text) and _is_refused(text):
        raise UnreadableError("yaml.v2 refuses what libyaml takes")
    try:
        return _plain(yaml_reader.read(text))
    except YamlTextError as error:
        raise UnreadableError(str(error)) from None


def _is_refused(text: str) -> bool:
    """Whether a text that libyaml reads is one that yaml.v2 does not."""
    depth = 0
    try:
        for token in yaml.scan(text, yaml.CSafeLoader):
            if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
                depth += 1
            elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
                depth -= 1
            elif isinstance(token, yaml.ScalarToken):
                written = text[token.start_mark.index : token.end_mark.index]
                if token.style == '"' and "\\/" in written.replace("\\\\", ""):
                    return True
                if token.plain and depth and ("?" in written or written.startswith(":")):
                    return True
    except yaml.YAMLError:
        pass  # It is told where the text is read.
    return False


def read_json(text: str) -> list[Any] | None:
    """The values of a stream of JSON texts; None where it is none."""
    decoder = json.JSONDecoder(parse_int=Number, parse_float=Number)
    values = []
    rest = text.lstrip()
    while rest:
        try:
            value, end = decoder.raw_decode(rest)
        except ValueError:
            return None
        values.append(_plain(value))
        rest = rest[end:].lstrip()
    return values


def _plain(value: Any) -> Any:
    match value:
        case Number():
            return number(value.text)
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case str():
            return value
        case Sequence():
            return [_plain(item) for item in value]
        case _:
            return value


def number(text: str) -> int | float:
    """A JSON number as Kubernetes holds it."""
    value = float(text)
    if text.lstrip("-").isdecimal():
        exact = int(text)
    elif value.is_integer() and abs(value) < _POSITIONAL:
        # json.Marshal writes such a float64 without a fraction, and it is read back as an integer.
        exact = int(value)
    else:
        return value
    return exact if exact in _INT64 else value


def canonical(manifest: Manifest) -> str:
    """A text that is the same for equal manifests: 1 is not 1.0 and not true.

    What a Secret has in `data` is bytes: base64 with line breaks in it is no other value.
    """
    data = manifest.get("data")
    if manifest.get("kind") == "Secret" and isinstance(data, dict):
        manifest = {**manifest, "data": {key: _rewrapped(data[key]) for key in data}}
    return json.dumps(manifest, sort_keys=True, ensure_ascii=False)


def _rewrapped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    decoded = decode(value)
    return value if decoded is None else base64.b64encode(decoded).decode()


def decode(text: str) -> bytes | None:
    """The bytes of base64 as Go's base64.StdEncoding reads it, or None."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
