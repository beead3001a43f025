"""What a policy says about one thing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Whether something is allowed.

    Attributes:
        allowed: whether.
        why: the reason, for the operator: it names rules.
        kinds: where only the kind of the document is wrong, the kinds that are allowed.
    """

    allowed: bool
    why: str
    kinds: tuple[str, ...] = ()
