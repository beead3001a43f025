"""The settings, in groups by who uses them. Each field declares its setting."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from avp_py.errors import Failure
from avp_py.settings import names, parse
from avp_py.settings.declaration import Owner, Setting, declared, setting
from avp_py.settings.fetch import FetchSettings
from avp_py.settings.parse import DuplicateMode, LogFormat, WarningMode
from avp_py.settings.regexp import Regexp, regexp
from avp_py.settings.render import RenderSettings
from avp_py.settings.vault import VaultSettings

TENANT_SETTINGS: Final = "AVP_TENANT_SETTINGS"
"""The operator's list of further settings that tenants may set."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which Application makes the request; None for what Argo CD did not set."""

    app: str | None = setting(
        "ARGOCD_APP_NAME",
        Owner.ARGOCD,
        names.application,
        "the Application's name (`<namespace>_<name>` outside Argo CD's own namespace)",
    )
    namespace: str | None = setting(
        "ARGOCD_APP_NAMESPACE",
        Owner.ARGOCD,
        names.namespace,
        "the namespace that the Application deploys to",
    )
    project: str | None = setting(
        "ARGOCD_APP_PROJECT_NAME",
        Owner.ARGOCD,
        names.project,
        "the Application's project",
    )


@dataclass(frozen=True, kw_only=True)
class BackendSettings:
    """Which backend, and how it is read."""

    secret_name: str | None = setting(
        "AVP_SECRET",
        Owner.TENANT,
        parse.one_line,
        "the Kubernetes Secret with the backend's settings, `[namespace:]name`",
        title="Settings Secret",
    )
    type: str = setting(
        "AVP_TYPE",
        Owner.OPERATOR,
        parse.text,
        "the backend: `vault` or `file`",
        default="vault",
    )
    concurrency: int = setting(
        "AVP_CONCURRENCY",
        Owner.OPERATOR,
        parse.positive,
        "how many secrets are read at the same time",
        default="8",
    )
    kv_version: str | None = setting(
        "AVP_KV_VERSION",
        Owner.OPERATOR,
        parse.text,
        "the version of Vault's KV engine where no annotation says it: 1 or 2; without "
        "it, Vault is queried for paths that do not show it",
    )
    file: str | None = setting(
        "AVP_FILE",
        Owner.OPERATOR_ALONE,
        parse.file_path,
        "the YAML file that the `file` backend reads",
    )


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """Which paths may be read, which settings tenants may set, and how strict a run is."""

    path_template: str = setting(
        "AVP_PATH_TEMPLATE",
        Owner.OPERATOR_ALONE,
        parse.verbatim,
        "the path that an empty path annotation means: a Jinja2 template on `project`, "
        "`namespace` and `app`",
        default="kv/data/{{ namespace }}/{{ app }}",
        in_secret=True,
    )
    path_validation: Regexp | None = setting(
        "AVP_PATH_VALIDATION",
        Owner.OPERATOR_ALONE,
        regexp,
        "a regular expression in the syntax of Go (RE2) that every path must match from "
        "its beginning, once it is normalised",
        in_secret=True,
    )
    file: str | None = setting(
        "AVP_POLICY",
        Owner.OPERATOR_ALONE,
        parse.absolute,
        "the absolute path of the policy, a YAML file (docs/policy.md)",
    )
    tenant_settings: tuple[str, ...] = setting(
        TENANT_SETTINGS,
        Owner.OPERATOR_ALONE,
        parse.words,
        "further settings that tenants may set, by name, separated by commas; those of "
        "the operator alone cannot be delegated",
        default="",
    )
    fail_on_unresolved: bool = setting(
        "AVP_LEFTOVERS",
        Owner.OPERATOR_ALONE,
        parse.fail_or_ignore,
        "what a `<path:` is that nothing fills, escaped or not: `fail` or `ignore`",
        default="fail",
    )
    warnings: WarningMode = setting(
        "AVP_WARNINGS",
        Owner.OPERATOR_ALONE,
        parse.warning_mode,
        "what becomes of what is probably not meant, such as an image that no object "
        "uses: `show` writes a line to standard error, `error` fails the run, `ignore` "
        "hides it",
        default="show",
    )
    duplicate_keys: DuplicateMode = setting(
        "AVP_DUPLICATE_KEYS",
        Owner.OPERATOR_ALONE,
        parse.duplicate_mode,
        "what becomes of a manifest that repeats a key in a mapping with another value: "
        "`warn` takes the last, as Argo CD does, with a warning (`AVP_WARNINGS`); `error` "
        "fails the run",
        default="warn",
    )


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """How much one run may use; more is an error."""

    seconds: float = setting(
        "AVP_RUN_TIMEOUT",
        Owner.OPERATOR_ALONE,
        parse.seconds,
        "the time that a whole run may take; Argo CD allows 60 seconds, less what it needs "
        "itself. Holds for every command",
        default="55",
        unit="seconds",
    )
    memory_bytes: int = setting(
        "AVP_MAX_MEMORY",
        Owner.OPERATOR_ALONE,
        parse.size,
        "how much memory a run may use for its data, in bytes or as `1Gi`; kustomize and "
        "helm may each use as much. Holds for every command",
        default="1Gi",
        unit="bytes",
    )
    input_bytes: int = setting(
        "AVP_MAX_INPUT",
        Owner.OPERATOR_ALONE,
        parse.size,
        "how much may be read as manifests (on standard input, of plain files), of one "
        "chart, of its values files, of one file that a kustomization names, and of all "
        "kustomizations and configurations of plugins, in bytes or as `100Mi`",
        default="100Mi",
        unit="bytes",
    )
    files: int = setting(
        "AVP_MAX_FILES",
        Owner.OPERATOR_ALONE,
        parse.amount,
        "how many files and directories there may be in a directory of plain files, in a "
        "chart, and in what is copied for an edit",
        default="200000",
        unit="files",
    )
    output_bytes: int = setting(
        "AVP_MAX_OUTPUT",
        Owner.OPERATOR_ALONE,
        parse.size,
        "how much kustomize or helm may print, and how long the filled manifests may be, "
        "in bytes or as `100Mi`; Argo CD itself accepts no more than that",
        default="100Mi",
        unit="bytes",
    )
    documents: int = setting(
        "AVP_MAX_DOCUMENTS",
        Owner.OPERATOR_ALONE,
        parse.amount,
        "how many documents may be rendered",
        default="20000",
        unit="documents",
    )
    references: int = setting(
        "AVP_MAX_REFERENCES",
        Owner.OPERATOR_ALONE,
        parse.amount,
        "how many different secrets may be read",
        default="1000",
        unit="secrets",
    )


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """How messages are written on standard error."""

    format: LogFormat = setting(
        "AVP_LOG_FORMAT",
        Owner.OPERATOR_ALONE,
        parse.log_format,
        "how messages are written on standard error: `text`, or `json`, an object a line "
        "(docs/errors.md)",
        default="text",
    )


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """How the resident core runs (`avp-py serve`)."""

    socket: str | None = setting(
        "AVP_SOCKET",
        Owner.OPERATOR_ALONE,
        parse.absolute,
        "the absolute path of the core's socket: `avp-py serve` listens there, in a directory of "
        "its own, and `generate`, `parameters` and `healthcheck` hand their work to it. Without "
        "it, `avp-py serve` chooses a path and sets it for the command that it starts",
    )
    parallel: int | None = setting(
        "AVP_PARALLEL",
        Owner.OPERATOR_ALONE,
        parse.positive,
        "how many requests run at the same time; without it, as many as there are processors, as "
        "far as the container may use them. Where projects wait that have none running, up to "
        "twice as many",
        unit="requests",
    )
    queue: int = setting(
        "AVP_QUEUE",
        Owner.OPERATOR_ALONE,
        parse.amount,
        "how many requests may wait for their turn; others are not accepted before that",
        default="256",
        unit="requests",
    )
    cache_seconds: float = setting(
        "AVP_CACHE_TTL",
        Owner.OPERATOR_ALONE,
        parse.age,
        "how old what was read from Vault may be when a request begins. With 0, only requests "
        "share a read that had begun before it was sent",
        default="0",
        unit="seconds",
    )
    metrics: str | None = setting(
        "AVP_METRICS_ADDRESS",
        Owner.OPERATOR_ALONE,
        parse.listen_address,
        "where `/metrics` and `/healthz` are served over HTTP, as `HOST:PORT`; nowhere without it",
    )


@dataclass(frozen=True)
class ApplicationSecret:
    """A settings Secret that the Application named, and not the operator.

    Attributes:
        name: `namespace:name`.
        given: the names of the settings that have their value from it.
        addresses: those that decide where credentials are sent, unless it is trusted with them.
    """

    name: str
    given: frozenset[str]
    addresses: frozenset[str]


@dataclass(frozen=True)
class Settings:
    """All settings of one run.

    Attributes:
        secret: the Secret that some of them come from, where the Application named it.
        warnings: names that are probably meant to be settings, and are not.
    """

    identity: Identity
    render: RenderSettings
    fetch: FetchSettings
    backend: BackendSettings
    vault: VaultSettings
    policy: PolicySettings
    limits: LimitSettings
    log: LogSettings
    serve: ServeSettings
    secret: ApplicationSecret | None = None
    warnings: tuple[Failure, ...] = ()

    def values(self) -> Mapping[str, Any]:
        """Return the value of each setting, by its name."""
        return {
            setting.name: getattr(getattr(self, group.name), field)
            for group in dataclasses.fields(self)
            for field, setting in declared(group.type)
        }


def _all_settings() -> Iterator[Setting]:
    for group in dataclasses.fields(Settings):
        yield from (each for _, each in declared(group.type))


TABLE: Final[tuple[Setting, ...]] = tuple(_all_settings())
"""Every setting, in the order of the groups."""
