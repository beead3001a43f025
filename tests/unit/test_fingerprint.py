"""Which variables of git differ for what was fetched."""

from collections.abc import Mapping
from pathlib import Path

from avp_py.fetch.fingerprint import fingerprint


def of(environ: Mapping[str, str]) -> str:
    return fingerprint(environ, environ)


def test_without_a_variable_it_is_empty() -> None:
    assert fingerprint({"PATH": "/bin"}, ("GIT_SSH_COMMAND",)) == ""
    assert fingerprint({"PATH": "/bin"}, ()) == ""


def test_values_and_names_count() -> None:
    texts = ({"A": "1"}, {"A": "2"}, {"B": "1"}, {"A": "1", "B": "1"}, {"A": ""})
    assert len({of(each) for each in texts}) == len(texts)
    assert of({"A": "1", "B": "2"}) == of({"B": "2", "A": "1"})
    assert "hunter22" not in of({"A": "hunter22"})


def test_what_is_in_a_file_counts_and_not_its_path(tmp_path: Path) -> None:
    def command(name: str, key: str, options: str = "-o X=y") -> str:
        (tmp_path / name).write_text(key)
        return of({"GIT_SSH_COMMAND": f"ssh -i {tmp_path / name} {options}"})

    first = command("1", "key")
    assert command("2", "key") == first
    assert command("1", "another") != first
    assert command("2", "key", "-o X=z") != first
    missing = of({"GIT_SSH_COMMAND": f"ssh -i {tmp_path / 'x'} -o X=y"})
    assert missing not in ("", first)
    # What is no plain file has nothing to read.
    assert of({"GIT_SSH_COMMAND": f"ssh -i {tmp_path} -o X=y"}) == missing
