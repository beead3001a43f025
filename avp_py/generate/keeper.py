"""The keeper: it holds the operator's credentials, enforces the policy, reads secrets, and fetches.

What renders and rewrites reaches secrets and other machines through this interface only, and needs
no credential.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from avp_py import backends
from avp_py.backends import Backend, Location, Secret, Target
from avp_py.errors import Failure, PathError
from avp_py.generate.secret import ReadSecret, complete, read_from_cluster
from avp_py.policy import PolicyGate, normalise, read_permissions
from avp_py.settings import Resolution, Settings

if TYPE_CHECKING:
    from avp_py.fetch.depot import Depot
    from avp_py.generate.fetcher import OperatorsFetcher
    from avp_py.remotes import Fetched, Remote

OpenBackend: TypeAlias = Callable[[Settings, Mapping[str, str]], Backend]
"""Makes the backend, from the settings and the environment."""


@dataclass(frozen=True)
class Terms:
    """What a request must know before it can say which secrets it needs.

    Attributes:
        path_template: the template of the path of a document that names none.
        by_kind: whether the policy depends on the kinds of documents.
        warnings: what is probably not meant in the settings.
    """

    path_template: str
    by_kind: bool
    warnings: Sequence[Failure] = ()


class Keeper(ABC):
    """Reads secrets for one request."""

    @abstractmethod
    def terms(self, seconds: float) -> Terms:
        """Return what applies to the request, with the settings of its Secret.

        Args:
            seconds: how long reading the Secret may take.

        Raises:
            PathError: the output would be committed to git.
            AvpError: the Secret cannot be read, may not be named, or sets what it may not.
        """

    @abstractmethod
    def fetch(self, wanted: Sequence["Remote"], deadline: float) -> Sequence["Fetched | Failure"]:
        """Fetch what a render needs from other machines.

        Args:
            wanted: what to fetch.
            deadline: when it must be there, on the clock of time.monotonic().

        Returns:
            For each remote what it is, or why it cannot be fetched.

        Raises:
            AvpError: nothing can be fetched.
        """

    @abstractmethod
    def read(self, targets: Sequence[Target], deadline: float) -> Mapping[Target, Secret | Failure]:
        """Read each target once, after `terms`.

        Args:
            targets: what to read.
            deadline: when all must be read, on the clock of time.monotonic().

        Returns:
            The secret of each target, or why it cannot be read.

        Raises:
            AvpError: nothing can be read.
        """


class LocalKeeper(Keeper):
    """The keeper of one run, in a process that has the operator's credentials.

    Attributes:
        denied: how many targets the policy did not allow, or were not valid.
        asker: a descriptor that becomes readable once nobody wants what is fetched any more.
    """

    def __init__(
        self,
        resolution: Resolution,
        open_backend: OpenBackend = backends.open_backend,
        read_secret: ReadSecret = read_from_cluster,
        depot: "Depot | None" = None,
    ) -> None:
        """Read the policy; neither a Secret that a tenant names nor the run itself can change it.

        Args:
            resolution: the settings, and the Secret with further ones.
            open_backend: makes the backend; called only where something is to be read.
            read_secret: reads the Secret; called once at most.
            depot: what fetching shares with other requests of the process; None for nothing.

        Raises:
            AvpError: the operator's policy cannot be read.
        """
        self.denied = 0
        self.asker: int | None = None
        self._resolution = resolution
        self._open_backend = open_backend
        self._read_secret = read_secret
        self._depot = depot
        self._fetcher: OperatorsFetcher | None = None
        self._settings = resolution.settings
        self._permissions = read_permissions(self._settings.policy.file, self._settings.identity)

    def terms(self, seconds: float) -> Terms:
        """Read the settings Secret, if there is one."""
        if self._resolution.is_for_hydrator:
            raise PathError(
                "Argo CD's source hydrator makes this request, and would commit the secrets to git",
                hint="use spec.source instead of spec.sourceHydrator, or hydrate without this "
                "plugin and fill the placeholders when the hydrated branch is deployed "
                "(plugin avp)",
            )
        gate = PolicyGate(self._settings.identity, self._permissions)
        self._settings = complete(self._resolution, gate, seconds, self._read_secret)
        policy = self._settings.policy
        return Terms(policy.path_template, gate.depends_on_kind, self._settings.warnings)

    def fetch(self, wanted: Sequence["Remote"], deadline: float) -> Sequence["Fetched | Failure"]:
        """Fetch what the policy allows; credentials are read where it allows anything."""
        if self._fetcher is None:
            # Late: most renders need nothing from elsewhere.
            from avp_py.generate.fetcher import OperatorsFetcher

            self._fetcher = OperatorsFetcher(
                self._resolution, self._permissions, self._depot, self.asker
            )
        return self._fetcher.fetch(wanted, deadline)

    def read(self, targets: Sequence[Target], deadline: float) -> Mapping[Target, Secret | Failure]:
        """Read what the policy allows; where that is nothing, no backend is even opened."""
        settings = self._settings
        gate = PolicyGate(
            self._resolution.settings.identity, self._permissions, settings.policy.path_validation
        )
        refused = backends.refused(targets, gate, partial(_candidates, settings), deadline)
        self.denied += len(refused)
        wanted = [each for each in targets if each not in refused]
        if not wanted:
            return refused
        backend = self._open_backend(settings, self._resolution.sources.environ)
        try:
            concurrency = settings.backend.concurrency
            return {**refused, **backends.read_all(backend, wanted, concurrency, deadline, gate)}
        finally:
            backend.close()


def _candidates(settings: Settings, location: Location) -> Iterable[str]:
    """Return every path that the backend may request for a location.

    Raises:
        PathError: the path is not valid, and so none that is made of it.
        PlaceholderError: the location is not valid otherwise.
    """
    normalise(location.path)
    return backends.candidates(settings, location)
