"""`avp-py policy check`: what a policy says to a request, and which rule decides."""

import argparse
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from avp_py import urls
from avp_py.cli.console import Console
from avp_py.cli.parser import Commands, Parser, exit_usage
from avp_py.errors import FetchError, PathError, UsageError, quoted
from avp_py.policy import normalise
from avp_py.policy.decide import Permissions
from avp_py.policy.document import read_policy
from avp_py.policy.fetching import checked_url
from avp_py.policy.verdict import Verdict
from avp_py.remotes import RemoteFile, shown
from avp_py.settings import Identity, Program, Trust, names
from avp_py.settings.parse import MalformedError

_MEANINGS = {
    Trust.ADDRESS: "say where the sidecar's own credentials are sent",
    Trust.FILES: "name files of the sidecar",
}

_BY_DEFAULT = Verdict(
    True,
    "no rule of the policy has fetch or denyFetch: it is allowed unless AVP_RENDER_NETWORK=false",
)


class _PathsAnywhere(Parser):
    """Accept PATHs after options too: before Python 3.12.7, argparse gives up after FILE."""

    def add_rest(self, found: Any, rest: Sequence[str]) -> None:
        if any(word.startswith("-") for word in rest):
            super().add_rest(found, rest)
        found.paths += rest


def add_parser(
    commands: Commands,
    common: Parser,
    program: Program,
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "policy",
        help="explain what a policy allows",
        description="Works on a policy, the file that AVP_POLICY names.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_PathsAnywhere
    )
    check = actions.add_parser(
        "check",
        parents=[common],  # type: ignore[list-item]
        help="report whether paths may be read and URLs fetched, and which rule decides",
        description="Reports for each path whether a request may read it, for each URL whether it "
        "may be fetched, and which rule decides. A name that is not given counts as one that Argo "
        "CD did not set. Nothing is contacted, and AVP_PATH_VALIDATION is not applied.",
        epilog=f"exit codes: 0 all allowed, 1 something denied, {exit_usage(program)} wrong usage",
        allow_abbrev=False,
    )
    check.add_argument("file", metavar="FILE", type=Path, help="the policy")
    for option, read, meaning in (
        ("--project", names.project, "the Application's project"),
        ("--app", names.application, "the Application's name"),
        ("--namespace", names.namespace, "the namespace that it deploys to"),
    ):
        check.add_argument(option, metavar=option[2].upper(), type=_typed(read), help=meaning)
    check.add_argument("--kind", metavar="K", help="the kind of the document")
    check.add_argument(
        "--secret",
        metavar="[NAMESPACE:]NAME",
        action="append",
        default=[],
        help="a Secret that the Application names in AVP_SECRET; may be given more than once",
    )
    check.add_argument(
        "--fetch",
        metavar="URL",
        action="append",
        default=[],
        help="the URL of a git repository or a file, or that of a chart: REPOSITORY/NAME; may be "
        "given more than once",
    )
    check.add_argument(
        "paths", metavar="PATH", nargs="*", help="a path, as it is requested: kv/data/team/app"
    )
    check.set_defaults(run=run)


def _typed(read: Callable[[str], str]) -> Callable[[str], str]:
    """Return a parser of settings for argparse: a malformed name is wrong usage here."""

    def typed(raw: str) -> str:
        try:
            return read(raw)
        except MalformedError as error:
            raise UsageError(f"{quoted(raw)} is not {error.expected}", hint=error.form) from error

    return typed


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print a line for each path, Secret and URL; return the exit code."""
    # The sources say how messages are written, and how long it may take.
    console.operator.read_sources(arguments, console)
    if not (arguments.paths or arguments.secret or arguments.fetch):
        raise UsageError(
            "nothing to check", hint="give a PATH, --fetch URL or --secret [NAMESPACE:]NAME"
        )
    identity = Identity(app=arguments.app, namespace=arguments.namespace, project=arguments.project)
    try:
        arguments.file.stat()
    except OSError as error:
        raise UsageError(
            f"{arguments.file} cannot be used: {error.strerror}", hint="name the file of a policy"
        ) from error
    permissions = Permissions(read_policy(arguments.file), identity)
    verdicts = list(_verdicts(arguments, permissions))
    for what, verdict in verdicts:
        word = "allowed" if verdict.allowed else "denied"
        console.write(f"{word:8}{what}\n")
        console.write("".join(f"        {line}\n" for line in verdict.why.split("\n")))
    return 0 if all(verdict.allowed for _, verdict in verdicts) else 1


def _verdicts(
    arguments: argparse.Namespace, permissions: Permissions
) -> Iterator[tuple[str, Verdict]]:
    for written in arguments.paths:
        try:
            path = normalise(written)
        except PathError as error:
            yield ascii(written), Verdict(False, error.reason)
            continue
        name = path if path == written else f"{path} (written {written})"
        yield name, permissions.path(path, arguments.kind)
    yield from _secrets(arguments.secret, permissions)
    for written in arguments.fetch:
        yield _fetch(written, permissions)


def _fetch(written: str, permissions: Permissions) -> tuple[str, Verdict]:
    try:
        url = checked_url(RemoteFile(urls.normalise(written)))
    except FetchError as error:
        return ascii(shown(written)), Verdict(False, f"{error.reason}; {error.hint}")
    name = url if url == written else f"{url} (written {ascii(shown(written))[1:-1]})"
    return name, permissions.fetch(url) or _BY_DEFAULT


def _secrets(names: Sequence[str], permissions: Permissions) -> Iterator[tuple[str, Verdict]]:
    if not names:
        return
    from avp_py.kubernetes import split_name

    for name in names:
        namespace, secret = split_name(name)
        verdict = permissions.secret(namespace, secret)
        if verdict.allowed:
            why = "\n".join((verdict.why, *_trust(permissions, namespace, secret)))
            verdict = dataclasses.replace(verdict, why=why)
        yield f"the Secret {namespace}:{secret}", verdict


def _trust(permissions: Permissions, namespace: str, name: str) -> Iterator[str]:
    """Yield what a Secret may say that an Application names, a line for each."""
    trust = permissions.trust(namespace, name)
    for what, meaning in _MEANINGS.items():
        if what in trust:
            yield f"{trust[what]} trusts it with {what}: it may {meaning}"
        else:
            yield f"no rule trusts it with {what}: it may not {meaning}"
