"""Values into documents, and a failure for each placeholder that has none."""

import dataclasses
import difflib
import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from avp_py import manifests
from avp_py.backends import Location, Secret
from avp_py.errors import (
    AvpError,
    BackendError,
    Failure,
    LimitError,
    LoginError,
    PathError,
    PlaceholderError,
)
from avp_py.generate.budget import Budget
from avp_py.generate.findings import Findings
from avp_py.generate.plan import Plan
from avp_py.manifests import REMOVED, Addition, Field, Manifest, Placeholder, Replacement, Stream
from avp_py.modifiers import MISSING, Missing, ModifierError, UnknownModifierError, apply
from avp_py.values import Number, Value

_DATA_KEY = re.compile(r"(?!\.\.|\.$)[-._a-zA-Z0-9]{1,253}")
"""What Kubernetes takes for a key (IsConfigMapKey in apimachinery's validation.go, v0.34)."""


class Resolver:
    """Puts values into documents.

    Attributes:
        failures: what could not be resolved, so far.
    """

    def __init__(
        self,
        plan: Plan,
        secrets: Mapping[Location, Secret | BackendError | PathError],
        budget: Budget,
        findings: Findings,
    ) -> None:
        self._plan = plan
        self._secrets = secrets
        self._budget = budget
        self._findings = findings
        self.failures: list[Failure] = []
        self._unresolved = 0
        self._login: Failure | None = None

    def resolve(self, stream: Stream) -> str:
        """Return the text of a stream with its values in place; a document that fails is unchanged.

        Raises:
            LimitError: the run takes too long, or its text would be too long.
        """
        changed: dict[int, str] = {}
        for start, (document, *items) in groupby(stream.manifests, lambda each: each.document):
            before = self._unresolved
            replacements: list[Replacement] = []
            new: list[Addition] = []
            for manifest in (document, *items):
                replacements += self._fields(manifest)
                addition = self._import(manifest) if manifest.imports else None
                if addition is not None:
                    new.append(addition)
            if self._unresolved > before or not (replacements or new):
                continue
            try:
                changed[start] = manifests.rewrite(stream.text, document, replacements, new)
            except AvpError as error:
                self.failures.append(
                    Failure(error.reason, hint=error.hint, document=document.label)
                )
        return manifests.assemble(stream, changed)

    def _fields(self, manifest: Manifest) -> Sequence[Replacement]:
        replacements = [
            each for field in manifest.fields if (each := self._field(manifest, field)) is not None
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

    def _field(self, manifest: Manifest, field: Field) -> Replacement | None:
        values: dict[Placeholder, Value] = {}
        is_removed = False
        failed: dict[int, AvpError] = {}
        self._budget.check_deadline()
        for number, placeholder in enumerate(field.template.placeholders):
            try:
                values[placeholder] = self._value(manifest, placeholder)
            except _MissingKeyError as error:
                if manifest.annotations.remove_missing and field.parent is not None:
                    is_removed = True
                else:
                    failed[number] = error
            except LimitError:
                raise
            except AvpError as error:
                failed[number] = error
        if failed:
            self._fail(manifest, field, failed)
            return None
        if is_removed:
            return Replacement(field, REMOVED)
        try:
            for placeholder in field.template.placeholders:
                value = values[placeholder]
                self._budget.charge(len(value) if isinstance(value, str) else 0)
            return Replacement(
                field, manifests.render_field(field, manifest.kind, values.__getitem__)
            )
        except PlaceholderError as error:
            self._fail(manifest, field, {0: error})
            return None

    def _secret(self, manifest: Manifest, placeholder: Placeholder | None) -> Secret:
        target = self._plan.target(manifest, placeholder)
        secret = target if isinstance(target, AvpError) else self._secrets[target]
        if isinstance(secret, AvpError):
            raise secret
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
            self._budget.check_deadline()
            try:
                value = apply(words[0], words[1:], value)
            except UnknownModifierError as error:
                raise PlaceholderError(str(error), hint=error.hint) from None
            except ModifierError as error:
                hint = "`avp-py help modifiers` says what each modifier accepts"
                raise PlaceholderError(f"modifier {words[0]}: {error}", hint=hint) from None
        if value is MISSING:
            raise _missing(placeholder.key, secret)
        if found is None and secret.doubt is not None:
            raise secret.doubt  # a default would hide it
        if value is None:
            raise PlaceholderError(
                f"the modifier {words[0]} returns null", hint="a field cannot be filled with null"
            )
        return value

    def _import(self, manifest: Manifest) -> Addition | None:
        try:
            secret = self._secret(manifest, None)
            if secret.doubt is not None:
                raise secret.doubt
        except AvpError as error:
            self._fail_import(manifest, error)
            return None
        try:
            texts = {key: _as_text(value) for key, value in secret.items() if value is not None}
        except ModifierError as error:
            hint = "name the keys that you need one by one"
            self._fail_import(
                manifest, PlaceholderError(f"a value in the secret: {error}", hint=hint)
            )
            return None
        unfit = sorted(key for key in texts if not _DATA_KEY.fullmatch(key))
        if unfit:
            names = ", ".join(repr(key[:80]) for key in unfit)
            hint = "name other keys one by one, under names that Kubernetes accepts"
            unfitting = PlaceholderError(
                f"a {manifest.kind} cannot have the key {names}", hint=hint
            )
            self._fail_import(manifest, unfitting)
            return None
        self._budget.charge(sum(map(len, texts.values())))
        try:
            return manifests.addition(manifest, texts)
        except PlaceholderError as error:
            self._fail_import(manifest, error)
            return None

    def _fail(self, manifest: Manifest, field: Field, failed: Mapping[int, AvpError]) -> None:
        """Note placeholders of a field that failed, by their numbers."""
        placeholders, places = field.template.placeholders, field.places()
        for number, error in failed.items():
            placeholder, (start, is_packed) = placeholders[number], places[number]
            path = field.path + (" (inside base64)" if is_packed else "")
            self._add(manifest, path, placeholder, placeholder.text, start, error)

    def _fail_import(self, manifest: Manifest, error: AvpError) -> None:
        field = f'metadata.annotations["{manifests.PREFIX}import"]'
        self._add(manifest, field, None, "all keys", manifest.import_start, error)

    def _add(
        self,
        manifest: Manifest,
        field: str,
        placeholder: Placeholder | None,
        reference: str,
        start: int,
        error: AvpError,
    ) -> None:
        self._unresolved += 1
        target = self._plan.target(manifest, placeholder)
        failure = Failure(error.reason, hint=error.hint)
        if isinstance(error, LoginError):
            # It is a failure of the run: a list of all that wanted a secret helps nobody.
            if failure != self._login:
                self._login = failure
                self.failures.append(failure)
            return
        self.failures.append(
            dataclasses.replace(
                failure,
                document=manifest.label,
                field=field,
                reference=reference[:200],
                target=str(target) if isinstance(target, Location) else "",
                file=manifest.origin.file,
                line=manifest.origin.line(start),
            )
        )


class _MissingKeyError(PlaceholderError):
    """The secret is there and does not hold the key; the annotation remove-missing allows that."""


def _missing(key: str, secret: Secret) -> _MissingKeyError:
    if secret.doubt is not None:
        return _MissingKeyError(secret.doubt.reason, hint=secret.doubt.hint)
    if key in secret:
        return _MissingKeyError(f"the key {key[:80]!r} is null", hint="give it a value")
    near = difflib.get_close_matches(key, secret, n=1)
    return _MissingKeyError(
        f"the key {key[:80]!r} is not in the secret",
        hint=f"did you mean {near[0]}?" if near else "check the key, or add it to the secret",
    )


def _as_text(value: Value) -> str:
    """A value as a Secret or ConfigMap holds it: text; lists and mappings as JSON."""
    match value:
        case str():
            return value
        case Number():
            return value.text
        case _:
            return str(apply("toJson", (), value))
