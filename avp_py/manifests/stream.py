"""A text that holds manifests, and how several become one output."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from avp_py.errors import AvpError, DocumentError, Failure
from avp_py.manifests.aliases import write_out
from avp_py.manifests.manifest import Manifest, read_manifest
from avp_py.nodes import Document, parse

_SURROGATE_PAIR = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)
"""Two escapes that are one character, behind an even number of backslashes."""


@dataclass(frozen=True)
class Stream:
    """A text with the manifests that it holds.

    Attributes:
        text: the text, without a byte order mark.
        documents: its YAML documents, empty ones included.
        manifests: the documents that hold something.
    """

    text: str
    documents: Sequence[Document]
    manifests: Sequence[Manifest]


def read_stream(data: bytes, source: str) -> tuple[Stream, Sequence[Failure]]:
    """Reads YAML or JSON documents.

    Args:
        data: the text in UTF-8.
        source: what to call it in errors: a file's name, or `standard input`.

    Returns:
        The stream, and a failure for each document that cannot be used.
    """
    try:
        text = _prepare(data, source)
        documents = parse(text, source)
        without_aliases = write_out(text, documents, source)
        if without_aliases != text:
            text = without_aliases
            documents = parse(text, source)
    except DocumentError as error:
        return Stream("", (), ()), error.failures
    manifests: list[Manifest] = []
    failures: list[Failure] = []
    for number, document in enumerate(documents, 1):
        where = f"document {number} of {source}" if len(documents) > 1 else source
        try:
            manifest = read_manifest(document, text, where)
        except AvpError as error:
            failures.extend(error.failures)
        else:
            if manifest is not None:
                manifests.append(manifest)
    return Stream(text, documents, tuple(manifests)), failures


def _prepare(data: bytes, source: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"{source}: byte {error.start} is not UTF-8", hint="save it as UTF-8"
        ) from None
    if text.lstrip()[:1] != "{":
        return text
    # JSON that YAML readers refuse: a character written as two escapes, and documents one after
    # the other. Both are written as YAML takes them.
    text = _SURROGATE_PAIR.sub(_join_surrogates, text)
    bounds = list(_json_bounds(text))
    if len(bounds) > 1:
        text = "".join(f"---\n{text[start:end]}\n" for start, end in bounds)
    return text


def _join_surrogates(match: re.Match[str]) -> str:
    pair = bytes.fromhex(match[2] + match[3])
    return match[1] + pair.decode("utf-16-be")


def _json_bounds(text: str) -> Iterable[tuple[int, int]]:
    """Where each JSON document of the text begins and ends; nothing if it is not all JSON."""
    decoder = json.JSONDecoder()
    bounds = []
    start = len(text) - len(text.lstrip())
    while start < len(text):
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return ()
        bounds.append((start, end))
        rest = text[end:]
        start = end + len(rest) - len(rest.lstrip())
    return bounds


def assemble(stream: Stream, changed: Mapping[int, str]) -> str:
    """The text of a stream with some of its documents changed.

    Args:
        stream: the stream.
        changed: the new text of a document, by where the document starts.
    """
    text = "".join(
        _set_off(
            document, changed.get(document.start) or stream.text[document.start : document.end]
        )
        for document in stream.documents
    )
    if text.lstrip()[:1] == "{" and not list(_json_bounds(text)):
        # Argo CD's reader takes what begins with a brace for JSON, if no --- stands before it.
        text = f"---\n{text}"
    return text


def _set_off(document: Document, text: str) -> str:
    """The text as a reader that splits at lines of `---` wants it, as Argo CD's does.

    It wants nothing behind a `---` on its line, and does not know that `...` ends a document.
    """
    if document.marker_end is None:
        return f"---\n{text}" if document.start else text
    marker = document.marker_end - document.start
    rest = text[marker:].partition("\n")[0].strip()
    if not rest or rest.startswith("#"):
        return text
    return f"{text[:marker]}\n{text[marker:]}"


def join(texts: Sequence[str]) -> str:
    """One output from the texts of several files: each document set off by `---`."""
    parts: list[str] = []
    for text in texts:
        if not text.strip():
            continue
        if parts and not text.startswith("---"):
            parts.append("---\n")
        parts.append(text if text.endswith("\n") else f"{text}\n")
    if len(parts) > 1 and parts[0].lstrip()[:1] == "{":
        parts.insert(0, "---\n")
    return "".join(parts)
