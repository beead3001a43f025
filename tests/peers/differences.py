"""The differences between avp-py and the other projects, as README.md lists them.

`python -m tests.peers.differences` writes the list.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from tests.peers import test_argo_cd, test_argocd_vault_plugin, test_kustomize
from tests.peers.tables import FOLDER, Table

README: Final = FOLDER / "README.md"

_START: Final = "<!-- made by `python -m tests.peers.differences` -->\n"
_END: Final = "<!-- end -->\n"

_SUITES: Final[Mapping[str, tuple[Table, ...]]] = {
    "argocd-vault-plugin": tuple(test_argocd_vault_plugin.TABLES.values()),
    "kustomize": (test_kustomize.TABLE,),
    "Argo CD": (test_argo_cd.TABLE,),
}


def page() -> str:
    """Return README.md with the lists that the tables give now."""
    text = README.read_text()
    before, _, rest = text.partition(_START)
    _, _, after = rest.partition(_END)
    return f"{before}{_START}{''.join(_lines())}{_END}{after}"


def _lines() -> Iterator[str]:
    for suite, tables in _SUITES.items():
        rows = [row for table in tables for row in table.rows]
        reasons: dict[str, list[str]] = {}
        for row in rows:
            if row.differs:
                reasons.setdefault(row.differs, []).append(row.name)
        count = sum(map(len, reasons.values()))
        yield f"\n### {suite}: {len(rows)} cases, of which {count} differ\n\n"
        yield "| why | cases |\n|---|---|\n"
        for why, names in reasons.items():
            yield f"| {why} | {'; '.join(names)} |\n"
        without: dict[str, list[str]] = {}
        for table in tables:
            for source, why in table.without.items():
                without.setdefault(why, []).append(source.rpartition(" ")[2])
        yield "\nWithout a case:\n\n"
        for why, names in without.items():
            yield f"- {', '.join(f'`{each}`' for each in names)}: {why}\n"


if __name__ == "__main__":
    README.write_text(page())
