"""What a kustomization would fetch over the network.

Kustomize takes a URL wherever it takes a path (FileLoader.Load in api/internal/loader, and
NewRepoSpecFromURL in api/internal/git/repospec.go, v0.21). Only a look, for a clear error before
anything starts: what it overlooks meets a child without git, without a way past a dead proxy, and a
guard before helm.
"""

import re
from collections.abc import Iterator, Sequence

import yaml

_REMOTE = re.compile(
    r"(?:git::)?(?:(?:https?|ssh|git|oci|file)://|[a-z][a-z0-9-]*@[^/\s]|github\.com[/:])",
    re.IGNORECASE,
)

_LOCAL_GIT = re.compile(r"(?:git::)?file://", re.IGNORECASE)

_FIELDS = frozenset(
    [
        "resources",
        "bases",
        "components",
        "crds",
        "configurations",
        "generators",
        "transformers",
        "validators",
        "patches",
        "patchesstrategicmerge",
        "patchesjson6902",
        "openapi",
        "replacements",
        "configmapgenerator",
        "secretgenerator",
        "helmcharts",
        "helmchartinflationgenerator",
    ]
)
"""The fields of a kustomization that take paths."""

_TEXTS = frozenset(["literals", "valuesinline", "options", "patch", "target"])
"""What below them holds other text."""


def remotes(text: bytes) -> Sequence[str]:
    """The scalars of a kustomization that name something on the network, or a local git repository.

    Args:
        text: the kustomization. What stands behind an error in its YAML is not looked at.
    """
    found: list[str] = []
    try:
        for keys, value in _values(text):
            top = keys[0].lower() if keys else ""
            below = {key.lower() for key in keys[1:]}
            if top in _FIELDS and not below & _TEXTS and _REMOTE.match(value.strip()):
                found.append(value.strip())
    except yaml.YAMLError:
        pass
    return found


def is_local_git(reference: str) -> bool:
    """Whether git would read a folder of this machine for it."""
    return _LOCAL_GIT.match(reference) is not None


def _values(text: bytes) -> Iterator[tuple[Sequence[str], str]]:
    """Each scalar that is no key, with the keys above it."""
    keys: list[str | None] = []
    wants_key: list[bool] = []
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        match event:
            case yaml.MappingStartEvent():
                keys.append("")
                wants_key.append(True)
            case yaml.SequenceStartEvent():
                keys.append(None)
                wants_key.append(False)
            case yaml.CollectionEndEvent():
                keys.pop()
                wants_key.pop()
                _turn(keys, wants_key)
            case yaml.ScalarEvent() if wants_key and wants_key[-1]:
                keys[-1] = event.value
                wants_key[-1] = False
            case yaml.ScalarEvent():
                yield [key for key in keys if key is not None], event.value
                _turn(keys, wants_key)
            case yaml.AliasEvent():
                _turn(keys, wants_key)


def _turn(keys: Sequence[str | None], wants_key: list[bool]) -> None:
    """A value has ended: in a mapping a key follows."""
    if keys and keys[-1] is not None:
        wants_key[-1] = not wants_key[-1]
