"""The expression with which the admission policy recognises `<key>` in base64."""

import base64
import re
import string
from typing import Final

import pytest
import yaml

from tests.conftest import ROOT

FILE: Final = ROOT / "charts" / "avp-py" / "files" / "placeholders-policy.yaml"
FIRST: Final = string.ascii_letters + "_"
OTHERS: Final = string.ascii_letters + string.digits + "_.-"


@pytest.fixture(scope="module")
def expression() -> re.Pattern[str]:
    variables = yaml.safe_load(FILE.read_text())["spec"]["variables"]
    (text,) = (each["expression"] for each in variables if each["name"] == "encodedKeys")
    (found,) = re.findall(r"\.matches\('(.+?)'\)", text)
    return re.compile(found)


def is_found(expression: re.Pattern[str], text: str) -> bool:
    return expression.search(base64.b64encode(text.encode()).decode()) is not None


def test_every_key_is_found(expression: re.Pattern[str]) -> None:
    for number, first in enumerate(FIRST):
        for length in range(40):
            key = f"<{first}{(OTHERS * 2)[number : number + length]}>"
            assert is_found(expression, key), key
    for character in OTHERS:
        for length in range(6):
            key = f"<{'a' * length}a{character}b>"
            assert is_found(expression, key), key


@pytest.mark.parametrize(
    "text",
    ["", "key", "<key", "key>", "<>", "<a>b</a>", "<a b=c>", "<?xml?>", "<1>", "<a>\n",
     "Web <web@example.com>", "<a><b>", "<<a>>", "x<key>", "<key>x", "<!DOCTYPE html>"],
)  # fmt: skip
def test_other_values_are_not_found(expression: re.Pattern[str], text: str) -> None:
    assert not is_found(expression, text)
