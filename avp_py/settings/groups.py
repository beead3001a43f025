"""The settings by who uses them; units and meanings stand in the table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from avp_py.errors import Failure
from avp_py.settings.images import Image
from avp_py.settings.parse import (
    DuplicateMode,
    LogFormat,
    RateLimit,
    SandboxMode,
    Sensitive,
    WarningMode,
)
from avp_py.settings.regexp import Regexp


@dataclass(frozen=True)
class Identity:
    """Who asks; None for what was not said (a person at a terminal says nothing)."""

    app: str | None
    namespace: str | None
    project: str | None


@dataclass(frozen=True)
class RenderSettings:
    """How a folder becomes manifests."""

    kustomize: str
    helm: str
    kubectl: str
    timeout: float
    network: bool
    ports: tuple[int, ...]
    sandbox: SandboxMode
    environment: tuple[str, ...]
    source_path: str | None
    annotation_key: str
    image_name: str | None
    image_tag: str | None
    images: tuple[Image, ...]
    app_repo: str | None
    helm_values_files: tuple[str, ...]
    helm_values: str | None
    helm_parameters: Mapping[str, str]
    helm_release_name: str | None
    helm_args: str | None
    kube_version: str | None
    kube_api_versions: tuple[str, ...]


@dataclass(frozen=True)
class LimitSettings:
    """How much one run may take; what lies beyond is an error."""

    seconds: float
    memory_bytes: int
    input_bytes: int
    files: int
    output_bytes: int
    documents: int
    references: int


@dataclass(frozen=True)
class LogSettings:
    """How messages are written on standard error."""

    format: LogFormat


@dataclass(frozen=True)
class BackendSettings:
    """Which backend, and how it is read."""

    type: str
    concurrency: int
    kv_version: str | None
    file: str | None
    secret_name: str | None


DEFAULT_ADDRESS: Final = "https://127.0.0.1:8200"
"""Where Vault's own client looks for it when VAULT_ADDR is not set."""


@dataclass(frozen=True)
class VaultSettings:
    """How Vault is reached, and who we are to it."""

    server_address: str | None
    agent_address: str | None
    namespace: str | None
    ca_cert: str | None
    ca_cert_text: str | None
    ca_path: str | None
    client_cert: str | None
    client_key: str | None
    tls_server_name: str | None
    skip_verify: bool
    proxy_address: Sensitive | None
    http_proxy: Sensitive | None
    disable_redirects: bool
    srv_lookup: bool
    rate_limit: RateLimit | None
    timeout: float
    max_retries: int
    auth_type: str | None
    mount_path: str | None
    token: Sensitive | None
    role_id: Sensitive | None
    secret_id: Sensitive | None
    username: str | None
    password: Sensitive | None
    github_token: Sensitive | None
    k8s_role: str | None
    k8s_mount_path: str | None
    k8s_token_path: str | None
    jwt_role: str | None
    jwt: Sensitive | None
    jwt_path: str | None
    cert_role: str | None
    token_cache: str | None

    @property
    def address(self) -> str:
        """Where requests go: to the agent where there is one, as in Vault's own client."""
        return self.agent_address or self.server_address or DEFAULT_ADDRESS

    @property
    def address_setting(self) -> str:
        """The setting that gives the address, or would."""
        return "VAULT_ADDR" if self.agent_address is None else "VAULT_AGENT_ADDR"

    @property
    def is_default_address(self) -> bool:
        """Whether no setting gives the address."""
        return self.agent_address is None and self.server_address is None

    @property
    def socket(self) -> str | None:
        """The path of the socket that the address names, or None for one on the network."""
        path = self.address.removeprefix("unix://")
        return path if path != self.address else None

    @property
    def proxy(self) -> Sensitive | None:
        """The URL of the proxy for all requests, with its password."""
        return self.proxy_address or self.http_proxy


@dataclass(frozen=True)
class PolicySettings:
    """Which paths are meant, and who may have which; which settings are handed on to tenants."""

    path_template: str
    path_validation: Regexp | None
    file: str | None
    tenant_settings: tuple[str, ...]
    fail_on_leftovers: bool
    warnings: WarningMode
    duplicate_keys: DuplicateMode


@dataclass(frozen=True)
class ApplicationSecret:
    """A Secret with settings that the Application named, and not the operator.

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
    limits: LimitSettings
    backend: BackendSettings
    vault: VaultSettings
    policy: PolicySettings
    log: LogSettings
    secret: ApplicationSecret | None = None
    warnings: tuple[Failure, ...] = ()
