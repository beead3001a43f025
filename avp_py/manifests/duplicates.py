"""Keys that are repeated in a mapping: which are equal, and what is said about them.

Argo CD, helm and argocd-vault-plugin read YAML with yaml.v2, for which the last of equal keys
counts.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from avp_py.golang.walks import repeated
from avp_py.manifests.intent import Finding
from avp_py.manifests.manifest import Manifest
from avp_py.manifests.walk import Visit, walk

MAX_FOUND: Final = 10
"""How many repeated keys of a manifest are reported."""


def read_key(text: str, tag: str | None) -> tuple[str, object]:
    """Return the name that Kubernetes has for a key, and the value that yaml.v2 reads it as.

    Args:
        text: the text of a key that is plain or has a tag.
        tag: its tag, or None.
    """
    # Few documents have such keys, and it takes a while to load.
    from avp_py.golang import yaml_scalars

    try:
        value = yaml_scalars.scalar_value(text, tag, implicit=tag is None)
    except yaml_scalars.ScalarError:
        # Kubernetes cannot read it, which is found later.
        return text, text
    name = yaml_scalars.key_of(value)
    return text if name is None else name, value


def duplicates(manifest: Manifest, *, is_sure: bool) -> Iterator[Finding]:
    """Yield the keys of a manifest that a later equal one overrides; MAX_FOUND at most.

    Args:
        manifest: the manifest.
        is_sure: whether nobody can mean it.
    """
    return islice(_look(manifest, is_sure=is_sure), MAX_FOUND)


def _look(manifest: Manifest, *, is_sure: bool) -> Iterator[Finding]:
    # What is an item of its own is not looked at.
    def is_entered(visit: Visit) -> bool:
        return visit.node not in manifest.items and repeated(visit.node)

    for visit in walk(manifest.root, is_entered, keys=True, overridden=True):
        if not visit.is_key or visit.entry is None or not visit.entry.is_repeated:
            continue
        reason = "duplicate key: Argo CD uses the last one, and not this one"
        hint = "keep one of the two"
        if visit.entry.is_merge:
            reason = "duplicate merge key (<<): Argo CD merges both, and the last one wins"
            hint = "write one << with a list of the two, in which the first one wins"
        yield Finding(reason, hint, str(visit.place), visit.node.start, is_sure)
