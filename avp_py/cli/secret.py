"""The Secret with the settings: who named it, and so what it may say."""

from collections.abc import Callable, Mapping

from avp_py.policy import PolicyGate
from avp_py.settings import Settings, judge_secret, load, without_tenant


def load_with_secret(
    name: str,
    on_command_line: str | None,
    environ: Mapping[str, str],
    gate: PolicyGate,
    known: Settings,
    load_settings: Callable[[Mapping[str, str]], Settings],
    seconds: float,
) -> Settings:
    """Return the settings with those of a Secret.

    Args:
        name: the Secret, as `[namespace:]name`.
        on_command_line: the one that the command line names, which the operator writes.
        environ: the environment of the process.
        gate: what the policy says to the Application, if it names the Secret.
        known: the settings without the Secret.
        load_settings: makes the settings of what the Secret holds.
        seconds: the time that reading it may take.

    Raises:
        AvpError: it cannot be read, may not be named, or says what it may not.
    """
    from avp_py.kubernetes import DEFAULT_NAMESPACE, read_settings_secret, split_name

    namespace, secret = split_name(name)
    named = [each for each in (on_command_line, _operators_secret(environ)) if each]
    is_operators = f"{namespace}:{secret}" in [
        each if ":" in each else f"{DEFAULT_NAMESPACE}:{each}" for each in named
    ]
    if not is_operators:
        gate.check_secret(namespace, secret)
    settings = load_settings(read_settings_secret(name, environ, seconds))
    if is_operators:
        return settings
    return judge_secret(known, settings, f"{namespace}:{secret}", gate.trust(namespace, secret))


def _operators_secret(environ: Mapping[str, str]) -> str | None:
    """The Secret that the operator names in the environment."""
    # Misspelt names were reported before.
    operators = load(without_tenant(environ), before_secret=True, is_lenient=True)
    return operators.backend.secret_name
