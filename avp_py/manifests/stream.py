"""A text that holds manifests, and how several become one output."""

import codecs
import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from avp_py.errors import DocumentError, Failure, Failures
from avp_py.expressions import Expression
from avp_py.golang.documents import Document, parse
from avp_py.manifests.aliases import write_out
from avp_py.manifests.duplicates import read_key
from avp_py.manifests.manifest import Manifest, Origin, read_manifests
from avp_py.manifests.readable import refuse_unreadable
from avp_py.manifests.simple import Scanner, body_start

_ESCAPE = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
"""An escape of JSON; the two of a surrogate pair are one character."""

_BREAKS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029", "\ufeff": "\\ufeff"}
"""What JSON allows in a string and YAML reads as a line break or may skip, and its escape."""

_HELMS_COMMENT: Final = "# Source: "

_LONGEST_TEMPLATE: Final = 300
"""How much of a template's path is shown, in characters."""

_LATE_MARK = Expression(r"(?m)^---[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*\x{feff}")
"""A byte order mark where a later document begins, as of files that were put together."""


@dataclass(frozen=True)
class Stream:
    """A text with the manifests that it holds.

    Attributes:
        text: the text, without a byte order mark, and with a line break at its end.
        documents: its YAML documents, empty ones included.
        manifests: the documents that hold something, each followed by its items if it is a list;
            without those that are passed on.
        passed: how many documents surely hold nothing for us.
        is_cut: whether it came without that line break.
    """

    text: str
    documents: Sequence[Document]
    manifests: Sequence[Manifest]
    passed: int = 0
    is_cut: bool = False


def read_stream(
    data: bytes,
    source: str,
    failures: Failures,
    *,
    is_source: bool = False,
    names_templates: bool = False,
    parses_all: bool = False,
) -> Stream:
    """Read YAML or JSON documents.

    Args:
        data: the text in UTF-8, or in UTF-16 with a byte order mark.
        source: what to call it in errors: a file's name, or `standard input`.
        failures: collects the documents that cannot be used.
        is_source: whether the text is just what somebody wrote there.
        names_templates: whether each document begins with the comment in which helm names the
            template that it was rendered from.
        parses_all: whether documents are parsed that surely hold nothing for us.

    Returns:
        The stream, without the documents that cannot be used.
    """
    try:
        text, is_json = _prepare(data, source)
        is_cut = not text.endswith("\n")
        if is_cut:
            # Kubernetes ends the last line too (YAMLReader in apimachinery's util/yaml/decoder.go,
            # v0.34): the value of a block scalar there has the line break.
            text += "\n"
        # What begins with a brace is never simple.
        scans = not (is_json or parses_all)
        documents, simple = _parse(text, source, scans=scans)
        without_aliases = write_out(text, documents, source)
        if without_aliases != text:
            text = without_aliases
            documents, simple = _parse(text, source, scans=scans)
    except DocumentError as error:
        failures.add(*error.failures)
        return Stream("", (), ())
    # JSON documents one after the other are set on lines of their own.
    is_moved = is_json and len(documents) > 1
    manifests: list[Manifest] = []
    failures.add(*_false_markers(text, documents, source))
    for number, document in enumerate(documents, 1):
        if body_start(document) in simple:
            continue
        where = f"document {number} of {source}" if len(documents) > 1 else source
        origin = Origin()
        if is_source:
            origin = Origin(source, None if is_moved else document.lines)
        elif names_templates and (template := _template_of(text, document)):
            origin = Origin(template)
            where += f", rendered from {template}"
        with failures.catch():
            refuse_unreadable(text, document, where, is_json=is_json, is_moved=is_moved)
            manifests.extend(read_manifests(document, text, where, origin, failures))
    return Stream(text, documents, tuple(manifests), len(simple), is_cut)


def _parse(text: str, source: str, *, scans: bool) -> tuple[Sequence[Document], Set[int]]:
    """Return the documents of a text, and where the bodies begin of those that are simple."""
    parsed, simple = Scanner(text).blanked() if scans else (text, frozenset[int]())
    return parse(text, source, read_key, parsed), simple


def _template_of(text: str, document: Document) -> str:
    """Return the template that helm names before a document, relative to the chart's folder.

    helm writes a comment with the name of the chart and the path in it, and below it what the
    template rendered (renderResources in pkg/action/action.go, v3.19 and v4.2).
    """
    begin = text.find("\n", document.start) + 1
    if document.marker_end is None or not text.startswith(_HELMS_COMMENT, begin):
        return ""
    end = text.find("\n", begin)
    return text[begin + len(_HELMS_COMMENT) : end].partition("/")[2][:_LONGEST_TEMPLATE]


def _false_markers(text: str, documents: Sequence[Document], source: str) -> Iterable[Failure]:
    """Yield a failure for each line that begins as a document does to one reader only.

    Readers of Kubernetes split a stream by lines (YAMLReader in apimachinery's
    util/yaml/decoder.go, v0.34), whatever they are part of. To YAML 1.1 a line ends at a carriage
    return and at some separators of Unicode, too; what follows there is lost to those readers.
    """
    begins = {each.marker_end - 3 for each in documents if each.marker_end is not None}
    for start in _line_starts(text, "---"):
        if start in begins:
            continue
        reason = "a line of a text begins with ---, which Argo CD reads as the end of the document"
        hint = "indent the line"
        if text[start + 3] != "-" and _begins_scalar(documents, start):
            reason = "--- has text right after it, so Argo CD does not take it for a separator"
            hint = "begin a new line after it; in a template, {{- after --- removes the line break"
        yield Failure(f"{source}, {documents[0].lines.position(start)}: {reason}", hint=hint)
    for begin in sorted(begins):
        if begin > 0 and text[begin - 1] != "\n":
            yield Failure(
                f"{source}, {documents[0].lines.position(begin)}: a document starts after a line "
                "break other than \\n; Argo CD would drop it",
                hint="end every line with \\n",
            )


def _begins_scalar(documents: Sequence[Document], start: int) -> bool:
    """Return whether a scalar, as a key, begins at a place in the text, and is not just there."""
    root = next((each.root for each in documents if each.root is not None), None)
    if root is None:
        return False
    # The rows of all documents of a text are in the order of their places.
    starts = root.columns.starts
    place = bisect_left(starts, start)
    return place < len(starts) and starts[place] == start


def _line_starts(text: str, prefix: str) -> Iterator[int]:
    """Yield where lines with a prefix begin."""
    if text.startswith(prefix):
        yield 0
    found = text.find(f"\n{prefix}")
    while found >= 0:
        yield found + 1
        found = text.find(f"\n{prefix}", found + 1)


def _prepare(data: bytes, source: str) -> tuple[str, bool]:
    """Return the text as YAML, and whether it was written in JSON."""
    # yaml_parser_determine_encoding in readerc.go of yaml.v2, v2.4.2.
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "UTF-16" if is_utf16 else "UTF-8"
    try:
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"{source}: byte {error.start} is not {encoding}", hint="save it as UTF-8"
        ) from None
    bounds = list(_json_bounds(text)) if text.lstrip()[:1] == "{" else []
    if not bounds:
        return _without_late_marks(text) if "\ufeff" in text else text, False
    # JSON that the readers of YAML, Argo CD's among them, refuse or read otherwise: characters
    # written as two escapes, escaped slashes, separators of lines, and documents one after the
    # other. All are written as YAML accepts them.
    written = text
    if "\\/" in text or "\\ud" in text or "\\uD" in text:
        written = _ESCAPE.sub(_as_in_yaml, text)
    for char, escape in _BREAKS.items():
        written = written.replace(char, escape)
    if written != text:
        text, bounds = written, list(_json_bounds(written))
    if len(bounds) > 1:
        text = "".join(f"---\n{text[start:end]}\n" for start, end in bounds)
    return text, True


def _without_late_marks(text: str) -> str:
    pieces: list[str] = []
    position = 0
    for _, end in _LATE_MARK.spans(text):
        pieces.append(text[position : end - 1])
        position = end
    return "".join([*pieces, text[position:]])


def _as_in_yaml(match: re.Match[str]) -> str:
    """Return an escape of JSON as YAML accepts it."""
    if match[1]:
        return bytes.fromhex(match[1] + match[2]).decode("utf-16-be")
    return "/" if match[0] == "\\/" else match[0]


def _json_bounds(text: str) -> Iterable[tuple[int, int]]:
    """Return the span of each JSON document of the text; nothing if it is not all JSON."""
    decoder = json.JSONDecoder()
    bounds = []
    start = _skip_space(text, 0)
    while start < len(text):
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return ()
        bounds.append((start, end))
        start = _skip_space(text, end)
    return bounds


def _skip_space(text: str, start: int) -> int:
    while text[start : start + 1].isspace():
        start += 1
    return start


def assemble(stream: Stream, changed: Mapping[int, str]) -> str:
    """Return the text of a stream with some of its documents changed.

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
    if stream.is_cut and stream.documents and stream.documents[-1].start not in changed:
        text = text.removesuffix("\n")
    if text.lstrip()[:1] == "{" and not list(_json_bounds(text)):
        # Argo CD's reader reads what begins with a brace as JSON, if no --- precedes it.
        text = f"---\n{text}"
    return text


def _set_off(document: Document, text: str) -> str:
    """Return the text with nothing after its `---`: Argo CD's splitter drops that line's rest."""
    if document.marker_end is None:
        return text
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
