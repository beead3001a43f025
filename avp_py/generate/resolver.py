"""Values into documents, and a failure for each placeholder that has none."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from avp_py import manifests
from avp_py.backends import Secret, Target
from avp_py.errors import (
    AvpError,
    Failure,
    Failures,
    GenerateError,
    LimitError,
    PlaceholderError,
    did_you_mean,
)
from avp_py.generate.findings import Findings
from avp_py.generate.plan import Plan
from avp_py.limits import Limits
from avp_py.manifests import REMOVED, Addition, Field, Manifest, Placeholder, Replacement, Stream
from avp_py.modifiers import MISSING, Missing, ModifierError, UnknownModifierError, apply
from avp_py.values import Number, Value

_DATA_KEY = re.compile(r"(?!\.\.|\.$)[-._a-zA-Z0-9]{1,253}")
"""What Kubernetes accepts as a key (IsConfigMapKey in apimachinery's validation.go, v0.34)."""


class Resolver:
    """Puts values into documents."""

    def __init__(
        self,
        plan: Plan,
        secrets: Mapping[Target, Secret | Failure],
        limits: Limits,
        findings: Findings,
        failures: Failures,
    ) -> None:
        """Begin.

        Args:
            plan: which location each placeholder refers to.
            secrets: what was read there.
            limits: how long the run and its output may be.
            findings: gets what is probably not meant.
            failures: collects what cannot be resolved.
        """
        self._plan = plan
        self._secrets = secrets
        self._limits = limits
        self._findings = findings
        self._failures = failures
        self._incomplete: set[int] = set()
        """Where the documents of a stream begin in which something was not resolved."""

    def resolve(self, stream: Stream) -> str:
        """Return the text of a stream with its values in place; a document that fails is unchanged.

        Raises:
            LimitError: the run takes too long, or its text would be too long.
        """
        changed: dict[int, str] = {}
        self._incomplete.clear()
        for start, (document, *items) in groupby(stream.manifests, lambda each: each.document):
            replacements: list[Replacement] = []
            new: list[Addition] = []
            for manifest in (document, *items):
                replacements += self._replacements(manifest)
                if manifest.imports:
                    new += self._additions(manifest)
            if start in self._incomplete or not (replacements or new):
                continue
            with self._failures.at(document=document.label).catch():
                changed[start] = manifests.rewrite(stream.text, document, replacements, new)
        return manifests.assemble(stream, changed)

    def _replacements(self, manifest: Manifest) -> Sequence[Replacement]:
        replacements = [
            each for field in manifest.fields for each in self._replacement(manifest, field)
        ]
        if manifest.kind == "Secret":
            self._check_data(manifest, replacements)
        return replacements

    def _check_data(self, manifest: Manifest, replacements: Sequence[Replacement]) -> None:
        """Notice values in the data of a Secret that Kubernetes does not accept."""
        for each in replacements:
            path = each.field.path
            if each.value is REMOVED or each.field.encoded or not manifests.is_data(path):
                continue
            if not isinstance(each.value, str) or not manifests.is_base64(each.value):
                start = each.field.scalar.start
                self._findings.add_to(manifest, manifests.not_base64(path, start))

    def _replacement(self, manifest: Manifest, field: Field) -> Iterator[Replacement]:
        """Yield what replaces a field, if all of its placeholders can be resolved."""
        values: dict[Placeholder, Value] = {}
        is_removed = False
        failed: dict[int, Sequence[Failure]] = {}
        self._limits.check_deadline()
        for number, placeholder in enumerate(field.template.placeholders):
            try:
                values[placeholder] = self._value(manifest, placeholder)
            except LimitError:
                raise
            except AvpError as error:
                is_optional = manifest.annotations.remove_missing and field.parent is not None
                if is_optional and isinstance(error, _MissingKeyError):
                    is_removed = True
                else:
                    failed[number] = error.failures
        if failed:
            self._fail(manifest, field, failed)
            return
        if is_removed:
            yield Replacement(field, REMOVED)
            return
        try:
            for placeholder in field.template.placeholders:
                value = values[placeholder]
                self._limits.charge(len(value) if isinstance(value, str) else 0)
            rendered = manifests.render_field(field, manifest.kind, values.__getitem__)
        except PlaceholderError as error:
            self._fail(manifest, field, {0: error.failures})
        else:
            yield Replacement(field, rendered)

    def _secret(self, manifest: Manifest, placeholder: Placeholder | None) -> Secret:
        target = self._plan.target(manifest, placeholder)
        secret = target if isinstance(target, Failure) else self._secrets[target]
        if isinstance(secret, Failure):
            raise GenerateError([secret])
        return secret

    def _value(self, manifest: Manifest, placeholder: Placeholder) -> Value:
        secret = self._secret(manifest, placeholder)
        found = secret.get(placeholder.key)
        value: Value | Missing = MISSING if found is None else found
        for statement in placeholder.modifiers:
            words = statement.split()
            if not words:
                if value is MISSING:
                    continue  # as in AVP
                raise PlaceholderError(
                    "no modifier after a |", hint="name a modifier, or remove the |"
                )
            self._limits.check_deadline()
            try:
                value = apply(words[0], words[1:], value)
            except UnknownModifierError as error:
                raise PlaceholderError(str(error), hint=error.hint) from error
            except ModifierError as error:
                hint = "`avp-py help modifiers` says what each modifier accepts"
                raise PlaceholderError(f"modifier {words[0]}: {error}", hint=hint) from error
        if value is MISSING:
            raise _missing(placeholder.key, secret)
        if found is None and secret.doubt is not None:
            raise GenerateError([secret.doubt])  # a default would hide it
        if value is None:
            raise PlaceholderError(
                f"the modifier {words[0]} returns null", hint="a field cannot be filled with null"
            )
        return value

    def _additions(self, manifest: Manifest) -> Iterator[Addition]:
        """Yield the keys that the annotation `import` adds to a manifest."""
        try:
            yield self._addition(manifest)
        except LimitError:
            raise
        except AvpError as error:
            path = f'metadata.annotations["{manifests.PREFIX}import"]'
            located = self._at(manifest, path, None, "all keys", manifest.import_start)
            located.add(*error.failures)

    def _addition(self, manifest: Manifest) -> Addition:
        secret = self._secret(manifest, None)
        if secret.doubt is not None:
            raise GenerateError([secret.doubt])
        try:
            texts = {key: _as_text(value) for key, value in secret.items() if value is not None}
        except ModifierError as error:
            hint = "name the keys that you need one by one"
            raise PlaceholderError(f"a value in the secret: {error}", hint=hint) from error
        unfit = sorted(key for key in texts if not _DATA_KEY.fullmatch(key))
        if unfit:
            names = ", ".join(repr(key[:80]) for key in unfit)
            raise PlaceholderError(
                f"a {manifest.kind} cannot have the key {names}",
                hint="name other keys one by one, under names that Kubernetes accepts",
            )
        self._limits.charge(sum(map(len, texts.values())))
        return manifests.addition(manifest, texts)

    def _fail(
        self, manifest: Manifest, field: Field, failed: Mapping[int, Sequence[Failure]]
    ) -> None:
        """Collect the failures of placeholders of a field, by their numbers."""
        placeholders, places = field.template.placeholders, field.places()
        for number, failures in failed.items():
            placeholder, (start, is_packed) = placeholders[number], places[number]
            path = field.path + (" (inside base64)" if is_packed else "")
            self._at(manifest, path, placeholder, placeholder.text, start).add(*failures)

    def _at(
        self,
        manifest: Manifest,
        path: str,
        placeholder: Placeholder | None,
        reference: str,
        start: int,
    ) -> Failures:
        """Return the collector for a place in a document, which then stays as it is."""
        self._incomplete.add(manifest.document)
        target = self._plan.target(manifest, placeholder)
        return self._failures.at(
            document=manifest.label,
            field=path,
            reference=reference[:200],
            target=str(target.location) if isinstance(target, Target) else "",
            file=manifest.origin.file,
            line=manifest.origin.line(start),
        )


class _MissingKeyError(PlaceholderError):
    """The secret is there and does not hold the key; the annotation remove-missing allows that."""


def _missing(key: str, secret: Secret) -> _MissingKeyError:
    if secret.doubt is not None:
        return _MissingKeyError(secret.doubt.reason, hint=secret.doubt.hint)
    if key in secret:
        return _MissingKeyError(f"the key {key[:80]!r} is null", hint="give it a value")
    return _MissingKeyError(
        f"the key {key[:80]!r} is not in the secret",
        hint=did_you_mean(key, secret) or "check the key, or add it to the secret",
    )


def _as_text(value: Value) -> str:
    """Return a value as a Secret or ConfigMap holds it: text; lists and mappings as JSON."""
    match value:
        case str():
            return value
        case Number():
            return value.text
        case _:
            return str(apply("toJson", (), value))
