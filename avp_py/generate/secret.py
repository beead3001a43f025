"""The settings Secret: who named it, and so what it may set."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from avp_py.policy import PolicyGate
from avp_py.settings import Resolution, Settings

ReadSecret: TypeAlias = Callable[[str, Mapping[str, str], float], Mapping[str, str]]
"""Returns what a Secret holds, by name in capitals. Gets the Secret as `[namespace:]name`, the
environment, and the time that it may take, in seconds."""


def read_from_cluster(name: str, environ: Mapping[str, str], seconds: float) -> Mapping[str, str]:
    """Read a Secret from the Kubernetes API, as `ReadSecret` says."""
    # Late: most runs read no Secret.
    from avp_py.kubernetes import read_settings_secret

    return read_settings_secret(name, environ, seconds)


def complete(
    resolution: Resolution, gate: PolicyGate, seconds: float, read_secret: ReadSecret
) -> Settings:
    """Return the settings with those of the Secret; where none is to be read, as they are.

    Args:
        resolution: the settings without the Secret.
        gate: what the policy allows the Application, if it names the Secret.
        seconds: the time that reading it may take.
        read_secret: reads it.

    Raises:
        AvpError: it cannot be read, may not be named, or sets what it may not.
    """
    # The file backend needs no credentials.
    if resolution.secret_name is None or resolution.settings.backend.type == "file":
        return resolution.settings
    from avp_py.kubernetes import DEFAULT_NAMESPACE, split_name

    namespace, secret = split_name(resolution.secret_name)
    name = f"{namespace}:{secret}"
    is_operators = name in [
        each if ":" in each else f"{DEFAULT_NAMESPACE}:{each}"
        for each in resolution.operators_secrets
    ]
    if not is_operators:
        gate.check_secret(namespace, secret)
    values = read_secret(name, resolution.sources.environ, seconds)
    trust = None if is_operators else gate.trust(namespace, secret)
    return resolution.with_secret(values, name, trust)
