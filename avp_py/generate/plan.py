"""What is to be read: the secret that each placeholder and each import refers to."""

from collections.abc import Sequence
from typing import TypeAlias

from avp_py.backends import Location, Target
from avp_py.errors import AvpError, Failure, PathError
from avp_py.manifests import Annotations, Manifest, Placeholder
from avp_py.policy import default_path, normalise
from avp_py.settings import Identity

_Wish: TypeAlias = tuple[str, str, Annotations, Placeholder | None]
"""What refers to a secret: the kind of the document where that matters, why it has no certain one,
its annotations, and the placeholder; None for an import."""


class Plan:
    """Targets by what refers to them; where there is none, the failure that says why."""

    def __init__(self, identity: Identity, path_template: str, *, by_kind: bool) -> None:
        """Begin a plan.

        Args:
            identity: the Application.
            path_template: the template of the path of a document that names none.
            by_kind: whether the policy depends on kinds of documents.
        """
        self._identity = identity
        self._path_template = path_template
        self._by_kind = by_kind
        self._targets: dict[_Wish, Target | Failure] = {}

    def add(self, manifest: Manifest) -> None:
        """Plan the placeholders of a document, and its import."""
        if manifest.imports:
            self._add(self._wish(manifest, None))
        for field in manifest.fields:
            for placeholder in field.template.placeholders:
                self._add(self._wish(manifest, placeholder))

    @property
    def targets(self) -> Sequence[Target]:
        """What is to be read; each once."""
        found = [each for each in self._targets.values() if isinstance(each, Target)]
        return list(dict.fromkeys(found))

    def target(self, manifest: Manifest, placeholder: Placeholder | None) -> Target | Failure:
        """Return what a placeholder of a document refers to; without one, what its import does."""
        return self._targets[self._wish(manifest, placeholder)]

    def _wish(self, manifest: Manifest, placeholder: Placeholder | None) -> _Wish:
        kind = manifest.kind if self._by_kind else ""
        doubt = _doubt(manifest) if self._by_kind else ""
        return kind, doubt, manifest.annotations, placeholder

    def _add(self, wish: _Wish) -> None:
        if wish in self._targets:
            return
        kind, doubt, annotations, placeholder = wish
        if placeholder is not None and placeholder.path is not None:
            path, version = placeholder.path, placeholder.version
        else:
            path, version = annotations.path or "", annotations.secret_version
            if placeholder is None and annotations.imported:
                # The version is that of the annotation's path.
                path, version = annotations.imported, ""
        try:
            if doubt:
                raise PathError(f"the policy distinguishes kinds, and {doubt}", hint=_CERTAIN)
            if not path:
                path = default_path(self._path_template, self._identity)
            location = Location(normalise(path), version, annotations.kv_version)
            self._targets[wish] = Target(location, kind)
        except AvpError as error:
            (self._targets[wish],) = error.failures


_CERTAIN = "write the object as a document or an item of its own, with its kind as plain text"


def _doubt(manifest: Manifest) -> str:
    """Return why a document has no certain kind, or an empty text."""
    if manifest.is_list:
        return "a list has several"
    return "a placeholder decides the kind of this document" if manifest.decides_kind else ""
