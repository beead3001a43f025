"""Files of NAME=value lines, read as argocd-vault-plugin's library reads them.

The rules, and the patterns, are those of gotenv v1.6.0 (gotenv.go), which viper reads env files
with: `export` may precede a name, `: ` may replace `=`, `#` begins a comment, quotes may
span lines, and `$NAME` is filled from the environment or from a line above unless it is in
single quotes or after a backslash.
"""

import re
from collections.abc import Iterator, Mapping

from avp_py.errors import AvpError

_LINE = (
    r"""(?a)\s*(?:export\s+)?([\w.]+)(?:\s*=\s*|:\s+?)"""
    r"""('(?:\'|[^'])*'|"(?:\"|[^"])*"|[^#\n]+)?\s*(?:\s*#.*)?"""
)
_VARIABLE = re.compile(r"(\\)?(\$)(\{?([A-Z0-9_]+)?\}?)")
_ESCAPE = re.compile(r"\\([^$])")


class EnvFileError(AvpError):
    """A line is not NAME=value. The error has the line's number, and nothing of the line.

    Attributes:
        line: its number, from 1.
    """

    def __init__(self, line: int) -> None:
        super().__init__("not NAME=value")
        self.line = line


def parse_env(text: str, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the values by name.

    Args:
        text: the text of the file.
        environ: where `$NAME` is looked up before the lines above.

    Raises:
        EnvFileError: a line has not the form NAME=value, or a quote stays open.
    """
    values: dict[str, str] = {}
    for number, line in _lines(text):
        match = re.fullmatch(_LINE, line)
        if match is None:
            raise EnvFileError(number)
        values[match[1]] = _value((match[2] or "").strip(), environ, values)
    return values


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with a setting, and their numbers; one whose quote is open goes on."""
    lines = enumerate(text.replace("\r\n", "\n").split("\n"), 1)
    for number, raw in lines:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        quote = _open_quote(line)
        while quote:
            _, more = next(lines, (0, None))
            if more is None:
                raise EnvFileError(number)
            line += f"\n{more}"
            last = more.rfind(quote)
            if last >= 0 and more[last - 1 : last] != "\\":
                quote = ""
        yield number, line


def _open_quote(line: str) -> str:
    """Return the quote that a line's value begins with and does not end, or an empty text."""
    delimiter = line.find("=") if "=" in line else line.find(":")
    value = line[delimiter + 1 :].strip() if 0 < delimiter < len(line) - 1 else ""
    if value[:1] not in ("'", '"') or not value:
        return ""
    last = value[1:].strip().rfind(value[0])
    return "" if last >= 0 and value[last] != "\\" else value[0]


def _value(raw: str, environ: Mapping[str, str], above: Mapping[str, str]) -> str:
    quote = raw[0] if len(raw) >= 2 and raw[0] == raw[-1] and raw[0] in "'\"" else ""
    value = raw[1:-1] if quote else raw
    if quote == '"':
        value = _ESCAPE.sub(r"\1", value.replace("\\n", "\n").replace("\\r", "\r"))
    if quote == "'":
        return value

    def fill(match: re.Match[str]) -> str:
        if match[1]:
            return match[0][1:]
        if not match[4]:
            return match[0]  # no name: the dollar is one
        return environ.get(match[4], above.get(match[4], ""))

    return _VARIABLE.sub(fill, value)
