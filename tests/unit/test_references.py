"""What a kustomization refers to, as far as kustomize opens it."""

from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avp_py.render.references import (
    is_below_repository,
    of_configurations,
    of_kustomization,
)

ATOMS: Final = (
    "resources", "generators", "items", ": ", ":", " ", "\n", "\n  ", "- ", "[", "]", "{", "}", ",",
    "'", '"', "a", "../o", "&x ", "*x", "<<", "<<: ", "!!binary ", "!t", "|\n  ", "#", "---\n",
    "...\n", "%YAML 1.1\n---\n", "\\", "\r", "\u2028", "\ufeff", "\x00", "\ud800", "=",
)  # fmt: skip


@given(st.lists(st.sampled_from(ATOMS), max_size=20).map("".join))
@example("a: <<\n...\n}")
def test_any_text_is_read_or_it_is_said_that_it_is_not(text: str) -> None:
    for refers in (of_kustomization(text), of_configurations(text)):
        assert refers.is_read or not refers.paths
        assert set(refers.plugins) <= set(refers.bases) <= set(refers.paths)


FIELDS: Final = {
    "resources: [a, b]": "a b",
    "RESOURCES: [a]\nresource\u017f: [b]": "a b",
    "configMapGenerator: [{files: [a, k=b, k=l=c], envs: [d], env: e, options: {}}]": "a b c d e",
    "secretGenerator: {files: [a]}": "a",
    "patches: [{path: a, patch: b, target: {path: c}}]": "a",
    "patchesStrategicMerge: [a, 'kind: b', \"kind: [\\n\"]": "a",
    "helmCharts: [{valuesFile: a, additionalValuesFiles: [b], valuesInline: {path: c}}]": "a b",
    "helmGlobals: {chartHome: a, configHome: b}": "a",
    "openapi: {path: a}": "a",
    "replacements: [{path: a, source: {path: b}}]": "a",
    "path: a\nfiles: [b]\nnamespace: c\ncommonLabels: {path: d}": "",
    "resources: [a]\n---\nresources: [b]": "a",
}


@pytest.mark.parametrize("text", FIELDS)
def test_only_what_kustomize_opens_is_a_path(text: str) -> None:
    assert " ".join(of_kustomization(text).paths) == FIELDS[text]


REMOTES: Final = {
    "resources: [github.com/a/b, a@b:c/d, 'ssh://a/b', 'git::HTTPS://a', a@b, a.yaml]": 4,
    "resources: ['git://a/b', ' https://a', 'oci://a/b', 'git::git::https://a']": 0,
    "crds: ['https://a', 'HTTP:a', 'ssh://a', 'a@b:c']": 2,
    "configMapGenerator: [{files: ['k=https://a', 'a@b/c', 'https://k=a']}]": 1,
    "helmCharts: [{repo: 'https://a', name: b}]": 0,
}


@pytest.mark.parametrize("text", REMOTES)
def test_what_kustomize_fetches_is_remote(text: str) -> None:
    assert len(of_kustomization(text).remotes) == REMOTES[text]


def test_lists_of_configurations_are_taken_apart() -> None:
    text = "kind: List\nitems:\n- {path: a}\n- items: [{targetFilePath: b}]\n---\npaths: [c]\n"

    assert sorted(of_configurations(text).paths) == ["a", "b", "c"]


SCALARS: Final = {
    "a: b\n--- \nc: [d]": "a b c d",
    "a: &x b\nc: *x": "a b c b",
    "a: !!binary Yg==": "a b",
    "a: b\nc: [\n}": "a b c",
    "a: {b: c}\n<<: 1": "a b c << 1",
}


@pytest.mark.parametrize("text", SCALARS)
def test_every_scalar_counts_up_to_the_first_error(text: str) -> None:
    assert " ".join(of_kustomization(text).scalars) == SCALARS[text]
    assert " ".join(of_configurations(text).scalars) == SCALARS[text]


@pytest.mark.parametrize("text", ["<<: {a: b}", "a: {<<: {a: b}}", "- a: b\n- *x", "a: b\n}"])
def test_a_configuration_after_an_error_is_looked_at_too(text: str) -> None:
    """A merge key, or an error, in any document makes all of them unknown."""
    harmless = "a: b\n...\n[ c\n"
    assert of_configurations(harmless).is_read
    for whole in (f"{harmless}---\n{text}", f"{text}\n---\n{harmless}"):
        assert not of_configurations(whole).is_read


@pytest.mark.parametrize(
    ("url", "repository", "is_below"),
    [
        ("https://git.example/a/b", "https://git.example/a/b", True),
        ("https://git.example/a/b", "https://git.example/a/b.git", True),
        ("https://git.example/a/b/c?ref=x", "https://git.example/a/b.git", True),
        ("https://git.example/a/b.git//c?ref=x", "https://git.example/a/b.git", True),
        ("https://git.example/a/b/.git//c", "https://git.example/a/b/.git", True),
        ("git::https://git.example/a/b", "https://git.example/a/b", True),
        ("git.example/a/b", "https://git.example/a/b", True),
        ("git@git.example:a/b", "git@git.example:a/b.git", True),
        ("https://git.example/a/bc", "https://git.example/a/b", False),
        ("https://git.example/a/b.yaml", "https://git.example/a/b", False),
        ("https://git.example/a/b", "https://git.example/a/b/c", False),
        ("https://my-git.example/a/b", "https://git.example/a/b", False),
        ("https://gitXexample/a/b", "https://git.example/a/b", False),
    ],
)
def test_the_repository_that_a_url_is_below(url: str, repository: str, is_below: bool) -> None:
    assert is_below_repository(url, repository) == is_below
