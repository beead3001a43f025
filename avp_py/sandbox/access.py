"""What a child process may read, write, run and connect to."""

import functools
import os
import re
import shutil
import stat
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from avp_py.sandbox.environment import search_path


@dataclass(frozen=True)
class Access:
    """The files and ports that a child process may use; everything else is denied.

    A directory includes all that is below it. Paths that do not exist are ignored.

    Attributes:
        read: files and directories to read.
        write: files and directories to read and to write.
        execute: programs, and directories of programs, to read and to run.
        connect: TCP ports to connect to. No port can be bound. Without any, no internet socket can
            be made at all.
        unix_sockets: whether sockets of the file system may be connected to; any whose path can be
            reached, since the kernel does not restrict which.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    execute: tuple[Path, ...] = ()
    connect: tuple[int, ...] = ()
    unix_sockets: bool = False

    def __or__(self, other: "Access") -> "Access":
        """Return the access that allows what either allows."""
        return Access(
            self.read + other.read,
            self.write + other.write,
            self.execute + other.execute,
            self.connect + other.connect,
            self.unix_sockets or other.unix_sockets,
        )


SYSTEM: Final = Access(
    read=tuple(
        map(
            Path,
            (
                # Names, users and time zones.
                "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf",
                "/etc/gai.conf", "/etc/services", "/etc/protocols", "/etc/passwd", "/etc/group",
                "/etc/localtime", "/usr/share/zoneinfo", "/etc/mime.types",
                # CA certificates, where distributions keep them; no private keys.
                "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem",
                "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem",
                "/etc/pki/ca-trust/extracted", "/etc/ca-certificates",
                "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
                "/usr/share/pki",
                "/dev/urandom",
                # The Go runtime sizes its heap and its threads by these.
                "/sys/kernel/mm/transparent_hugepage", "/sys/fs/cgroup",
            ),
        )
    ),
    write=(Path(os.devnull),),
)  # fmt: skip
"""What every program may read of the machine."""

_LIBRARIES: Final = tuple(
    map(
        Path,
        (
            "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
            "/nix/store",
        ),
    )
)  # fmt: skip

_GIT: Final = Access(
    read=tuple(
        map(
            Path,
            (
                "/etc/gitconfig", "/usr/share/git-core", "/etc/ssh/ssh_config",
                "/etc/ssh/ssh_config.d", "/etc/ssh/ssh_known_hosts", "/etc/crypto-policies",
            ),
        )
    )
)  # fmt: skip

_GIT_HELPERS: Final = (
    "sh", "ssh", "sed", "basename", "uname", "gettext.sh", "gettext", "envsubst",
)  # fmt: skip
"""What git's own programs start: ssh for its transport, the others in `git submodule`."""

_MAX_INTERPRETERS: Final = 4
"""How many `#!` lines may lead from one to the next, as in Linux (fs/exec.c)."""

_ABSOLUTE: Final = re.compile(r"(?:^|[\s'\"=:,;])(/[^\s'\"=:,;]+)")

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def program_access(program: str) -> Access:
    """Return the access that a program needs to start.

    Args:
        program: the absolute path of an ELF program or of a script with a `#!` line. The
            interpreters that it names may be run, and libraries be read where there are any.
    """
    execute: list[Path] = []
    waiting = [Path(program)]
    while waiting and len(execute) <= 2 * _MAX_INTERPRETERS:
        path = Path(os.path.realpath(waiting.pop()))
        if path not in execute:
            execute.append(path)
            waiting += _interpreters(path)
    return Access(read=_LIBRARIES if len(execute) > 1 else (), execute=tuple(execute))


def python_access() -> Access:
    """Return the access to read the libraries of this Python, of which parts are loaded late."""
    libraries = {Path(each) for each in (*sys.path, sys.prefix, sys.base_prefix) if each}
    # Where the console script starts Python without `site`, sys.prefix is not that of the virtual
    # environment.
    libraries.add(Path(sys.executable).parent.parent / "pyvenv.cfg")
    return Access(read=tuple(libraries))


def git_access(environ: Mapping[str, str]) -> Access:
    """Return the access that git and the programs that it starts need; none where git is missing.

    Args:
        environ: the environment in which git is looked up.
    """
    return _git_access(search_path(environ))


@functools.lru_cache(maxsize=4)
def _git_access(path: str) -> Access:
    """Return git's access, as programs are on the search path; looking for all takes 3 ms."""
    git = shutil.which("git", path=path)
    if git is None:
        return Access()
    access = program_access(git) | _GIT
    prefix = Path(os.path.realpath(git)).parent.parent
    for directory in ("lib/git-core", "libexec/git-core"):
        access |= Access(execute=(prefix / directory,))
    for helper in _GIT_HELPERS:
        if (found := shutil.which(helper, path=path)) is not None:
            access |= program_access(found)
    return access


def named_access(environ: Mapping[str, str], names: Iterable[str]) -> Access:
    """Return the access that environment variables name: to read files, to connect to sockets.

    Args:
        environ: the environment.
        names: the variables; every absolute path in their values counts, as in
            `ssh -i /keys/id -o UserKnownHostsFile=/keys/hosts`. The root of the file system, as
            in `https://`, does not; nor does what a variable of Argo CD's says, which is a
            tenant's.
    """
    # Late: the process that fetches has no settings, and loads none.
    from avp_py.settings import is_argocds

    values = (environ[name] for name in names if name in environ and not is_argocds(name))
    paths = [Path(match) for value in values for match in _ABSOLUTE.findall(value)]
    return Access(
        # To the kernel `//` is the root, to pathlib it is not.
        read=tuple(path for path in paths if os.path.realpath(path).strip("/")),
        # Such as SSH_AUTH_SOCK.
        unix_sockets=any(map(_is_socket, paths)),
    )


def proxy_ports(environ: Mapping[str, str]) -> tuple[int, ...]:
    """Return the TCP ports of the proxies that the environment names."""
    found = []
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        value = environ.get(name, "")
        try:
            # Go's client reads `host:port` as an http URL (golang.org/x/net/http/httpproxy).
            url = urlsplit(value if "://" in value else f"http://{value}")
            port = url.port or _DEFAULT_PORTS.get(url.scheme)
        except ValueError:
            continue
        if value and port is not None:
            found.append(port)
    return tuple(found)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _interpreters(program: Path) -> Sequence[Path]:
    """Return what the kernel loads to run a program: nothing for a static one."""
    try:
        status = program.stat()
    except OSError:
        return ()
    return _read_interpreters(program, status.st_ino, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _read_interpreters(program: Path, _inode: int, _modified: int) -> Sequence[Path]:
    try:
        with program.open("rb") as file:
            head = file.read(256)
            if head.startswith(b"#!"):
                words = head[2:].partition(b"\n")[0].split()
                # `#!/usr/bin/env NAME` starts a second program, which PATH decides.
                names = [os.fsdecode(word) for word in words[:1]]
                if names and Path(names[0]).name == "env" and len(words) > 1:
                    names.append(shutil.which(os.fsdecode(words[1])) or "")
                return [Path(name) for name in names if name.startswith("/")]
            if head.startswith(b"\x7fELF"):
                return list(_elf_interpreter(file, head))
    except (OSError, struct.error, IndexError):
        pass
    return ()


def _elf_interpreter(file: BinaryIO, head: bytes) -> Iterator[Path]:
    """Yield the path in an ELF file's PT_INTERP header (System V ABI, chapter 5)."""
    order = "<" if head[5] == 1 else ">"
    if head[4] == 2:
        table, size, count = (*struct.unpack_from(f"{order}Q", head, 32),
                              *struct.unpack_from(f"{order}HH", head, 54))  # fmt: skip
        layout, offset_at, length_at = f"{order}IIQQQQ", 2, 5
    else:
        table, size, count = (*struct.unpack_from(f"{order}I", head, 28),
                              *struct.unpack_from(f"{order}HH", head, 42))  # fmt: skip
        layout, offset_at, length_at = f"{order}IIIII", 1, 4
    for index in range(count):
        file.seek(table + index * size)
        fields = struct.unpack(layout, file.read(struct.calcsize(layout)))
        if fields[0] == 3:
            file.seek(fields[offset_at])
            yield Path(os.fsdecode(file.read(min(fields[length_at], 4096)).rstrip(b"\0")))
