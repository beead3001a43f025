"""The settings of a run, for every command that needs them: one resolution, one verdict."""

import argparse
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from avp_py.cli.console import Door
from avp_py.cli.secret import load_with_secret
from avp_py.policy import PolicyGate
from avp_py.settings import (
    PARAMETERS,
    TABLE,
    TENANT_PREFIX,
    Owner,
    Settings,
    load,
    read_config,
)


@dataclass(frozen=True)
class Resolution:
    """What the command line, the environment and the settings file say.

    Attributes:
        settings: the settings without the Secret.
        environ: the environment, as far as it counts by the name that the program was called by.
        arguments: the command line.
        secret_name: the Secret with further settings, or None where none is read.
    """

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    arguments: argparse.Namespace = field(repr=False)
    secret_name: str | None

    def complete(self, known: Settings, gate: PolicyGate, deadline: float) -> Settings:
        """Return the settings with those of the Secret; where none is read, as they were.

        Args:
            known: the settings without the Secret.
            gate: what the policy says to the Application, if it names the Secret.
            deadline: until when it may be read, on the clock of time.monotonic().

        Raises:
            AvpError: it cannot be read, may not be named, or says what it may not.
        """
        # The file backend needs no credentials.
        if self.secret_name is None or known.backend.type == "file":
            return known
        return load_with_secret(
            self.secret_name,
            self.arguments.secret_name,
            self.environ,
            gate,
            known,
            partial(_load, self.arguments, self.environ, from_secret=True),
            deadline - time.monotonic(),
        )


def resolve_settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Resolution:
    """Return the settings as `generate` uses them.

    Args:
        arguments: the command line, with the name that the program was called by (`door`).
        environ: the environment of the process.

    Raises:
        AvpError: the settings file cannot be read, or a wrong setting is not the Secret's to give.
    """
    is_avp = arguments.door is Door.ARGOCD_VAULT_PLUGIN
    if is_avp:
        environ = _as_avp(environ)
    if arguments.config_path:
        # A settings file overrides the Secret as a whole.
        config = read_config_of(arguments, environ)
        return Resolution(_load(arguments, environ, config), environ, arguments, None)
    settings = _load(arguments, environ, before_secret=True)
    secret_name = arguments.secret_name or (None if is_avp else settings.backend.secret_name)
    if not secret_name:
        settings = _load(arguments, environ)
    return Resolution(settings, environ, arguments, secret_name or None)


def read_config_of(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return what the settings file of the command line holds; without one, nothing.

    Raises:
        AvpError: it cannot be read.
    """
    return read_config(arguments.config_path, environ) if arguments.config_path else {}


def _load(
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    config: Mapping[str, str] | None = None,
    *,
    from_secret: bool = False,
    before_secret: bool = False,
) -> Settings:
    settings = load(
        environ,
        config,
        from_secret=from_secret,
        before_secret=before_secret,
        is_lenient=arguments.door is Door.ARGOCD_VAULT_PLUGIN,
    )
    if arguments.disable_token_cache:
        vault = dataclasses.replace(settings.vault, token_cache=None)
        settings = dataclasses.replace(settings, vault=vault)
    return settings


def _as_avp(environ: Mapping[str, str]) -> Mapping[str, str]:
    """What argocd-vault-plugin knows of the environment: no images, values or parameters."""
    ours = {
        f"{TENANT_PREFIX}{setting.name}"
        for setting in TABLE
        if setting.owner is Owner.TENANT and setting.group == "render"
    }
    return {name: value for name, value in environ.items() if name not in {PARAMETERS, *ours}}
