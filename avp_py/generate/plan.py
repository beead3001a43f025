"""What is to be read: the secret that each placeholder and each import wants."""

from collections.abc import Sequence
from typing import TypeAlias

from avp_py import manifests
from avp_py.backends import Location
from avp_py.errors import AvpError, Failure, PathError, PlaceholderError, quoted
from avp_py.manifests import Annotations, Manifest, Placeholder
from avp_py.policy import default_path, normalise
from avp_py.settings import Settings

_Target: TypeAlias = tuple[str, str, Annotations, Placeholder | None]
"""What wants something: the kind of the document where that matters, why it has no certain one, its
annotations, the placeholder."""


class Plan:
    """Locations by what refers to them; where there is none, the failure that says why.

    Attributes:
        settings: the settings that the plan goes by.
    """

    def __init__(self, settings: Settings, *, by_kind: bool = False) -> None:
        """Begins a plan.

        Args:
            settings: the settings that the plan goes by.
            by_kind: whether the policy tells kinds of documents apart.
        """
        self.settings = settings
        self._by_kind = by_kind
        self._targets: dict[_Target, Location | Failure] = {}

    def add(self, manifest: Manifest) -> None:
        """Plans the placeholders of a document, and its import."""
        if manifest.imports:
            self._want(manifest, None)
        for field in manifest.fields:
            for placeholder in field.template.placeholders:
                self._want(manifest, placeholder)

    @property
    def locations(self) -> Sequence[Location]:
        """What is to be read; each once."""
        return sorted({each for each in self._targets.values() if isinstance(each, Location)})

    def target(self, manifest: Manifest, placeholder: Placeholder | None) -> Location | Failure:
        """What a placeholder of a document wants, or without one, what its import wants."""
        return self._targets[self._key(manifest, placeholder)]

    def _key(self, manifest: Manifest, placeholder: Placeholder | None) -> _Target:
        kind = manifest.kind if self._by_kind else ""
        doubt = _doubt(manifest) if self._by_kind else ""
        return kind, doubt, manifest.annotations, placeholder

    def _want(self, manifest: Manifest, placeholder: Placeholder | None) -> None:
        target = self._key(manifest, placeholder)
        kind, doubt, annotations, _ = target
        if target in self._targets:
            return
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
            self._targets[target] = self._locate(kind, path, version, annotations.kv_version)
        except AvpError as error:
            (self._targets[target],) = error.failures

    def _locate(self, kind: str, path: str, version: str, kv_version: str | None) -> Location:
        if kv_version is None:
            kv_version = self.settings.backend.kv_version
        if kv_version not in (None, "1", "2"):
            raise PlaceholderError(
                f"invalid version of the KV engine: {quoted(kv_version)}",
                hint=f'set it to 1 or 2, in AVP_KV_VERSION or as {manifests.PREFIX}kv-version: "2"',
            )
        if not path:
            path = default_path(self.settings.policy.path_template, self.settings.identity)
        version = version if kv_version != "1" else ""
        return Location(normalise(path), version, kv_version or "", kind)


_CERTAIN = "write the object as a document or an item of its own, with its kind as plain text"


def _doubt(manifest: Manifest) -> str:
    """Why a document has no certain kind, or an empty text."""
    if manifest.is_list:
        return "a list has several"
    return "a placeholder decides the kind of this document" if manifest.decides_kind else ""
