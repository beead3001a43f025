"""What a settings Secret may set where the Application named it, and not the operator.

Whoever may write that Secret is a tenant. Tenants may bring a Vault of their own with credentials
of their own; they must not have the sidecar's credentials sent to an address of their choice, nor
its files read.
"""

import dataclasses
from collections.abc import Collection

from avp_py.errors import Failure, GenerateError
from avp_py.settings.declaration import Setting, Trust
from avp_py.settings.groups import TABLE, ApplicationSecret, Settings

OPERATORS_WAYS = (
    "or ask the operator to name that Secret (-s, or AVP_SECRET of the sidecar), or to trust it in "
    "the policy"
)
"""How such a setting can be permitted, for hints; the word of the policy follows."""


def judge_secret(
    before: Settings, after: Settings, name: str, trusted: Collection[Trust]
) -> Settings:
    """Return the settings with a Secret that the Application named, marked as such.

    Only settings whose value the Secret changes are checked: what the environment says too is not
    the Secret's word. Whether credentials are sent to a place that it names is the
    backend's to decide, which knows what it sends (`Settings.secret`).

    Args:
        before: the settings without the Secret.
        after: the settings with it.
        name: the Secret, as `namespace:name`.
        trusted: what the policy trusts it with.

    Raises:
        GenerateError: it names files of the sidecar, and is not trusted with that.
    """
    old, new = before.values(), after.values()
    given = [setting for setting in TABLE if old[setting.name] != new[setting.name]]
    if Trust.FILES not in trusted:
        failures = [
            Failure(
                f"the Secret {name}, which the Application names, sets {setting.name} to a file "
                "of the sidecar",
                hint=f"remove it from the Secret, {OPERATORS_WAYS} (trust: [{Trust.FILES}])",
            )
            for setting in given
            if _names_file(setting, new[setting.name])
        ]
        if failures:
            raise GenerateError(failures)
    addresses = frozenset[str]()
    if Trust.ADDRESS not in trusted:
        addresses = frozenset(each.name for each in given if each.trust is Trust.ADDRESS)
    secret = ApplicationSecret(name, frozenset(each.name for each in given), addresses)
    return dataclasses.replace(after, secret=secret)


def _names_file(setting: Setting, value: object) -> bool:
    """Return whether the value of a setting is a file; a socket is one, too."""
    if setting.trust is Trust.FILES:
        return True
    return setting.trust is Trust.ADDRESS and str(value).startswith("unix:")
