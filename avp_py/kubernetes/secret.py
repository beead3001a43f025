"""Read the Secret with the operator's settings."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from avp_py.errors import SettingsError
from avp_py.kubernetes.access import SERVICE_ACCOUNT
from avp_py.kubernetes.objects import SECRET, TIME_LIMIT_SECONDS, in_time, open_api
from avp_py.settings import OUR_PREFIXES
from avp_py.settings.names import is_label, is_subdomain

DEFAULT_NAMESPACE: Final = "argocd"
"""argocd-vault-plugin's (ArgoCDNamespace in pkg/types/constants.go, v1.18.1)."""

logger: Final = logging.getLogger(__name__)


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
    where = f"the Secret {secret} in the namespace {namespace}"

    def read(limit: float) -> Mapping[str, str]:
        api = open_api(environ, limit, service_account)
        logger.info(
            "settings from the Secret %s/%s at %s, with the credentials in %s",
            namespace, secret, api.access.server, api.access.source,
        )  # fmt: skip
        return _as_settings(api.read(SECRET, namespace, secret).data, where)

    return in_time(read, where, seconds)


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
