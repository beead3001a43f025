"""The supervisor: accepts requests, and runs each in a worker of its own.

It has one thread and no credentials. Of what a tenant controls it reads the envelope of a request,
and three numbers that a worker reports.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from avp_py.cli.hardening import harden
from avp_py.cli.log import Log
from avp_py.errors import AvpError, LimitError
from avp_py.kernel import adopt_orphans, die_with_parent
from avp_py.limits import time_limit_error
from avp_py.sandbox import (
    children,
    claim_directory,
    remove_directory,
    remove_stale,
    temporary_directory,
)
from avp_py.sandbox.service import end_children
from avp_py.serve.descriptors import lift_limit
from avp_py.serve.envelope import Envelope, MalformedRequestError, peek, read_header
from avp_py.serve.events import PING, Events
from avp_py.serve.inbox import Inbox
from avp_py.serve.journal import Journal, Outcome
from avp_py.serve.peer import Peer, judge
from avp_py.serve.queue import FairQueue
from avp_py.serve.rehearsal import rehearse
from avp_py.serve.wire import KEEPER, MAX_MESSAGE, REPLY
from avp_py.serve.worker import KILL_AFTER, Standby, read_counts, start_worker
from avp_py.settings import (
    ServeSettings,
    Sources,
    read_limits,
    read_log,
    read_serve,
)

SEND_SECONDS: Final = 5.0
"""How long a client may take to send its request."""

REMOVE_AGAIN: Final = (0.0, 0.02, 0.05, 0.2, 1.0)
"""How long to wait before each attempt to remove a killed worker's directory, in seconds."""

WAITING_DESCRIPTORS: Final = 6
"""What a client that waits has open here at most: its connection, its standard streams, and twice
the file with its request."""

RUNNING_DESCRIPTORS: Final = 3
"""What a request that runs has open here: its connection, the lock on the worker's directory, the
pipe from the worker."""

OWN_DESCRIPTORS: Final = 48
"""What the supervisor itself has open at most, with what it takes to start one worker: its channel,
that to the keeper, the pipe, the file."""

BUSY_SECONDS: Final = 0.02
"""When a keeper is tried again whose channel was full."""


@dataclass(eq=False)
class _Request:
    """A client that is connected.

    Attributes:
        connection: to the client.
        number: its number, for logs.
        accepted: when it was accepted, on the clock of time.monotonic().
        peer: what it is.
        inbox: what it sends.
        streams: its standard input, output and error.
        envelope: the request, once it is there as a whole, without most of its variables.
        begun: when its worker was started.
        worker: the worker's process; 0 without one.
        report: the pipe from the worker; -1 without one.
        scratch: the worker's directory for temporary files, and the lock on it.
        outcome: how it ends, where the supervisor ends it.
    """

    connection: socket.socket
    number: int
    accepted: float
    peer: Peer
    inbox: Inbox = field(default_factory=Inbox)
    streams: Sequence[int] = ()
    envelope: Envelope | None = None
    begun: float = 0.0
    worker: int = 0
    report: int = -1
    scratch: tuple[Path, int] | None = None
    outcome: Outcome | None = None

    @property
    def project(self) -> str:
        return self.envelope.project if self.envelope else ""


class _KeeperBusyError(Exception):
    """The keeper cannot be told of a request yet: it is busy, or a new one is on its way."""


class Supervisor:
    """The loop: clients, workers, the keeper."""

    def __init__(
        self,
        listener: socket.socket,
        parent: socket.socket,
        environ: Mapping[str, str],
        settings: ServeSettings,
        journal: Journal,
    ) -> None:
        """Make it.

        Args:
            listener: where clients connect.
            parent: where the process that starts keepers sends a channel to each.
            environ: the operator's environment, without credentials.
            settings: how the core runs.
            journal: what is said about requests.
        """
        self._listener = listener
        self._parent = parent
        self._environ = environ
        self._settings = settings
        self._journal = journal
        self._seconds = read_limits(Sources(environ)).seconds
        self._room = _room(settings)
        self._keeper: socket.socket | None = None
        # Also once it has ended: what it has started may live a moment longer.
        self._keeper_pid = 0
        self._queue: FairQueue[_Request] = FairQueue(settings.parallel or 1)
        self._probes: FairQueue[_Request] = FairQueue(1)
        """Health checks: a core that is busy is healthy, and must say so in time."""
        self._load = (0, 0)
        self._workers: dict[int, _Request] = {}
        self._sending: set[_Request] = set()
        self._helpers: set[int] = set()
        """Processes that remove what killed workers have left."""
        self._standby: Standby | None = None
        self._may_stand_by = True
        """Whether a request has ended since the last one was started; one that only dies is not
        started again and again."""
        self._count = 0
        self._is_accepting = False
        self._is_keeper_busy = False
        """Whether the channel to the keeper was full, so that a request waits for room in it."""
        self._selector = selectors.DefaultSelector()
        self._wakeup = _wakeup_descriptor()

    def run(self) -> None:
        """Serve until the process that started this one is gone."""
        folder = temporary_directory(self._environ)
        self._help(lambda: remove_stale(folder))
        self._selector.register(self._parent, selectors.EVENT_READ, self._parent)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._wakeup)
        while True:
            self._accept_or_not()
            for key, _ in self._selector.select(self._until_next()):
                if key.data is self._parent:
                    if not self._meet_keeper():
                        return
                elif key.data is self._listener:
                    self._accept()
                elif key.data is self._wakeup:
                    os.read(self._wakeup, 1024)
                elif key.data is self._keeper:
                    self._lose_keeper()
                elif isinstance(key.data, _Request):
                    self._hear(key.data)
                # All others are keepers that were replaced in this round.
            self._reap()
            self._end_late()
            self._start_workers()
            self._stand_by()
            self._note_load()

    def _accept_or_not(self) -> None:
        """Accept no more clients than may wait; the others wait in the socket."""
        waiting = len(self._queue) + len(self._probes) + len(self._sending)
        may_accept = waiting < self._room
        if may_accept and not self._is_accepting:
            self._selector.register(self._listener, selectors.EVENT_READ, self._listener)
        elif self._is_accepting and not may_accept:
            self._selector.unregister(self._listener)
        self._is_accepting = may_accept

    def _until_next(self) -> float | None:
        """Return how long nothing is to be done, in seconds."""
        times = [each.accepted + SEND_SECONDS for each in self._sending]
        times += [self._deadline(each) for each in (*self._probes, *self._queue)]
        times += [self._deadline(each) + KILL_AFTER for each in self._workers.values()]
        if self._is_keeper_busy:
            times.append(time.monotonic() + BUSY_SECONDS)
        return max(min(times) - time.monotonic(), 0) if times else None

    def _deadline(self, request: _Request) -> float:
        """Return when a request must be done: its time counts from the start of the client."""
        started = request.envelope.started if request.envelope else request.accepted
        return min(started, request.accepted) + self._seconds

    def _meet_keeper(self) -> bool:
        """Take the channel to a new keeper; return False where the sender is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._parent, KEEPER.size, 1)
        if not data:
            return False
        self._lose_keeper()
        (self._keeper_pid,) = KEEPER.unpack(data)
        self._keeper = socket.socket(fileno=descriptors[0])
        self._keeper.setblocking(False)
        self._selector.register(self._keeper, selectors.EVENT_READ, self._keeper)
        return True

    def _lose_keeper(self) -> None:
        """Do without a keeper until there is another one."""
        if self._keeper is not None:
            self._selector.unregister(self._keeper)
            self._keeper.close()
            self._keeper = None

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            connection, _ = self._listener.accept()
            peer = judge(connection, self._keeper_pid)
            if peer is Peer.REFUSED:
                connection.close()
                return
            connection.setblocking(False)
            self._count += 1
            request = _Request(connection, self._count, time.monotonic(), peer)
            self._sending.add(request)
            self._selector.register(connection, selectors.EVENT_READ, request)

    def _hear(self, request: _Request) -> None:
        """Read from a client: the rest of its request, or that it is gone."""
        if request.connection.fileno() < 0:
            # It was ended in this round.
            return
        try:
            if request.envelope is None:
                is_there = request.inbox.receive(request.connection)
                request.streams = request.inbox.descriptors
            else:
                # A client has no more to say.
                is_there = bool(request.connection.recv(1 << 12))
        except BlockingIOError:
            return
        except OSError:
            is_there = False
        if not is_there:
            self._lose_client(request)
        elif request.envelope is None:
            try:
                self._read_envelope(request)
            except MalformedRequestError as error:
                # A client whose words nobody has read would not read the answer. They must not
                # stay in our memory, which workers inherit.
                room = bytearray(1 << 16)
                with contextlib.suppress(OSError):
                    request.connection.recv_into(room)
                room[:] = bytes(len(room))
                self._refuse(request, error, Outcome.FAILED)
            except OSError as error:
                self._refuse(request, _cannot("received", error), Outcome.FAILED)

    def _read_envelope(self, request: _Request) -> None:
        inbox = request.inbox
        if inbox.body is None:
            if inbox.header is not None:
                inbox.expect(*read_header(inbox.header))
                # As a rule the body is there, too.
                self._hear(request)
            return
        if not inbox.is_complete:
            return
        request.envelope = peek(inbox.body, inbox.private)
        inbox.body.close()
        if len(request.streams) != 3:
            raise MalformedRequestError(
                "the core received a request without its streams", hint="call it by `avp-py` only"
            )
        self._sending.discard(request)
        if request.envelope.argv == (PING,):
            self._reply(request, 0 if self._keeper else 1, "")
            return
        self._queue_of(request).add(request.project, request)

    def _queue_of(self, request: _Request) -> FairQueue[_Request]:
        is_probe = request.envelope is not None and request.envelope.command == "healthcheck"
        return self._probes if is_probe else self._queue

    def _note_load(self) -> None:
        """Report how many requests run and wait, where that has changed."""
        load = (len(self._workers), len(self._queue))
        if load != self._load:
            self._load = load
            self._journal.load(*load)

    def _lose_client(self, request: _Request) -> None:
        """End what a client wanted that is gone."""
        if request.worker:
            request.outcome = Outcome.CANCELLED
            self._kill(request)
        else:
            if request.envelope is not None:
                self._queue_of(request).discard(request.project, request)
                self._journal.ended(request.number, request.envelope, Outcome.CANCELLED)
            self._close(request)

    def _start_workers(self) -> None:
        self._is_keeper_busy = False
        for queue in (self._probes, self._queue):
            self._start_workers_of(queue)

    def _start_workers_of(self, queue: FairQueue[_Request]) -> None:
        while self._keeper is not None and (request := queue.take()) is not None:
            if request.peer is Peer.GONE or _is_gone(request.connection):
                queue.done(request.project)
                self._lose_client(request)
                continue
            try:
                self._start(request)
            except _KeeperBusyError:
                self._is_keeper_busy = self._keeper is not None
                queue.done(request.project)
                queue.add(request.project, request)
                return
            except OSError as error:
                queue.done(request.project)
                self._refuse(request, _cannot("started", error), Outcome.FAILED)

    def _start(self, request: _Request) -> None:
        envelope, keeper = request.envelope, self._keeper
        if envelope is None or keeper is None:  # pragma: no cover - both were looked at before
            raise AssertionError
        scratch = claim_directory(temporary_directory(self._environ))
        try:
            # Where the keeper cannot be told of the request yet, the worker waits for the next one.
            worker = self._standby = self._standby or start_worker(self._environ)
            ours, theirs = socket.socketpair()
            with ours, theirs, request.inbox.workers_file() as body:
                self._introduce(keeper, theirs, request)
                self._standby = None
                arguments = (body, request.streams, ours, scratch[0])
                try:
                    request.report = worker.hand_over(*arguments)
                except ConnectionError:
                    # It was killed meanwhile, and so nothing of the request has begun.
                    worker = start_worker(self._environ)
                    request.report = worker.hand_over(*arguments)
        except BaseException:
            self._remove(*scratch)
            raise
        request.worker, request.begun, request.scratch = worker.pid, time.monotonic(), scratch
        request.inbox.close()
        self._workers[worker.pid] = request
        self._close_streams(request)

    def _stand_by(self) -> None:
        """Start the next worker, while there is nothing else to do."""
        is_idle = not (self._workers or self._probes or self._queue or self._sending)
        if is_idle and self._standby is None and self._may_stand_by:
            self._may_stand_by = False
            with contextlib.suppress(OSError):
                self._standby = start_worker(self._environ)

    def _introduce(self, keeper: socket.socket, channel: socket.socket, request: _Request) -> None:
        """Tell the keeper who makes the request, and give it the channel to the worker.

        Raises:
            _KeeperBusyError: it must be tried again.
        """
        try:
            socket.send_fds(keeper, [b"R"], [channel.fileno(), request.inbox.file])
        except BlockingIOError:
            raise _KeeperBusyError from None
        except ConnectionError:
            self._lose_keeper()
            raise _KeeperBusyError from None

    def _reap(self) -> None:
        """Note which workers have ended, and end what they have left."""
        has_ended, finished = False, []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            has_ended = True
            self._helpers.discard(pid)
            if self._standby is not None and self._standby.pid == pid:
                self._standby.channel.close()
                self._standby = None
            request = self._workers.pop(pid, None)
            if request is not None:
                finished.append((request, os.waitstatus_to_exitcode(status)))
        if has_ended:
            # What a dead worker has started is our child now; a living one adopts its own. It may
            # still write into the worker's directory, which is removed after that.
            standby = self._standby.pid if self._standby else 0
            for pid in children():
                if pid not in self._workers and pid not in self._helpers and pid != standby:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        for request, code in finished:
            self._finish(request, code)

    def _finish(self, request: _Request, code: int) -> None:
        """Answer the client of a worker that has ended."""
        self._may_stand_by = True
        self._queue_of(request).done(request.project)
        if request.scratch is not None:
            self._remove(*request.scratch)
        outcome, message = request.outcome, ""
        if outcome is Outcome.TIMEOUT:
            message = self._said(time_limit_error(self._seconds))
        elif outcome is None and code < 0:
            outcome = Outcome.KILLED
            message = self._said(
                AvpError(
                    f"the worker was killed by signal {-code}",
                    hint="check the memory limit of the container, and AVP_MAX_MEMORY below it",
                )
            )
        elif outcome is None:
            outcome = Outcome.OK if code == 0 else Outcome.FAILED
        request.worker = 0
        counts = read_counts(request.report)
        if request.envelope is not None:
            self._journal.ended(request.number, request.envelope, outcome, request.begun, counts)
        self._reply(request, code if 0 <= code < 256 else 1, message)

    def _end_late(self) -> None:
        """End the requests whose time is over."""
        now = time.monotonic()
        for request in [each for each in self._sending if now > each.accepted + SEND_SECONDS]:
            self._close(request)
        waiting = (*self._probes, *self._queue)
        for request in [each for each in waiting if now > self._deadline(each)]:
            self._queue_of(request).discard(request.project, request)
            error = LimitError(
                f"the request waited for its turn until its time was over (AVP_RUN_TIMEOUT="
                f"{self._seconds:g}s)",
                hint="raise AVP_PARALLEL and the resources of the sidecar, or look for the "
                "Applications that take long: the log of `avp-py serve` has the duration of each",
            )
            self._refuse(request, error, Outcome.TIMEOUT)
        for request in self._workers.values():
            if now > self._deadline(request) + KILL_AFTER and request.outcome is None:
                request.outcome = Outcome.TIMEOUT
                self._kill(request)

    def _kill(self, request: _Request) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(request.worker, signal.SIGKILL)

    def _refuse(self, request: _Request, error: AvpError, outcome: Outcome) -> None:
        """Answer a request that was never begun."""
        if request.envelope is not None:
            self._journal.ended(request.number, request.envelope, outcome)
        self._reply(request, 1, self._said(error))

    def _said(self, error: AvpError) -> str:
        name = read_log(Sources(self._environ)).format
        log = Log(sys.__stderr__, self._environ)  # type: ignore[arg-type]
        log.use(name)
        return log.format.failures(error, verbose=False)

    def _reply(self, request: _Request, code: int, message: str) -> None:
        data = message.encode(errors="backslashreplace")[:MAX_MESSAGE]
        # It fits into the buffer of the socket; a client that is gone needs no answer.
        with contextlib.suppress(OSError):
            request.connection.sendall(REPLY.pack(code, len(data)) + data)
        self._close(request)

    def _close(self, request: _Request) -> None:
        self._sending.discard(request)
        self._close_streams(request)
        request.inbox.close()
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(request.connection)
        request.connection.close()

    def _close_streams(self, request: _Request) -> None:
        for each in request.streams:
            os.close(each)
        request.streams = request.inbox.descriptors = ()

    def _remove(self, folder: Path, lock: int) -> None:
        """Remove a worker's directory; what a killed one has left in it, by a helper."""
        try:
            folder.rmdir()
        except OSError:
            self._help(lambda: _remove_all(folder))
        finally:
            os.close(lock)

    def _help(self, act: Callable[[], None]) -> None:
        """Do something in a process of its own that may take a while.

        Where no process can be started it is not done: the next core removes what is left.
        """
        try:
            pid = os.fork()
        except OSError:
            return
        if pid:
            self._helpers.add(pid)
            return
        with contextlib.suppress(BaseException):
            # The streams of clients that wait must not stay open in here.
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            act()
        os._exit(0)


def start(arguments: Sequence[str]) -> NoReturn:
    """Run the supervisor; `avp-py serve` starts it.

    Args:
        arguments: the numbers of the descriptors of the listening socket, of the channel to the
            process that starts keepers, and of the socket for events; none where there are no
            metrics.
    """
    environ = dict(os.environ)
    log = Log(sys.stderr, environ)
    adopt_orphans()
    listener, parent, *further = (socket.socket(fileno=int(each)) for each in arguments)
    events = Events(further[0] if further else None)
    listener.setblocking(False)
    settings = read_serve(Sources(environ))
    journal = Journal(sys.stderr, log.format, events)
    harden(log)
    supervisor = Supervisor(listener, parent, environ, settings, journal)
    if reason := rehearse(environ):
        log.write(log.format.note(f"renders may fail: the one at the start did: {reason}"))
    # No worker needs a collection, and none is to copy pages for the counters of the collector.
    gc.collect()
    gc.freeze()
    gc.disable()
    # What workers have started would outlive us, were we killed with our parent.
    signal.signal(signal.SIGTERM, lambda _number, _frame: _end())
    die_with_parent(os.getppid(), signal.SIGTERM)
    supervisor.run()
    _end()


def _end() -> NoReturn:
    """End this process, and all that it has started."""
    end_children()
    os._exit(0)


def _remove_all(folder: Path) -> None:
    """Remove a directory into which programs may still write that are just being killed."""
    for pause in REMOVE_AGAIN:
        time.sleep(pause)
        remove_directory(folder)
        if not folder.exists():
            return


def _is_gone(connection: socket.socket) -> bool:
    """Return whether a client is gone, even where its end has not been read yet."""
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _cannot(what: str, error: OSError) -> AvpError:
    """Return the error of a request that the container has no room for."""
    return AvpError(
        f"the request cannot be {what}: {error.strerror}",
        hint="check the limits of the container: processes, memory, room in TMPDIR",
    )


def _room(settings: ServeSettings) -> int:
    """Return how many clients may wait: AVP_QUEUE, as far as there are descriptors for them."""
    running = 2 * (settings.parallel or 1) * RUNNING_DESCRIPTORS
    descriptors = lift_limit() - OWN_DESCRIPTORS - running
    return min(settings.queue, max(descriptors // WAITING_DESCRIPTORS, 1))


def _wakeup_descriptor() -> int:
    """Return a descriptor that can be read when a child has ended."""
    ours, pythons = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(pythons, warn_on_full_buffer=False)
    return ours
