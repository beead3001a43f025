"""What a person reads of an error: one screen to act on. Never a value.

All that one run writes to standard error is at most 64 KiB of UTF-8, whatever a tenant writes: Argo
CD keeps it, and shows it. Each part has a share of that, and says how much it left out.
"""

import traceback
from collections.abc import Iterator, Sequence
from typing import Final

from avp_py.errors import AvpError, Failure, OutputError

MAX_REPORT: Final = 36 << 10
"""How many bytes the failures of a run take at most."""

MAX_WARNINGS: Final = 8 << 10
"""How many bytes the warnings of a run take at most."""

MAX_FRAMES: Final = 8 << 10
"""How many bytes the account of where an error came from takes at most."""

MAX_NOTES: Final = 8 << 10
"""How many bytes the notes of what is done take at most."""

MAX_CRASHES: Final = 4 << 10
"""How many bytes the reports of what nothing has caught take at most."""

MAX_LINE: Final = 2 << 10
"""How many bytes an error takes that is shown as one line, and a line of another program."""

PLACES_SHOWN: Final = 10
"""How many places one failure lists; `-v` lists them all."""

_LEAST: Final = 2 << 10
"""How many bytes a failure has for itself at least; where less is left, no further one is shown."""

_MAX_REASON: Final = 4 << 10
"""How many bytes a reason and its advice take each."""

_MAX_NAME: Final = 400
"""How many bytes a document, a field and a reference take each."""

_COUNT: Final = 80
"""How many bytes a line takes at most that says how many are left out."""

_LONG_HINT: Final = 100
"""From which length on advice that another failure has too is not repeated."""


def describe(error: AvpError, *, verbose: bool) -> str:
    """Return the error as text: equal failures together, with every place that has them.

    Args:
        error: the error.
        verbose: whether all places are listed.
    """
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in error.failures:
        key = (failure.reason, failure.hint, failure.detail)
        groups.setdefault(key, []).append(failure)
    lines = [f"avp-py: {outcome(error, len(groups))}"]
    # The last line, which says how many are not shown, has its place in any case.
    left = MAX_REPORT - 2 * len(lines[0])
    hints: dict[str, int] = {}
    for number, ((reason, hint, detail), failures) in enumerate(groups.items(), 1):
        if left < _LEAST:
            lines += ["", f"and {count(len(groups) - number + 1, 'more failure')}"]
            break
        if len(hint) > _LONG_HINT and hints.setdefault(hint, number) != number:
            hint = f"see failure {hints[hint]}"
        room = max(left // (len(groups) - number + 1), _LEAST)
        places = [each for each in failures if each.document]
        block = ["", *_block(f"{number}. {reason}", hint, detail, places, room, verbose=verbose)]
        left -= _size(block)
        lines += block
    return "".join(f"{line}\n" for line in lines)


def outcome(error: AvpError, number: int) -> str:
    """Return how many failures there are, and what became of the output."""
    lost = "the output is not complete" if isinstance(error, OutputError) else "nothing was printed"
    return f"{count(number, 'failure')}, {lost}"


def describe_warnings(warnings: Sequence[Failure]) -> str:
    """Return warnings as text, a line for each."""
    lines: list[str] = []
    left = MAX_WARNINGS - _COUNT
    for number, each in enumerate(warnings):
        line = clip(_warning(each), MAX_LINE // 2)
        left -= _size([line])
        if left < 0:
            lines.append(f"avp-py: {count(len(warnings) - number, 'more warning')}")
            break
        lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _warning(warning: Failure) -> str:
    place = ", ".join(each for each in (warning.document, warning.field, _at(warning)) if each)
    where = f" (in {place})" if place else ""
    hint = f"; next: {warning.hint}" if warning.hint else ""
    return f"avp-py: warning: {warning.reason}{where}{hint}"


def one_line(error: AvpError) -> str:
    """Return the error as one line: what failed and what to do next, each once."""
    failures = dict.fromkeys((each.reason, each.hint) for each in error.failures)
    line = ""
    for number, (reason, hint) in enumerate(failures):
        more = " | " * bool(number) + reason + (f"; next: {hint}" if hint else "")
        if number and len(line.encode()) + len(more.encode(errors="replace")) > MAX_LINE:
            return f"{line} | and {len(failures) - number} more"
        line += clip(more, MAX_LINE)
    return line


def frames(error: BaseException, limit: int = MAX_FRAMES) -> str:
    """Return where an error came from: its frames and those of its causes, without any message.

    Messages of other libraries can hold a header or a document, and with them a secret.

    Args:
        error: the error.
        limit: how many bytes the text may have.
    """
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None:
        lines.append(f"{type(current).__name__}, raised at:")
        for each in traceback.format_list(traceback.extract_tb(current.__traceback__)):
            lines += each.splitlines()
        current = current.__cause__
    return "".join(f"{line}\n" for line in fit(lines, limit))


def clip(text: str, limit: int) -> str:
    """Return a text on one line in at most `limit` bytes of UTF-8, with … for what is left out.

    That is in the middle: a message begins with what it is about, and ends with what is wrong.
    Characters that could steer a terminal become question marks.
    """
    if len(text) <= limit:
        shown = _printable(text)
        if len(shown.encode()) <= limit:
            return shown
    begin = limit * 2 // 3
    end = limit - begin - len("…".encode())
    first = _printable(text[:begin]).encode()[:begin].decode(errors="ignore")
    last = _printable(text[-end:]).encode()[-end:].decode(errors="ignore")
    return f"{first}…{last}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in text)


def _block(
    reason: str, hint: str, detail: str, places: Sequence[Failure], room: int, *, verbose: bool
) -> Iterator[str]:
    """Yield the lines of one failure, in at most `room` bytes."""
    most = min(room // 3, _MAX_REASON)
    first = clip(reason, most)
    last = [f"   next: {clip(hint, most)}"] if hint else []
    room -= _size(["", first, *last])
    # Where another program said something, that has a half of the room.
    listed = list(_places(places, room // 2 if detail else room, verbose=verbose))
    yield first
    yield from listed
    yield from last
    yield from fit([f"   | {line}" for line in detail.splitlines()], room - _size(listed))


def _places(places: Sequence[Failure], room: int, *, verbose: bool) -> Iterator[str]:
    """Yield a line for each place, and how many are left out."""
    limit = len(places) if verbose else PLACES_SHOWN
    most = min(room // 5, _MAX_NAME)
    document = ""
    room -= _COUNT
    for number, each in enumerate(places):
        lines = []
        if each.document != document:
            document = each.document
            lines.append(f"   in {clip(document, most)}")
        if each.field:
            reference = clip(each.reference, most)
            if each.target:
                reference += f" at {clip(each.target, most)}"
            parts = (clip(_at(each), most), clip(each.field, most), reference)
            lines.append("      " + ": ".join(filter(None, parts)))
        room -= _size(lines)
        if number == limit or room < 0:
            advice = "" if verbose else " (-v lists them)"
            yield f"   and in {count(len(places) - number, 'more place')}{advice}"
            return
        yield from lines


def _at(failure: Failure) -> str:
    """Return file and line of a failure, or the file where that is new to who has the document."""
    if failure.line:
        return f"{failure.file}:{failure.line}"
    return "" if failure.file in failure.document else failure.file


def fit(lines: Sequence[str], room: int) -> Sequence[str]:
    """Return lines in at most `room` bytes: the first and the last, with how many are left out."""
    begin, end = 0, len(lines)
    first: list[str] = []
    last: list[str] = []
    left = room - _COUNT
    # Two of three come from the beginning, where the reason mostly is.
    while begin < end:
        is_first = len(last) * 2 >= len(first)
        line = clip(lines[begin if is_first else end - 1], MAX_LINE)
        left -= _size([line])
        if left < 0:
            break
        if is_first:
            first.append(line)
            begin += 1
        else:
            last.append(line)
            end -= 1
    middle = [f"   … {count(end - begin, 'line')} left out …"] if begin < end else []
    return [*first, *middle, *reversed(last)]


def _size(lines: Sequence[str]) -> int:
    """Return how many bytes lines take."""
    return sum(len(line.encode()) + 1 for line in lines)


def count(number: int, what: str) -> str:
    """Return a number with what it counts, in the singular or plural."""
    return f"{number} {what}{'' if number == 1 else 's'}"
