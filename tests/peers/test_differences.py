"""README.md lists what differs."""

from tests.peers.differences import README, page


def test_the_readme_lists_the_differences_of_the_tables() -> None:
    assert README.read_text() == page()
