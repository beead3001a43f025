r"""Regular expressions as Go reads them: the parser of AVP_PATH_VALIDATION.

Go's regexp (regexp/syntax/parse.go, Go 1.26) and RE2 in C++ (re2/parse.cc, 2025-11-05) are one
grammar by one author, and match in linear time. What RE2 accepts and Go refuses is refused here:

    \C               one byte of a character
    (?P<ü>a)         a name beyond ASCII
    a{9999999999}    a count of ten digits and more, which RE2 reads as text

Left is what Go knows since 1.25, later than argocd-vault-plugin v1.18.1: long names of classes as
`\p{Letter}`, which RE2 refuses, and the unassigned characters in `\p{C}`. RE2's classes are those
of Unicode 15.1, and Go's of 15.0. Go alone refuses more than 1000 levels of parentheses.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from avp_py.settings.parse import MalformedError

MAX_MEMORY: Final = 64 * 1024**2
r"""What an expression may take, in bytes: RE2's own 8 MiB do not hold `\pL{1,1000}`."""

_BEYOND_GO: Final = re.compile(
    r"""
    \\Q .*? (?: \\E | \Z )                                      # literal text
    | \[ \^? \]? (?: \[:\^?\w+:\] | \\. | [^\]\\] )*+ \]        # a class of characters
    | (?P<any_byte> \\C )
    | \\ .
    | (?P<count> \{ (?= [\d,]* \d{10} ) (?:0|[1-9]\d*) (?: , (?:0|[1-9]\d*)? )? \} )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
"""The parts of an expression that RE2 accepts, as far as they show what Go would refuse."""


@dataclass(frozen=True)
class Regexp:
    """A regular expression.

    Attributes:
        text: the expression as it is written.
        compiled: what RE2 makes of it; its package has no types.
    """

    text: str
    compiled: Any = field(repr=False, compare=False)

    def matches(self, text: str) -> bool:
        """Return whether a text matches from its beginning; its end may be any."""
        return self.compiled.match(text) is not None


def regexp(raw: str) -> Regexp:
    """Return a regular expression in the syntax of Go.

    Raises:
        MalformedError: Go would refuse it, or it takes too much memory. The message shows
            nothing of it: a Secret of another kind may have been named.
    """
    import re2  # type: ignore[import-untyped]  # late: few set it; it has no stubs

    options = re2.Options()
    options.log_errors = False  # RE2 would write the expression to standard error
    options.never_capture = True  # groups cost memory, and what one has matched is not needed
    options.max_mem = MAX_MEMORY
    try:
        compiled = re2.compile(raw, options)
    except UnicodeEncodeError:
        raise _refused("invalid UTF-8") from None
    except re2.error as error:
        # Bytes: the reason, then the part of the expression that is at fault.
        reason, _, _ = error.args[0].decode(errors="replace").partition(":")
        raise _refused(reason) from None
    for part in _BEYOND_GO.finditer(raw):
        if part["any_byte"]:
            raise _refused("invalid escape sequence")
        if part["count"]:
            raise _refused("invalid repetition size")
    if not all(name.isascii() for name in compiled.groupindex):
        raise _refused("invalid named capture group")
    return Regexp(raw, compiled)


def _refused(reason: str) -> MalformedError:
    return MalformedError(
        f"a regular expression in the syntax of Go (RE2): {reason}",
        r"correct it; look-around ((?=, (?!) and \Z are not in that syntax",
    )
