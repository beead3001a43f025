"""Failed reads get a better error if the backend has one in time, and keep theirs otherwise."""

import threading
import time
from collections.abc import Iterator

import pytest

from avp_py.backends import Backend, Gate, Location, MayName, Secret, Target, read_all
from avp_py.errors import Failure, NotFoundError, PathError

THERE, ABSENT, HIDDEN = Location("there"), Location("absent"), Location("hidden")
WANTED = [Target(ABSENT), Target(THERE), Target(HIDDEN)]


class Explaining(Backend):
    """A backend with one secret, which can explain failed reads of others."""

    def __init__(self, release: threading.Event | None = None) -> None:
        self.calls: list[str] = []
        self._release = release

    def read(self, location: Location) -> Secret:
        self.calls.append(f"read {location.path}")
        if location == THERE:
            return Secret({"k": "v"})
        raise NotFoundError(f"no {location.path}")

    def explain(self, location: Location, failure: Failure, may_name: MayName) -> Failure:
        self.calls.append(f"explain {location.path}")
        if self._release is not None:
            self._release.wait(10)
        if not may_name(f"better/{location.path}"):
            return failure
        return Failure(f"{failure.reason}; try better/{location.path}")


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Release what hangs."""
    event = threading.Event()
    yield event
    event.set()


def anything(*_: str) -> None:
    """A gate that allows every path."""


def found(
    backend: Backend, gate: Gate = anything, seconds: float = 60, explain: float = 60
) -> dict[str, str]:
    results = read_all(backend, WANTED, 2, time.monotonic() + seconds, gate, explain)
    return {
        target.location.path: result.reason if isinstance(result, Failure) else "read"
        for target, result in results.items()
    }


def test_failed_reads_are_explained_after_all_reads() -> None:
    backend = Explaining()

    assert found(backend) == {
        "absent": "no absent; try better/absent",
        "there": "read",
        "hidden": "no hidden; try better/hidden",
    }
    assert sorted(backend.calls[:3]) == ["read absent", "read hidden", "read there"]
    assert sorted(backend.calls[3:]) == ["explain absent", "explain hidden"]


def test_an_explanation_can_check_what_it_names() -> None:
    def gate(path: str, _: str) -> None:
        if path == "better/hidden":
            raise PathError("not that")

    assert found(Explaining(), gate)["hidden"] == "no hidden"
    assert found(Explaining(), gate)["absent"] == "no absent; try better/absent"


def test_a_read_that_the_gate_denies_is_not_explained() -> None:
    def gate(*_: str) -> None:
        raise PathError("not that")

    backend = Explaining()
    results = read_all(backend, WANTED, 2, time.monotonic() + 60, gate)

    assert set(results.values()) == {Failure("not that")}
    assert backend.calls == []


@pytest.mark.parametrize("seconds", [60, 4])
def test_an_explanation_that_hangs_leaves_the_first_error(
    release: threading.Event, seconds: float
) -> None:
    # Either limit ends it: that of explanations, or half of the time that the run has left.
    explain = 0.2 if seconds == 60 else 60

    assert found(Explaining(release), seconds=seconds, explain=explain) == {
        "absent": "no absent",
        "there": "read",
        "hidden": "no hidden",
    }


def test_a_backend_that_knows_no_more_keeps_its_errors() -> None:
    class Silent(Explaining):
        explain = Backend.explain

    assert found(Silent())["absent"] == "no absent"
