"""What a setting is, and how a field of a dataclass declares one.

    timeout: float = setting(
        "AVP_RENDER_TIMEOUT", Owner.OPERATOR_ALONE, parse.seconds, "how long …", default="60",
    )

The type of the field is that of the parser's result, or None where there is no default; mypy checks
it. Everything else that knows settings (resolution, docs, help, Argo CD's UI) goes by these
declarations.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final, Literal, TypeAlias, TypeVar, overload

T = TypeVar("T")

TENANT_PREFIX: Final = "ARGOCD_ENV_"
"""What Argo CD puts before the names of `plugin.env`."""

BACKEND_PREFIXES: Final = (
    "VAULT", "AWS", "AZURE", "GOOGLE", "SOPS", "OP_CONNECT", "K8S_SECRET",
)  # fmt: skip
"""How names begin that argocd-vault-plugin passes to a backend's library (backendPrefixes in
pkg/config/config.go, v1.18.1). From a tenant they, and names with AVP_, count only where a setting
says so."""

ARGOCD_PREFIXES: Final = ("ARGOCD_APP_", "ARGOCD_ENV_", "PARAM_")
"""How the names of the variables begin that Argo CD sets for a request."""

ARGOCD_NAMES: Final = ("KUBE_VERSION", "KUBE_API_VERSIONS")
"""Further variables that Argo CD sets for a request."""

LENT_FOR_HTTP: Final = (
    "GIT_ASKPASS", "ARGOCD_GIT_ASKPASS_NONCE", "ARGOCD_BINARY_NAME", "ARGOCD_ASK_PASS_SOCK",
    "ARGOCD_GIT_AUTH_HEADER", "ARGOCD_GIT_BEARER_AUTH_HEADER",
    "GIT_SSL_NO_VERIFY", "GIT_SSL_CERT", "GIT_SSL_KEY",
)  # fmt: skip
"""What is lent for HTTP. The files that the last two name are in the repo-server's container."""

LENT_FOR_SSH: Final = ("GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "SOCKS5_USER", "SOCKS5_PASSWD")
"""What is lent for SSH; the files that the first one names must be in this container, too."""

LENT_NAMES: Final = (*LENT_FOR_HTTP, *LENT_FOR_SSH)
"""The variables with which Argo CD lends a plugin the credentials of the Application's repository,
for git (`provideGitCreds`; util/git/creds.go of Argo CD, v3.2)."""

_FETCHING_NAMES: Final = ("HELM_REPOSITORY_CONFIG", "HELM_REGISTRY_CONFIG", "DOCKER_CONFIG")
_FETCHING_PREFIXES: Final = ("GIT_", "SSH_")

OUR_PREFIXES: Final = ("AVP_", *BACKEND_PREFIXES)
"""How names begin that mean something to us; a file or a Secret may hold others for others."""

Renderer: TypeAlias = Literal["kustomize", "helm"]
"""A way to render that has settings of its own."""


def is_argocds(name: str) -> bool:
    """Return whether Argo CD sets a variable for each request; its value is then a tenant's."""
    return name.startswith(ARGOCD_PREFIXES) or name in ARGOCD_NAMES


def is_for_fetching(name: str) -> bool:
    """Return whether a variable is for what fetches: git, or helm as far as it has a network.

    Nothing else gets it, as it may hold a credential.
    """
    return name.startswith(_FETCHING_PREFIXES) or name in (*_FETCHING_NAMES, *LENT_NAMES)


def without_argocds(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the operator's part of an environment."""
    return {name: value for name, value in environ.items() if not is_argocds(name)}


class Owner(Enum):
    """Who may set a setting."""

    OPERATOR = "the operator"
    """The environment of the process. `AVP_TENANT_SETTINGS` can delegate it to tenants."""

    OPERATOR_ALONE = "the operator alone"
    """As above, but never delegated: guards, programs and files of the sidecar, and the limits of a
    run. A Secret may set it only where the setting says so (`in_secret`): the Secret may be an
    Application's choice."""

    TENANT = "the Application"
    """`plugin.env` of the Application, which Argo CD passes as `ARGOCD_ENV_<name>`; with a name
    that begins with AVP_ also the environment of the process."""

    ARGOCD = "Argo CD"
    """Argo CD itself, from the Application's own fields."""


class Kind(StrEnum):
    """What a setting holds, in the words of Argo CD's parameters."""

    STRING = "string"
    """One text."""

    ARRAY = "array"
    """Several; in a variable separated by commas, white space or line breaks."""

    MAP = "map"
    """Several with names; in a variable a line `name=value` for each."""


class Trust(StrEnum):
    """What a Secret that an Application names may set only where the policy trusts it."""

    ADDRESS = "address"
    """Where the sidecar's own credentials are sent, and which server counts as Vault."""

    FILES = "files"
    """Files of the sidecar."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting.

    Attributes:
        name: the variable, without the `ARGOCD_ENV_` that Argo CD puts before a tenant's.
        owner: who may set it.
        parse: from text to value, or raises MalformedError. It gets each item of an array, and each
            value of a map.
        summary: what it is.
        default: the value without it, as text; None where there is none.
        unit: what a number counts; empty for anything else.
        kind: whether it holds one text or several.
        alias: its name as a parameter, where Argo CD has one of its own for it.
        title: what Argo CD's UI calls it; empty for settings that it does not show.
        renderer: the only way to render that it has an effect on; None where it has one on all.
        in_secret: whether the Secret of `-s` may set it, where it is the operator's alone.
        trust: what such a Secret must be trusted with to set it, where the Application named it.
        is_backends: whether it is a name of the backend's own client: for these the settings file
            and the Secret win over the environment.
        members: where it is a family of variables, the pattern of their names. Such a setting holds
            values by the name of the variable, and is not a parameter.
    """

    name: str
    owner: Owner
    parse: Callable[[str], Any]
    summary: str
    default: str | None = None
    unit: str = ""
    kind: Kind = Kind.STRING
    alias: str = ""
    title: str = ""
    renderer: Renderer | None = None
    in_secret: bool = False
    trust: Trust | None = None
    is_backends: bool = False
    members: re.Pattern[str] | None = None

    @property
    def parameter(self) -> str:
        """Its name in `plugin.parameters` of the Application."""
        return self.alias or self.name

    @property
    def shown_default(self) -> str:
        """The default with its unit, as documentation shows it; empty where there is none."""
        return f"{self.default} {self.unit}".rstrip() if self.default else ""

    @property
    def is_operators(self) -> bool:
        """Whether it is the operator's to set."""
        return self.owner in (Owner.OPERATOR, Owner.OPERATOR_ALONE)

    @property
    def is_family(self) -> bool:
        """Whether variables with a common beginning set it, one value each."""
        return self.members is not None

    def has_member(self, name: str) -> bool:
        """Return whether a name is that of a variable of the family."""
        return self.members is not None and self.members.fullmatch(name) is not None

    def concerns(self, mode: str) -> bool:
        """Return whether the setting has an effect on a way to render."""
        return self.renderer in (None, mode)

    @property
    def counts_without_prefix(self) -> bool:
        """Whether it is read from a variable of the process that has just its name.

        A tenant's name such as IMAGE_TAG may belong to anything there.
        """
        return self.owner is not Owner.TENANT or self.name.startswith("AVP_")


@overload
def setting(
    name: str, owner: Owner, parse: Callable[[str], T], summary: str, *, default: str, **more: Any
) -> T: ...
@overload
def setting(
    name: str, owner: Owner, parse: Callable[[str], T], summary: str, **more: Any
) -> T | None: ...
def setting(name: str, owner: Owner, parse: Callable[[str], Any], summary: str, **more: Any) -> Any:
    """Declare a setting that holds one value; `more` are further attributes of `Setting`."""
    return _field(Setting(name=name, owner=owner, parse=parse, summary=summary, **more))


def setting_list(
    name: str, owner: Owner, parse: Callable[[str], T], summary: str, **more: Any
) -> tuple[T, ...]:
    """Declare a setting that holds a list, which is empty by default; see `setting`."""
    listed = {"kind": Kind.ARRAY, "default": "", **more}
    declared: tuple[T, ...] = _field(
        Setting(name=name, owner=owner, parse=parse, summary=summary, **listed)
    )
    return declared


def setting_map(
    name: str, owner: Owner, parse: Callable[[str], T], summary: str, **more: Any
) -> Mapping[str, T]:
    """Declare a setting that holds values by name, none by default; see `setting`."""
    mapped = {"kind": Kind.MAP, "default": "", **more}
    declared: Mapping[str, T] = _field(
        Setting(name=name, owner=owner, parse=parse, summary=summary, **mapped)
    )
    return declared


def setting_family(
    name: str,
    owner: Owner,
    parse: Callable[[str], T],
    summary: str,
    *,
    members: re.Pattern[str],
    **more: Any,
) -> Mapping[str, T]:
    """Declare a family of variables, which holds values by their names; see `setting`."""
    return setting_map(name, owner, parse, summary, members=members, **more)


def _field(declaration: Setting) -> Any:
    # To mypy it is the value that an instance has there, as with dataclasses.field itself.
    return dataclasses.field(metadata={_KEY: declaration})


_KEY: Final = "setting"


def declared(group: Any) -> Iterator[tuple[str, Setting]]:
    """Yield the fields of a class that declare settings, with these.

    Args:
        group: a class; one that is not a dataclass has none.
    """
    if dataclasses.is_dataclass(group):
        for field in dataclasses.fields(group):
            if _KEY in field.metadata:
                yield field.name, field.metadata[_KEY]
