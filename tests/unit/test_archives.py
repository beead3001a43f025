"""Unpacking archives: what a hostile one could do, which it does if nothing is checked."""

import dataclasses
import gzip
import io
import os
import stat
import tarfile
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from avp_py.archives import read_chart, unpack_chart, unpack_tar
from avp_py.errors import RenderError
from avp_py.limits import Limits
from tests.trees import snapshot

LIMITS: Final = Limits(60, 60, 60, input_bytes=1 << 20, files=100, output_bytes=1 << 20)

CHART: Final = {"web/Chart.yaml": b"name: web\n", "web/templates/map.yaml": b"kind: ConfigMap\n"}


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """Return the header of an entry."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def archive(
    *members: tarfile.TarInfo | tuple[str, bytes],
    packed: bool = False,
    form: int = tarfile.PAX_FORMAT,
) -> bytes:
    """Return a tar archive of headers, and of files with their contents."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as file:
        for each in members:
            if isinstance(each, tarfile.TarInfo):
                file.addfile(each, io.BytesIO(bytes(each.size)) if each.size else None)
            else:
                info = member(each[0])
                info.size = len(each[1])
                file.addfile(info, io.BytesIO(each[1]))
    return gzip.compress(data.getvalue()) if packed else data.getvalue()


def naively(data: bytes, folder: Path) -> None:
    """Unpack an archive with no check at all."""
    with tarfile.open(fileobj=io.BytesIO(data)) as file:
        file.extractall(folder, filter="fully_trusted")  # noqa: S202 - the control


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty directory, beside which a file of somebody else is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("old")
    inner = tmp_path / "folder"
    inner.mkdir()
    return inner


def escapes(place: Path) -> Mapping[str, tuple[bytes, str]]:
    """Return archives that write outside of a directory, each with what the message says."""
    outside = str(place / "outside")
    return {
        "parent": (archive(("../outside/file", b"new")), "a path that leads out of it"),
        "absolute": (archive((f"{outside}/file", b"new")), "an absolute path"),
        "symlink": (
            archive(member("web/out", tarfile.SYMTYPE, outside), ("web/out/file", b"new")),
            "paths below 'web/out', which is not a directory",
        ),
        "symlink to a file": (
            archive(member("web/out", tarfile.SYMTYPE, f"{outside}/file"), ("web/out", b"new")),
            "'web/out' more than once",
        ),
        "hard link": (
            archive(member("web/out", tarfile.LNKTYPE, f"{outside}/file"), ("web/out", b"new")),
            "a hard link, 'web/out'",
        ),
    }


@pytest.mark.parametrize("name", escapes(Path("/")))
def test_nothing_is_written_outside_of_the_directory(folder: Path, name: str) -> None:
    data, says = escapes(folder.parent)[name]
    with pytest.raises(RenderError, match=says):
        unpack_tar(data, folder, (), LIMITS)
    assert (folder.parent / "outside/file").read_text() == "old"

    if name == "symlink to a file":
        # tarfile replaces the symlink: what is written through it is written by open() alone.
        return
    naively(data, folder)
    assert (folder.parent / "outside/file").read_text() == "new"


@pytest.mark.parametrize(
    "folders",
    [
        ("..", "outside"),
        ("a", "..", "..", "outside"),
        ("../outside",),
        ("a/../../outside",),
        (".",),
        ("",),
    ],
)
def test_the_directory_to_write_is_below(folder: Path, folders: Sequence[str]) -> None:
    data = archive(("new", b"new"))
    with pytest.raises(RenderError, match="a path that leads out of it"):
        unpack_tar(data, folder, folders, LIMITS)
    assert not (folder.parent / "outside/new").exists()
    # The control: the place is one that could be written.
    assert unpack_tar(data, folder.parent, ("outside",), LIMITS)
    assert (folder.parent / "outside/new").read_bytes() == b"new"


@pytest.mark.parametrize("name", escapes(Path("/")))
def test_a_chart_writes_nothing_outside_of_its_directory(folder: Path, name: str) -> None:
    data, says = escapes(folder.parent)[name]
    if "link" in name:
        # Links are empty files; what would be below one is refused, or a duplicate.
        says = "more than once|which is not a directory"
    with pytest.raises(RenderError, match=says):
        unpack_chart(gzip.compress(data), folder, LIMITS)
    assert (folder.parent / "outside/file").read_text() == "old"


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_fifos_are_refused(folder: Path, kind: bytes) -> None:
    data = archive(*CHART.items(), member("web/odd", kind))
    for unpack in (lambda: unpack_tar(data, folder, (), LIMITS), lambda: pack(data, folder)):
        with pytest.raises(RenderError, match="a device or FIFO, 'web/odd'"):
            unpack()

    if kind == tarfile.FIFOTYPE:
        naively(data, folder)
        assert stat.S_ISFIFO((folder / "web/odd").stat().st_mode)


def tar(data: bytes, folder: Path, limits: Limits) -> None:
    """Unpack a tar into a directory itself."""
    unpack_tar(data, folder, (), limits)


def pack(data: bytes, folder: Path) -> str:
    """Unpack a chart whose archive is not compressed yet."""
    return unpack_chart(gzip.compress(data), folder, LIMITS)


def large(size: int) -> tarfile.TarInfo:
    """Return the header of a large file."""
    info = member("web/large")
    info.size = size
    return info


TOO_MUCH: Final[Mapping[str, tuple[Callable[[], bytes], str]]] = {
    "one large file": (lambda: archive(large(2 << 20)), "larger than AVP_MAX_INPUT"),
    "many files": (
        lambda: archive(*(member(f"web/{each}") for each in range(101))),
        "more entries than AVP_MAX_FILES",
    ),
    "many directories": (
        lambda: archive(member("web/" + "a/" * 101 + "b")),
        "more directories than AVP_MAX_FILES",
    ),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_an_archive_is_unpacked_within_limits(folder: Path, name: str) -> None:
    make, says = TOO_MUCH[name]
    data = make()
    for unpack, place in ((tar, "tar"), (lambda data, place, _: pack(data, place), "chart")):
        (folder.parent / place).mkdir()
        with pytest.raises(RenderError, match=says):
            unpack(data, folder.parent / place, LIMITS)

    naively(data, folder)
    more = dataclasses.replace(LIMITS, input_bytes=4 << 20, files=200)
    (folder.parent / "other").mkdir()
    unpack_tar(data, folder.parent / "other", (), more)
    assert snapshot(folder.parent / "other").keys() == snapshot(folder).keys()


def test_a_bomb_is_not_unpacked_in_memory(folder: Path) -> None:
    bomb = gzip.compress(archive(large(256 << 20)))
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    with pytest.raises(RenderError, match="larger than AVP_MAX_INPUT"):
        unpack_chart(bomb, folder, LIMITS)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()

    assert len(gzip.decompress(bomb)) > 256 << 20


def test_a_large_extension_header_is_refused(folder: Path) -> None:
    info = member("web/x")
    info.pax_headers = {"comment": "x" * (1 << 20)}
    with pytest.raises(RenderError, match="an extension header is too large"):
        unpack_tar(archive(info), folder, (), LIMITS)
    naively(archive(info), folder)
    assert (folder / "web/x").exists()


def test_a_sparse_file_is_refused(folder: Path) -> None:
    info = member("web/x")
    size = 8 << 20
    info.pax_headers = {
        "GNU.sparse.size": str(size), "GNU.sparse.numblocks": "0", "GNU.sparse.map": f"{size},0"
    }  # fmt: skip
    data = archive(info)
    with pytest.raises(RenderError, match="a sparse file"):
        unpack_tar(data, folder, (), LIMITS)
    naively(data, folder)
    assert (folder / "web/x").stat().st_size == size


def broken() -> Mapping[str, bytes]:
    """Return what is not an archive, or not a whole one."""
    whole = archive(*CHART.items())
    second = whole.index(b"web/templates")
    return {
        "nothing": b"",
        "a page": b"<html>please log in</html>",
        "many zeros and nothing else": b"x" * 2048,
        "cut in a header": whole[:700],
        "cut in a file": whole[: second + 513],
        "cut between entries": whole[:second],
        "a damaged header": whole[:second] + b"X" + whole[second + 1 :],
    }


@pytest.mark.parametrize("name", broken())
def test_what_is_no_whole_archive_is_an_error(folder: Path, name: str) -> None:
    for unpack in (tar, lambda data, place, _: pack(data, place)):
        with pytest.raises(RenderError, match="the archive cannot be read"):
            unpack(broken()[name], folder, LIMITS)


@pytest.mark.parametrize("name", ["cut between entries", "a damaged header"])
def test_half_an_archive_looks_whole_without_checks(folder: Path, name: str) -> None:
    naively(broken()[name], folder)
    assert [path.name for path in (folder / "web").iterdir()] == ["Chart.yaml"]


@pytest.mark.parametrize("left", [0, 5, 20, 1000, 2000])
def test_truncated_gzip_is_an_error(folder: Path, left: int) -> None:
    whole = gzip.compress(archive(("web/Chart.yaml", os.urandom(2000))))
    with pytest.raises(RenderError, match=r"the archive cannot be read: it is truncated"):
        unpack_chart(whole[:left], folder, LIMITS)


def test_a_chart_that_is_not_compressed_is_an_error(folder: Path) -> None:
    with pytest.raises(RenderError, match="not compressed with gzip"):
        unpack_chart(archive(*CHART.items()), folder, LIMITS)


NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "no directory": ("Chart.yaml", "not in the directory of the chart"),
    "another directory": ("other/values.yaml", "more than one directory at its top"),
    "a parent": ("web/../../x", "leads out of it"),
    "a parent as on Windows": ("web\\..\\..\\x", "leads out of it"),
    "a drive": ("web/c:/x", "not in the directory of the chart"),
    "a drive as on Windows": ("web\\c:\\x", "not in the directory of the chart"),
    "a duplicate": ("web/./Chart.yaml", "more than once"),
    "a long name": (f"web/{'x' * 256}", "a path that is too long"),
    "a long path": ("web/" + "x/" * 600 + "x", "a path that is too long"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_packed_chart_has_are_refused(folder: Path, name: str) -> None:
    wrong, says = NAMES[name]
    with pytest.raises(RenderError, match=says):
        pack(archive(*CHART.items(), (wrong, b"x")), folder)
    assert list(folder.iterdir()) == []


def test_files_of_git_itself_are_refused(folder: Path) -> None:
    for name in (".git/config", "base/.GIT/hooks/x"):
        with pytest.raises(RenderError, match="files of git itself"):
            unpack_tar(archive((name, b"x")), folder, (), LIMITS)


FORMS: Final = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


@pytest.mark.parametrize("form", FORMS)
def test_a_chart_is_unpacked_as_it_was_packed(folder: Path, form: int) -> None:
    deep = f"web/{'d' * 90}/{'n' * 90}"
    files = {**CHART, deep: bytes(range(256)) * 5, "web/empty": b""}
    if form != tarfile.USTAR_FORMAT:
        files |= {"web/ü": b"", f"web/{'x' * 200}": b"x"}
    data = archive(member("web/", tarfile.DIRTYPE), *files.items(), packed=True, form=form)

    assert unpack_chart(data, folder, LIMITS) == "web"
    assert {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    } == files
    assert read_chart(data, LIMITS).files == {name[4:]: data for name, data in files.items()}


def test_gzip_in_several_parts_and_with_an_extra_field_is_read(folder: Path) -> None:
    whole = archive(*CHART.items())
    # As helm writes it: flags, and "Helm" in an extra field.
    extra = bytes([0x1F, 0x8B, 8, 4]) + bytes(6) + b"\x04\x00Helm"
    packed = extra + gzip.compress(whole[:1000])[10:] + gzip.compress(whole[1000:])
    assert unpack_chart(packed, folder, LIMITS) == "web"
    assert (folder / "web/templates/map.yaml").read_bytes() == CHART["web/templates/map.yaml"]


def test_links_in_a_chart_are_empty_files_as_for_helm(folder: Path) -> None:
    links = [member("web/a", tarfile.SYMTYPE, "/etc/passwd"), member("web/b", tarfile.LNKTYPE, "x")]
    pack(archive(*CHART.items(), *links), folder)
    for name in ("a", "b"):
        assert stat.S_ISREG((folder / "web" / name).lstat().st_mode)
        assert (folder / "web" / name).read_bytes() == b""


def test_a_commit_keeps_symlinks_and_executable_files(folder: Path) -> None:
    program = member("base/run")
    program.mode = 0o755
    data = archive(
        member("base", tarfile.DIRTYPE),
        program,
        member("base/link", tarfile.SYMTYPE, "../x\\2d.service"),
        member("base/out", tarfile.SYMTYPE, "/etc/passwd"),
        ("x\\2d.service", b"y"),
        form=tarfile.PAX_FORMAT,
    )
    unpack_tar(data, folder, (), LIMITS)
    assert (folder / "base/run").stat().st_mode & 0o777 == 0o755
    assert (folder / "base/link").read_text() == "y"
    # What follows it checks where it leads.
    assert (folder / "base/out").readlink() == Path("/etc/passwd")
    assert (folder / "x\\2d.service").stat().st_mode & 0o777 == 0o644


def test_an_existing_file_is_not_overwritten(folder: Path) -> None:
    (folder / "web").mkdir()
    (folder / "web/Chart.yaml").symlink_to(folder.parent / "outside/file")
    with pytest.raises(RenderError, match="more than once"):
        pack(archive(*CHART.items()), folder)
    assert (folder.parent / "outside/file").read_text() == "old"
