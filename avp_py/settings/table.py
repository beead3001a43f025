"""The one table of settings."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from avp_py.settings import images, names, parse
from avp_py.settings.regexp import regexp


class Owner(Enum):
    """Who may set a setting."""

    OPERATOR = "the operator"
    """The environment of the process. `AVP_TENANT_SETTINGS` can hand it on to tenants."""

    OPERATOR_ALONE = "the operator alone"
    """As above, but never handed on: what guards, what names programs and files of the sidecar, and
    what bounds a run. A Secret gives it only where the setting says so (`in_secret`): the Secret
    may be an Application's choice."""

    TENANT = "the Application"
    """`plugin.env` of the Application, which Argo CD hands over as `ARGOCD_ENV_<name>`; with a
    name that begins with AVP_ also the environment of the process."""

    ARGOCD = "Argo CD"
    """Argo CD itself, from the Application's own fields."""


class Kind(StrEnum):
    """What a setting holds, in the words of Argo CD's parameters."""

    STRING = "string"
    """One text."""

    ARRAY = "array"
    """Several; in a variable set apart by commas, white space or line breaks."""

    MAP = "map"
    """Several with names; in a variable a line `name=value` for each."""


class Trust(StrEnum):
    """What a Secret that an Application names may say only where the policy trusts it."""

    ADDRESS = "address"
    """Where the sidecar's own credentials are sent, and whom it takes for Vault there."""

    FILES = "files"
    """Files of the sidecar."""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: the variable, without the `ARGOCD_ENV_` that Argo CD puts before a tenant's.
        group: the field of `Settings` that it belongs to.
        field: its field in that group.
        owner: who may set it.
        summary: what it is, with its unit.
        parse: from text to value; a MalformedError names the form that is wanted. It gets each
            item of an array, and each value of a map.
        default: the value without it, as text; None where there is none.
        kind: whether it holds one text or several.
        alias: its name as a parameter, where Argo CD has one of its own for it.
        in_secret: whether the Secret of `-s` may give it, where it is the operator's alone.
        trust: what such a Secret must be trusted with to give it, where the Application named it.
    """

    name: str
    group: str
    field: str
    owner: Owner
    summary: str
    parse: Callable[[str], Any]
    default: str | None = None
    kind: Kind = Kind.STRING
    alias: str = ""
    in_secret: bool = False
    trust: Trust | None = None

    @property
    def parameter(self) -> str:
        """Its name in `plugin.parameters` of the Application."""
        return self.alias or self.name

    @property
    def is_operators(self) -> bool:
        """Whether it is the operator's to set."""
        return self.owner in (Owner.OPERATOR, Owner.OPERATOR_ALONE)


_OP, _TENANT, _ARGOCD = Owner.OPERATOR, Owner.TENANT, Owner.ARGOCD
_ALONE = Owner.OPERATOR_ALONE

TENANT_PREFIX: Final = "ARGOCD_ENV_"

BACKEND_PREFIXES: Final = (
    "VAULT", "AWS", "AZURE", "GOOGLE", "SOPS", "OP_CONNECT", "K8S_SECRET",
)  # fmt: skip
"""How names begin that argocd-vault-plugin hands to a backend's library (backendPrefixes in
pkg/config/config.go, v1.18.1). From a tenant they, and names with AVP_, count only where this table
says so."""

OUR_PREFIXES: Final = ("AVP_", *BACKEND_PREFIXES)
"""How the names begin that mean something to us; a file or a Secret may hold others for others."""

TENANT_SETTINGS: Final = "AVP_TENANT_SETTINGS"
"""The operator's list of further settings that tenants may set. The table is read by it."""

RENDER_ENVIRONMENT: Final = "AVP_RENDER_ENV"
"""The operator's list of variables for kustomize and helm, which may be a tenant's."""

TABLE: Final[tuple[Setting, ...]] = (
    Setting(
        "ARGOCD_APP_NAME", "identity", "app", _ARGOCD,
        "the Application's name (`<namespace>_<name>` outside Argo CD's own namespace)",
        names.application,
    ),
    Setting(
        "ARGOCD_APP_NAMESPACE", "identity", "namespace", _ARGOCD,
        "the namespace that the Application deploys to", names.namespace,
    ),
    Setting(
        "ARGOCD_APP_PROJECT_NAME", "identity", "project", _ARGOCD,
        "the Application's project", names.project,
    ),
    Setting(
        "ARGOCD_APP_SOURCE_PATH", "render", "source_path", _ARGOCD,
        "the folder's path in the repository, from which follows where the repository begins",
        parse.verbatim,
    ),
    Setting(
        "KUBE_VERSION", "render", "kube_version", _ARGOCD,
        "the cluster's version, for Helm's capabilities", parse.text,
    ),
    Setting(
        "KUBE_API_VERSIONS", "render", "kube_api_versions", _ARGOCD,
        "the cluster's API versions, for Helm's capabilities", parse.words, "",
    ),
    Setting(
        "IMAGE_NAME", "render", "image_name", _TENANT,
        "the image whose tag is set, as `kustomize edit set image` names it", images.image_name,
    ),
    Setting(
        "IMAGE_TAG", "render", "image_tag", _TENANT,
        "its tag, or a digest `sha256:…`", images.image_tag,
    ),
    Setting(
        "IMAGES", "render", "images", _TENANT,
        "further images to set: `name:tag`, `name@sha256:…`, `name=newname`, `name=newname:tag`",
        images.image, "", Kind.ARRAY, "images",
    ),
    Setting(
        "APP_REPO", "render", "app_repo", _TENANT,
        "the value of the repository annotation on every object", parse.one_line,
    ),
    Setting(
        "HELM_VALUES_FILES", "render", "helm_values_files", _TENANT,
        "values files of a chart, seen from its folder; the last one wins",
        parse.verbatim, "", Kind.ARRAY, "values-files",
    ),
    Setting(
        "HELM_VALUES", "render", "helm_values", _TENANT,
        "values of a chart in YAML; they win over values files", parse.verbatim,
    ),
    Setting(
        "HELM_PARAMETERS", "render", "helm_parameters", _TENANT,
        "single values of a chart, as `helm --set` takes their names; they win over all values",
        parse.verbatim, "", Kind.MAP, "helm-parameters",
    ),
    Setting(
        "HELM_RELEASE_NAME", "render", "helm_release_name", _TENANT,
        "the name of the chart's release, where it is not the Application's", parse.release_name,
    ),
    Setting(
        "HELM_ARGS", "render", "helm_args", _TENANT,
        "arguments of `helm template`, of those that docs/plugin.md lists", parse.verbatim,
    ),
    Setting(
        "AVP_SECRET", "backend", "secret_name", _TENANT,
        "the Kubernetes Secret with the backend's settings, `[namespace:]name`", parse.one_line,
    ),
    Setting(
        "AVP_REPO_ANNOTATION", "render", "annotation_key", _OP,
        "the key of the repository annotation", parse.annotation_key, "github.com/url",
    ),
    Setting(
        "AVP_KUSTOMIZE", "render", "kustomize", _ALONE,
        "the kustomize program: a name sought on PATH, or an absolute path",
        parse.text, "kustomize",
    ),
    Setting(
        "AVP_HELM", "render", "helm", _ALONE,
        "the helm program: a name sought on PATH, or an absolute path", parse.text, "helm",
    ),
    Setting(
        "AVP_KUBECTL", "render", "kubectl", _ALONE,
        "the kubectl program, used where kustomize is missing", parse.text, "kubectl",
    ),
    Setting(
        "AVP_RENDER_TIMEOUT", "render", "timeout", _ALONE,
        "the time that each run of kustomize or helm may take, in seconds", parse.seconds, "60",
    ),
    Setting(
        "AVP_RENDER_NETWORK", "render", "network", _ALONE,
        "whether a render may fetch remote bases and charts: true or false",
        parse.boolean, "true",
    ),
    Setting(
        "AVP_RENDER_PORTS", "render", "ports", _ALONE,
        "the TCP ports that a render may connect to where it may use the network, separated by "
        "commas; the ports of the proxies in HTTP_PROXY and HTTPS_PROXY are added",
        parse.ports, "443,80,22",
    ),
    Setting(
        "AVP_SANDBOX", "render", "sandbox", _ALONE,
        "the kernel sandbox (Landlock, seccomp) of kustomize, helm and git: `auto` uses what the "
        "kernel has, `required` fails where it lacks something, `off` runs them without",
        parse.one_of(parse.SandboxMode), "auto",
    ),
    Setting(
        RENDER_ENVIRONMENT, "render", "environment", _ALONE,
        "further variables that kustomize and helm get to see, by name, separated by commas; "
        "none of ours (`AVP_`, `VAULT_`); files that their values name by absolute paths can be "
        "read",
        parse.passed_on, "",
    ),
    Setting(
        "AVP_RUN_TIMEOUT", "limits", "seconds", _ALONE,
        "the time that a whole run may take, in seconds; Argo CD gives it 60, less what it needs "
        "itself. Holds for every command",
        parse.seconds, "55",
    ),
    Setting(
        "AVP_MAX_MEMORY", "limits", "memory_bytes", _ALONE,
        "how much memory a run may use for its data, in bytes or as `1Gi`; kustomize and helm may "
        "each use as much. Holds for every command",
        parse.size, "1Gi",
    ),
    Setting(
        "AVP_MAX_INPUT", "limits", "input_bytes", _ALONE,
        "how much may be read as manifests (on standard input, of plain files), of one chart, of "
        "its values files, of one file that a kustomization names, and of all kustomizations and "
        "configurations of plugins, in bytes or as `100Mi`",
        parse.size, "100Mi",
    ),
    Setting(
        "AVP_MAX_FILES", "limits", "files", _ALONE,
        "how many files and folders may lie in a folder of plain files, in a chart, and in what is "
        "copied for an edit",
        parse.amount, "200000",
    ),
    Setting(
        "AVP_MAX_OUTPUT", "limits", "output_bytes", _ALONE,
        "how much kustomize or helm may print, and how long the filled manifests may be, in bytes "
        "or as `100Mi`; Argo CD itself takes no more than that",
        parse.size, "100Mi",
    ),
    Setting(
        "AVP_MAX_DOCUMENTS", "limits", "documents", _ALONE,
        "how many documents may be rendered", parse.amount, "20000",
    ),
    Setting(
        "AVP_MAX_REFERENCES", "limits", "references", _ALONE,
        "how many different secrets may be read", parse.amount, "1000",
    ),
    Setting(
        "AVP_TYPE", "backend", "type", _OP,
        "the backend: `vault` or `file`", parse.text, "vault",
    ),
    Setting(
        "AVP_CONCURRENCY", "backend", "concurrency", _OP,
        "how many secrets are read at the same time", parse.positive, "8",
    ),
    Setting(
        "AVP_KV_VERSION", "backend", "kv_version", _OP,
        "the version of Vault's KV engine where no annotation gives it: 1 or 2; without it, Vault "
        "is asked for paths that do not show it",
        parse.text,
    ),
    Setting(
        "AVP_FILE", "backend", "file", _ALONE,
        "the YAML file that the `file` backend reads", parse.file_path,
    ),
    Setting(
        "AVP_PATH_TEMPLATE", "policy", "path_template", _ALONE,
        "the path that an empty path annotation means: a Jinja2 template on `project`, "
        "`namespace` and `app`",
        parse.verbatim, "kv/data/{{ namespace }}/{{ app }}", in_secret=True,
    ),
    Setting(
        "AVP_PATH_VALIDATION", "policy", "path_validation", _ALONE,
        "a regular expression in the syntax of Go (RE2) that every path must match from its "
        "beginning, once it is normalised",
        regexp, in_secret=True,
    ),
    Setting(
        "AVP_POLICY", "policy", "file", _ALONE,
        "the absolute path of the policy, a YAML file (docs/policy.md)", parse.absolute,
    ),
    Setting(
        TENANT_SETTINGS, "policy", "tenant_settings", _ALONE,
        "further settings that tenants may set, by name, separated by commas; those of the "
        "operator alone cannot be handed on",
        parse.words, "",
    ),
    Setting(
        "AVP_LEFTOVERS", "policy", "fail_on_leftovers", _ALONE,
        "what a `<path:` is that nothing fills, escaped or not: `fail` or `ignore`",
        parse.fail_or_ignore, "fail",
    ),
    Setting(
        "AVP_WARNINGS", "policy", "warnings", _ALONE,
        "what becomes of what is probably not meant, such as an image that no object uses: `show` "
        "writes a line to standard error, `error` fails the run, `ignore` says nothing",
        parse.one_of(parse.WarningMode), "show",
    ),
    Setting(
        "AVP_DUPLICATE_KEYS", "policy", "duplicate_keys", _ALONE,
        "what becomes of a manifest that repeats a key in a mapping with another value: `warn` "
        "takes the last, as Argo CD does, with a warning (`AVP_WARNINGS`); `error` fails the run",
        parse.one_of(parse.DuplicateMode), "warn",
    ),
    Setting(
        "AVP_LOG_FORMAT", "log", "format", _ALONE,
        "how messages are written on standard error: `text`, or `json`, an object a line "
        "(docs/errors.md)",
        parse.one_of(parse.LogFormat), "text",
    ),
    Setting(
        "AVP_AUTH_TYPE", "vault", "auth_type", _OP,
        "how to log in: `token`, `approle`, `userpass`, `github`, `jwt`, `k8s` or `cert`; without "
        "it, by the credentials that are there",
        parse.text,
    ),
    Setting(
        "AVP_MOUNT_PATH", "vault", "mount_path", _OP,
        "where the auth method is mounted, with `auth/`; by default `auth/<method>`",
        parse.text, trust=Trust.ADDRESS,
    ),
    Setting("AVP_ROLE_ID", "vault", "role_id", _OP, "approle: the role id", parse.sensitive),
    Setting("AVP_SECRET_ID", "vault", "secret_id", _OP, "approle: the secret id", parse.sensitive),
    Setting("AVP_USERNAME", "vault", "username", _OP, "userpass: the name", parse.text),
    Setting("AVP_PASSWORD", "vault", "password", _OP, "userpass: the password", parse.sensitive),
    Setting(
        "AVP_GITHUB_TOKEN", "vault", "github_token", _OP,
        "github: the personal access token", parse.sensitive,
    ),
    Setting("AVP_K8S_ROLE", "vault", "k8s_role", _OP, "k8s: the role in Vault", parse.text),
    Setting(
        "AVP_K8S_MOUNT_PATH", "vault", "k8s_mount_path", _OP,
        "k8s: where the method is mounted, with `auth/`; wins over AVP_MOUNT_PATH",
        parse.text, trust=Trust.ADDRESS,
    ),
    Setting(
        "AVP_K8S_TOKEN_PATH", "vault", "k8s_token_path", _ALONE,
        "k8s: the file with the service account's token, where it is not the usual one",
        parse.file_path, in_secret=True, trust=Trust.FILES,
    ),
    Setting("AVP_JWT_ROLE", "vault", "jwt_role", _OP, "jwt: the role in Vault", parse.text),
    Setting("AVP_JWT", "vault", "jwt", _OP, "jwt: the token", parse.sensitive),
    Setting(
        "AVP_JWT_PATH", "vault", "jwt_path", _ALONE, "jwt: the file with the token",
        parse.file_path, in_secret=True, trust=Trust.FILES,
    ),
    Setting(
        "AVP_CERT_ROLE", "vault", "cert_role", _OP,
        "cert: the role in Vault, where the certificate alone does not say", parse.text,
    ),
    Setting(
        "AVP_TOKEN_CACHE", "vault", "token_cache", _ALONE,
        "the absolute path of a folder that keeps Vault's tokens from one run to the next; without "
        "it none is kept",
        parse.absolute,
    ),
    Setting("VAULT_TOKEN", "vault", "token", _OP, "token: Vault's token", parse.token),
    Setting(
        "VAULT_ADDR", "vault", "server_address", _OP,
        "Vault's address, or `unix:///…` of a socket; `https://127.0.0.1:8200` if it is not set",
        parse.address, trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_AGENT_ADDR", "vault", "agent_address", _OP,
        "the address of a Vault agent, which wins over VAULT_ADDR",
        parse.address, trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_NAMESPACE", "vault", "namespace", _OP, "Vault's namespace (Enterprise)",
        parse.text, trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_CACERT", "vault", "ca_cert", _OP,
        "a PEM file with the certificate authorities to trust", parse.file_path, trust=Trust.FILES,
    ),
    Setting(
        "VAULT_CACERT_BYTES", "vault", "ca_cert_text", _OP,
        "the text of such a file; VAULT_CACERT wins", parse.pem, trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_CAPATH", "vault", "ca_path", _OP,
        "a folder of such files; VAULT_CACERT and VAULT_CACERT_BYTES win",
        parse.file_path, trust=Trust.FILES,
    ),
    Setting(
        "VAULT_CLIENT_CERT", "vault", "client_cert", _OP,
        "a PEM file with our certificate", parse.file_path, trust=Trust.FILES,
    ),
    Setting(
        "VAULT_CLIENT_KEY", "vault", "client_key", _OP,
        "a PEM file with its key", parse.file_path, trust=Trust.FILES,
    ),
    Setting(
        "VAULT_TLS_SERVER_NAME", "vault", "tls_server_name", _OP,
        "the name that Vault's certificate must carry, where it is not the address'",
        parse.text, trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_SKIP_VERIFY", "vault", "skip_verify", _OP,
        "true: do not check Vault's certificate", parse.boolean, "false", trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_PROXY_ADDR", "vault", "proxy_address", _OP,
        "the URL of a proxy for all requests to Vault; wins over the environment's proxies",
        parse.proxy, trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_HTTP_PROXY", "vault", "http_proxy", _OP,
        "the older name of VAULT_PROXY_ADDR, which wins", parse.proxy, trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_DISABLE_REDIRECTS", "vault", "disable_redirects", _OP,
        "true: follow no redirect, not even to the active node",
        parse.boolean, "false", trust=Trust.ADDRESS,
    ),
    Setting(
        "VAULT_SRV_LOOKUP", "vault", "srv_lookup", _OP,
        "not supported: true is an error where VAULT_ADDR names no port", parse.boolean, "false",
    ),
    Setting(
        "VAULT_RATE_LIMIT", "vault", "rate_limit", _OP,
        "how many requests are sent in a second, as `100`, or `100:20` with how many at once",
        parse.rate_limit,
    ),
    Setting(
        "VAULT_CLIENT_TIMEOUT", "vault", "timeout", _OP,
        "the time that one request may take with all its tries, in seconds or as `1m30s`; 0 is no "
        "limit",
        parse.time_limit, "20",
    ),
    Setting(
        "VAULT_MAX_RETRIES", "vault", "max_retries", _OP,
        "how often a request is repeated on a lost connection, 412, 429 or 5xx", parse.retries, "2",
    ),
)  # fmt: skip
