"""Errors of reads, and what the mount explains of them: its engine, its version, its absence."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from avp_py.backends.interface import Location, MayName
from avp_py.backends.vault.mounts import Mount
from avp_py.backends.vault.translate import RejectedError
from avp_py.errors import BackendError, Failure, ForbiddenError, NotFoundError

MAX_ENGINE: Final = 40
"""How much of the name of an engine is shown, in characters."""

API_PREFIXES: Final = ("metadata/", "subkeys/")
"""Parts of version 2's API that can be read and hold no secret, instead of `data/`."""


class Answer(Enum):
    """What Vault answered to a read that failed."""

    NOTHING = auto()
    """It has nothing at the path."""
    WRONG_SHAPE = auto()
    """It has something at the path that is not a secret of KV version 2."""
    DENIED = auto()
    """It denies the token to read the path."""
    REJECTED = auto()
    """It does not allow that request at the path."""


_NOWHERE: Final = Location("")


@dataclass(frozen=True)
class Unexplained(Failure):
    """A failed read that the mount may explain.

    Attributes:
        place: what was read.
        answer: what Vault answered.
    """

    place: Location = _NOWHERE
    answer: Answer = Answer.NOTHING


class UnexplainedError(BackendError):
    """Stops a read, with a failure that the mount may explain."""

    def __init__(self, reason: str, place: Location, answer: Answer, *, hint: str) -> None:
        super().__init__(reason, hint=hint)
        self._failure = Unexplained(reason, hint, place=place, answer=answer)

    @property
    def failures(self) -> Sequence[Failure]:
        """The failure, with what was read and what Vault answered."""
        return (self._failure,)


class UnexplainedNotFoundError(UnexplainedError, NotFoundError):
    """Vault has no secret at the path."""


class UnexplainedForbiddenError(UnexplainedError, ForbiddenError):
    """Vault denies the token to read the path."""


def nothing_found(place: Location) -> UnexplainedError:
    """Return the error for a path where Vault has nothing."""
    hint = "check the path, and write the secret if it does not exist yet"
    if place.version:
        hint = "check the path and the version"
    reason = f"Vault has nothing at {place}"
    return UnexplainedNotFoundError(reason, place, Answer.NOTHING, hint=hint)


def wrong_shape(place: Location) -> UnexplainedError:
    """Return the error for an answer that is not one of KV version 2."""
    return UnexplainedNotFoundError(
        f"{place.path} is not a secret of KV version 2",
        place,
        Answer.WRONG_SHAPE,
        hint="if the mount is KV version 1, annotate the document with "
        'avp.kubernetes.io/kv-version: "1"',
    )


def read_denied(place: Location) -> UnexplainedError:
    """Return the error for a path that the token may not read."""
    return UnexplainedForbiddenError(
        f"Vault denied read access to {place.path} (403)",
        place,
        Answer.DENIED,
        hint=f"{_allow(place.path)}; check too that the mount exists and that the token has not "
        "expired",
    )


def read_rejected(place: Location, error: RejectedError) -> UnexplainedError:
    """Return the error for a read that Vault does not allow at that path."""
    return UnexplainedError(
        f"Vault rejected the read of {place.path} ({error.status}): {error.said}",
        place,
        Answer.REJECTED,
        hint=error.hint,
    )


def other_engine(path: str, mount: Mount) -> NotFoundError:
    """Return the error for a path that belongs to another engine than KV."""
    return NotFoundError(
        f"{path} is not a KV secret: {_named(mount)}", hint="write a path of a KV mount"
    )


def read_as_version_1(path: str, setting: str | None) -> NotFoundError:
    """Return the error for a secret of KV version 2 that was read as one of version 1.

    Args:
        path: the secret's.
        setting: AVP_KV_VERSION.
    """
    return NotFoundError(
        f"{path} is a secret of KV version 2, and it was read as version 1",
        hint=_other_version("1", "2", setting),
    )


def explain(
    failure: Unexplained, mount: Mount, chosen: str, setting: str | None, may_name: MayName
) -> Failure:
    """Return the failure with what its mount says of it.

    Args:
        failure: the failed read.
        mount: the mount of the path that was read.
        chosen: the version that a setting or an annotation says; `""` without one.
        setting: AVP_KV_VERSION.
        may_name: called for each path that was not read.
    """
    place = failure.place
    if not mount.kv_version:
        if chosen != "1":
            (other,) = other_engine(place.path, mount).failures
            return other
        # With version 1 the fields of any engine can be read.
        return dataclasses.replace(failure, hint=f"{failure.hint}; {_named(mount)}")
    is_found = failure.answer is Answer.WRONG_SHAPE
    facts, fixes = [], []
    rest = place.path[len(mount.path) :]
    if not rest or (mount.kv_version == "2" and rest == "data"):
        facts.append("it is a mount, not a secret")
        fixes.append("write the name of the secret after the mount")
    elif mount.kv_version == "2" and not rest.startswith("data/"):
        facts.append("its paths have data/ after the mount")
        fixes.append(_write(f"{mount.path}data/{_without_prefix(rest)}", may_name))
    elif mount.kv_version == "1" and rest.startswith("data/") and not is_found:
        facts.append("its paths have no data/ after the mount")
        fixes.append(_write(f"{mount.path}{rest.removeprefix('data/')}", may_name))
        if failure.answer is Answer.DENIED:
            fixes.append(f"if data/ is a part of the name, {_allow(place.path)}")
    elif failure.answer is Answer.DENIED:
        fixes.append(_allow(place.path))
    elif not is_found:
        fixes.append(failure.hint)
    if chosen and chosen != mount.kv_version:
        facts.append(f"it was read as version {chosen}")
        fixes.append(_other_version(chosen, mount.kv_version, setting))
    reason = failure.reason
    if facts:
        reason += f": {mount.path} is a KV version {mount.kv_version} mount; {'; '.join(facts)}"
    return dataclasses.replace(failure, reason=reason, hint="; ".join(fixes))


def explain_hidden(failure: Unexplained, chosen: str) -> Failure:
    """Return the failure where Vault names no mount to a token that it accepts.

    Args:
        failure: the failed read.
        chosen: the version that a setting or an annotation says; `""` without one.
    """
    if failure.answer is not Answer.DENIED:
        return failure
    path = failure.place.path
    with_data = "" if chosen == "1" or "/data/" in path else ", for KV version 2 with data/ in it"
    return dataclasses.replace(
        failure,
        reason=f"{failure.reason}, and names no mount for it",
        hint=f"check that the mount exists; if it does, {_allow(path)}{with_data} (Vault does not "
        "say which of the two it is)",
    )


def _named(mount: Mount) -> str:
    return f"{mount.path} is a mount of the {mount.engine[:MAX_ENGINE]} engine"


def _allow(path: str) -> str:
    return f'allow it in the token\'s policy: path "{path}" {{ capabilities = ["read"] }}'


def _without_prefix(rest: str) -> str:
    for prefix in API_PREFIXES:
        if rest.startswith(prefix):
            return rest.removeprefix(prefix)
    return rest


def _write(path: str, may_name: MayName) -> str:
    return f"write {path}" if may_name(path) else "correct the path"


def _other_version(wrong: str, right: str, setting: str | None) -> str:
    """Return what to do if a setting or an annotation has another version than the mount."""
    annotate = f'annotate the document with avp.kubernetes.io/kv-version: "{right}"'
    if setting != wrong:
        return f"{annotate}, or remove the annotation (the version is then detected)"
    return f"set AVP_KV_VERSION={right}, or unset it (the version is then detected), or {annotate}"
