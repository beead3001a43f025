"""Which request runs next: fair to projects, so that one does not starve the others."""

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class FairQueue(Generic[T]):
    """Requests that wait, by project.

    The project with the fewest running requests is next; among equals the one whose turn is longest
    ago. A project that has none running may have one even where all workers are busy, up to twice
    as many: a project that keeps every worker busy for a minute delays the others by none.
    """

    def __init__(self, parallel: int) -> None:
        """Make an empty queue.

        Args:
            parallel: how many requests may run at once.
        """
        self._parallel = parallel
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._running: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[T]:
        for requests in self._waiting.values():
            yield from requests

    @property
    def running(self) -> int:
        """How many requests run."""
        return self._running.total()

    def add(self, project: str, request: T) -> None:
        """Let a request wait for its turn."""
        self._waiting.setdefault(project, deque()).append(request)

    def discard(self, project: str, request: T) -> None:
        """Remove a request that waits, if it does."""
        requests = self._waiting.get(project, deque())
        if request in requests:
            requests.remove(request)
            self._drop_empty(project)

    def take(self) -> T | None:
        """Return the request whose turn it is, which then counts as running; None if none may."""
        if not self._waiting:
            return None
        project = min(self._waiting, key=lambda each: self._running[each])
        busy = self.running >= self._parallel
        if busy and (self._running[project] or self.running >= 2 * self._parallel):
            return None
        request = self._waiting[project].popleft()
        self._waiting.move_to_end(project)
        self._drop_empty(project)
        self._running[project] += 1
        return request

    def done(self, project: str) -> None:
        """Note that a request of a project runs no longer."""
        self._running[project] -= 1
        if not self._running[project]:
            del self._running[project]

    def _drop_empty(self, project: str) -> None:
        if not self._waiting[project]:
            del self._waiting[project]
