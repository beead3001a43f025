"""The fetches of one run, in the process that has the operator's credentials.

It is loaded only where something is fetched.
"""

import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from avp_py.errors import Failure
from avp_py.fetch import process
from avp_py.fetch.credential import Credential, Offer, choose
from avp_py.fetch.depot import Depot
from avp_py.fetch.service import Service
from avp_py.generate.credentials import read_credentials
from avp_py.policy import PolicyGate
from avp_py.policy.decide import Permissions
from avp_py.remotes import Fetched, Remote
from avp_py.settings import Resolution, without_argocds

logger: Final = logging.getLogger(__name__)


_UNRESTRICTED: Final = (
    "there are credentials for repositories, and every Application may use them; next: write fetch "
    "rules into the policy (docs/policy.md)"
)


class OperatorsFetcher:
    """Fetches what the policy allows, with the credentials of the operator."""

    def __init__(
        self,
        resolution: Resolution,
        permissions: Permissions | None,
        depot: Depot | None,
        asker: int | None,
    ) -> None:
        """Make it; nothing is read yet.

        Args:
            resolution: the settings of the operator.
            permissions: the policy; None without one.
            depot: what fetching shares with other requests of the process; None for nothing.
            asker: a descriptor that becomes readable once nobody wants anything any more.
        """
        self._asker = asker
        self._resolution = resolution
        self._permissions = permissions
        self._depot = depot or Depot()
        self._credentials: Sequence[Offer] | None = None
        self._reading = threading.Lock()

    def fetch(self, wanted: Sequence[Remote], deadline: float) -> Sequence[Fetched | Failure]:
        """Fetch; a credential is read where the policy allows what it is for.

        Args:
            wanted: what to fetch.
            deadline: when it must be there, on the clock of time.monotonic().

        Raises:
            AvpError: nothing can be fetched.
        """
        settings = self._resolution.settings
        gate = PolicyGate(settings.identity, self._permissions)
        service = Service(
            settings.fetch,
            settings.render,
            self._resolution.sources.environ,
            partial(gate.check_fetch, by_default=settings.render.network),
            partial(self._choose, deadline),
            self._depot,
            settings.limits,
            partial(process.fetch, asker=self._asker),
            gate.denied_urls(),
        )
        return service.fetch(wanted, deadline)

    def _choose(self, deadline: float, url: str) -> Credential | None:
        """Return the credential for a URL; which ones there are is read once."""
        settings = self._resolution.settings
        with self._reading:
            if self._credentials is None:
                operators = without_argocds(self._resolution.sources.environ)
                seconds = deadline - time.monotonic()
                self._credentials, warnings = read_credentials(
                    settings, operators, seconds, self._depot
                )
                permissions = self._permissions
                if self._credentials and (permissions is None or permissions.fetch(url) is None):
                    logger.warning("%s", _UNRESTRICTED)
                # They are the operator's to act on, and no tenant's to see.
                for each in warnings:
                    logger.warning("%s; next: %s", each.reason, each.hint)
        chosen = choose(self._credentials, url, settings.identity.project)
        return chosen.read() if chosen is not None else None
