"""One pattern of a policy, on paths or on names of Secrets: a glob that may be a template."""

import re
from dataclasses import dataclass

from avp_py.policy.globs import LITERAL_STAR, UNFIT, matches_name, matches_path
from avp_py.policy.template import (
    NAMES,
    FaultyTemplateError,
    PathTemplate,
    UnfilledTemplateError,
)
from avp_py.settings import Identity

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")

_SAMPLE = Identity(**dict.fromkeys(NAMES, "a"))


@dataclass(frozen=True)
class Pattern:
    """A pattern as it stands in the file.

    Attributes:
        text: the pattern.
        place: where it stands, as `line 3, column 12`.
    """

    text: str
    place: str

    def check(self, separator: str) -> None:
        """Sees to it that the pattern can match something.

        Args:
            separator: what stands between its segments.

        Raises:
            FaultyTemplateError: it cannot; the message says why.
        """
        literals = self.text
        if "{" in self.text:
            template = PathTemplate(self.text)
            literals = template.literals
            if template.unknown:
                raise FaultyTemplateError(
                    f"a template on the unknown name {template.unknown[0]!r}: it knows "
                    f"{', '.join(NAMES)}"
                )
        unfit = next((char for char in literals if char in UNFIT), None)
        if unfit is not None:
            raise FaultyTemplateError(
                f"a pattern with {unfit}: * stands for text in one part, and ** for whole parts"
            )
        if separator == "/" and "//" in f"/{self.text}/":
            raise FaultyTemplateError("a pattern that matches nothing: a path has no empty parts")
        try:
            segments = self.fill(_SAMPLE, separator)
        except UnfilledTemplateError as error:
            if "{" in self.text:
                return  # another name may do
            raise FaultyTemplateError(f"a pattern that matches nothing: {error}") from None
        if separator == ":" and len(segments) != 2:
            raise FaultyTemplateError("not namespace:name")
        if any("**" in each and (each != "**" or separator != "/") for each in segments):
            raise FaultyTemplateError("a pattern with ** where it is not a whole part of a path")

    def fill(self, identity: Identity, separator: str) -> tuple[str, ...]:
        """The pattern for the one who asks, in segments; what is inserted is no pattern.

        Raises:
            UnfilledTemplateError: a name that it needs has no value, or one that does not fit.
            FaultyTemplateError: the template fails.
        """
        text = self.text
        if "{" in text:
            text = PathTemplate(text, lambda value: _insert(value, separator)).render(identity)
        segments = tuple(text.split(separator))
        if {"", ".", ".."}.intersection(segments):
            raise UnfilledTemplateError("a part of it is empty or dots")
        return segments


def matches(pattern: tuple[str, ...], text: str, separator: str) -> bool:
    """Whether a filled pattern fits a text; only in paths `**` has a meaning."""
    segments = text.split(separator)
    if separator == "/":
        return matches_path(pattern, segments)
    return len(pattern) == len(segments) and all(map(matches_name, pattern, segments))


def _insert(value: str, separator: str) -> str:
    if not value or separator in value or value in (".", "..") or _CONTROLS.search(value):
        raise UnfilledTemplateError("a name that it inserts is empty, dots, or more than one part")
    return value.replace("*", LITERAL_STAR)
