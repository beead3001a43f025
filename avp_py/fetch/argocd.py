"""Credentials out of Argo CD's own Secrets and ConfigMaps for repositories.

Their keys are those of secretToRepository and secretToRepoCred in Argo CD's
util/db/repository_secrets.go; which certificates and hosts are trusted is in
docs/operator-manual/declarative-setup.md (both v3.2). Unlike there:

- A Secret is for what is below its URL, at the end of a segment. Argo CD uses one with the label
  `repository` for that URL only, and one with `repo-creds` for any longer text.
- The letters of a URL are not compared in small letters, as many hosts tell them apart.
- Certificates in argocd-tls-certs-cm are trusted besides those of the system, for the default port
  and the ports of URLs in Secrets.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from avp_py.errors import AvpError, Failure, SettingsError, quoted
from avp_py.fetch.credential import Credential, choose
from avp_py.fetch.parts import build
from avp_py.settings.parse import MalformedError, boolean
from avp_py.urls import comparable, normalise

REPOSITORY: Final = "repository"
TEMPLATE: Final = "repo-creds"
"""The values of the label `argocd.argoproj.io/secret-type` on a Secret with credentials."""

_TYPES: Final = ("", "git", "helm", "oci")
_UNSUPPORTED: Final = (
    "githubAppPrivateKey",
    "gcpServiceAccountKey",
    "azureServicePrincipalClientSecret",
)
_NO_NAME: Final = "x-access-token"
"""The user of a token for git without one (githubAccessTokenUsername in util/git/creds.go)."""

_PROXY: Final = "repositories are fetched without the proxy in Argo CD's Secret"
_PROXY_HINT: Final = "set HTTPS_PROXY and NO_PROXY of the sidecar"

_INSTEAD: Final = (
    "for git on the Application's own server, have Argo CD lend a token (provideGitCreds); else "
    "write a password or a token into the file that AVP_REPOSITORIES names"
)


@dataclass(frozen=True)
class ArgocdSecret:
    """A Secret for repositories.

    Attributes:
        name: its namespace and name, for messages.
        kind: what its label says; empty without that label.
        values: its values, by key.
    """

    name: str
    kind: str
    values: Mapping[str, bytes] = field(repr=False)


def read_secrets(
    secrets: Iterable[ArgocdSecret], certificates: Mapping[str, str], known_hosts: str
) -> tuple[tuple[Credential, ...], tuple[Failure, ...]]:
    """Return the credentials in the Secrets of one Argo CD.

    A repository without credentials of its own has those of the `repo-creds` for it.

    Args:
        secrets: the Secrets.
        certificates: what argocd-tls-certs-cm has: by host, certificates in PEM.
        known_hosts: what argocd-ssh-known-hosts-cm has.

    Returns:
        The credentials, those that win first, and a warning of each Secret that cannot be used.
    """
    warnings: list[Failure] = []
    found: dict[str, list[Credential]] = {REPOSITORY: [], TEMPLATE: []}
    seen: dict[tuple[str, str, str], str] = {}
    for secret in secrets:
        try:
            kind = _kind(secret)
            credential = _credential(secret, certificates, known_hosts)
            if _Values(secret.values).text("proxy").strip():
                warnings.append(Failure(f"{_PROXY} {secret.name}", _PROXY_HINT))
        except AvpError as error:
            reason = f"Argo CD's Secret {secret.name} is not used: {error.reason}"
            warnings.append(Failure(reason, error.hint))
            continue
        key = (kind, comparable(credential.url), credential.project)
        if key in seen:
            reason = f"Argo CD's Secret {secret.name} is not used: {seen[key]} is for the same URL"
            warnings.append(Failure(reason, "remove one of them"))
        else:
            seen[key] = secret.name
            found[kind].append(credential)
    repositories = (_inherited(each, found[TEMPLATE]) for each in found[REPOSITORY])
    hosts, more = _hosts(certificates)
    return (
        (*filter(_is_of_use, repositories), *found[TEMPLATE], *hosts),
        (*warnings, *more),
    )


def _kind(secret: ArgocdSecret) -> str:
    if secret.kind not in ("", REPOSITORY, TEMPLATE):
        raise SettingsError(
            f"its label secret-type is {quoted(secret.kind)}",
            hint=f"name a Secret with {REPOSITORY} or {TEMPLATE}",
        )
    return secret.kind or REPOSITORY


def _credential(
    secret: ArgocdSecret, certificates: Mapping[str, str], known_hosts: str
) -> Credential:
    values = _Values(secret.values)
    _refuse_unsupported(values)
    kind = values.text("type")
    if kind not in _TYPES:
        raise SettingsError("its type is not known", hint="known: git, helm, oci")
    is_git = kind in ("", "git")
    url = _url(values, kind)
    scheme = url.partition("://")[0]
    verify = not (values.flag("insecure") or (is_git and values.flag("insecureIgnoreHostKey")))
    plain = scheme == "oci" and values.flag("insecureOCIForceHttp")
    if scheme == "ssh":
        texts = {"ssh_key": values.text("sshPrivateKey")}
        trusted = {"known_hosts": known_hosts}
        if texts["ssh_key"] and verify and not known_hosts.strip():
            raise SettingsError(
                "the ConfigMap argocd-ssh-known-hosts-cm has no known hosts",
                hint="`argocd cert add-ssh` adds them",
            )
    else:
        texts = _login(values, is_git=is_git)
        trusted = {}
        if scheme != "http" and not plain:
            texts |= _certificate(values)
            trusted = {"ca": certificates.get(urlsplit(url).hostname or "", "")}
    if verify:
        texts |= trusted
    given = {name: text for name, text in texts.items() if text.strip()}
    return build(
        url,
        f"Argo CD's Secret {secret.name}",
        given,
        verify=verify,
        plain_http=plain,
        project=values.text("project"),
    )


def _refuse_unsupported(values: "_Values") -> None:
    for key in _UNSUPPORTED:
        if values.text(key):
            raise SettingsError(f"{key} is not supported", hint=_INSTEAD)
    if values.flag("useAzureWorkloadIdentity"):
        raise SettingsError("useAzureWorkloadIdentity is not supported", hint=_INSTEAD)


class _Values:
    """The values of a Secret."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self._values = values

    def text(self, key: str) -> str:
        """Return a value as text; an empty one where it is not set."""
        try:
            return self._values.get(key, b"").decode()
        except UnicodeDecodeError:
            raise SettingsError(f"{key} is not UTF-8", hint="correct it") from None

    def flag(self, key: str) -> bool:
        """Return whether a value is true."""
        try:
            return boolean(self.text(key) or "false")
        except MalformedError:
            raise SettingsError(f"{key} is not a boolean", hint="write true or false") from None


def _url(values: _Values, kind: str) -> str:
    """Return the URL, normalised: that of a registry has no scheme in Argo CD's Secrets."""
    url = values.text("url").strip()
    if not url:
        raise SettingsError("it has no url", hint="name a Secret for a repository")
    is_registry = kind == "oci" or (kind == "helm" and values.flag("enableOCI"))
    return normalise(f"oci://{url}" if is_registry and "://" not in url else _without_user(url))


def _without_user(url: str) -> str:
    """Return an HTTP URL without the user that some hosters put into it; others as they are."""
    user = _user(url)
    return url.replace(f"{user}@", "", 1) if user else url


def _user(url: str) -> str:
    """Return the user in an HTTP URL; an empty text where there is none, or a password."""
    scheme, _, rest = url.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    return user if at and scheme in ("http", "https") and ":" not in user else ""


def _login(values: _Values, *, is_git: bool) -> dict[str, str]:
    texts = {key: values.text(key) for key in ("username", "password")}
    token = values.text("bearerToken") if is_git else ""
    if texts["password"] and is_git:
        user = texts["username"] or _user(values.text("url").strip()) or _NO_NAME
        return {**texts, "username": user}
    if token:
        return {"token": token}
    if bool(texts["username"]) != bool(texts["password"]):
        raise SettingsError("it has one of username and password", hint="add the other one")
    return texts


def _certificate(values: _Values) -> dict[str, str]:
    certificate, key = values.text("tlsClientCertData"), values.text("tlsClientCertKey")
    if bool(certificate) != bool(key):
        raise SettingsError(
            "it has one of tlsClientCertData and tlsClientCertKey", hint="add the other one"
        )
    return {"certificate": certificate, "key": key}


def _inherited(repository: Credential, templates: Sequence[Credential]) -> Credential:
    """Return a repository with the credentials of a template, where it has none of its own."""
    if repository.has_login:
        return repository
    template = choose(templates, repository.url, repository.project)
    if template is None:
        return repository
    return dataclasses.replace(
        template,
        url=repository.url,
        source=f"{repository.source}, with the credentials of {template.source}",
        verify=repository.verify,
        plain_http=repository.plain_http or template.plain_http,
        ca=repository.ca,
        known_hosts=repository.known_hosts,
        project=repository.project,
    )


def _is_of_use(credential: Credential) -> bool:
    """Return whether a Secret says more than that a repository exists."""
    return credential.has_login or not credential.verify or credential.plain_http


def _hosts(certificates: Mapping[str, str]) -> tuple[list[Credential], list[Failure]]:
    """Return what trusts the certificates of hosts that need no credentials."""
    found: list[Credential] = []
    warnings = []
    for host, text in certificates.items():
        source = f"the ConfigMap argocd-tls-certs-cm: {quoted(host)}"
        try:
            for scheme in ("https", "oci"):
                found.append(build(normalise(f"{scheme}://{host}"), source, {"ca": text}))
        except AvpError as error:
            warnings.append(Failure(f"{source} is not used: {error.reason}", error.hint))
    return found, warnings
