"""Which files an operator's variables open for a child."""

from pathlib import Path

import pytest

from avp_py.sandbox import named_access


@pytest.mark.parametrize("value", ["/", "//", "https://", "a=//", "/proc/..", "file:///"])
def test_the_root_of_the_file_system_is_never_opened(value: str) -> None:
    assert named_access({"X": value}, ["X"]).read == ()


def test_a_file_is_opened_wherever_it_stands() -> None:
    value = "ssh -i /keys/id -o UserKnownHostsFile=/keys/hosts"

    assert named_access({"X": value}, ["X"]).read == (Path("/keys/id"), Path("/keys/hosts"))
