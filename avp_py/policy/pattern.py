"""One pattern of a policy, on paths or names of Secrets: a glob that may be a template."""

import re
from dataclasses import dataclass

from avp_py.policy.globs import INSERTED, LITERAL_STAR, MAX_LENGTH, UNFIT
from avp_py.policy.template import (
    SAMPLE,
    FaultyTemplateError,
    PathTemplate,
    UnfilledTemplateError,
    read_template,
)
from avp_py.settings import Identity

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


@dataclass(frozen=True)
class Pattern:
    """A pattern as it is in the file.

    Attributes:
        text: the pattern.
        separator: the text between its segments: `/` in a path, `:` in the name of a Secret.
        template: the text as a template; None if nothing is inserted.
    """

    text: str
    separator: str
    template: PathTemplate | None

    @classmethod
    def read(cls, text: str, separator: str) -> "Pattern":
        """Read a pattern, and check that it can match something.

        Raises:
            FaultyTemplateError: it cannot, or is not a pattern; the message says why.
        """
        template, literals = read_template(text, lambda value: _insert(value, separator))
        unfit = next((char for char in literals if char in UNFIT), None)
        if unfit is not None:
            raise FaultyTemplateError(
                f"a pattern with {unfit}: * stands for text in one part, and ** for whole parts"
            )
        if _CONTROLS.search(literals):
            raise FaultyTemplateError("a pattern that matches nothing: it has a control character")
        pattern = cls(text, separator, template)
        if separator == "/" and "//" in f"/{text}/":
            raise FaultyTemplateError("a pattern that matches nothing: a path has no empty parts")
        try:
            pattern._check(pattern.fill(SAMPLE))
        except UnfilledTemplateError as error:
            # Another name than the sample's may match.
            if template is None:
                reason = f"a pattern that matches nothing: {error}"
                raise FaultyTemplateError(reason) from error
        return pattern

    def fill(self, identity: Identity) -> tuple[str, ...]:
        """Return the pattern for an identity, in segments; what is inserted is text.

        Raises:
            UnfilledTemplateError: a name that it needs has no value, or an invalid one; or the
                result is longer than any path.
            FaultyTemplateError: the template fails.
        """
        text = self.text if self.template is None else self.template.render(identity)
        if len(text) > MAX_LENGTH:
            raise UnfilledTemplateError(f"it has more than {MAX_LENGTH} characters")
        segments = tuple(text.split(self.separator))
        if {"", ".", ".."}.intersection(segments):
            raise UnfilledTemplateError("a part of it is empty or dots")
        return segments

    def _check(self, segments: tuple[str, ...]) -> None:
        is_path = self.separator == "/"
        if not is_path and len(segments) != 2:
            raise FaultyTemplateError("not namespace:name")
        if any("**" in each and (each != "**" or not is_path) for each in segments):
            raise FaultyTemplateError("a pattern with ** where it is not a whole part of a path")


def _insert(value: str, separator: str) -> str:
    if not value or separator in value or value in (".", "..") or _CONTROLS.search(value):
        raise UnfilledTemplateError("a name that it inserts is empty, dots, or more than one part")
    return INSERTED + value.replace("*", LITERAL_STAR)
