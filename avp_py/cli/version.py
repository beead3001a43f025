"""`avp-py version`: our version, and those of the programs that would be used."""

import argparse
import platform
from typing import Final

from avp_py import __version__
from avp_py.cli.console import Console
from avp_py.cli.parser import Commands, Parser
from avp_py.cli.report import MAX_LINE, clip
from avp_py.errors import SandboxError
from avp_py.render.tools import builder_version, version_of
from avp_py.sandbox import describe_sandbox
from avp_py.settings import Program, RenderSettings, SandboxMode, Sources, resolve

_FOLLOWED: Final = "v1.18.1"
"""The version of argocd-vault-plugin whose behaviour is ours by its name."""

_NEEDED: Final = ("AVP_KUSTOMIZE", "AVP_KUBECTL", "AVP_HELM", "AVP_SANDBOX")


def add_parser(
    commands: Commands,
    common: Parser,
    program: Program,
) -> None:
    """Add the command."""
    if program is Program.ARGOCD_VAULT_PLUGIN:
        parser = commands.add_parser(
            "version",
            parents=[common],
            help="print the version",
            description="Prints the version of argocd-vault-plugin whose behaviour is followed, "
            "and that of avp-py.",
            allow_abbrev=False,
        )
        # It ignores surplus arguments.
        parser.add_argument("surplus", nargs="*", help=argparse.SUPPRESS)
        parser.set_defaults(run=run_as_avp)
        return
    parser = commands.add_parser(
        "version",
        parents=[common],
        help="print the versions of avp-py, kustomize and helm",
        description="Prints the versions of avp-py and of the programs that it would use.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Print a line for each."""
    settings = _programs(console.operator.read_sources(arguments, console))
    mode = settings.sandbox
    lines = (
        ("avp-py", __version__),
        ("python", platform.python_version()),
        ("kustomize", builder_version(settings, console.environ)),
        ("helm", version_of("helm", settings.helm, console.environ, mode)),
        ("sandbox", _sandbox(mode)),
    )
    console.write("".join(f"{name:10}{clip(text, MAX_LINE)}\n" for name, text in lines))


def run_as_avp(_arguments: argparse.Namespace, console: Console) -> None:
    """Print the line of argocd-vault-plugin (cmd/version.go, v1.18.1)."""
    console.write(f"argocd-vault-plugin {_FOLLOWED} (avp-py {__version__}) BuildDate: unknown\n")


def _sandbox(mode: SandboxMode) -> str:
    try:
        return describe_sandbox(mode)
    except SandboxError as error:
        return error.reason


def _programs(sources: Sources) -> RenderSettings:
    """Return the settings that are needed, whatever is wrong with others."""
    environ, config = (
        {name: values[name] for name in _NEEDED if name in values}
        for values in (sources.environ, sources.config or {})
    )
    return resolve(Sources(environ, config)).settings.render
