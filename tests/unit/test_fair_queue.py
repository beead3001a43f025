"""The fair queue: which request runs next, whatever comes and ends in whatever order."""

from collections import Counter
from collections.abc import Mapping, Sequence

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from avp_py.serve.queue import FairQueue

PROJECTS = ("", "a", "b", "c")


class Requests(RuleBasedStateMachine):
    """A queue, and what is known of the requests that were put in."""

    @initialize(parallel=st.integers(1, 4))
    def start(self, parallel: int) -> None:
        self.parallel = parallel
        self.queue: FairQueue[int] = FairQueue(parallel)
        self.count = 0
        self.waiting: dict[int, str] = {}
        self.running: dict[int, str] = {}
        self.over: set[int] = set()

    @rule(project=st.sampled_from(PROJECTS), times=st.integers(1, 6))
    def add(self, project: str, times: int) -> None:
        for _ in range(times):
            self.count += 1
            self.waiting[self.count] = project
            self.queue.add(project, self.count)

    @rule()
    def take(self) -> None:
        """A request is taken; it is checked whether it had the right to be."""
        busy = Counter(self.running.values())
        idle = {project for project in self.waiting.values() if not busy[project]}
        request = self.queue.take()
        if request is None:
            assert (
                not self.waiting
                or len(self.running) >= 2 * self.parallel
                or (len(self.running) >= self.parallel and not idle)
            )
            return
        assert request not in self.running
        assert request not in self.over
        project = self.waiting.pop(request)
        assert not idle or project in idle, "a project without a running request was behind"
        assert busy[project] <= min(busy[each] for each in {project, *self.waiting.values()})
        assert all(request < each for each in self.waiting if self.waiting[each] == project)
        assert len(self.running) < self.parallel or not busy[project]
        self.running[request] = project

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(sorted(self.running)))
        self.queue.done(self.running.pop(request))
        self.over.add(request)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(sorted(self.waiting)))
        self.queue.discard(self.waiting.pop(request), request)
        self.over.add(request)

    @precondition(lambda self: self.over)
    @rule(data=st.data(), project=st.sampled_from(PROJECTS))
    def give_up_what_is_over(self, data: st.DataObject, project: str) -> None:
        self.queue.discard(project, data.draw(st.sampled_from(sorted(self.over))))

    @invariant()
    def nothing_is_lost(self) -> None:
        assert sorted(self.queue) == sorted(self.waiting)
        assert len(self.queue) == len(self.waiting)
        assert self.queue.running == len(self.running) <= 2 * self.parallel

    def teardown(self) -> None:
        """All that waits is run in the end, each request once."""
        while self.waiting or self.running:
            self.take()
            if self.running:
                request = min(self.running)
                self.queue.done(self.running.pop(request))
                self.over.add(request)
        assert self.over == set(range(1, self.count + 1))
        assert self.queue.take() is None


TestRequests = Requests.TestCase


def order(parallel: int, requests: Mapping[str, int]) -> Sequence[str]:
    """The projects whose requests are taken while none ends."""
    queue: FairQueue[tuple[str, int]] = FairQueue(parallel)
    for project, count in requests.items():
        for number in range(count):
            queue.add(project, (project, number))
    taken = []
    while (request := queue.take()) is not None:
        taken.append(request[0])
    return taken


def test_projects_take_turns() -> None:
    assert order(4, {"a": 9, "b": 9}) == ["a", "b", "a", "b"]


def test_a_project_alone_may_have_all_workers_but_no_more() -> None:
    assert order(4, {"a": 9}) == ["a"] * 4


def test_projects_without_a_worker_get_one_beyond_the_limit() -> None:
    queue: FairQueue[str] = FairQueue(2)
    for number in range(9):
        queue.add("a", f"a{number}")
    assert [queue.take(), queue.take(), queue.take()] == ["a0", "a1", None]
    for project in "bcd":
        queue.add(project, project)
        queue.add(project, f"{project}2")
    assert [queue.take(), queue.take(), queue.take()] == ["b", "c", None]
    queue.done("b")
    assert [queue.take(), queue.take()] == ["d", None]


def test_a_project_that_waits_is_not_overtaken_for_ever() -> None:
    """One worker, and a project that always has the next request ready."""
    queue: FairQueue[str] = FairQueue(1)
    taken = []
    for number in range(6):
        queue.add("busy", f"busy{number}")
        if number == 1:
            queue.add("other", "other")
    for _ in range(3):
        request = queue.take()
        assert request is not None
        taken.append(request)
        queue.done(request.rstrip("0123456789"))
    assert "other" in taken
