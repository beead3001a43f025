"""The examples of placeholders on the pages: input and output."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import Run
from tests.pages import blocks

SECRETS = {
    "kv/data/demo/web": {
        "PASSWORD": "hunter2",
        "PORT": 5432,
        "API_KEY": "abc",
        "DATABASE_URL": "postgres://web:hunter2@db/web",
    },
    "kv/data/shared/smtp": {"password": "correct horse"},
}


@pytest.mark.parametrize(
    ("page", "heading"), [("README.md", "avp-py"), ("docs/placeholders.md", "Placeholders")]
)
def test_an_example_becomes_what_the_page_shows(
    page: str, heading: str, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "secrets.yaml").write_text(yaml.safe_dump(SECRETS))
    before, after = blocks(page, heading, "yaml", "text")
    env = {"AVP_TYPE": "file", "AVP_FILE": str(tmp_path / "secrets.yaml")}

    result = run("generate", "-", env=env, stdin=before.text.encode())

    assert (result.code, result.out) == (0, after.text), result.err
