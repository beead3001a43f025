"""The way of one request: render, documents, plan, fetch, rewrite.

Nothing is returned until everything is resolved; all failures of the run are raised together.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from avp_py import manifests
from avp_py.errors import AvpError, Failure, Failures, GenerateError
from avp_py.generate.findings import Findings
from avp_py.generate.keeper import Keeper
from avp_py.generate.plan import Plan
from avp_py.generate.resolver import Resolver
from avp_py.limits import Limits, check_limit, limits_of
from avp_py.manifests import Stream
from avp_py.render import Mode, Rendered, Source
from avp_py.settings import Settings

logger: Final = logging.getLogger(__name__)

_SPARE: Final = 5.0
"""How much time must be left, in seconds, to look for where placeholders were written."""


@dataclass(frozen=True)
class Request:
    """One call of generate.

    Attributes:
        source: a folder (or one plain file) to render, or manifests as they came on standard input.
        mode: how to render the folder.
        settings: the settings, without those of the Secret, which is read only where a
            placeholder needs a backend.
        environ: the environment, of which kustomize and helm see a part.
        is_lenient: whether what is surely misspelt is a warning only, as for argocd-vault-plugin.
        started: when the run began, by `clock`: its time limit counts from there.
        clock: the time, in seconds; it never goes back.
        count: receives how many documents, placeholders (an import counts as one) and secrets to
            read there are, once that is known.
    """

    source: Source | bytes
    mode: Mode
    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    is_lenient: bool = False
    started: float = field(default_factory=time.monotonic)
    clock: Callable[[], float] = time.monotonic
    count: Callable[[str, int], None] = lambda _name, _number: None


@dataclass(frozen=True)
class Output:
    """The result of a run.

    Attributes:
        text: the manifests as YAML. A document without placeholders is as it was rendered.
        warnings: what is probably not meant; it failed nothing.
    """

    text: str = field(repr=False)
    warnings: tuple[Failure, ...] = ()


def generate(request: Request, keeper: Keeper) -> Output:
    """Render, read the secrets that the placeholders refer to, and put the values in.

    Args:
        request: what to render, for whom, and how.
        keeper: reads the secrets; called only where a placeholder needs one.

    Returns:
        The manifests, and what was noticed about them.

    Raises:
        GenerateError: holds every failure of the run, and what was noticed besides.
        AvpError: the render itself failed.
    """
    run = _Run(request, keeper)
    streams = run.read(run.render())
    return run.rewrite(streams, run.fetch(streams))


class _Run:
    """One run of the core: what its steps share.

    Every step collects its failures; a step that needs what an earlier one could not do raises all
    of them.
    """

    def __init__(self, request: Request, keeper: Keeper) -> None:
        self._request = request
        self._keeper = keeper
        self._settings = settings = request.settings
        self._limits = limits_of(settings, request.started, request.clock)
        self._failures = Failures()
        self._findings = Findings(settings.policy, is_lenient=request.is_lenient)
        self._rendered: Sequence[Rendered] = ()

    def render(self) -> Sequence[Rendered]:
        """Return the manifests as text.

        Raises:
            GenerateError: there are none, and a misspelt setting may be why.
            AvpError: there are none.
        """
        self._findings.add_warnings(self._settings.warnings)
        try:
            self._rendered = _render(self._request, self._limits, self._keeper)
        except AvpError as error:
            if not self._settings.warnings:
                raise
            self._stop(error)
        return self._rendered

    def read(self, rendered: Sequence[Rendered]) -> Sequence[Stream]:
        """Return the documents in the manifests.

        Raises:
            GenerateError: there is none.
            LimitError: there are too many.
        """
        streams: list[Stream] = []
        documents = 0
        for each in rendered:
            self._limits.check_deadline()
            stream = manifests.read_stream(
                each.data,
                each.source,
                self._failures,
                is_source=each.is_source,
                names_templates=each.names_templates,
            )
            documents += max(len(stream.documents), len(stream.manifests))
            check_limit("documents", documents, self._limits.documents, "AVP_MAX_DOCUMENTS")
            streams.append(stream)
            self._findings.add_warnings(each.warnings)
            if self._settings.policy.fail_on_unresolved:
                self._failures.add(*_unresolved(stream))
            self._findings.add_all(stream)
        if not self._failures and not any(each.manifests or each.passed for each in streams):
            raise GenerateError([_nothing(self._request)])
        placeholders = _placeholders(streams)
        logger.info("documents: %d, placeholders: %d", documents, placeholders)
        self._request.count("documents", documents)
        self._request.count("placeholders", placeholders)
        return streams

    def fetch(self, streams: Sequence[Stream]) -> Resolver:
        """Return the resolver, with the secrets that the documents refer to.

        Raises:
            GenerateError: the run is over before they can be read.
        """
        try:
            plan = self._plan(streams)
            wanted = plan.targets
            most = self._limits.references
            check_limit("secrets to read", len(wanted), most, "AVP_MAX_REFERENCES")
            self._request.count("secrets", len(wanted))
            self._limits.check_deadline()
            secrets = self._keeper.read(wanted, self._limits.deadline) if wanted else {}
        except AvpError as error:
            self._stop(error)
        return Resolver(plan, secrets, self._limits, self._findings, self._failures)

    def rewrite(self, streams: Sequence[Stream], resolver: Resolver) -> Output:
        """Return the output.

        Raises:
            GenerateError: anything failed.
            LimitError: it would be too long, or the time is over.
        """
        texts: list[str] = []
        for stream in streams:
            self._limits.charge(len(stream.text))
            texts.append(resolver.resolve(stream))
        self._failures.add(*self._findings.failures)
        if self._failures:
            raise self._error()
        text = texts[0] if len(texts) == 1 else manifests.join(texts)
        return Output(text, tuple(self._findings.warnings))

    def _plan(self, streams: Sequence[Stream]) -> Plan:
        """Return what is to be read."""
        wanting = [
            manifest
            for stream in streams
            for manifest in stream.manifests
            if manifest.fields or manifest.imports
        ]
        if not wanting:
            return Plan(self._settings.identity, "", by_kind=False)
        terms = self._keeper.terms(self._limits.left)
        known = self._settings.warnings
        self._findings.add_warnings([each for each in terms.warnings if each not in known])
        plan = Plan(self._settings.identity, terms.path_template, by_kind=terms.by_kind)
        for manifest in wanting:
            plan.add(manifest)
        return plan

    def _stop(self, error: AvpError) -> NoReturn:
        """Raise everything that failed, an error that stops the run included."""
        self._failures.add(*error.failures, *self._findings.failures)
        raise self._error() from error

    def _error(self) -> GenerateError:
        """Return the failures, with the files that they come from if there is time to look."""
        failures: Sequence[Failure] = list(self._failures)
        source = self._request.source
        if self._rendered and isinstance(source, Source) and self._limits.left > _SPARE:
            # Late: most runs do not fail.
            from avp_py.generate.written import find_written

            failures = list(find_written(failures, source.path.resolve(), self._rendered[0]))
        return GenerateError(failures, self._findings.warnings)


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


def _render(request: Request, limits: Limits, keeper: Keeper) -> Sequence[Rendered]:
    if not isinstance(request.source, bytes):
        # Late: manifests on standard input need nothing of it.
        from avp_py.generate.folder import render_folder

        return render_folder(request.source, request, limits, keeper)
    check_limit("bytes on standard input", len(request.source), limits.input_bytes, "AVP_MAX_INPUT")
    return (Rendered("standard input", request.source, is_source=True),)


def _nothing(request: Request) -> Failure:
    if isinstance(request.source, bytes):
        hint = "the program before the pipe may have failed: check its messages"
        return Failure("standard input holds no manifest", hint=hint)
    return Failure(f"{request.source} holds no manifest", hint="name the folder of the manifests")
