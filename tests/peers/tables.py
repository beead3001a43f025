"""The tables of cases: what every suite has in common, and what makes a table complete."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parent

_COMMON: Final = frozenset({"name", "from", "version", "differs"})


@dataclass(frozen=True)
class Row:
    """One case.

    Attributes:
        name: what is true.
        sources: where the fact is from, each `FILE FUNCTION` in the other project's repository.
        version: the other project's version that the fact was read in.
        differs: why avp-py and the other project differ; empty where they do not.
        fields: what the suite's own test reads.
    """

    name: str
    sources: tuple[str, ...]
    version: str
    differs: str
    fields: Mapping[str, Any]

    @property
    def key(self) -> str:
        """A name for the test's report."""
        return f"{self.sources[0].rpartition('/')[2]}: {self.name}"


@dataclass(frozen=True)
class Table:
    """A test suite of another project.

    Attributes:
        rows: the cases.
        functions: every test of the other project's files, as `FILE FUNCTION`.
        without: the tests that have no case, with the reason.
        fields: what else the table holds.
    """

    rows: tuple[Row, ...]
    functions: frozenset[str]
    without: Mapping[str, str]
    fields: Mapping[str, Any]


def load(name: str, allowed: Sequence[str]) -> Table:
    """Return a table, and raise for a row with an unknown field.

    Args:
        name: the file, relative to this folder.
        allowed: the fields that the suite's rows may have in addition to those of every row.
    """
    text = (FOLDER / name).read_text()
    data = yaml.safe_load(text)
    rows = tuple(_row(each, data["version"], frozenset(allowed)) for each in data["cases"])
    functions = frozenset(
        f"{file} {each}" for file, names in data["functions"].items() for each in names
    )
    rest = {key: data[key] for key in data.keys() - {"cases", "functions", "without", "version"}}
    return Table(rows, functions, data.get("without", {}), rest)


def problems(table: Table) -> Iterator[str]:
    """Yield what is wrong with a table: a test without a case, or a case without a test."""
    covered = {source for row in table.rows for source in row.sources}
    for source in sorted(table.functions - covered - table.without.keys()):
        yield f"no case and no reason: {source}"
    for source in sorted((covered | table.without.keys()) - table.functions):
        yield f"not in the list of functions: {source}"
    for source in sorted(covered & table.without.keys()):
        yield f"both a case and a reason for none: {source}"
    names = [row.name for row in table.rows]
    for name in sorted({each for each in names if names.count(each) > 1}):
        yield f"two cases of one name: {name}"


def _row(data: Mapping[str, Any], version: str, allowed: frozenset[str]) -> Row:
    unknown = data.keys() - _COMMON - allowed
    if unknown:
        raise ValueError(f"{data['name']}: unknown fields {sorted(unknown)}")
    sources = data["from"] if isinstance(data["from"], list) else [data["from"]]
    return Row(
        data["name"],
        tuple(sources),
        data.get("version", version),
        data.get("differs", ""),
        {key: data[key] for key in data.keys() & allowed},
    )
