"""Child processes: argv lists, a clean environment, a sandbox, limits, no standard input."""

import contextlib
import math
import os
import resource
import secrets
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from avp_py.errors import ChildError
from avp_py.limits import Limits, lowest
from avp_py.sandbox import privileges
from avp_py.sandbox.access import Access
from avp_py.sandbox.landlock import restrict_thread
from avp_py.sandbox.messages import Places
from avp_py.sandbox.questions import Questions
from avp_py.sandbox.seccomp import filter_thread

MAX_MESSAGES: Final = 256 * 1024
"""How many bytes are kept of what a child says on standard error; cmp-server caches them."""

MAX_OPEN_FILES: Final = 512
"""How many files a child may have open at once.

Linux counts the descriptors that the processes of a user have sent over sockets and nobody has
received, and compares them to the limit of the one that sends (too_many_unix_fds). Half of the 1024
that clients of the core usually start with leaves them room.
"""

_FILE_TOO_LARGE: Final = (b"file too large", b"died of signal 25", b"file size limit exceeded")
"""How programs report RLIMIT_FSIZE: the text of EFBIG, and git and shells of a child's SIGXFSZ."""

_OUT_OF_MEMORY: Final = (
    b"fatal error: out of memory", b"fatal error: runtime: out of memory",
    b"fatal error: runtime: cannot allocate memory",
    # It does not check whether it got any (newSpanSPMC in runtime/mgcmark_greenteagc.go, Go 1.26).
    b"runtime.(*spanQueue).tryDrain(",
)  # fmt: skip
"""How the Go runtime reports RLIMIT_DATA, which child processes inherit (runtime/malloc.go)."""

FIRST_MEASURE_SECONDS: Final = 0.2
"""When the files that a child has written are first measured; most children are done by then."""

MARK: Final = "avp_py_child"
"""How the name of the variable begins that marks what a child starts, where Landlock has no scope
for signals; each family has its own."""

KILL_SECONDS: Final = 5.0
"""How long to wait for killed processes: the kernel may keep one in a system call for a while."""

_LOWERING: Final = threading.Lock()
"""Held while our own limits are lowered: another thread would take them for those to restore."""

LOOKS: Final = 2
"""How often nothing of a family must be found until it has ended: the kernel's list of children may
miss one while another thread waits for another child (get_children_pid in fs/proc/array.c)."""

EXEC_READS: Final = 5
"""How often the environment of a process is read that seems to have none."""


@dataclass(frozen=True)
class Written:
    """How much a child may leave in the directories that it may write to.

    Attributes:
        directories: these directories.
        size: how many bytes their files may have in all, what was there before included.
        files: how many files and directories there may be.
    """

    directories: tuple[Path, ...] = ()
    size: int = 0
    files: int = 0


def run(  # noqa: PLR0913 - all that a child is started with
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limits: Limits,
    access: Access | None,
    places: Places,
    written: Written = Written(),
    questions: Questions | None = None,
    asker: int | None = None,
) -> bytes:
    """Run a program to its end and return its standard output.

    Args:
        argv: the program's absolute path and its arguments; no shell reads them.
        cwd: where it runs.
        env: its whole environment, but for the mark.
        limits: how long it may run, and how much it may print.
        access: the files and ports that it, and what it starts, may use; None for no sandbox.
        places: the directories that its messages may name.
        written: how much it may write.
        questions: what answers a script that the child starts.
        asker: a descriptor that becomes readable once nobody wants the output any more.

    Raises:
        ChildError: it is not wanted any more, cannot be started, failed, took too long, or printed
            or wrote too much. Its standard error is the detail.
        SandboxError: the kernel refused the sandbox.
    """
    name = f"{Path(argv[0]).name} {argv[1]}"
    # A Landlock domain is a property of a thread, and for good: this one ends with the run.
    with ThreadPoolExecutor(max_workers=1) as starter:
        family = Family(starter, access)
        try:
            wanted = _wanted(limits, written)
            inherited = questions.inherited if questions else ()
            with family.start(name, argv, cwd, env, wanted, inherited) as child:
                try:
                    _limit(child.pid, wanted)
                    output, messages = _read(child, name, limits, written, questions, asker)
                finally:
                    child.kill()
        finally:
            family.end()
    if child.returncode != 0:
        if written.size and any(words in messages.lower() for words in _FILE_TOO_LARGE):
            raise _too_much(name, written)
        if any(words in messages for words in _OUT_OF_MEMORY):
            raise ChildError(
                f"{name} needed more memory than it may use",
                hint="split the Application; the operator's setting AVP_MAX_MEMORY says how much "
                "each process of a run may use",
            )
        raise ChildError(
            f"{name} failed ({_status(child.returncode)})",
            hint=f"fix the {Path(argv[0]).name} error below",
            detail=places.legible(messages),
        )
    return output


class Family:
    """A child and all that it starts.

    What outlives its parent becomes our child once the entry point has called `adopt_orphans`, so
    that it can be killed and waited for. Which of our children belong to a family is known by the
    thread that started it: in a Landlock domain with a scope for signals, it can signal no other
    process. Elsewhere they are known by a variable, as long as they keep it.
    """

    def __init__(self, starter: ThreadPoolExecutor, access: Access | None) -> None:
        """Prepare one.

        Args:
            starter: a thread that nothing else uses.
            access: what the family may use; None for no sandbox.
        """
        self._starter = starter
        self._access = access
        # A family in a family has both variables: where the inner one's process is killed, what it
        # has started is known to the outer one.
        self._mark = f"{MARK}_{secrets.token_hex(16)}"
        self._is_scoped = False

    def start(
        self,
        name: str,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        limits: Mapping[int, int] | None = None,
        inherited: Sequence[int] = (),
    ) -> "subprocess.Popen[bytes]":
        """Start the child.

        Args:
            name: what messages call it.
            argv: its command line.
            cwd: where it runs.
            env: its environment, but for the mark.
            limits: the limits that it inherits, by RLIMIT_*.
            inherited: the descriptors that it inherits beside the standard streams.

        Raises:
            ChildError: it cannot be started.
            SandboxError: the kernel refused the sandbox.
        """
        try:
            arguments = (argv, cwd, env, limits or {}, inherited)
            return self._starter.submit(self._start, *arguments).result()
        except OSError as error:
            hint = f"check that {argv[0]} is a program for this machine"
            if self._access is not None and isinstance(error, PermissionError):
                hint += (
                    " and not a script that starts another one, which the sandbox denies; the "
                    "operator's setting AVP_SANDBOX=off runs it without a sandbox"
                )
            raise ChildError(f"{name} cannot be started: {error.strerror}", hint=hint) from error

    def end(self) -> None:
        """Kill the child if it still runs, and all that it has started."""
        if sys.platform != "linux":
            return
        end = time.monotonic() + KILL_SECONDS
        killed: set[int] = set()
        misses = 0
        # A process that is killed leaves us its own children, which are found the next time.
        while _has_children() and time.monotonic() < end and misses < LOOKS:
            members = self._kill_scoped() if self._is_scoped else self._kill_marked(killed)
            misses = 0 if members else misses + 1
            killed = {pid for pid in members if os.waitpid(pid, os.WNOHANG) == (0, 0)}
            time.sleep(0.001)

    def _start(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        limits: Mapping[int, int],
        inherited: Sequence[int],
    ) -> "subprocess.Popen[bytes]":
        if self._access is not None:
            privileges.forbid_new_privileges()
            self._is_scoped = restrict_thread(self._access)
            filter_thread(self._access)
        # It stays in our process group: there cmp-server's SIGTERM reaches it too.
        with _lowered(limits):
            return subprocess.Popen(  # noqa: S603 - a list, and programs by absolute path
                argv,
                cwd=cwd,
                env={**env, self._mark: "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=inherited,
            )

    def _kill_scoped(self) -> Sequence[int]:
        """Kill the family from inside of its domain; return those that are children of ours."""
        self._starter.submit(_kill_domain).result()
        found = list(children())
        return self._starter.submit(_kill_each, found).result()

    def _kill_marked(self, killed: Collection[int]) -> Sequence[int]:
        """Kill those of our children that belong to the family by their variables; return them.

        Each is killed before the variables of the next are read: a process that ends as soon as it
        has started another one is not there for long.

        Args:
            killed: those that were killed before.
        """
        mark = f"{self._mark}=1".encode()
        ours = (pid for pid in children() if pid in killed or mark in _variables(pid))
        return _kill_each(ours)


def _kill_domain() -> None:
    """Kill all that this thread may signal but its own process, in one call.

    Processes that fork and end all the time cannot escape it: Linux starts no process meanwhile
    (kill_something_info in kernel/signal.c, copy_process in kernel/fork.c).
    """
    # A parent that could be signalled would show that this thread is in no domain.
    if not _signal(os.getppid(), 0):
        _signal(-1, signal.SIGKILL)


def _kill_each(pids: Iterable[int]) -> Sequence[int]:
    """Kill those of some processes that this thread may signal, one by one; return them."""
    return [pid for pid in pids if _signal(pid, signal.SIGKILL)]


def _signal(pid: int, number: int) -> bool:
    """Send a signal; return whether that was possible."""
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def _variables(pid: int) -> Sequence[bytes]:
    """Return the environment of a process; nothing where it is not ours to read."""
    with contextlib.suppress(OSError):
        for _ in range(EXEC_READS):
            data = Path(f"/proc/{pid}/environ").read_bytes()
            if data:
                return data.split(b"\0")
            # A dead one has none, and one that executes another program seems to have none.
            if _stat(Path("/proc", str(pid)))[0] == b"Z":
                break
            time.sleep(0.002)
    return ()


def limit_process(memory_bytes: int, seconds: float) -> None:
    """Limit what this process, and each that it starts, uses of the machine, for good.

    It is for a process that may then set no limits of others (restrict_process).

    Args:
        memory_bytes: how much memory for its data each may have; more than its own limit, which is
            lifted to report that it was reached.
        seconds: how long it may run.
    """
    wanted = {
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CPU: _processor_seconds(seconds),
        resource.RLIMIT_DATA: memory_bytes,
    }
    for what, most in wanted.items():
        soft, hard = resource.getrlimit(what)
        resource.setrlimit(what, (lowest(most, soft), lowest(most, hard)))


def _processor_seconds(seconds: float) -> int:
    """Return a limit of processor time: the time limit counts the clock, this one each of them."""
    return (math.ceil(seconds) + 1) * (os.cpu_count() or 1)


def _wanted(limits: Limits, written: Written) -> Mapping[int, int]:
    """Return the limits of a child, by RLIMIT_*."""
    if sys.platform != "linux":
        return {}
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CPU: _processor_seconds(min(limits.timeout, max(limits.left, 0))),
    }
    if written.size:
        wanted[resource.RLIMIT_FSIZE] = written.size
    # AVP_MAX_MEMORY, which it has inherited: we may lift ours to report an error, it may not.
    memory, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if memory != resource.RLIM_INFINITY:
        wanted[resource.RLIMIT_DATA] = memory
    return wanted


@contextlib.contextmanager
def _lowered(limits: Mapping[int, int]) -> Iterator[None]:
    """Lower our own limits meanwhile, so that a child has them from its first instruction.

    Of processor time we may have used more than a child may.
    """
    with _LOWERING:
        before = {what: resource.getrlimit(what) for what in limits if what != resource.RLIMIT_CPU}
        try:
            for what, (soft, hard) in before.items():
                resource.setrlimit(what, (lowest(limits[what], soft, hard), hard))
            yield
        finally:
            for what, limit in before.items():
                resource.setrlimit(what, limit)


def _limit(pid: int, wanted: Mapping[int, int]) -> None:
    """Keep a child, and each process that it starts, from raising its limits."""
    if sys.platform != "linux":
        return
    # A child that has ended already needs no limits. A confined process may set those of no other,
    # and has lowered its own for good.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        for what, most in wanted.items():
            _, hard = resource.prlimit(pid, what)
            most = lowest(most, hard)
            resource.prlimit(pid, what, (most, most))


def _read(
    child: "subprocess.Popen[bytes]",
    name: str,
    limits: Limits,
    written: Written,
    questions: Questions | None,
    asker: int | None,
) -> tuple[bytes, bytes]:
    """Return what a child prints and what it says, up to its end; answer questions meanwhile."""
    seconds = min(limits.timeout, limits.left)
    started = time.monotonic()
    end = started + seconds
    next_measure = started + FIRST_MEASURE_SECONDS if written.size else math.inf
    output, messages = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream, kept in (
            (child.stdout, (output, math.inf)), (child.stderr, (messages, MAX_MESSAGES)),
        ):  # fmt: skip
            selector.register(_pipe(stream), selectors.EVENT_READ, kept)
        streams = 2
        if questions is not None:
            selector.register(questions, selectors.EVENT_READ)
        if asker is not None:
            selector.register(asker, selectors.EVENT_READ)
        while streams:
            ready = selector.select(max(min(end, next_measure) - time.monotonic(), 0))
            if any(key.fileobj == asker for key, _ in ready):
                raise ChildError(f"{name} is not wanted any more", hint="try again")
            if time.monotonic() >= end:
                raise _late(name, limits, seconds)
            if time.monotonic() >= next_measure:
                next_measure = _measure(name, written)
            streams -= sum(_receive(key, selector) for key, _ in ready)
            if len(output) > limits.output_bytes:
                raise ChildError(
                    f"{name} printed more than {limits.output_bytes} bytes",
                    hint="split the Application; the operator's setting AVP_MAX_OUTPUT says how "
                    "much may be printed",
                )
    try:
        _wait(child, max(end - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        raise _late(name, limits, seconds) from None
    if written.size and time.monotonic() - started > FIRST_MEASURE_SECONDS / 2:
        _measure(name, written)
    return bytes(output), bytes(messages)


def _receive(key: selectors.SelectorKey, selector: selectors.BaseSelector) -> bool:
    """Read what has come from a child; return whether that was the end of a stream."""
    if isinstance(key.fileobj, Questions):
        key.fileobj.respond()
        return False
    kept, most = key.data
    chunk = os.read(key.fd, 1 << 16)
    if not chunk:
        selector.unregister(key.fileobj)
    elif len(kept) < most:
        kept.extend(chunk)
    return not chunk


def _wait(child: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait for the end of a child, which is near: it has closed its streams.

    Popen.wait would sleep, each time longer, until it finds that the child has ended.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(child.pid)
            try:
                select.select([descriptor], [], [], seconds)
            finally:
                os.close(descriptor)
            seconds = 0
    child.wait(seconds)


def _measure(name: str, written: Written) -> float:
    """Measure what a child has written; return when to do so again, on time.monotonic()'s clock.

    Raises:
        ChildError: it is too much.
    """
    started = time.monotonic()
    size = files = 0
    waiting: list[str | Path] = list(written.directories)
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                files += 1
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    with contextlib.suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_size
                if size > written.size or files > written.files:
                    raise _too_much(name, written)
    # At most a tenth of the time goes into measuring.
    took = time.monotonic() - started
    return time.monotonic() + max(FIRST_MEASURE_SECONDS, 10 * took)


def _too_much(name: str, written: Written) -> ChildError:
    return ChildError(
        f"{name} fetched or wrote too much: more than {written.size} bytes or {written.files} "
        "files",
        hint="name smaller charts and bases; the operator's settings AVP_MAX_INPUT and "
        "AVP_MAX_FILES say how much there may be",
    )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # pragma: no cover - both are pipes
        raise AssertionError
    return stream


def _late(name: str, limits: Limits, seconds: float) -> ChildError:
    if seconds < limits.timeout:
        return ChildError(
            f"{name} did not finish within the time limit of the whole run",
            hint="a remote base or chart may be slow; AVP_RUN_TIMEOUT sets the limit",
        )
    return ChildError(
        f"{name} did not finish within {seconds:g} s",
        hint="a remote base or chart may be slow; AVP_RENDER_TIMEOUT sets the limit",
    )


def _status(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _has_children() -> bool:
    """Return whether this process has any child, dead ones that nobody has waited for included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def children() -> Iterator[int]:
    """Yield the processes whose parent is this one, as a rule the newest first.

    One that ends as soon as it has started the next is then most likely to be met alive.
    """
    found: set[int] = set()
    # The children of each thread, where the kernel lists them (CONFIG_PROC_CHILDREN; proc(5)).
    for task in Path("/proc/self/task").iterdir():
        try:
            found.update(map(int, task.joinpath("children").read_bytes().split()))
        except FileNotFoundError:
            if task.exists():
                yield from _scan(os.getpid())
                return
        except OSError:
            continue
    yield from sorted(found, reverse=True)


def _scan(parent: int) -> Iterator[int]:
    folders = Path("/proc").glob("[0-9]*")
    for folder in sorted(folders, key=lambda folder: int(folder.name), reverse=True):
        with contextlib.suppress(OSError):
            if int(_stat(folder)[1]) == parent:
                yield int(folder.name)


def _stat(folder: Path) -> Sequence[bytes]:
    """Return what the kernel says of a process, from its state on (proc(5)).

    Raises:
        OSError: it is gone.
    """
    # The field before is the program's name in parentheses, which may hold anything.
    return folder.joinpath("stat").read_bytes().rpartition(b")")[2].split()
