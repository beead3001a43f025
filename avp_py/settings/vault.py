"""How Vault is reached, and how the plugin logs in to it."""

from dataclasses import dataclass
from typing import Final

from avp_py.settings import parse
from avp_py.settings.declaration import Owner, Trust, setting
from avp_py.settings.parse import RateLimit, Sensitive

DEFAULT_ADDRESS: Final = "https://127.0.0.1:8200"
"""Where Vault's own client looks for it when VAULT_ADDR is not set."""


@dataclass(frozen=True, kw_only=True)
class VaultSettings:
    """How Vault is reached, and how the plugin logs in to it."""

    auth_type: str | None = setting(
        "AVP_AUTH_TYPE",
        Owner.OPERATOR,
        parse.text,
        "how to log in: `token`, `approle`, `userpass`, `github`, `jwt`, `k8s` or `cert`; "
        "without it, by the credentials that are there",
    )
    mount_path: str | None = setting(
        "AVP_MOUNT_PATH",
        Owner.OPERATOR,
        parse.text,
        "where the auth method is mounted, with `auth/`; by default `auth/<method>`",
        trust=Trust.ADDRESS,
    )
    role_id: Sensitive | None = setting(
        "AVP_ROLE_ID",
        Owner.OPERATOR,
        parse.sensitive,
        "approle: the role id",
    )
    secret_id: Sensitive | None = setting(
        "AVP_SECRET_ID",
        Owner.OPERATOR,
        parse.sensitive,
        "approle: the secret id",
    )
    username: str | None = setting(
        "AVP_USERNAME",
        Owner.OPERATOR,
        parse.text,
        "userpass: the name",
    )
    password: Sensitive | None = setting(
        "AVP_PASSWORD",
        Owner.OPERATOR,
        parse.sensitive,
        "userpass: the password",
    )
    github_token: Sensitive | None = setting(
        "AVP_GITHUB_TOKEN",
        Owner.OPERATOR,
        parse.sensitive,
        "github: the personal access token",
    )
    k8s_role: str | None = setting(
        "AVP_K8S_ROLE",
        Owner.OPERATOR,
        parse.text,
        "k8s: the role in Vault",
    )
    k8s_mount_path: str | None = setting(
        "AVP_K8S_MOUNT_PATH",
        Owner.OPERATOR,
        parse.text,
        "k8s: where the method is mounted, with `auth/`; wins over AVP_MOUNT_PATH",
        trust=Trust.ADDRESS,
    )
    k8s_token_path: str | None = setting(
        "AVP_K8S_TOKEN_PATH",
        Owner.OPERATOR_ALONE,
        parse.file_path,
        "k8s: the file with the service account's token, where it is not the usual one",
        in_secret=True,
        trust=Trust.FILES,
    )
    jwt_role: str | None = setting(
        "AVP_JWT_ROLE",
        Owner.OPERATOR,
        parse.text,
        "jwt: the role in Vault",
    )
    jwt: Sensitive | None = setting(
        "AVP_JWT",
        Owner.OPERATOR,
        parse.sensitive,
        "jwt: the token",
    )
    jwt_path: str | None = setting(
        "AVP_JWT_PATH",
        Owner.OPERATOR_ALONE,
        parse.file_path,
        "jwt: the file with the token",
        in_secret=True,
        trust=Trust.FILES,
    )
    cert_role: str | None = setting(
        "AVP_CERT_ROLE",
        Owner.OPERATOR,
        parse.text,
        "cert: the role in Vault, where the certificate alone does not say",
    )
    token_cache: str | None = setting(
        "AVP_TOKEN_CACHE",
        Owner.OPERATOR_ALONE,
        parse.absolute,
        "the absolute path of a directory that keeps Vault's tokens from one run to the "
        "next; without it none is kept",
    )
    token: Sensitive | None = setting(
        "VAULT_TOKEN",
        Owner.OPERATOR,
        parse.token,
        "token: Vault's token",
        is_backends=True,
    )
    server_address: str | None = setting(
        "VAULT_ADDR",
        Owner.OPERATOR,
        parse.address,
        "Vault's address, or `unix:///…` of a socket; `https://127.0.0.1:8200` if it is not set",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    agent_address: str | None = setting(
        "VAULT_AGENT_ADDR",
        Owner.OPERATOR,
        parse.address,
        "the address of a Vault agent, which wins over VAULT_ADDR",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    namespace: str | None = setting(
        "VAULT_NAMESPACE",
        Owner.OPERATOR,
        parse.text,
        "Vault's namespace (Enterprise)",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    ca_cert: str | None = setting(
        "VAULT_CACERT",
        Owner.OPERATOR,
        parse.file_path,
        "a PEM file with the CA certificates to trust",
        trust=Trust.FILES,
        is_backends=True,
    )
    ca_cert_text: str | None = setting(
        "VAULT_CACERT_BYTES",
        Owner.OPERATOR,
        parse.pem,
        "the text of such a file; VAULT_CACERT wins",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    ca_path: str | None = setting(
        "VAULT_CAPATH",
        Owner.OPERATOR,
        parse.file_path,
        "a directory of such files; VAULT_CACERT and VAULT_CACERT_BYTES win",
        trust=Trust.FILES,
        is_backends=True,
    )
    client_cert: str | None = setting(
        "VAULT_CLIENT_CERT",
        Owner.OPERATOR,
        parse.file_path,
        "a PEM file with our certificate",
        trust=Trust.FILES,
        is_backends=True,
    )
    client_key: str | None = setting(
        "VAULT_CLIENT_KEY",
        Owner.OPERATOR,
        parse.file_path,
        "a PEM file with its key",
        trust=Trust.FILES,
        is_backends=True,
    )
    tls_server_name: str | None = setting(
        "VAULT_TLS_SERVER_NAME",
        Owner.OPERATOR,
        parse.text,
        "the name that Vault's certificate must carry, where it is not the address'",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    skip_verify: bool = setting(
        "VAULT_SKIP_VERIFY",
        Owner.OPERATOR,
        parse.boolean,
        "true: do not check Vault's certificate",
        default="false",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    proxy_address: Sensitive | None = setting(
        "VAULT_PROXY_ADDR",
        Owner.OPERATOR,
        parse.proxy,
        "the URL of a proxy for all requests to Vault; wins over the environment's proxies",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    http_proxy: Sensitive | None = setting(
        "VAULT_HTTP_PROXY",
        Owner.OPERATOR,
        parse.proxy,
        "the older name of VAULT_PROXY_ADDR, which wins",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    disable_redirects: bool = setting(
        "VAULT_DISABLE_REDIRECTS",
        Owner.OPERATOR,
        parse.boolean,
        "true: follow no redirect, not even to the active node",
        default="false",
        trust=Trust.ADDRESS,
        is_backends=True,
    )
    srv_lookup: bool = setting(
        "VAULT_SRV_LOOKUP",
        Owner.OPERATOR,
        parse.boolean,
        "not supported: true is an error where VAULT_ADDR names no port",
        default="false",
        is_backends=True,
    )
    rate_limit: RateLimit | None = setting(
        "VAULT_RATE_LIMIT",
        Owner.OPERATOR,
        parse.rate_limit,
        "how many requests are sent in a second, as `100`, or `100:20` with how many at once",
        unit="requests per second",
        is_backends=True,
    )
    timeout: float = setting(
        "VAULT_CLIENT_TIMEOUT",
        Owner.OPERATOR,
        parse.time_limit,
        "the time that one request may take with all its retries, such as `20` or `1m30s`; "
        "0 is no limit",
        default="20",
        unit="seconds",
        is_backends=True,
    )
    max_retries: int = setting(
        "VAULT_MAX_RETRIES",
        Owner.OPERATOR,
        parse.retries,
        "how often a request is repeated on a lost connection, 412, 429 or 5xx",
        default="2",
        is_backends=True,
    )

    @property
    def address(self) -> str:
        """Where requests go: to the agent where there is one, as in Vault's own client."""
        return self.agent_address or self.server_address or DEFAULT_ADDRESS

    @property
    def address_setting(self) -> str:
        """The setting of the address."""
        return "VAULT_ADDR" if self.agent_address is None else "VAULT_AGENT_ADDR"

    @property
    def is_default_address(self) -> bool:
        """Whether the address is not set."""
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
