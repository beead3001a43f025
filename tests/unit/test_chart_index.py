"""The index of a chart repository: which entries it has, in any layout."""

import json
from collections.abc import Callable, Mapping, Sequence

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from avp_py.errors import FetchError
from avp_py.fetch.child.index import Entry, choose, find_entries
from tests.unit.growth import refuse_growth

DIGEST = "0123456789abcdef" * 4


def document(**charts: Sequence[str]) -> Mapping[str, object]:
    """An index with the versions of charts, and what else helm writes."""
    return {
        "apiVersion": "v1",
        "entries": {
            name: [
                {
                    "description": "A long text: with a colon, # no comment\n\nand lines\n" * 3,
                    "digest": DIGEST,
                    "keywords": ["a", "entries:"],
                    "name": name,
                    "urls": [f"{name}-{version}.tgz", "https://mirror/"],
                    "version": version,
                }
                for version in versions
            ]
            for name, versions in charts.items()
        },
        "generated": "2024-01-01T00:00:00Z",
    }


INDEX = document(other=["9.0.0"], web=["1.1.0", "1.0.0"], **{"web-ui": ["2.0.0"]})
FOUND = [Entry(f"{each}", f"web-{each}.tgz", DIGEST) for each in ("1.1.0", "1.0.0")]
USUAL = yaml.safe_dump(INDEX, width=60)

LAYOUTS: Mapping[str, str] = {
    "helm": USUAL,
    "begins with a marker": f"---\n{USUAL}",
    "begins with a comment": f"# ours\n{USUAL}",
    "literal blocks": yaml.dump(INDEX, default_style="|"),
    "flow": yaml.safe_dump(INDEX, default_flow_style=True),
    "four spaces": yaml.safe_dump(INDEX, indent=4),
    "quoted": yaml.safe_dump(INDEX, default_style='"'),
    "CRLF": USUAL.replace("\n", "\r\n"),
    "no line break at the end": USUAL.rstrip("\n"),
    "entries last": yaml.safe_dump(dict(reversed(list(INDEX.items()))), sort_keys=False),
    "JSON": json.dumps(INDEX),
    "indented JSON": json.dumps(INDEX, indent=2),
    "blank lines": USUAL.replace("\n  web:", "\n\n  web:").replace("\n  web-ui:", "\n\n  web-ui:"),
    "comments": USUAL.replace("\n  web:", "\n  # ours\n# here\n  web:"),
    "an alias": USUAL.replace(f"digest: {DIGEST}", f"digest: &d {DIGEST}", 1).replace(
        f"digest: {DIGEST}", "digest: *d"
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_entries_are_found_in_any_layout(layout: str) -> None:
    index = LAYOUTS[layout].encode()
    assert find_entries(index, "web") == FOUND
    with pytest.raises(FetchError, match="has no chart 'wob'") as raised:
        find_entries(index, "wob")
    assert raised.value.hint == "did you mean web?"


@given(st.dictionaries(st.text("ab1-._:\n '#", min_size=1, max_size=4), st.just(["1.0.0"])))
def test_names_of_any_kind_are_found(charts: Mapping[str, Sequence[str]]) -> None:
    index = yaml.safe_dump(document(**charts)).encode()
    for name in charts:
        assert [each.version for each in find_entries(index, name)] == ["1.0.0"]


def with_entry(**fields: object) -> bytes:
    found = {"apiVersion": "v1", "entries": {"web": [{"version": "1.0.0", **fields}]}}
    return yaml.safe_dump(found).encode()


@pytest.mark.parametrize(
    ("fields", "entry"),
    [
        ({}, Entry("1.0.0", "", "")),
        ({"urls": []}, Entry("1.0.0", "", "")),
        ({"urls": "x"}, Entry("1.0.0", "", "")),
        ({"urls": [["x"]]}, Entry("1.0.0", "", "")),
        ({"digest": f"sha256:{DIGEST.upper()}"}, Entry("1.0.0", "", DIGEST)),
        ({"digest": "md5:abc"}, Entry("1.0.0", "", "")),
        ({"version": "01.10"}, Entry("01.10", "", "")),
        ({"version": ["1.0.0"]}, None),
        ({"version": ""}, None),
    ],
)
def test_what_an_entry_lacks(fields: Mapping[str, object], entry: Entry | None) -> None:
    assert find_entries(with_entry(**fields), "web") == ([entry] if entry else [])


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (b"", "it is not a mapping"),
        (b"text", "it is not a mapping"),
        (b"\xff\xfe\x00", "it is not YAML"),
        (b"entries:\n  web:\n  - version: 1.0.0\n", "it has no apiVersion"),
        (b"apiVersion: v1\nentries: text\n", "its entries are not a mapping"),
        (b"apiVersion: v1\n", "has no chart 'web'"),
        (b"apiVersion: v1\nentries:\n", "has no chart 'web'"),
        (b'{"apiVersion": "v1", "entries": {}}', "has no chart 'web'"),
        (b"[" * 100_000, "it is not YAML"),
    ],
)
def test_what_is_not_an_index(index: bytes, says: str) -> None:
    with pytest.raises(FetchError, match=says):
        find_entries(index, "web")


def test_the_version_is_the_one_that_helm_chooses() -> None:
    assert choose(FOUND, "web", "<1.1") == FOUND[1]
    assert choose(FOUND, "web", "") == FOUND[0]
    with pytest.raises(FetchError, match="there is no version") as raised:
        choose(FOUND, "web", "2.0.0")
    assert raised.value.hint == "choose one of those in the repository: 1.1.0, 1.0.0"
    with pytest.raises(FetchError, match="there is no release") as raised:
        choose([Entry(f"1.0.{each}-rc", "", "") for each in range(9)], "web", "")
    assert raised.value.hint.endswith("1.0.4-rc and 4 more")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        lambda n: "".join(f"  c{each}:\n  - version: 1.0.0\n" for each in range(n)),
        lambda n: "  web:\n" + "  - version: 1.0.0\n" * n,
        lambda n: "\n" * n,
        lambda n: "  web:\n  - version: 1.0.0\n    a: |\n" + "      x\n\n" * n,
    ],
)
def test_an_index_takes_time_in_proportion(text: Callable[[int], str]) -> None:
    def make(n: int) -> bytes:
        end = "  last:\n  - version: 1.0.0\n"
        return f"apiVersion: v1\nentries:\n{text(n)}{end}".encode()

    refuse_growth(make, lambda index: find_entries(index, "last"), 20_000)
