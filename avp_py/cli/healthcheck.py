"""`avp-py healthcheck`: whether a run would find what it needs, for probes and for a person."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from avp_py.backends import check_backend, module_of
from avp_py.cli.console import Console
from avp_py.cli.parser import Commands, Parser
from avp_py.cli.report import MAX_LINE, clip, one_line
from avp_py.errors import AvpError, GenerateError, RenderError
from avp_py.generate import complete, read_from_cluster
from avp_py.policy import PolicyGate, read_permissions
from avp_py.policy.document import read_policy
from avp_py.render.tools import ask_builder, ask_version
from avp_py.render.workspace import open_workspace
from avp_py.sandbox import describe_sandbox
from avp_py.settings import Program, Resolution, Settings, resolve

EXIT_UNHEALTHY = 1

Check = tuple[str, Callable[[], str]]
"""The name of a check, and what does it: returns the text to print, or raises AvpError."""


def add_parser(
    commands: Commands,
    common: Parser,
    _program: Program,
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "healthcheck",
        parents=[common],
        help="check whether a run would find what it needs",
        description="Checks the settings, the policy, the temporary folder, kustomize, helm and "
        "the sandbox of child processes (by the name argocd-vault-plugin, which renders nothing, "
        "the first three), and prints a line for each. The exit code is 0 when all is well, "
        "else 1. The backend is contacted on request only: its outage must not stop a sidecar.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--backend", action="store_true", help="ask the backend whether it would answer"
    )
    parser.add_argument(
        "--login", action="store_true", help="ask the backend, and log in; no secret is read"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print a line for each check, as soon as it is done; return the exit code."""
    elsewhere = console.operator.health()
    if elsewhere is not None:
        code, text = elsewhere
        console.write(text)
        return code
    is_healthy = True
    for name, check in _checks(arguments, console):
        try:
            verdict, text = "ok", clip(check(), MAX_LINE)
        except AvpError as error:
            verdict, text = "failed", one_line(error)
            is_healthy = False
        console.write(f"{verdict:8}{name:18}{text}".rstrip() + "\n")
    return 0 if is_healthy else EXIT_UNHEALTHY


def _checks(arguments: argparse.Namespace, console: Console) -> Iterator[Check]:
    environ = console.environ
    yield "temporary folder", partial(_write_temporary_folder, environ)
    loaded: list[Resolution] = []

    def load_settings() -> str:
        resolved = resolve(console.operator.read_sources(arguments, console))
        module_of(resolved.settings.backend.type)
        loaded.append(resolved)
        return _judge_warnings(resolved.settings)

    yield "settings", load_settings
    # The others go by the settings, and wait until those can be read.
    for resolved in loaded:
        settings = resolved.settings
        if settings.policy.file is not None:
            yield "policy", partial(_read_policy, settings.policy.file)
        if arguments.program is Program.AVP_PY:
            render = settings.render
            yield "kustomize", partial(ask_builder, render, environ)
            yield "helm", partial(ask_version, "helm", render.helm, environ, render.sandbox)
            yield "sandbox", partial(describe_sandbox, render.sandbox)
        if arguments.backend or arguments.login:
            yield "backend", partial(_ask_backend, resolved, environ, log_in=arguments.login)


def _judge_warnings(settings: Settings) -> str:
    """Return the warnings about settings that AVP_WARNINGS shows, or raise them as failures."""
    mode = settings.policy.warnings
    if mode == "error" and settings.warnings:
        raise GenerateError(settings.warnings)
    shown = settings.warnings if mode == "show" else ()
    return "; ".join(f"warning: {each.reason}; next: {each.hint}" for each in shown)


def _write_temporary_folder(environ: Mapping[str, str]) -> str:
    with open_workspace(environ) as workspace:
        (workspace.folder / "written").write_text("so there is room")
        parent = workspace.folder.parent
    # Another one serves where that one cannot be used.
    wanted = environ.get("TMPDIR")
    if wanted and Path(wanted).resolve() != parent:
        raise RenderError(
            f"TMPDIR, {wanted}, cannot be written", hint="name a folder that can be written"
        )
    return str(parent)


def _read_policy(file: str) -> str:
    read_policy(Path(file))
    return file


def _ask_backend(resolved: Resolution, environ: Mapping[str, str], *, log_in: bool) -> str:
    settings = resolved.settings
    permissions = read_permissions(settings.policy.file, settings.identity)
    gate = PolicyGate(settings.identity, permissions)
    settings = complete(resolved, gate, settings.limits.seconds, read_from_cluster)
    _judge_warnings(settings)
    return check_backend(settings, environ, log_in=log_in)
