"""The dependencies of charts, as `helm dependency build` puts them into `charts/`.

Sources: pkg/downloader/manager.go and internal/resolver/resolver.go of Helm 4.2.4; those of 3.19.4
are the same in this. Unlike helm, what a `file://` chart itself lacks is put into it, too.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from avp_py.archives import read_chart
from avp_py.errors import ChartLimitError, Failure, Failures, RenderError, quoted, shortened
from avp_py.golang.semver import RangeError, is_version, names_one, newest
from avp_py.limits import Limits
from avp_py.remotes import Fetched, Fetcher, RemoteChart, shown
from avp_py.render.below import open_folder, write_file
from avp_py.render.chart_lock import NAMED
from avp_py.render.chart_metadata import (
    CHART,
    FEWER,
    MAX_DEPENDENCIES,
    Dependency,
    Metadata,
    is_name,
)
from avp_py.render.follow import follow
from avp_py.render.local_chart import (
    CHARTS,
    Archive,
    LocalChart,
    check_size,
    may_need,
    pack,
)

LOCAL: Final = "file://"
REMOTE: Final = ("https://", "http://", "oci://")

_MAX_DEPTH: Final = 20
"""How deep `file://` dependencies may nest; two or three levels are in use."""


@dataclass(frozen=True)
class _Plan:
    """What is to be done for a chart.

    Attributes:
        chart: the chart.
        wanted: what it lacks and can be looked for.
        is_whole: whether that is all that it lacks; the rest was reported.
    """

    chart: LocalChart
    wanted: Sequence[Dependency]
    is_whole: bool


class Dependencies:
    """Completes charts whose dependencies are not in `charts/`.

    Attributes:
        warnings: what was noticed about the charts that were fetched.
    """

    def __init__(
        self, fetcher: Fetcher, roots: Sequence[str], limits: Limits, *, ranges: bool
    ) -> None:
        """Prepare for the charts of one run.

        Args:
            fetcher: fetches charts.
            roots: the directories that may be read, symlinks resolved.
            limits: how large a chart may be, with its dependencies.
            ranges: whether a dependency may name a range where no lock file says its version.
        """
        self.warnings: list[Failure] = []
        self._fetcher = fetcher
        self._roots = tuple(roots)
        self._limits = limits
        self._ranges = ranges
        self._fetched: dict[RemoteChart, Archive | Failure] = {}
        self._packed: dict[str, Archive | None] = {}
        self._plans: dict[str, _Plan | RenderError] = {}

    def is_complete(self, chart: Path) -> bool:
        """Return whether helm has all that it needs to load a chart.

        Nothing is fetched or written. A chart that cannot be read counts as complete, as helm
        reports what is wrong with it.

        Args:
            chart: its directory.

        Raises:
            ChartLimitError: it has more than is read, so that this is not known. helm may load it,
                and would only say that dependencies are missing.
        """
        folder = str(chart.resolve())
        try:
            if not may_need(folder, self._roots, self._limits):
                return True
            return not LocalChart.read(folder, self._roots, self._limits).missing
        except ChartLimitError as error:
            reason = f"the chart {quoted(chart.name)} cannot be read: {error.reason}"
            raise ChartLimitError(reason, hint=error.hint) from error
        except (RenderError, OSError):
            return True

    def complete(self, chart: Path, copy: Path) -> None:
        """Put what a chart lacks into a copy of it.

        Args:
            chart: its directory, which `file://` dependencies are relative to.
            copy: a copy of the directory, which is written to.

        Raises:
            GenerateError: dependencies are missing: one failure for each.
            RenderError: the chart cannot be read, or needs too many charts.
            OSError: the copy cannot be written.
        """
        failures = Failures()
        # What is None there was reported by a chart before.
        self._packed = {folder: each for folder, each in self._packed.items() if each}
        local = LocalChart.read(str(chart.resolve()), self._roots, self._limits)
        added = self._missing(self._prepare(local, failures), failures, ())
        failures.raise_any(self.warnings)
        check_size(sum(each.size for each in added.values()), self._limits)
        if added:
            _write(copy, added)

    def _prepare(self, chart: LocalChart, failures: Failures) -> _Plan:
        """Plan for a chart and all `file://` charts that it needs, and fetch what they lack.

        The charts that one level of them needs are fetched together.

        Args:
            chart: the chart.
            failures: takes what is wrong.

        Raises:
            ChartLimitError: these are too many.
        """
        first = self._plan(chart, failures)
        self._plans = {chart.files.folder: first}
        level: Sequence[_Plan] = [first]
        needed: set[str | RemoteChart] = set()
        while level:
            wanted = [(each, plan.chart) for plan in level for each in plan.wanted]
            remotes = [_remote(each) for each, _ in wanted if not _is_local(each)]
            found = (self._folder(each, needing) for each, needing in wanted if _is_local(each))
            folders = dict.fromkeys(each for each in found if each and Path(each).is_dir())
            needed.update(folders, remotes)
            if len(needed) > MAX_DEPENDENCIES:
                raise ChartLimitError(
                    f"the chart {chart.metadata.name} needs more than {MAX_DEPENDENCIES} charts "
                    f"that are not in {CHARTS}/, with those that its {LOCAL} charts need",
                    hint=FEWER,
                )
            self._fetch(remotes, failures)
            level = self._plan_all(folders, failures)
        return first

    def _plan_all(self, folders: Iterable[str], failures: Failures) -> Sequence[_Plan]:
        """Plan for the charts in directories, and return the plans that are new."""
        plans: list[_Plan] = []
        for folder in folders:
            if folder in self._plans or folder in self._packed:
                continue
            try:
                chart = LocalChart.read(folder, self._roots, self._limits)
            except RenderError as error:
                # It is reported with the chart that needs this one.
                self._plans[folder] = error
            except OSError as error:
                self._plans[folder] = RenderError(f"it cannot be read: {error.strerror}")
            else:
                self._plans[folder] = plan = self._plan(chart, failures)
                plans.append(plan)
        return plans

    def _plan(self, chart: LocalChart, failures: Failures) -> _Plan:
        count = len(failures)
        wanted = self._wanted(chart, failures)
        return _Plan(chart, wanted, len(failures) == count)

    def _folder(self, dependency: Dependency, chart: LocalChart) -> str | None:
        """Return the directory of a `file://` chart; None where it is outside."""
        path = Path(chart.files.folder) / dependency.repository.removeprefix(LOCAL)
        return follow(os.path.normpath(path), self._roots)

    def _missing(
        self, plan: _Plan, failures: Failures, above: tuple[str, ...]
    ) -> Mapping[str, Archive]:
        """Return the archives that a chart lacks, by the names of their files.

        Args:
            plan: what it lacks; what is remote was fetched.
            failures: takes what is wrong.
            above: the directories of the charts that need this one.
        """
        chart = plan.chart
        added: dict[str, Archive] = {}
        for each in plan.wanted:
            found: Archive | Failure | None
            try:
                if _is_local(each):
                    found = self._local(each, chart, failures, above)
                else:
                    found = self._fetched.get(_remote(each))
            except OSError as error:
                found = Failure(f"it cannot be read: {error.strerror}")
            except RenderError as error:
                found = error.failures[0]
            if isinstance(found, Failure):
                _add(failures, each, chart, found)
            elif found is not None:
                added[found.file] = found
        return added

    def _wanted(self, chart: LocalChart, failures: Failures) -> Sequence[Dependency]:
        """Return what a chart lacks, each with the version to fetch, and each once."""
        missing = chart.missing
        required = chart.metadata.dependencies
        lock = chart.lock
        if missing and lock and not lock.is_of(required, is_v1=chart.metadata.is_v1):
            failures.add(_out_of_sync(chart, missing))
            return ()
        names = {each.name for each in missing}
        locked = [each for each in (lock and lock.dependencies) or () if each.name in names]
        absent = names - {each.name for each in locked}
        if lock and absent:
            failures.add(_out_of_sync(chart, [each for each in missing if each.name in absent]))
        wanted = {
            (each.name, each.version, each.repository): each
            for each in (locked if lock else missing)
        }
        refused = {key: self._refusal(each, chart) for key, each in wanted.items()}
        for key, failure in refused.items():
            if failure is not None:
                _add(failures, wanted[key], chart, failure)
        return [each for key, each in wanted.items() if refused[key] is None]

    def _refusal(self, dependency: Dependency, chart: LocalChart) -> Failure | None:
        """Return why a dependency cannot be looked for, or None."""
        repository, version = dependency.repository, dependency.version
        if not is_name(dependency.name):
            return Failure("this is not a name of a chart", f"correct it in {CHART}")
        if not repository:
            return Failure(
                f"it is not in {CHARTS}/, and has no repository",
                f"put it into {CHARTS}/, or name its repository in {CHART}",
            )
        if repository.startswith(NAMED):
            return Failure(
                f"its repository is {quoted(repository)}, a name that only helm's configuration "
                "knows",
                "write the URL of the repository in its place",
            )
        if not repository.startswith((LOCAL, *REMOTE)):
            return Failure(
                f"its repository {quoted(shown(repository))} is not a URL that is supported",
                "write a URL with https://, http://, oci:// or file://",
            )
        try:
            newest((), version)
        except RangeError as error:
            return Failure(error.reason, error.hint)
        if not version:
            return Failure("it has no version", f"write its version in {CHART}")
        if not (repository.startswith(LOCAL) or self._ranges or names_one(version)):
            lacking = "" if chart.lock else f", and the chart has no {chart.lock_name}"
            return Failure(
                f"its version {quoted(version)} is a range{lacking}",
                f"run `helm dependency update`, and commit {chart.lock_name}; or write an exact "
                "version; the operator's setting AVP_CHART_RANGES=true permits ranges",
            )
        return None

    def _local(
        self,
        dependency: Dependency,
        chart: LocalChart,
        failures: Failures,
        above: tuple[str, ...],
    ) -> Archive | None:
        """Return the archive of a chart in another directory; None where that lacks something.

        Raises:
            RenderError: it is not there, or not the one that is needed.
            OSError: it cannot be read.
        """
        here = chart.files.folder
        above = (*above, here)
        folder = self._folder(dependency, chart)
        if folder is None:
            raise RenderError(
                "its directory is outside of the repository",
                hint="move it into the repository, or publish it and name its URL",
            )
        if folder not in self._plans and folder not in self._packed:
            raise RenderError("its directory does not exist", hint=f"correct the path in {CHART}")
        if folder in above:
            raise RenderError(
                "it leads in a circle: that chart needs this one, too",
                hint=f"remove one of the dependencies from {CHART}",
            )
        if len(above) > _MAX_DEPTH:
            raise RenderError(
                f"charts that are named with file:// nest deeper than {_MAX_DEPTH} levels",
                hint="name one of them in the first chart",
            )
        if folder not in self._packed:
            self._packed[folder] = None
            self._packed[folder] = self._pack(folder, failures, above)
        found = self._packed[folder]
        if found is not None:
            _check(found.metadata, dependency, chart.lock_name if chart.lock else "")
        return found

    def _pack(self, folder: str, failures: Failures, above: tuple[str, ...]) -> Archive | None:
        plan = self._plans[folder]
        if isinstance(plan, RenderError):
            raise plan
        count = len(failures)
        added = self._missing(plan, failures, above)
        is_whole = plan.is_whole and len(failures) == count
        return plan.chart.packed(added) if is_whole else None

    def _fetch(self, remotes: Sequence[RemoteChart], failures: Failures) -> None:
        """Fetch what was not fetched yet, all at the same time."""
        wanted = [each for each in dict.fromkeys(remotes) if each not in self._fetched]
        if not wanted:
            return
        with failures.catch():
            for remote, found in zip(wanted, self._fetcher.fetch(wanted), strict=True):
                self._fetched[remote] = (
                    found if isinstance(found, Failure) else self._checked(remote, found)
                )

    def _checked(self, remote: RemoteChart, fetched: Fetched) -> Archive | Failure:
        """Return a chart that was fetched, if helm may read it.

        It is packed anew: helm gets the files that were read here, however it would read the
        archive that came.
        """
        if fetched.warning and fetched.warning not in self.warnings:
            self.warnings.append(fetched.warning)
        try:
            files = read_chart(fetched.data, self._limits).files
            metadata = Metadata.read(files.get(CHART, b""), None)
            _check(metadata, Dependency(remote.name, remote.version, remote.repository), "")
        except RenderError as error:
            return error.failures[0]
        packed = pack(metadata.name, files, self._limits)
        return Archive(metadata, packed, sum(map(len, files.values())))


def _is_local(dependency: Dependency) -> bool:
    return dependency.repository.startswith(LOCAL)


def _remote(dependency: Dependency) -> RemoteChart:
    return RemoteChart(dependency.repository, dependency.name, dependency.version)


def _check(metadata: Metadata, dependency: Dependency, lock: str) -> None:
    """Check that a chart is the one that is needed; helm would leave out another one.

    Args:
        metadata: what the chart says of itself.
        dependency: what is needed.
        lock: the name of the lock file that says so; empty without one.

    Raises:
        RenderError: it is another one.
    """
    if metadata.name != dependency.name:
        raise RenderError(
            f"the chart there has the name {quoted(metadata.name)}",
            hint="correct the name or the repository of the dependency",
        )
    version, wanted = metadata.version, dependency.version
    if not is_version(version) or newest([version], wanted) is None:
        where = f" as {lock} says" if lock else ""
        raise RenderError(
            f"the chart there has the version {quoted(version)}, not {quoted(wanted)}{where}",
            hint=f"run `helm dependency update`, and commit {lock}"
            if lock
            else "correct the version of the dependency, or that of the chart",
        )


def _add(failures: Failures, dependency: Dependency, chart: LocalChart, failure: Failure) -> None:
    repository = f" ({shown(dependency.repository)})" if dependency.repository else ""
    what = (
        f"the dependency {shortened(dependency.name)}{repository} of the chart "
        f"{chart.metadata.name} is missing"
    )
    failures.add(replace(failure, reason=f"{what}: {failure.reason}"))


def _out_of_sync(chart: LocalChart, missing: Sequence[Dependency]) -> Failure:
    names = ", ".join(shortened(each.name) for each in missing)
    source = "requirements.yaml" if chart.metadata.is_v1 else CHART
    return Failure(
        f"{chart.lock_name} of the chart {chart.metadata.name} is out of sync with {source}, so "
        f"that the versions of its dependencies are not known: {names}",
        f"run `helm dependency update`, and commit {chart.lock_name}",
    )


def _write(copy: Path, added: Mapping[str, Archive]) -> None:
    """Write archives into `charts/` of a copy, which may hold symlinks: none is followed.

    Raises:
        RenderError: that is not a directory.
        OSError: they cannot be written.
    """
    with contextlib.ExitStack() as opened:
        try:
            (copy / CHARTS).mkdir(exist_ok=True)
            folder = opened.enter_context(open_folder(copy, (CHARTS,)))
        except (FileExistsError, NotADirectoryError):
            raise RenderError(
                f"{CHARTS}/ of the chart is not a directory, so that no dependency can be put "
                "there",
                hint="replace it by a directory, or remove it; a symlink does not serve",
            ) from None
        for name, each in added.items():
            # helm overwrites it, too.
            write_file(folder, name, each.data)
