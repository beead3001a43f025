"""RE2 has enough memory for our expressions; if it has not, it reports that and gets slow."""

import importlib
import pkgutil
import random

import pytest

import avp_py
from avp_py.expressions import Expression

SAYS = "DFA out of memory"
RANDOM = random.Random(1)  # noqa: S311 - not for a secret
TEXTS = {
    "hexadecimal": "a: " + RANDOM.randbytes(400_000).hex(),
    "base64": "a: " + "".join(RANDOM.choices("abcdefghijkABCDEFGHIJK0123456789+/", k=500_000)),
    "lines": "".join(f"k{n}: {RANDOM.randbytes(40).hex()}\n" for n in range(8_000)),
    "beyond ASCII": "".join(map(chr, RANDOM.choices(range(0xA1, 0x3000), k=200_000))),
    "signs": "".join(RANDOM.choices(" \n!?&*[]{},:#<>|\\\"'-~.0aé", k=300_000)),
}


def expressions() -> dict[str, Expression]:
    found = {}
    for module in pkgutil.walk_packages(avp_py.__path__, "avp_py."):
        if not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Expression):
                    found[f"{module.name}.{name}"] = value
    return found


@pytest.mark.parametrize("name", sorted(expressions()))
def test_re2_has_enough_memory(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    for text in TEXTS.values():
        expressions()[name].is_in(text)
        assert SAYS not in capfd.readouterr().err


def test_re2_reports_a_lack_of_memory(capfd: pytest.CaptureFixture[str]) -> None:
    Expression(r"[0-9][\w.]{16,}[^\x21-\x7e]*[:,}#]").is_in(TEXTS["hexadecimal"])

    assert SAYS in capfd.readouterr().err
