"""The gate before every read and fetch: what a request may get from a backend, and elsewhere."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from avp_py.errors import FetchError, PathError, SettingsError
from avp_py.policy.paths import normalise, validate
from avp_py.settings import Identity, Regexp, Trust

if TYPE_CHECKING:
    from avp_py.policy.decide import Permissions
    from avp_py.remotes import Remote


def read_permissions(file: str | None, identity: Identity) -> "Permissions | None":
    """Return what the operator's policy says about a request; None where there is no policy.

    Raises:
        AvpError: the policy cannot be read.
    """
    if file is None:
        return None
    # Late: many operators have no policy.
    from avp_py.policy.decide import Permissions
    from avp_py.policy.document import read_policy

    return Permissions(read_policy(Path(file)), identity)


class PolicyGate:
    """The policy and AVP_PATH_VALIDATION, for one identity."""

    def __init__(
        self,
        identity: Identity,
        permissions: "Permissions | None",
        validation: Regexp | None = None,
    ) -> None:
        """Make the gate.

        Args:
            identity: the Application.
            permissions: what the policy allows; None where the operator has none.
            validation: what every path must match from its beginning, or None.
        """
        self._identity = identity
        self._permissions = permissions
        self._validation = validation

    @property
    def depends_on_kind(self) -> bool:
        """Whether a verdict depends on the kind of the document."""
        return self._permissions is not None and self._permissions.depends_on_kind

    def __call__(self, path: str, kind: str) -> None:
        """Check a path.

        Args:
            path: the path, exactly as it would be requested.
            kind: the kind of the document that it is for, where that matters.

        Raises:
            PathError: it may not be read; the message names no rule.
        """
        if normalise(path) != path:
            raise PathError(f"the path {path[:200]} is not normalised")
        validate(path, self._validation)
        if self._permissions is None:
            return
        verdict = self._permissions.path(path, kind or None)
        if verdict.allowed:
            return
        if verdict.kinds:
            raise PathError(
                f"the policy does not allow the path {path[:200]} in a {kind[:80]}",
                hint=f"it is allowed in {', '.join(verdict.kinds)}",
            )
        raise PathError(
            f"the policy does not allow the path {path[:200]}",
            hint=f"ask the operator to allow it for {self._who()}",
        )

    def check_secret(self, namespace: str, name: str) -> None:
        """Check whether the Application may name a Secret with the backend's settings.

        Raises:
            SettingsError: the policy does not allow it.
        """
        if self._permissions is None or self._permissions.secret(namespace, name).allowed:
            return
        raise SettingsError(
            f"the policy does not let the Application name the Secret {namespace}:{name} in "
            "AVP_SECRET",
            hint="remove AVP_SECRET from plugin.env of the Application, or ask the operator to "
            f"allow it for {self._who()}",
        )

    def trust(self, namespace: str, name: str) -> Collection[Trust]:
        """Return what a Secret with settings that the Application names is trusted with."""
        return self._permissions.trust(namespace, name) if self._permissions is not None else ()

    def check_fetch(self, remote: "Remote", *, by_default: bool) -> None:
        """Check whether something may be fetched.

        Args:
            remote: what, with its URL as it would be requested.
            by_default: whether it may be where the policy does not restrict fetching
                (AVP_RENDER_NETWORK).

        Raises:
            FetchError: it may not be, or its URL is not normalised; the message names no rule.
        """
        # Late: most renders need nothing from elsewhere.
        from avp_py.policy.fetching import checked_url
        from avp_py.remotes import shown
        from avp_py.urls import normalise as normalise_url

        url = checked_url(remote)
        if normalise_url(url).removesuffix("/") != url:
            raise FetchError(f"the URL {shown(url)} is not normalised")
        verdict = self._permissions.fetch(url) if self._permissions is not None else None
        if verdict is None and not by_default:
            raise FetchError(
                "nothing remote may be fetched",
                hint="put it into the repository, or ask the operator, whose setting "
                "AVP_RENDER_NETWORK forbids it",
            )
        if verdict is not None and not verdict.allowed:
            raise FetchError(
                f"the policy does not allow fetching {shown(url)}",
                hint=f"ask the operator to allow it for {self._who()}",
            )

    def denied_urls(self) -> tuple[str, ...]:
        """Return the URLs that may not be fetched, as expressions for RE2 that match whole ones.

        What may be fetched can name other URLs, which only the process that fetches comes to know.
        """
        return self._permissions.denied_urls() if self._permissions is not None else ()

    def _who(self) -> str:
        return ", ".join(
            f"the {what} {value[:80] if value else '(not known)'}"
            for what, value in (
                ("application", self._identity.app),
                ("namespace", self._identity.namespace),
                ("project", self._identity.project),
            )
        )
