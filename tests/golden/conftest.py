"""The option that writes what golden cases expect."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write expected files of golden cases that have none; read them before you commit",
    )
