"""Who may be a client of the core."""

import os
import socket

import pytest

from avp_py.serve.peer import Peer, judge


def test_only_a_process_of_our_user_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        # Not the supervisor itself.
        monkeypatch.setattr(os, "getpid", lambda: 1 << 30)
        assert judge(ours, 0) is Peer.TRUSTED

        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        assert judge(ours, 0) is Peer.REFUSED
