"""Settings from sources, for tests that need some."""

from collections.abc import Mapping

from avp_py.settings import Program, Settings, Sources, Trust, resolve


def load(
    environ: Mapping[str, str],
    config: Mapping[str, str] | None = None,
    program: Program = Program.AVP_PY,
) -> Settings:
    """The settings of an environment, and of a settings file."""
    return resolve(Sources(environ, config, program=program)).settings


def load_with_secret(
    environ: Mapping[str, str],
    secret: Mapping[str, str],
    name: str = "argocd:avp",
    trust: frozenset[Trust] | None = None,
) -> Settings:
    """The settings including those of a Secret; without `trust` the operator names it."""
    resolution = resolve(Sources(environ, secret_name=name))
    return resolution.with_secret(secret, name, trust)
