"""The core: one request, from a folder to manifests with their values in place.

    render -> documents -> plan -> fetch -> rewrite

Nothing is given back until everything is resolved; all failures of the run are raised together.
"""

import difflib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avp_py import backends, manifests
from avp_py.backends import Backend, Location, Secret
from avp_py.errors import AvpError, BackendError, Failure, GenerateError, PlaceholderError
from avp_py.manifests import REMOVED, Annotations, Fill, Manifest, Placeholder, Slot, Stream
from avp_py.policy import default_path, normalise
from avp_py.render import Mode, Rendered, open_renderer
from avp_py.settings import Settings
from avp_py.values import Value


@dataclass(frozen=True)
class Request:
    """One call of generate.

    Attributes:
        source: a folder (or one plain file) to render, or manifests as they came on standard input.
        mode: how to render the folder.
        settings: all settings.
        environ: the environment, of which kustomize and helm see a part.
    """

    source: Path | bytes
    mode: Mode
    settings: Settings
    environ: Mapping[str, str]


def generate(
    request: Request, open_backend: Callable[[Settings], Backend] = backends.open_backend
) -> str:
    """Renders, reads the secrets that the placeholders name, and puts the values in.

    Args:
        request: what to render, for whom, and how.
        open_backend: makes the backend; called only where a placeholder needs one.

    Returns:
        The manifests as YAML. A document without placeholders is as it was rendered.

    Raises:
        GenerateError: holds every failure of the run.
        AvpError: the render itself, or the settings, failed.
    """
    rendered = _render(request)
    streams: list[Stream] = []
    failures: list[Failure] = []
    for each in rendered:
        stream, unreadable = manifests.read_stream(each.data, each.source)
        streams.append(stream)
        failures.extend(unreadable)
    if not failures and not any(stream.manifests for stream in streams):
        raise GenerateError([_nothing(request)])

    plan = _Plan(request.settings)
    for stream in streams:
        for manifest in stream.manifests:
            plan.add(manifest)
    secrets = _fetch(plan, request.settings, open_backend)
    texts = [_rewrite(stream, plan, secrets, failures) for stream in streams]
    if failures:
        raise GenerateError(failures)
    return texts[0] if len(texts) == 1 else manifests.join(texts)


def _render(request: Request) -> Sequence[Rendered]:
    if isinstance(request.source, bytes):
        return (Rendered("standard input", request.source),)
    settings = request.settings
    renderer = open_renderer(
        request.source, request.mode, settings.render, settings.identity, request.environ
    )
    # Loading the libraries of a backend takes longer than a small render: both at once.
    threading.Thread(target=backends.preload, args=(settings.backend.type,), daemon=True).start()
    return renderer.render()


def _nothing(request: Request) -> Failure:
    if isinstance(request.source, bytes):
        hint = "the program before the pipe may have failed: look at its messages"
        return Failure("standard input holds no manifest", hint=hint)
    return Failure(f"{request.source} holds no manifest", hint="name the folder of the manifests")


class _Plan:
    """Which secret each placeholder wants; a placeholder that wants none has a failure."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._targets: dict[tuple[Annotations, Placeholder], Location | AvpError] = {}

    def add(self, manifest: Manifest) -> None:
        """Plans the placeholders of a document."""
        for slot in manifest.slots:
            for placeholder in slot.template.placeholders:
                target = (manifest.annotations, placeholder)
                if target not in self._targets:
                    self._targets[target] = self._locate(*target)

    @property
    def locations(self) -> Sequence[Location]:
        """What is to be read; each once."""
        return sorted({each for each in self._targets.values() if isinstance(each, Location)})

    def target(self, manifest: Manifest, placeholder: Placeholder) -> Location | AvpError:
        """Where a placeholder's secret is, or why that cannot be said."""
        return self._targets[manifest.annotations, placeholder]

    def _locate(self, annotations: Annotations, placeholder: Placeholder) -> Location | AvpError:
        try:
            kv_version = annotations.kv_version
            if kv_version is None:
                kv_version = self._settings.backend.kv_version
            if kv_version not in ("1", "2"):
                raise PlaceholderError(
                    f"there is no version {kv_version!r} of the KV engine",
                    hint=f'write {manifests.PREFIX}kv-version: "1" or "2"',
                )
            path, version = placeholder.path, placeholder.version
            if path is None:
                path, version = annotations.path or "", annotations.secret_version
            if not path:
                path = default_path(self._settings.policy.path_template, self._settings.identity)
            return Location(normalise(path), version if kv_version == "2" else "", kv_version)
        except AvpError as error:
            return error


_Secrets = Mapping[Location, Secret | BackendError]


def _fetch(
    plan: _Plan, settings: Settings, open_backend: Callable[[Settings], Backend]
) -> _Secrets:
    """Reads every secret of the plan once; without any, no backend is even opened."""
    locations = plan.locations
    if not locations:
        return {}
    backend = open_backend(settings)
    try:
        return backends.read_all(backend, locations, settings.backend.concurrency)
    finally:
        backend.close()


def _rewrite(stream: Stream, plan: _Plan, secrets: _Secrets, failures: list[Failure]) -> str:
    """The text of a stream with its values in place; what fails is added to the failures."""
    changed: dict[int, str] = {}
    for manifest in stream.manifests:
        fills: list[Fill] = []
        for slot in manifest.slots:
            fill = _fill(manifest, slot, plan, secrets, failures)
            if fill is not None:
                fills.append(fill)
        if len(fills) == len(manifest.slots) and fills:
            try:
                changed[manifest.start] = manifests.rewrite(stream.text, manifest, fills)
            except AvpError as error:
                failures.append(Failure(error.reason, hint=error.hint, document=manifest.label))
    return manifests.assemble(stream, changed)


def _fill(
    manifest: Manifest, slot: Slot, plan: _Plan, secrets: _Secrets, failures: list[Failure]
) -> Fill | None:
    values: dict[Placeholder, Value] = {}
    is_removed = is_failed = False
    for placeholder in slot.template.placeholders:
        target = plan.target(manifest, placeholder)
        try:
            values[placeholder] = _value(placeholder, target, secrets)
        except _MissingKeyError as error:
            if manifest.annotations.remove_missing and slot.parent is not None:
                is_removed = True
                continue
            is_failed = True
            failures.append(_failure(manifest, slot, placeholder, target, error))
        except AvpError as error:
            is_failed = True
            failures.append(_failure(manifest, slot, placeholder, target, error))
    if is_failed:
        return None
    if is_removed:
        return Fill(slot, REMOVED)
    try:
        return Fill(slot, manifests.fill(slot, manifest.kind, values.__getitem__))
    except PlaceholderError as error:
        placeholder = slot.template.placeholders[0]
        target = plan.target(manifest, placeholder)
        failures.append(_failure(manifest, slot, placeholder, target, error))
        return None


class _MissingKeyError(PlaceholderError):
    """The secret is there and does not hold the key; the annotation remove-missing allows that."""


def _value(placeholder: Placeholder, target: Location | AvpError, secrets: _Secrets) -> Value:
    if isinstance(target, AvpError):
        raise target
    secret = secrets[target]
    if isinstance(secret, BackendError):
        raise secret
    if placeholder.modifiers:
        raise PlaceholderError(
            "modifiers (`| …`) are not supported yet", hint="remove the modifier"
        )
    value = secret.get(placeholder.key)
    if value is not None:
        return value
    if placeholder.key in secret:
        raise _MissingKeyError(f"the key {placeholder.key[:80]!r} is null", hint="give it a value")
    near = difflib.get_close_matches(placeholder.key, secret, n=1)
    raise _MissingKeyError(
        f"the key {placeholder.key[:80]!r} is not in the secret",
        hint=f"did you mean {near[0]}?" if near else "check the key, or add it to the secret",
    )


def _failure(
    manifest: Manifest,
    slot: Slot,
    placeholder: Placeholder,
    target: Location | AvpError,
    error: AvpError,
) -> Failure:
    reference = placeholder.text[:200]
    if isinstance(target, Location):
        reference += f" at {target}"
    return Failure(
        error.reason,
        hint=error.hint,
        document=manifest.label,
        field=slot.field + (" (inside base64)" if slot.encoded else ""),
        reference=reference,
    )
