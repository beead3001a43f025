"""How long kustomize waits for git, by the URL of a base."""

import pytest

from avp_py.render.git_timeouts import DEFAULT_SECONDS, seconds_for

REPOSITORY = "https://git.example/team/base.git"


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("", DEFAULT_SECONDS),
        ("?ref=main", DEFAULT_SECONDS),
        ("?timeout=61", 61),
        ("?ref=main&timeout=61s", 61),
        ("?timeout=1m30s", 90),
        ("?timeout=1.5h", 5400),
        ("?timeout=500ms", 0.5),
        ("?timeout=.5s", 0.5),
        ("?timeout=%2B2s", 2),
        ("?timeout=1s&timeout=2s", 1),
        *((f"?timeout={each}", DEFAULT_SECONDS) for each in
          ("0", "-1", "-1s", "1 s", "1d", "s", "1s2", "x", "", "1e3s", "9" * 400, "\u0661")),
    ],
)  # fmt: skip
def test_the_url_says_how_long_kustomize_waits(query: str, seconds: float) -> None:
    assert seconds_for(REPOSITORY, [f"{REPOSITORY}//app{query}"]) == seconds


def test_the_time_is_that_of_the_repository() -> None:
    slow = "https://git.example/team/slow"
    remotes = [f"{REPOSITORY}//a?timeout=1s", f"{REPOSITORY}//b?timeout=2s", f"{slow}?timeout=90s"]

    assert seconds_for(REPOSITORY, remotes) == 2
    # kustomize adds .git to the URLs of some hosts.
    assert seconds_for(f"{slow}.git", remotes) == 90
    assert seconds_for(f"{slow}er", [*remotes, f"{slow}er?timeout=3s"]) == 3
    assert seconds_for(slow, [f"{slow}?timeout=3s", f"{slow}er?timeout=90s"]) == 3
    # What is written in another way could be any of them.
    assert seconds_for("git@git.example:team/base.git", remotes) == 90
    assert seconds_for(REPOSITORY, []) == DEFAULT_SECONDS
