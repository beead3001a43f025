"""A chart that is a directory: what it needs, what it has of that in `charts/`, and its archive."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from avp_py.archives import read_tar
from avp_py.errors import RenderError
from avp_py.limits import Limits
from avp_py.render.chart_files import ChartFiles
from avp_py.render.chart_lock import LOCKS, Lock
from avp_py.render.chart_metadata import CHART, REQUIREMENTS, Dependency, Metadata
from avp_py.render.charts import PACKED
from avp_py.render.follow import follow

CHARTS: Final = "charts"
"""The directory of a chart that has its dependencies."""


@dataclass(frozen=True)
class LocalChart:
    """A chart that is a directory.

    Attributes:
        files: its files.
        metadata: what Chart.yaml says.
        lock: its lock file; None without one.
        lock_name: the name that its lock file has, or would have.
    """

    files: ChartFiles
    metadata: Metadata
    lock: Lock | None
    lock_name: str

    @classmethod
    def read(cls, folder: str, roots: Sequence[str], limits: Limits) -> "LocalChart":
        """Read a chart.

        Args:
            folder: its directory, symlinks resolved.
            roots: the directories that may be read, symlinks resolved.
            limits: how large it may be.

        Raises:
            RenderError: helm would not load it either, or it is too large.
            OSError: it cannot be read.
        """
        files = ChartFiles.find(folder, roots, limits)
        metadata = _metadata(files)
        # Where a chart has both, helm reads Chart.lock first and then the other one.
        found = [name for name in LOCKS if name in files.paths]
        name = found[0] if found else LOCKS[not metadata.is_v1]
        lock = Lock.read(files.read(name), name) if found else None
        return cls(files, metadata, lock, name)

    @property
    def missing(self) -> Sequence[Dependency]:
        """The dependencies without which helm does not render the chart.

        Only their names count, and only whether they are in `charts/` (CheckDependencies in
        pkg/action/install.go, Helm 4.2.4), be they switched on or not. What is in `charts/` may
        lack dependencies of its own: helm renders it without them.
        """
        needed = self.metadata.dependencies
        if not needed:
            return ()
        present = set(self._present())
        return [each for each in needed if each.name not in present]

    def _present(self) -> Iterator[str]:
        """Yield the names of the charts in `charts/`; helm reports those that it cannot load."""
        prefix = f"{CHARTS}/"
        for path in self.files.paths:
            if not path.startswith(prefix) or path[len(prefix)] in "._":
                continue
            self.files.limits.check_deadline()
            below = path.removeprefix(prefix).split("/")
            try:
                if len(below) == 1 and path.endswith(PACKED):
                    yield _packed_name(self.files.read(path), self.files.limits)
                elif len(below) == 2 and below[1] == CHART and not below[0].endswith(PACKED):
                    yield Metadata.read(self.files.read(path), None).name
            except (RenderError, OSError):
                continue

    def packed(self, added: Mapping[str, "Archive"]) -> "Archive":
        """Return the archive of the chart, as `helm package` makes it.

        Args:
            added: the archives of dependencies that it lacks, by the names of their files.

        Raises:
            RenderError: it is larger than a chart may be.
            OSError: it cannot be read.
        """
        size = sum(each.size for each in added.values())
        files: dict[str, bytes] = {}
        for path, data in self._contents(added):
            size += len(data)
            check_size(size, self.files.limits)
            files[path] = data
        return Archive(self.metadata, pack(self.metadata.name, files, self.files.limits), size)

    def _contents(self, added: Mapping[str, "Archive"]) -> Iterator[tuple[str, bytes]]:
        new = {f"{CHARTS}/{name}": each.data for name, each in added.items()}
        for path in self.files.paths:
            if path not in new:
                yield path, self.files.read(path)
        yield from new.items()


@dataclass(frozen=True)
class Archive:
    """The archive of a chart.

    Attributes:
        metadata: what Chart.yaml says.
        data: the archive.
        size: how many bytes it has when it and those in it are unpacked.
    """

    metadata: Metadata
    data: bytes = field(repr=False)
    size: int

    @property
    def file(self) -> str:
        """The name of its file, as helm writes it."""
        return f"{self.metadata.name}-{self.metadata.version}{PACKED}"


def pack(name: str, files: Mapping[str, bytes], limits: Limits) -> bytes:
    """Return the archive of a chart; the same files make the same bytes.

    Args:
        name: the chart's name.
        files: its files by their paths.
        limits: how long the run may take.
    """
    # Few charts need this, and loading these takes time.
    import gzip
    import tarfile

    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as zipped,
        tarfile.open(
            fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8"
        ) as archive,
    ):
        for path, data in files.items():
            limits.check_deadline()
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def check_size(size: int, limits: Limits) -> None:
    """Raise RenderError where a chart and its dependencies have more bytes than a chart may."""
    if size > limits.input_bytes:
        raise RenderError(
            f"with its dependencies it is larger than AVP_MAX_INPUT ({limits.input_bytes} bytes)",
            hint="the operator's setting AVP_MAX_INPUT says how large a chart may be",
        )


def may_need(folder: str, roots: Sequence[str], limits: Limits) -> bool:
    """Return whether a chart names dependencies: most name none, and need no look at all files.

    Args:
        folder: its directory, symlinks resolved.
        roots: the directories that may be read, symlinks resolved.
        limits: how large its files may be.

    Raises:
        RenderError: Chart.yaml is malformed.
        OSError: it cannot be read.
    """
    if Path(folder, REQUIREMENTS).is_symlink() or Path(folder, REQUIREMENTS).exists():
        return True
    target = follow(f"{folder}/{CHART}", tuple(roots))
    if target is None:
        # helm does not load it.
        return False
    files = ChartFiles(folder, {CHART: target}, roots, limits)
    return bool(Metadata.read(files.read(CHART), None).dependencies)


def _metadata(files: ChartFiles) -> Metadata:
    if CHART not in files.paths:
        raise RenderError(f"{CHART} is missing")
    requirements = files.read(REQUIREMENTS) if REQUIREMENTS in files.paths else None
    return Metadata.read(files.read(CHART), requirements)


def _packed_name(data: bytes, limits: Limits) -> str:
    """Return the name of the chart in an archive."""
    for entry in read_tar(data, limits, is_packed=True):
        parts = [each for each in entry.name.split("/") if each not in {"", "."}]
        if len(parts) == 2 and parts[1] == CHART and entry.kind == "file":
            return Metadata.read(entry.data, None).name
    raise RenderError(f"{CHART} is missing")
