"""Tokens of earlier runs, in a directory that only our user can access; off unless one is set.

    FOLDER/            0700, ours
      key              0600, 32 random bytes
      <64 hex digits>  0600, {"token": "hvs.…", "expires": <seconds since 1970>}

The digits are a keyed hash of all that decides which token a login returns: address, namespace,
TLS, mount, method, role, and every credential that is sent. Another credential has another name, so
the token of an old one is never found. Whoever has the directory could guess a password by its
hash, so that hash is slow (scrypt); the other credentials are random.

A file that is not a valid entry is ignored. One that another user could have written, or can read,
is an error.
"""

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from avp_py.backends.vault.auth import LoginRequest
from avp_py.errors import SettingsError
from avp_py.settings import Sensitive, VaultSettings
from avp_py.settings.parse import MalformedError
from avp_py.settings.parse import token as parse_token

MARGIN_SECONDS: Final = 60
"""A token is not used in its last minute, since that is how long Argo CD waits for a run."""

MAX_SECONDS: Final = 3600
"""How long a token is kept at most. Vault does not revoke it with the secret id or password of its
login, so this is how long a withdrawn credential still works."""

MAX_BYTES: Final = 64 * 1024
"""More than any entry has: Vault's longest tokens (batch tokens) have a few hundred characters."""

_KEY: Final = "key"
_KEY_BYTES: Final = 32
_ENTRY = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{16}")
"""The names of entries, and of temporary files."""

logger: Final = logging.getLogger(__name__)


class TokenCache:
    """The directory, for one way to one Vault. Any number of processes can use it at once."""

    def __init__(
        self, folder: Path, settings: VaultSettings, clock: Callable[[], float] = time.time
    ) -> None:
        """Make the cache; only certificates are read.

        Args:
            folder: the directory, there or not.
            settings: Vault's.
            clock: the time, in seconds since 1970.
        """
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._server = _server(settings)

    @classmethod
    def open(cls, settings: VaultSettings) -> "TokenCache | None":
        """Return the cache that AVP_TOKEN_CACHE names, or None; only certificates are read.

        Call this before the client certificate is loaded for TLS, so that `put` notices one that
        was replaced in the meantime.
        """
        return cls(Path(settings.token_cache), settings) if settings.token_cache else None

    def name(self, request: LoginRequest) -> str:
        """Return the name of the entry for a login.

        Raises:
            SettingsError: the directory cannot be used.
        """
        fields = [*self._server, request.path]
        for name, value in sorted(request.body.items(), key=lambda item: item[0]):
            fields += [name, value.reveal()]
        with self._opened() as folder:
            key = _read_key(folder, self._folder)
        data = b"".join(_framed(field.encode()) for field in fields)
        if request.is_guessable:
            return hashlib.scrypt(data, salt=key, n=2**14, r=8, p=1, dklen=32).hex()
        return hmac.digest(key, data, "sha256").hex()

    def get(self, name: str) -> Sensitive | None:
        """Return the token of an entry that has not expired, or None.

        Raises:
            SettingsError: the directory or the entry cannot be used, or others can access it.
        """
        with self._opened() as folder:
            data = _read(folder, name, self._folder)
        try:
            entry = json.loads(data or b"")
            token, left = parse_token(entry["token"]), entry["expires"] - self._clock()
        except (
            AttributeError,
            LookupError,
            MalformedError,
            RecursionError,
            TypeError,
            ValueError,
        ):
            return None
        # A time that is too far in the future was written with a wrong clock, or by somebody else.
        return token if 0 < left <= MAX_SECONDS else None

    def put(self, name: str, token: Sensitive, seconds: int) -> None:
        """Keep a token that is valid for so many seconds, if that is long enough.

        Raises:
            SettingsError: others can access the directory now.
        """
        kept = min(seconds - MARGIN_SECONDS, MAX_SECONDS)
        if kept <= 0 or _server(self._settings) != self._server:
            return
        entry = {"token": token.reveal(), "expires": int(self._clock()) + kept}
        with self._opened() as folder:
            try:
                _sweep(folder, self._clock() - MAX_SECONDS)
                _write(folder, name, json.dumps(entry).encode())
            except OSError as error:
                logger.info("cannot cache the token: %s", error.strerror)

    def drop(self, name: str, token: Sensitive) -> None:
        """Remove a token that Vault has rejected; another one under this name stays.

        Raises:
            SettingsError: the directory or the entry cannot be used, or others can access it.
        """
        if self.get(name) == token:
            with self._opened() as folder, suppress(OSError):
                os.unlink(name, dir_fd=folder)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Yield a descriptor of the directory, which is created if needed."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with suppress(FileExistsError):
                self._folder.mkdir(mode=0o700)
            folder = os.open(self._folder, flags)
        except OSError as error:
            why = "it is a symlink, or not a directory" if _is_odd(self._folder) else error.strerror
            raise SettingsError(
                f"AVP_TOKEN_CACHE: cannot use {self._folder}: {why}",
                hint="name a directory of our user, or one that can be created",
            ) from error
        try:
            _check(os.fstat(folder), str(self._folder), "chmod 700 it if it is our user's")
            yield folder
        finally:
            os.close(folder)


def _server(settings: VaultSettings) -> Sequence[str]:
    """Return what identifies the server, and us by the connection; always as many fields."""
    return (
        settings.address,
        settings.namespace or "",
        settings.proxy.reveal() if settings.proxy else "",
        settings.ca_cert or "",
        settings.ca_cert_text or "",
        settings.ca_path or "",
        settings.tls_server_name or "",
        str(settings.skip_verify),
        _digest(settings.client_cert),
        _digest(settings.client_key),
    )


def _digest(path: str | None) -> str:
    """Return the hash of a file. One that cannot be read is reported elsewhere."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""
    except OSError:
        return ""


def _framed(data: bytes) -> bytes:
    """Return the data after its length, so that different lists of fields never look the same."""
    return len(data).to_bytes(8, "big") + data


def _is_odd(path: Path) -> bool:
    return path.is_symlink() or (path.exists() and not path.is_dir())


def _check(status: os.stat_result, what: str, hint: str) -> None:
    """Raise an error if another user owns a file, or can read or write it."""
    problem = ""
    if status.st_uid != os.geteuid():
        problem = "belongs to another user"
    elif status.st_mode & 0o077:
        problem = f"is accessible to other users (mode {stat.S_IMODE(status.st_mode):04o})"
    if problem:
        raise SettingsError(f"AVP_TOKEN_CACHE: {what} {problem}", hint=hint)


def _read(folder: int, name: str, path: Path) -> bytes | None:
    """Return the content of a file of the directory, or None if there is no such file."""
    what, hint = f"{path / name}", "remove it; it is created again"
    # Not blocking, as a FIFO would wait for a writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(
            f"AVP_TOKEN_CACHE: cannot use {what}: {error.strerror}", hint=hint
        ) from error
    try:
        status = os.fstat(descriptor)
        _check(status, what, hint)
        if not stat.S_ISREG(status.st_mode):
            raise SettingsError(f"AVP_TOKEN_CACHE: {what} is not a regular file", hint=hint)
        return os.read(descriptor, MAX_BYTES)
    finally:
        os.close(descriptor)


def _write(folder: int, name: str, data: bytes) -> None:
    """Write a file atomically."""
    new = f".{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o600, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(data)
        os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(new, dir_fd=folder)
        raise


def _read_key(folder: int, path: Path) -> bytes:
    """Return the key; create it if there is none.

    Two runs may create one at the same time. One is lost, and with it the tokens kept under it.
    """
    key = _read(folder, _KEY, path)
    if key is None or len(key) != _KEY_BYTES:
        try:
            _write(folder, _KEY, secrets.token_bytes(_KEY_BYTES))
        except OSError as error:
            raise SettingsError(
                f"AVP_TOKEN_CACHE: cannot write to {path}: {error.strerror}",
                hint="name a directory that can be written",
            ) from error
        key = _read(folder, _KEY, path)
    return key or b""


def _sweep(folder: int, oldest: float) -> None:
    """Remove entries that are not used any more, as those for an earlier token of a pod."""
    for name in os.listdir(folder):
        if _ENTRY.fullmatch(name):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and status.st_mtime < oldest:
                    os.unlink(name, dir_fd=folder)
