"""What a person reads of an error: one screen to act on. Never a value."""

import traceback
from collections.abc import Iterator, Sequence

from avp_py.errors import AvpError, Failure, OutputError

PLACES_SHOWN = 10
"""How many places one failure lists; `-v` lists them all."""


def describe(error: AvpError, *, verbose: bool) -> str:
    """The error as text: equal failures together, with every place that has them.

    Args:
        error: the error.
        verbose: whether all places are listed.
    """
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in error.failures:
        key = (failure.reason, failure.hint, failure.detail)
        groups.setdefault(key, []).append(failure)
    count = len(groups)
    head = "1 failure" if count == 1 else f"{count} failures"
    lost = "the output is not complete" if isinstance(error, OutputError) else "nothing was printed"
    lines = [f"avp-py: {head}, {lost}"]
    for number, ((reason, hint, detail), failures) in enumerate(groups.items(), 1):
        lines += ["", f"{number}. {reason}"]
        lines += _places(failures, len(failures) if verbose else PLACES_SHOWN)
        if hint:
            lines.append(f"   next: {hint}")
        lines += [f"   | {line}" for line in detail.splitlines()]
    return "".join(f"{_printable(line)}\n" for line in lines)


def describe_warnings(warnings: Sequence[Failure]) -> str:
    """Return warnings as text, a line for each."""
    return "".join(f"{_printable(_warning(each))}\n" for each in warnings)


def _warning(warning: Failure) -> str:
    place = ", ".join(each for each in (warning.document, warning.field) if each)
    where = f" (in {place})" if place else ""
    hint = f"; next: {warning.hint}" if warning.hint else ""
    return f"avp-py: warning: {warning.reason}{where}{hint}"


def one_line(error: AvpError) -> str:
    """The error as one line: its failures with what to do next, without texts of other programs."""
    failures = (
        f"{each.reason}; next: {each.hint}" if each.hint else each.reason for each in error.failures
    )
    return _printable(" | ".join(dict.fromkeys(failures)))


def _places(failures: Sequence[Failure], limit: int) -> Iterator[str]:
    places = [each for each in failures if each.document]
    document = ""
    for each in places[:limit]:
        if each.document != document:
            document = each.document
            yield f"   in {document}"
        if each.field:
            yield f"      {each.field}" + (f": {each.reference}" if each.reference else "")
    if len(places) > limit:
        yield f"   and in {len(places) - limit} more places (-v lists them)"


def frames(error: BaseException) -> str:
    """Where an error came from: its frames and those of its causes, without any message.

    Messages of other libraries can hold a header or a document, and with them a secret.
    """
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None:
        lines.append(f"{type(current).__name__}, raised at:\n")
        lines += traceback.format_list(traceback.extract_tb(current.__traceback__))
        current = current.__cause__
    return "".join(lines)


def _printable(line: str) -> str:
    """The line without characters that could steer a terminal."""
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in line)
