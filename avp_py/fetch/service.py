"""Fetches for one request: policy, credential, cache, and only then the other machine."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from avp_py.errors import AvpError, Failure, FetchError, quoted
from avp_py.fetch.cache import Cache, Entry, key_of
from avp_py.fetch.claims import check_submodules, check_version
from avp_py.fetch.credential import Credential
from avp_py.fetch.depot import Allowance, Depot
from avp_py.fetch.fingerprint import fingerprint
from avp_py.fetch.job import Job
from avp_py.fetch.lending import Lender, Lent
from avp_py.fetch.process import Left, fetch, gits_variables
from avp_py.golang import semver
from avp_py.remotes import (
    Fetched,
    Remote,
    RemoteChart,
    RemoteCommit,
    RemoteFile,
    Submodule,
)
from avp_py.settings import FetchSettings, LimitSettings, RenderSettings
from avp_py.urls import normalise

AT_ONCE: Final = 4
"""How many remotes of one request are fetched at the same time."""

_EXACT, _FLOATING = "exact", "floating"
"""The kinds of entries for versions and commits: what was wanted when they were fetched."""

MAX_VERSIONS: Final = 50
"""How many versions of a chart, or commits of a repository, are remembered as kept."""

Check: TypeAlias = Callable[[Remote], None]
"""Raises AvpError where a remote, with its URL normalised, may not be fetched."""

Choose: TypeAlias = Callable[[str], Credential | None]
"""Returns the credential for a URL, normalised."""

Run: TypeAlias = Callable[[Job, bytes, RenderSettings, Mapping[str, str]], Left]
"""Runs a job; `process.fetch`."""


@dataclass(frozen=True)
class Service:
    """Fetches for one request.

    Attributes:
        settings: what the operator says about fetching.
        render: the ports, the sandbox, and the variables for git.
        environ: the environment of the operator, and the variables of the request.
        check: the policy.
        choose: the credentials.
        depot: what is shared with other requests.
        limits: how large one chart, commit or file may be, and how much memory fetching it takes.
        run: runs a job.
        denied: what the policy denies, for URLs that a server names (Job.denied).
    """

    settings: FetchSettings
    render: RenderSettings
    environ: Mapping[str, str] = field(repr=False)
    check: Check
    choose: Choose
    depot: Depot
    limits: LimitSettings
    run: Run = fetch
    denied: tuple[str, ...] = ()

    def fetch(self, wanted: Sequence[Remote], deadline: float) -> Sequence[Fetched | Failure]:
        """Return for each remote what it is, or why it cannot be fetched.

        Args:
            wanted: what to fetch.
            deadline: when it must be there, on the clock of time.monotonic().
        """
        if not wanted:
            return ()
        cache = self.depot.cache(self.settings)
        allowance = Allowance(self.limits.input_bytes)
        lender = Lender(self.render, self.environ)

        def one(remote: Remote) -> Fetched | Failure:
            try:
                return allowance.take(self._one(remote, cache, lender, deadline))
            except AvpError as error:
                (failure, *_) = error.failures
                return replace(failure, reason=f"{remote} cannot be fetched: {failure.reason}")

        if len(wanted) == 1:
            return [one(wanted[0])]
        with ThreadPoolExecutor(min(len(wanted), AT_ONCE)) as threads:
            return list(threads.map(one, wanted))

    def _one(self, remote: Remote, cache: Cache | None, lender: Lender, deadline: float) -> Fetched:
        url, remote = _normalised(remote)
        self.check(remote)
        meant = url
        if isinstance(remote, RemoteChart) and _is_registry(url):
            # Of a chart repository the index is needed, too, which is above its charts.
            meant = f"{url}/{remote.name}"
        credential = self.choose(meant)
        seconds = max(min(deadline - time.monotonic(), self.render.timeout), 0)
        end = time.monotonic() + seconds
        lent = Lent()
        # The CA certificate of the server can be ours, and the password Argo CD's.
        if isinstance(remote, RemoteCommit) and not (credential and credential.has_login):
            lent = lender.lend(url, seconds)
        job = Job(
            remote=remote,
            credential=credential.as_mapping() if credential else {},
            askpass=lent.variables,
            hosts=self.settings.hosts,
            ports=self.render.ports,
            denied=self.denied,
            seconds=max(end - time.monotonic(), 0),
            max_bytes=self.limits.input_bytes,
            memory_bytes=self.limits.memory_bytes,
        )
        one = _One(self, job, url, self._fingerprints(job, credential), cache, lent.problem)
        try:
            return self.depot.share(one.key, job.seconds, one.fetch)
        except FetchError as error:
            return one.outdated(error)

    def _fingerprints(self, job: Job, credential: Credential | None) -> Sequence[str]:
        """Return what differs where something else may be seen.

        That is another credential, and what is denied: a server may have led to it.
        """
        found = [credential.fingerprint if credential else ""]
        if isinstance(job.remote, RemoteCommit):
            operators = gits_variables(self.render, self.environ)
            found.append(fingerprint(job.askpass, job.askpass))
            found.append(fingerprint(self.environ, operators))
        return [*found, *sorted(job.denied)]


class _One:
    """One remote, for one credential."""

    def __init__(
        self,
        service: Service,
        job: Job,
        url: str,
        fingerprints: Sequence[str],
        cache: Cache | None,
        problem: str,
    ) -> None:
        self._service = service
        self._job = job
        self._remote = remote = job.remote
        self._cache = cache
        self._deadline = time.monotonic() + job.seconds
        name = remote.name if isinstance(remote, RemoteChart) else ""
        kind = type(remote).__name__
        self._place = (kind, url, name, *fingerprints)
        self._problem = problem
        self._wanted = ""
        if isinstance(remote, RemoteChart):
            self._wanted = remote.version
        elif isinstance(remote, RemoteCommit):
            self._wanted = remote.ref
        self.key = key_of("wanted", *self._place, self._wanted)

    def fetch(self) -> Fetched:
        """Return it from the cache where it is exact and there, else as the repository has it.

        Raises:
            FetchError: it cannot be fetched, and is not there either.
        """
        if self._cache is None:
            return self._fetch()
        if (kept := self._exact(self._cache)) is not None:
            self._note("cache")
            return kept
        with self._cache.locked(self.key, self._job.seconds / 2):
            # Another process may have fetched it meanwhile.
            return self._exact(self._cache) or self._fetch()

    def _exact(self, cache: Cache) -> Fetched | None:
        """Return what is in the cache and cannot change."""
        entry = self._kept_version(cache, self._wanted) if self._is_exact else None
        return None if entry is None else _fetched(entry)

    def _fetch(self) -> Fetched:
        last = self._last()
        job = replace(
            self._job, known=self._known(self._kinds), etag=last.etag, seconds=self._seconds()
        )
        left = self._run(job, last)
        kept = self._kept(left, last)
        if left.data is None and kept is None and job.known:
            # Meanwhile it was removed from the cache, or was corrupt.
            left = self._run(replace(job, known=(), seconds=self._seconds()), last)
            kept = self._kept(left, last)
        fetched = self._keep(left, kept)
        self._note("repository" if left.data is not None else "confirmed")
        return fetched

    def _seconds(self) -> float:
        """Return how long the process may take.

        A chart that was served before has half of the time: where the repository hangs, all charts
        of a kustomization, which come one after the other, can still be served from the cache.
        """
        left = max(self._deadline - time.monotonic(), 0)
        is_chart = isinstance(self._remote, RemoteChart)
        return left / 2 if is_chart and self._has(self._newest(), self._kinds) else left

    def outdated(self, error: FetchError) -> Fetched:
        """Return what was served before.

        Args:
            error: why it cannot be fetched now.

        Raises:
            FetchError: it was not served before, or the server rejects us.
        """
        if not error.is_down or (before := self._before()) is None:
            self._note("failed")
            raise error
        self._note("outdated")
        warning = Failure(
            f"{self._remote} may be outdated: {error.reason}; what was fetched before is used",
            hint=error.hint,
        )
        return replace(before, warning=warning)

    def _run(self, job: Job, last: Entry) -> Left:
        service = self._service
        left = service.run(job, last.data, service.render, service.environ)
        outcome = left.outcome
        if outcome.reason and self._problem:
            detail = "\n".join(filter(None, (outcome.detail, self._problem)))
            outcome = replace(outcome, detail=detail)
        outcome.check()
        check_version(self._remote, outcome.version)
        check_submodules(outcome.submodules)
        return left

    def _kept(self, left: Left, last: Entry) -> Entry | None:
        """Return what need not be sent again; None where it was sent, or is not there any more."""
        if left.data is not None:
            return None
        if isinstance(self._remote, RemoteFile):
            return last if left.outcome.is_unchanged else None
        if self._cache is None:
            return None
        return self._kept_version(self._cache, left.outcome.version)

    def _note(self, source: str) -> None:
        kind = type(self._remote).__name__.removeprefix("Remote").lower()
        self._service.depot.note(kind, source)

    def _keep(self, left: Left, kept: Entry | None) -> Fetched:
        """Return what was fetched, and keep it.

        Raises:
            FetchError: there is nothing.
        """
        outcome, cache = left.outcome, self._cache
        if cache is not None and left.index is not None:
            cache.put(self._last_key(), Entry(left.index, etag=outcome.etag))
        if left.data is not None:
            kept = Entry(
                left.data,
                outcome.version,
                outcome.etag,
                outcome.submodules,
                outcome.submodules_error,
            )
            if cache is not None:
                for key in self._keys(outcome.version):
                    cache.put(key, kept)
        if kept is None:
            raise FetchError("the process that fetches left nothing", hint="try again")
        if not isinstance(self._remote, RemoteFile):
            self._remember(outcome.version)
        return _fetched(kept)

    def _keys(self, version: str) -> set[str]:
        """Return the keys under which what was sent is kept."""
        if isinstance(self._remote, RemoteFile):
            return {self._last_key()}
        # An exact version of a chart may be wanted in a spelling of its own.
        is_chart = isinstance(self._remote, RemoteChart)
        names = {version, self._wanted} if is_chart and self._is_exact else {version}
        return {self._version_key(each, self._kinds[0]) for each in names}

    @functools.cached_property
    def _is_exact(self) -> bool:
        """Whether what is wanted cannot change."""
        if isinstance(self._remote, RemoteChart):
            return semver.is_exact(self._wanted)
        return isinstance(self._remote, RemoteCommit) and self._remote.is_exact

    @property
    def _kinds(self) -> Sequence[str]:
        """The kinds of entries that serve, first the one that is written.

        Of a branch or a range, only the process that fetches knows which commit or version it is.
        One that a server has taken over could claim any: whoever names that one gets another entry.
        """
        return (_EXACT,) if self._is_exact else (_FLOATING, _EXACT)

    def _last(self) -> Entry:
        """Return what the repository served before: its index, or the file."""
        entry = self._cache.get(self._last_key()) if self._cache is not None else None
        return entry or Entry()

    def _last_key(self) -> str:
        kind, url, _, *rest = self._place
        return key_of("last", kind, url, *rest)

    def _version_key(self, version: str, kind: str) -> str:
        return key_of(kind, *self._place, version)

    def _kept_version(self, cache: Cache, version: str) -> Entry | None:
        """Return a version, or a commit, that is kept."""
        found = (cache.get(self._version_key(version, kind)) for kind in self._kinds)
        return next(filter(None, found), None)

    def _has(self, version: str, kinds: Sequence[str]) -> bool:
        """Return whether a version, or a commit, is kept in an entry of some kinds."""
        cache = self._cache
        return cache is not None and any(
            cache.has(self._version_key(version, kind)) for kind in kinds
        )

    def _known(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """Return the versions or commits that are kept in entries of some kinds."""
        if self._cache is None:
            return ()
        entry = self._cache.get(key_of("versions", *self._place))
        versions = entry.version.split("\n") if entry is not None else []
        return tuple(each for each in versions if self._has(each, kinds))

    def _newest_key(self) -> str:
        return key_of("newest", *self._place, self._wanted)

    def _newest(self) -> str:
        """Return what the wanted one was when the repository was last reached, or an empty text."""
        entry = self._cache.get(self._newest_key()) if self._cache is not None else None
        return entry.version if entry is not None else ""

    def _remember(self, version: str) -> None:
        """Remember which version is the wanted one, and that it is kept."""
        if self._cache is None:
            return
        if self._newest() != version:
            self._cache.put(self._newest_key(), Entry(version=version))
        known = self._known((_FLOATING, _EXACT))
        if version not in known:
            versions = "\n".join([*known, version][-MAX_VERSIONS:])
            self._cache.put(key_of("versions", *self._place), Entry(version=versions))

    def _before(self) -> Fetched | None:
        """Return what was served when the repository was last reached; None for nothing."""
        if self._cache is None:
            return None
        if isinstance(self._remote, RemoteFile):
            entry = self._cache.get(self._last_key())
            return None if entry is None else _fetched(entry)
        entry = self._kept_version(self._cache, self._newest())
        return None if entry is None else _fetched(entry)


def _normalised(remote: Remote) -> tuple[str, Remote]:
    """Return the URL of a remote, normalised, and the remote with it."""
    if isinstance(remote, RemoteFile):
        url = normalise(remote.url)
        return url, RemoteFile(url)
    url = normalise(remote.repository).removesuffix("/")
    if isinstance(remote, RemoteChart) and "/" in remote.name and not _is_registry(url):
        # The URL that rules are about would be that of another repository.
        raise FetchError(
            f"{quoted(remote.name)} is a path, and not the name of a chart",
            hint="put the beginning of the path into the URL of the repository; a name with "
            "slashes is for registries (oci://)",
        )
    return url, replace(remote, repository=url)


def _is_registry(url: str) -> bool:
    return url.startswith("oci://")


def _fetched(entry: Entry) -> Fetched:
    modules = tuple(
        Submodule(path, RemoteCommit(url, commit)) for path, url, commit in entry.submodules
    )
    return Fetched(entry.data, entry.version, modules, entry.submodules_error)
