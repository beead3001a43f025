"""Names as Kubernetes accepts them (RFC 1123), taken as they are: no white space, no other letters.

The rules are those of apimachinery's pkg/util/validation/validation.go, v0.34. None of these names
can climb in a path or a URL, end one, or be a pattern.
"""

import re
from typing import Final

from avp_py.settings.parse import MalformedError

LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
"""The pattern of one part of a name, without its limit of 63 characters."""

SUBDOMAIN: Final = rf"{LABEL}(\.{LABEL})*"
"""The pattern of most names, without their limit of 253 characters."""

_LABEL = rf"(?=.{{1,63}}\Z){LABEL}"
_SUBDOMAIN = rf"(?=.{{1,253}}\Z){SUBDOMAIN}"


def is_label(text: str) -> bool:
    """Return whether this is a name without dots, as a namespace has."""
    return re.fullmatch(_LABEL, text) is not None


def is_subdomain(text: str) -> bool:
    """Return whether this is a name that may have dots, as most objects have."""
    return re.fullmatch(_SUBDOMAIN, text) is not None


def application(raw: str) -> str:
    """Return an Application's name, after its namespace and `_` if that is not Argo CD's own."""
    namespace, separator, name = raw.rpartition("_")
    if not is_subdomain(name) or (separator and not is_label(namespace)):
        raise MalformedError(
            "the name of an Application",
            "such as web or team_web: lower-case letters, digits, '-' and '.', no space before "
            "or after",
        )
    return raw


def namespace(raw: str) -> str:
    """Return the name of a namespace."""
    if not is_label(raw):
        raise MalformedError(
            "the name of a namespace",
            "up to 63 lower-case letters, digits and '-', no space before or after",
        )
    return raw


def project(raw: str) -> str:
    """Return the name of an AppProject."""
    if not is_subdomain(raw):
        raise MalformedError(
            "the name of a project",
            "up to 253 lower-case letters, digits, '-' and '.', no space before or after",
        )
    return raw
