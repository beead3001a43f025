"""The sessions of a keeper: which runs share one."""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from avp_py.backends.vault import route
from avp_py.backends.vault.backend import VaultBackend
from avp_py.backends.vault.pool import IDLE_SECONDS, SessionPool
from tests.settings import load

ENVIRON = {"VAULT_ADDR": "http://127.0.0.1:1", "AVP_ROLE_ID": "r", "AVP_SECRET_ID": "s"}


class Clock:
    """A time that a test sets; reading it may do something more."""

    def __init__(self) -> None:
        self.now = 0.0
        self.act: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        self.act()
        return self.now


def session(pool: SessionPool, **environ: str) -> object:
    """What a run of these settings reads with."""
    variables = {**ENVIRON, **environ}
    backend: VaultBackend = pool.open(load(variables), variables, 0.0)
    return backend._session


def test_runs_with_the_same_settings_share_a_session() -> None:
    pool = SessionPool()
    assert session(pool) is session(pool)
    assert session(pool) is session(pool, AVP_CONCURRENCY="3")


def test_another_credential_or_place_has_its_own() -> None:
    pool = SessionPool()
    others = [
        {"AVP_SECRET_ID": "t"},
        {"AVP_ROLE_ID": "t"},
        {"VAULT_ADDR": "http://127.0.0.1:2"},
        {"VAULT_NAMESPACE": "n"},
        {"AVP_MOUNT_PATH": "auth/other"},
        {"VAULT_TOKEN": "t", "AVP_AUTH_TYPE": "token"},
    ]
    found = [session(pool), *(session(pool, **each) for each in others)]
    assert len(set(map(id, found))) == len(found)


def test_a_file_with_another_credential_has_its_own(tmp_path: Path) -> None:
    pool, file = SessionPool(), tmp_path / "jwt"
    variables = {"AVP_AUTH_TYPE": "jwt", "AVP_JWT_ROLE": "r", "AVP_JWT_PATH": str(file)}
    file.write_text("one")
    first = session(pool, **variables)
    file.write_text("two")
    second = session(pool, **variables)
    file.write_text("one\n")
    assert session(pool, **variables) is first is not second


@pytest.mark.parametrize(
    "name", ["VAULT_CACERT", "VAULT_CAPATH", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY"]
)
def test_a_replaced_file_for_tls_has_its_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which file it is counts, not what it has: that would have to be real keys.
    monkeypatch.setattr(route, "open_context", lambda _: ssl.create_default_context())
    pool, file = SessionPool(), tmp_path / "file"
    file.write_text("one")
    first = session(pool, **{name: str(file)})
    assert session(pool, **{name: str(file)}) is first
    file.unlink()
    file.write_text("another")
    assert session(pool, **{name: str(file)}) is not first


def test_a_cleared_pool_has_new_sessions() -> None:
    pool = SessionPool()
    first = session(pool)
    pool.clear()
    assert session(pool) is not first


def test_what_nothing_uses_is_dropped() -> None:
    clock = Clock()
    pool = SessionPool(clock=clock)
    first = session(pool)
    clock.now = IDLE_SECONDS
    assert session(pool) is first
    clock.now = 2 * IDLE_SECONDS + 1
    assert session(pool) is not first


def test_a_signal_may_clear_the_pool_at_any_moment() -> None:
    """A signal handler of Python runs in the middle of what the main thread does."""
    clock = Clock()
    pool = SessionPool(clock=clock)
    clock.act = pool.clear
    opened = threading.Thread(target=session, args=(pool,), daemon=True)
    opened.start()
    opened.join(30)
    assert not opened.is_alive()
    assert session(pool) is not None
