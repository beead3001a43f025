"""The cache of what was fetched: verified, limited, shared by processes, nobody else's."""

import multiprocessing
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from avp_py.errors import SettingsError
from avp_py.fetch.cache import Cache, Entry, key_of, size_on_disk

KEY = key_of("chart", "https://charts.example/team", "web", "1.2.3", "")
ENTRY = Entry(
    b"archive\n\0", "1.2.3", '"tag"', (("sub", "https://git.example/x", "a" * 40),), "malformed"
)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("avp-py/??/*"))


def test_an_entry_is_returned_as_it_was_put(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1 << 20)

    assert cache.get(KEY) is None
    cache.put(KEY, ENTRY)

    assert cache.get(KEY) == ENTRY
    # Another process finds it, too.
    assert Cache(tmp_path, 1 << 20).get(KEY) == ENTRY


@pytest.mark.parametrize("part", ["kind", "url", "name", "version", "fingerprint"])
def test_each_part_of_a_key_makes_another_entry(tmp_path: Path, part: str) -> None:
    parts = {"kind": "chart", "url": "u", "name": "n", "version": "v", "fingerprint": "f"}
    cache = Cache(tmp_path, 1 << 20)
    cache.put(key_of(*parts.values()), ENTRY)

    assert cache.get(key_of(*{**parts, part: "other"}.values())) is None
    # Nor do parts run into each other.
    assert key_of("a", "bc") != key_of("ab", "c")


def test_files_and_directories_are_ours_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Cache(tmp_path, 1 << 20).put(KEY, ENTRY)
    finally:
        os.umask(before)

    for path in (tmp_path / "avp-py").rglob("*"):
        assert not path.stat().st_mode & 0o022, path
    assert (tmp_path / "avp-py").stat().st_mode & 0o777 == 0o700


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


def _plant(path: Path) -> None:
    """Put an entry of another key there."""
    cache = Cache(path.parent.parent.parent, 1 << 20)
    other = key_of("chart", "https://evil.example", "web", "1.2.3", "")
    cache.put(other, Entry(b"theirs", "1.2.3"))
    (path.parent.parent / other[:2] / other).replace(path)


@pytest.mark.parametrize(
    "damage",
    [
        _shorten,
        _change,
        _plant,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"[" * 100_000),
        lambda path: path.write_bytes(b'{"key": 1}\n'),
        lambda path: path.write_bytes(b"\xff\xfe\n"),
    ],
)
def test_a_corrupt_entry_is_dropped(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    cache = Cache(tmp_path, 1 << 20)
    cache.put(KEY, ENTRY)
    (path,) = entries(tmp_path)

    damage(path)

    assert cache.get(KEY) is None
    assert not path.exists()
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) == ENTRY


def on_disk(folder: Path) -> int:
    return sum(max(each.stat().st_blocks * 512, 4096) for each in entries(folder))


def test_what_was_not_used_for_longest_is_removed_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 5 * 4096)
    keys = [key_of("chart", str(number)) for number in range(4)]
    for number, key in enumerate(keys):
        cache.put(key, Entry(b"x" * 1000))
        long_ago = time.time() - 100 + number
        os.utime(tmp_path / "avp-py" / key[:2] / key, (long_ago, long_ago))
    assert cache.get(keys[0]) is not None

    cache.put(key_of("chart", "large"), Entry(b"x" * 5000))

    left = [number for number, key in enumerate(keys) if cache.has(key)]
    assert left == [0, 3]
    assert cache.has(key_of("chart", "large"))
    assert on_disk(tmp_path) <= 5 * 4096 * 0.9


def test_what_is_too_large_for_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.put(KEY, Entry(b"x" * 100))

    # It has three blocks.
    cache.put(key_of("chart", "large"), Entry(b"x" * 8192))

    assert cache.has(KEY)
    assert not cache.has(key_of("chart", "large"))


def test_entries_count_as_what_they_need_on_the_disk(tmp_path: Path) -> None:
    limit = 100 * 4096
    cache = Cache(tmp_path, limit)
    for number in range(300):
        cache.put(key_of("file", str(number)), Entry(b"x"))

    assert limit * 0.8 <= on_disk(tmp_path) <= limit


def test_what_is_not_written_out_yet_counts_in_blocks(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert size_on_disk(file.stat()) == 4096
    os.truncate(file, 8193)
    assert file.stat().st_blocks == 0
    assert size_on_disk(file.stat()) == 3 * 4096


def test_the_number_of_entries_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avp_py.fetch.cache.MAX_ENTRIES", 40)
    cache = Cache(tmp_path, 1 << 30)
    for number in range(100):
        cache.put(key_of("file", str(number)), Entry(b"x"))
        assert len(entries(tmp_path)) <= 40
    assert len(entries(tmp_path)) >= 36


def test_the_directory_is_seldom_looked_at(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000 * 4096)
    with patch("os.scandir", wraps=os.scandir) as scan:
        for number in range(50):
            cache.put(key_of("file", str(number)), Entry(b"x"))
        # Once at first, as there may be entries, and then for each twentieth of the limit.
        assert [each.args for each in scan.call_args_list].count((tmp_path / "avp-py",)) == 1
        for number in range(50, 500):
            cache.put(key_of("file", str(number)), Entry(b"x"))
        walks = [each.args for each in scan.call_args_list].count((tmp_path / "avp-py",))
        assert 5 <= walks <= 11


def test_processes_that_write_in_turn_keep_the_limit(tmp_path: Path) -> None:
    limit = 200 * 4096
    caches = [Cache(tmp_path, limit), Cache(tmp_path, limit)]
    for number in range(1000):
        caches[number % 2].put(key_of("file", str(number)), Entry(b"x"))
        # Each does not know of a twentieth that the other writes.
        if number % 7 == 0:
            assert on_disk(tmp_path) <= limit * 1.1
    assert on_disk(tmp_path) >= limit * 0.8


def test_a_cache_that_was_emptied_is_filled_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1 << 20)
    cache.put(KEY, Entry(b"one"))
    shutil.rmtree(tmp_path / "avp-py")
    assert cache.get(KEY) is None

    cache.put(KEY, Entry(b"two"))

    assert cache.get(KEY) == Entry(b"two")
    assert Cache(tmp_path, 1 << 20).get(KEY) == Entry(b"two")


def test_a_full_disk_costs_nothing_but_the_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1 << 20)
    # Linux sends SIGXFSZ, which would end the process, and then fails like a full disk.
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        cache.put(KEY, Entry(b"x" * 10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    assert cache.get(KEY) is None
    assert not list(tmp_path.glob("avp-py/new-*"))
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) == ENTRY


def test_a_killed_writer_leaves_no_half_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1 << 20)
    with (
        patch.object(Path, "rename", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        cache.put(KEY, ENTRY)
    (new,) = tmp_path.glob("avp-py/new-*")
    assert cache.get(KEY) is None

    # It is removed once nobody can be writing it any more.
    Cache(tmp_path, 1 << 20).put(KEY, ENTRY)
    assert new.exists()
    os.utime(new, (0, 0))
    Cache(tmp_path, 1 << 20).put(KEY, ENTRY)
    assert not new.exists()


@pytest.mark.parametrize("kind", ["link", "file", "open to others"])
def test_a_directory_that_is_not_ours_is_refused(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "avp-py"
    if kind == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        root.symlink_to("theirs")
    elif kind == "file":
        root.touch()
    else:
        root.mkdir()
        root.chmod(0o770)

    with pytest.raises(SettingsError, match="AVP_CHART_CACHE"):
        Cache(tmp_path, 1 << 20)


def test_a_missing_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be used: No such file or directory"):
        Cache(tmp_path / "missing", 1 << 20)


def _hold(folder: Path, event: "multiprocessing.synchronize.Event") -> None:
    with Cache(folder, 1 << 20).locked(KEY, 0):
        event.set()
        time.sleep(60)


def test_one_process_waits_for_another_that_fetches(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    event = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, event))
    holder.start()
    try:
        assert event.wait(30)
        cache = Cache(tmp_path, 1 << 20)
        begin = time.monotonic()
        with cache.locked(KEY, 0.3):
            assert time.monotonic() - begin >= 0.3
        # Another entry is not locked.
        with cache.locked(key_of("chart", "other"), 30):
            pass
    finally:
        holder.kill()
        holder.join()
    # The lock of a killed process is gone.
    begin = time.monotonic()
    with cache.locked(KEY, 30):
        assert time.monotonic() - begin < 10
