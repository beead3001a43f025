"""Read the Secret with the operator's settings."""

import base64
import json
import logging
import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from avp_py.errors import ClusterError, SettingsError
from avp_py.kubernetes.access import SERVICE_ACCOUNT, Access, in_cluster
from avp_py.kubernetes.kubeconfig import read_kubeconfig
from avp_py.kubernetes.request import Answer, get, not_the_api
from avp_py.settings import OUR_PREFIXES
from avp_py.settings.names import LABEL, SUBDOMAIN, is_label, is_subdomain

DEFAULT_NAMESPACE: Final = "argocd"
"""argocd-vault-plugin's (ArgoCDNamespace in pkg/types/constants.go, v1.18.1)."""

TIME_LIMIT_SECONDS: Final = 10.0
"""How long reading the Secret may take, all attempts together. Normally it takes milliseconds; Argo
CD waits 60 seconds for the whole run, and Vault must be read in that time, too."""

GRACE_SECONDS: Final = 0.5
"""How much later a read is abandoned that does not end at its own time limit."""

logger: Final = logging.getLogger(__name__)

_ACCOUNT = re.compile(rf'User "system:serviceaccount:(?P<namespace>{LABEL}):(?P<name>{SUBDOMAIN})"')


def read_settings_secret(
    name: str,
    environ: Mapping[str, str],
    seconds: float = TIME_LIMIT_SECONDS,
    service_account: Path = SERVICE_ACCOUNT,
) -> Mapping[str, str]:
    """Read the Secret from the API in KUBECONFIG, or without it from that of this pod's cluster.

    argocd-vault-plugin does so in pkg/kube/client.go (v1.18.1), in a pod only. There, `a:b:c` means
    the Secret `a`, and bytes that are not UTF-8 are kept; here both are errors, the latter in the
    value of a setting.

    Args:
        name: the Secret, as `[namespace:]name`.
        environ: the environment of the process.
        seconds: how long it may take, from the first file to the last byte; at most
            TIME_LIMIT_SECONDS.
        service_account: the folder with the service account of this pod.

    Returns:
        Its values as text, by their keys in upper case: there, settings can have any case.

    Raises:
        SettingsError: the name is invalid, KUBECONFIG cannot be used, or a value is not text.
        DocumentError: KUBECONFIG is malformed.
        ClusterError: there is no API or no such Secret, or we may not read it.
    """
    namespace, secret = split_name(name)
    limit = max(min(seconds, TIME_LIMIT_SECONDS), 0)
    found: Future[Mapping[str, str]] = Future()

    def read() -> None:
        try:
            found.set_result(_read(namespace, secret, environ, limit, service_account))
        except BaseException as error:
            found.set_exception(error)

    # Looking up a name and reading a pipe have no time limit of their own.
    threading.Thread(target=read, daemon=True).start()
    try:
        return found.result(limit + GRACE_SECONDS)
    except TimeoutError:
        raise ClusterError(
            f"the Secret {secret} in the namespace {namespace} could not be read within "
            f"{round(limit, 1):g} s",
            hint="check the network, the Kubernetes API, and the files that KUBECONFIG names",
        ) from None


def _read(
    namespace: str, secret: str, environ: Mapping[str, str], limit: float, service_account: Path
) -> Mapping[str, str]:
    kubeconfig = environ.get("KUBECONFIG", "")
    access = read_kubeconfig(kubeconfig) if kubeconfig else in_cluster(environ, service_account)
    logger.info(
        "settings from the Secret %s/%s at %s, with the credentials in %s",
        namespace, secret, access.server, access.source,
    )  # fmt: skip
    answer = get(access, f"/api/v1/namespaces/{namespace}/secrets/{secret}", limit)
    body = _body(answer)
    if answer.status != 200:
        raise _translate_status(access, answer, body, namespace, secret)
    if body.get("kind") != "Secret":
        raise not_the_api(access, answer.status)
    try:
        values = {
            key: base64.b64decode(value, validate=True)
            for key, value in (body.get("data") or {}).items()
        }
    except (AttributeError, TypeError, ValueError):
        raise not_the_api(access, answer.status) from None
    return _as_settings(values, f"the Secret {secret} in the namespace {namespace}")


def split_name(name: str) -> tuple[str, str]:
    """Return the namespace and the name of a Secret that is written as `[namespace:]name`.

    Raises:
        SettingsError: it is not valid.
    """
    namespace, colon, secret = name.rpartition(":")
    if not colon:
        namespace = DEFAULT_NAMESPACE
    if not is_label(namespace) or not is_subdomain(secret):
        raise SettingsError(
            f"{name[:320]!r} is not the name of a Secret",
            hint="write it as [namespace:]name, with lower case letters, digits, '-' and '.'",
        )
    return namespace, secret


def _body(answer: Answer) -> Mapping[str, Any]:
    """Return the JSON object in an answer; an empty one if there is none."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _translate_status(
    access: Access, answer: Answer, body: Mapping[str, Any], namespace: str, secret: str
) -> ClusterError:
    """Return the error for a status; of the answer's own text, only the account's name is used."""
    if answer.status == 429 or answer.status >= 500:
        return ClusterError(
            f"the Kubernetes API at {access.server} failed (HTTP status {answer.status})",
            hint="try again; check the health of the API server",
        )
    if body.get("kind") != "Status":
        return not_the_api(access, answer.status)
    match answer.status:
        case 401:
            return ClusterError(
                f"the Kubernetes API at {access.server} rejected our credentials (401)",
                hint=f"renew the credentials in {access.source}: they may have expired, or be for "
                "another cluster",
            )
        case 403:
            account = _ACCOUNT.search(str(body.get("message")))
            who = (
                f"the service account {account['namespace']}/{account['name']}" if account else "we"
            )
            return ClusterError(
                f"{who} may not read the Secret {secret} in the namespace {namespace}",
                hint=f"allow it with a Role and a RoleBinding in the namespace {namespace}: "
                f'apiGroups [""], resources ["secrets"], resourceNames ["{secret}"], '
                'verbs ["get"]',
            )
        case 404:
            return ClusterError(
                f"there is no Secret {secret} in the namespace {namespace}",
                hint="create it, or name another one as [namespace:]name",
            )
    return ClusterError(
        f"the Kubernetes API at {access.server} rejected the request (HTTP status {answer.status})",
        hint="check the log of the API server",
    )


def _as_settings(values: Mapping[str, bytes], where: str) -> Mapping[str, str]:
    settings: dict[str, str] = {}
    for key, value in values.items():
        name = key.upper()
        if name in settings:
            raise SettingsError(
                f"duplicate key {name} in {where}, in different cases", hint="remove one"
            )
        try:
            settings[name] = value.decode()
        except UnicodeDecodeError:
            if not name.startswith(OUR_PREFIXES):
                continue  # It belongs to another program.
            raise SettingsError(
                f"the value of {key} in {where} is not UTF-8", hint="settings are text"
            ) from None
    return settings
