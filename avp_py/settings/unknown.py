"""Names that are near the name of a setting, so that a misspelling does not count as unset.

Messages name what is set, and never show a value.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Final

from avp_py.errors import Failure, nearest, quoted, shortened
from avp_py.expressions import Expression
from avp_py.settings.declaration import OUR_PREFIXES, TENANT_PREFIX, Owner
from avp_py.settings.groups import TABLE
from avp_py.settings.parse import MalformedError

_PREFIX: Final = "AVP_"

GUARDS: Final = frozenset(
    {
        "AVP_DUPLICATE_KEYS", "AVP_LEFTOVERS", "AVP_PATH_VALIDATION", "AVP_POLICY",
        "AVP_RENDER_HOSTS", "AVP_RENDER_NETWORK", "AVP_RENDER_PORTS", "AVP_SANDBOX",
        "AVP_TENANT_SETTINGS", "AVP_WARNINGS",
    }
)  # fmt: skip
"""Settings that restrict: misspelt, they would restrict nothing, and nobody would notice."""

_NEAR: Final = 0.65
"""How similar a name of the operator must be to one of ours, by difflib's ratio."""

_VERY_NEAR: Final = 0.83
"""The same for a tenant's, who has names of his own after `ARGOCD_ENV_`."""

_FAMILIES: Final = tuple(setting for setting in TABLE if setting.is_family)

_OTHERS: Final = frozenset({"VERSION", "PATH_PREFIX", "IAM_API_KEY", "KEEPER_CONFIG_PATH"})
_OTHERS_BEGIN: Final = ("IBM_", "DELINEA_", "YCL_", "PY_")
"""Names after AVP_ that are argocd-vault-plugin's alone (pkg/config/config.go, v1.18.1, and its
installation page), or those of our own tools (PY_)."""

_SERVICE: Final = Expression(
    "(?:[A-Z0-9_]*?_)??(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    "|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?|(PORT))"
)
"""What Kubernetes sets for a Service called avp-…, after AVP_ (pkg/kubelet/envvars/envvars.go)."""


def unknown_names(values: Mapping[str, str], place: str) -> Iterator[tuple[Failure, bool]]:
    """Yield what is wrong with names of the operator that begin with AVP_ and are not settings.

    Args:
        values: values by name; one without a value counts as unset.
        place: where they are set, for messages.

    Yields:
        What is wrong, and whether the name is nearest to a setting that restricts.
    """
    known = {
        setting.name.removeprefix(_PREFIX): setting.name
        for setting in TABLE
        if setting.name.startswith(_PREFIX)
    }
    names = {setting.name for setting in TABLE}
    for name in sorted(values):
        written = _normalised(name)
        rest = written.removeprefix(_PREFIX)
        if not written.startswith(_PREFIX) or name in names or not values[name]:
            continue
        if name == written and _is_anothers(rest, values[name]):
            continue
        near = known.get(nearest(rest, known, _NEAR))
        hint = f"did you mean {near}?" if near else "remove it; docs/settings.md lists the settings"
        yield (
            Failure(f"{place} sets {quoted(name)}, which is not a setting", hint=hint),
            near in GUARDS,
        )


def misspelt_by_tenant(environ: Mapping[str, str], ignored: Collection[str]) -> Iterator[Failure]:
    """Yield a failure for each variable of the Application that is near a setting of it.

    Args:
        environ: the environment.
        ignored: variables that are for kustomize and helm.
    """
    names = {setting.name for setting in TABLE}
    known = [each.name for each in TABLE if each.owner is Owner.TENANT and not each.is_family]
    for variable in sorted(environ):
        name = variable.removeprefix(TENANT_PREFIX)
        is_ours = (
            name in names
            or name.upper().startswith(OUR_PREFIXES)
            or any(family.has_member(name) for family in _FAMILIES)
        )
        if name == variable or is_ours or not environ[variable] or variable in ignored:
            continue
        near = (
            tenants_name(name)
            or _members_name(name, environ[variable])
            or nearest(_normalised(name), known, _VERY_NEAR)
        )
        if near:
            yield Failure(
                f"the Application sets {quoted(name)} in plugin.env, which is not a setting",
                hint=f"did you mean {near}?",
            )


def tenants_name(written: str) -> str:
    """Return the setting of tenants that a name is, but for its case and dashes; else ''."""
    return next(
        (
            setting.name
            for setting in TABLE
            if setting.owner is Owner.TENANT
            and _normalised(written) in (setting.name, _normalised(setting.parameter))
        ),
        "",
    )


def _members_name(written: str, value: str) -> str:
    """Return the variable of a family that a name is, but for its case, dashes or beginning.

    With another beginning it counts only where the value is one of the family: IMAGE_WEB=web:1.0,
    and not IMAGE_PULL_POLICY=Always.
    """
    normalised = _normalised(written)
    beginning, _, end = normalised.partition("_")
    for family in _FAMILIES:
        if family.has_member(normalised):
            return shortened(normalised)
        ours = family.name.partition("_")[0]
        meant = f"{ours}_{end}"
        if nearest(beginning, [ours], _VERY_NEAR) and family.has_member(meant):
            with suppress(MalformedError):
                family.parse(value)
                return shortened(meant)
    return ""


def _normalised(name: str) -> str:
    return name.strip().upper().replace("-", "_")


def _is_anothers(rest: str, value: str) -> bool:
    """Return whether a name after AVP_ belongs to somebody else."""
    if rest in _OTHERS or rest.startswith(_OTHERS_BEGIN):
        return True
    groups = _SERVICE.groups(rest)
    # Only its value distinguishes AVP_X_PORT from a setting.
    return groups is not None and (
        not groups[0] or value.startswith(("tcp://", "udp://", "sctp://"))
    )
