"""The way of one request: render, documents, plan, fetch, rewrite.

Nothing is given back until everything is resolved; all failures of the run are raised together.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from avp_py import backends, manifests
from avp_py.backends import Backend, Gate, Location, Secret
from avp_py.errors import AvpError, BackendError, Failure, GenerateError, PathError
from avp_py.generate.budget import Budget, check_limit
from avp_py.generate.findings import Findings
from avp_py.generate.plan import Plan
from avp_py.generate.resolver import Resolver
from avp_py.generate.secret import ReadSecret, complete, read_from_cluster
from avp_py.generate.written import find_written
from avp_py.manifests import Stream
from avp_py.policy import Permissions, PolicyGate, read_permissions
from avp_py.render import Mode, Rendered, open_renderer
from avp_py.sandbox import Limits, limits_of
from avp_py.settings import Resolution, Settings

logger: Final = logging.getLogger(__name__)

_SPARE: Final = 5.0
"""How much time must be left, in seconds, to look for where placeholders were written."""


@dataclass(frozen=True)
class Request:
    """One call of generate.

    Attributes:
        source: a folder (or one plain file) to render, or manifests as they came on standard input.
        mode: how to render the folder.
        resolution: the settings, and the Secret with further ones, which is read only where a
            placeholder needs a backend.
        started: when the run began, on the clock of time.monotonic(): its time limit counts from
            there.
    """

    source: Path | bytes
    mode: Mode
    resolution: Resolution
    started: float = field(default_factory=time.monotonic)

    @property
    def settings(self) -> Settings:
        """The settings without those of the Secret."""
        return self.resolution.settings


@dataclass(frozen=True)
class Output:
    """What a run gives.

    Attributes:
        text: the manifests as YAML. A document without placeholders is as it was rendered.
        warnings: what is probably not meant; it failed nothing.
    """

    text: str = field(repr=False)
    warnings: tuple[Failure, ...] = ()


def generate(
    request: Request,
    open_backend: Callable[[Settings, Mapping[str, str]], Backend] = backends.open_backend,
    read_secret: ReadSecret = read_from_cluster,
) -> Output:
    """Renders, reads the secrets that the placeholders name, and puts the values in.

    Args:
        request: what to render, for whom, and how.
        open_backend: makes the backend; called only where a placeholder needs one.
        read_secret: reads the Secret with further settings; called once at most, and only then.

    Returns:
        The manifests, and what was noticed about them.

    Raises:
        GenerateError: holds every failure of the run, and what was noticed besides.
        AvpError: the render itself, or the settings, failed.
    """
    settings = request.settings
    # Before anything that a tenant has a say in: not even a Secret that it names can change it.
    permissions = read_permissions(settings.policy.file, settings.identity)
    deadline = request.started + settings.limits.seconds
    limits = limits_of(settings.limits, settings.render.timeout, deadline)
    budget = Budget(settings.limits.seconds, deadline, settings.limits.output_bytes)
    findings = Findings(settings.policy, is_lenient=request.resolution.sources.program.is_lenient)
    for warning in settings.warnings:
        findings.add(warning, is_sure=False)
    try:
        rendered = _render(request, limits)
    except AvpError as error:
        # A misspelt setting may be why.
        if not settings.warnings:
            raise
        found = [*error.failures, *findings.failures]
        raise GenerateError(found, findings.warnings) from error
    streams: list[Stream] = []
    failures: list[Failure] = []
    documents = 0
    for each in rendered:
        budget.check_deadline()
        stream, unreadable = manifests.read_stream(
            each.data,
            each.source,
            is_source=each.is_source,
            names_templates=each.names_templates,
        )
        documents += max(len(stream.documents), len(stream.manifests))
        check_limit("documents", documents, settings.limits.documents, "AVP_MAX_DOCUMENTS")
        streams.append(stream)
        failures.extend(unreadable)
        for warning in each.warnings:
            findings.add(warning, is_sure=False)
        if settings.policy.fail_on_unresolved:
            failures.extend(_unresolved(stream))
        findings.add_all(stream)
    if not failures and not any(stream.manifests for stream in streams):
        raise GenerateError([_nothing(request)])

    logger.info("documents: %d, placeholders: %d", documents, _placeholders(streams))
    try:
        plan, gate = _plan(request, streams, permissions, deadline, read_secret)
        for warning in plan.settings.warnings:
            if warning not in settings.warnings:
                findings.add(warning, is_sure=False)
        wanted = len(plan.locations)
        check_limit("secrets to read", wanted, settings.limits.references, "AVP_MAX_REFERENCES")
        budget.check_deadline()
        opener = partial(open_backend, plan.settings, request.resolution.sources.environ)
        resolver = Resolver(plan, _fetch(plan, opener, limits, gate), budget, findings)
    except AvpError as error:
        failures.extend((*error.failures, *findings.failures))
        traced = _traced(request, rendered, failures, deadline)
        raise GenerateError(traced, findings.warnings) from error
    texts: list[str] = []
    for stream in streams:
        budget.charge(len(stream.text))
        texts.append(resolver.resolve(stream))
    failures.extend((*resolver.failures, *findings.failures))
    if failures:
        raise GenerateError(_traced(request, rendered, failures, deadline), findings.warnings)
    text = texts[0] if len(texts) == 1 else manifests.join(texts)
    return Output(text, tuple(findings.warnings))


def _traced(
    request: Request, rendered: Sequence[Rendered], failures: Sequence[Failure], deadline: float
) -> Sequence[Failure]:
    """Return failures with the files that they come from, if there is time to look for them."""
    if isinstance(request.source, bytes) or deadline - time.monotonic() < _SPARE:
        return failures
    return list(find_written(failures, request.source.resolve(), rendered[0]))


def _placeholders(streams: Iterable[Stream]) -> int:
    """Return how many placeholders there are to fill; an import counts as one."""
    return sum(
        manifest.imports + sum(len(field.template.placeholders) for field in manifest.fields)
        for stream in streams
        for manifest in stream.manifests
    )


def _unresolved(stream: Stream) -> Iterator[Failure]:
    for manifest in stream.manifests:
        for found in manifests.unresolved(stream.text, manifest):
            hint = "write it as <path:PATH#KEY> in a value"
            if found.is_packed:
                hint = "base64 is filled in values of Secrets only, and in up to three layers; "
                hint += "elsewhere, write <path:PATH#KEY | base64encode>"
            yield Failure(
                "a placeholder that nothing fills would be deployed as it is",
                hint=f"{hint}; if the text is meant as it is, add the annotation "
                f'{manifests.PREFIX}ignore: "true", or ask the operator for AVP_LEFTOVERS=ignore',
                document=manifest.label,
                field=found.field,
                reference=f"<path:, {found.form}",
                file=manifest.origin.file,
                line=manifest.origin.line(found.start),
            )


def _render(request: Request, limits: Limits) -> Sequence[Rendered]:
    if isinstance(request.source, bytes):
        check_limit(
            "bytes on standard input", len(request.source), limits.input_bytes, "AVP_MAX_INPUT"
        )
        return (Rendered("standard input", request.source, is_source=True),)
    settings = request.settings
    renderer = open_renderer(
        request.source,
        request.mode,
        settings.render,
        limits,
        settings.identity,
        request.resolution.sources.environ,
    )
    # Loading the libraries of a backend takes longer than a small render: both at once.
    threading.Thread(target=backends.preload, args=(settings.backend.type,), daemon=True).start()
    begin = time.monotonic()
    rendered = renderer.render()
    logger.info("rendered by %s in %.2f s", renderer.name, time.monotonic() - begin)
    return rendered


def _nothing(request: Request) -> Failure:
    if isinstance(request.source, bytes):
        hint = "the program before the pipe may have failed: check its messages"
        return Failure("standard input holds no manifest", hint=hint)
    return Failure(f"{request.source} holds no manifest", hint="name the folder of the manifests")


def _plan(
    request: Request,
    streams: Sequence[Stream],
    permissions: Permissions | None,
    deadline: float,
    read_secret: ReadSecret,
) -> tuple[Plan, PolicyGate]:
    """What is to be read, and the gate that each read must pass."""
    wanting = [
        manifest
        for stream in streams
        for manifest in stream.manifests
        if manifest.fields or manifest.imports
    ]
    identity, settings = request.settings.identity, request.settings
    if wanting:
        unvalidated = PolicyGate(identity, permissions)
        left = deadline - time.monotonic()
        settings = complete(request.resolution, unvalidated, left, read_secret)
    gate = PolicyGate(identity, permissions, settings.policy.path_validation)
    plan = Plan(settings, by_kind=gate.depends_on_kind)
    for manifest in wanting:
        plan.add(manifest)
    return plan, gate


def _fetch(
    plan: Plan, open_backend: Callable[[], Backend], limits: Limits, gate: Gate
) -> Mapping[Location, Secret | BackendError | PathError]:
    """Reads every secret of the plan once; without any, no backend is even opened."""
    refused = backends.refused(plan.locations, gate)
    wanted = [each for each in plan.locations if each not in refused]
    if not wanted:
        return refused
    backend = open_backend()
    try:
        found = backends.read_all(
            backend, wanted, plan.settings.backend.concurrency, limits.deadline, gate
        )
    finally:
        backend.close()
    return {**refused, **found}
