"""docs/charts.md: its files are read, its table of templates is tried, its messages exist."""

import ast
import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import bcrypt
import pytest
import yaml

from avp_py.cmp import PLUGINS
from avp_py.fetch.repositories import KEYS, read_repositories
from avp_py.settings import Sensitive
from tests.conftest import ROOT, Run
from tests.integration.certificates import self_signed
from tests.integration.repositories import Repository, package, serve_charts
from tests.pages import blocks
from tests.trees import write

PAGE: Final = "docs/charts.md"
TEXT: Final = (ROOT / PAGE).read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = TEXT.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[each.strip() for each in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def revealed(text: Sensitive | None) -> str:
    assert text is not None
    return text.reveal()


def test_every_file_of_the_page_is_read_here() -> None:
    # Applications and policies are read by tests/integration/test_pages.py, too, and the patch by
    # tests/integration/test_chart.py.
    assert [block.heading for block in blocks(PAGE)] == [
        "Credentials", "provideGitCreds", "Who may fetch what", "A chart with values from git",
    ]  # fmt: skip


def test_the_file_of_repositories_is_valid(tmp_path: Path) -> None:
    (block,) = blocks(PAGE, "Credentials", "yaml")
    made = self_signed(tmp_path, "made")
    key, certificate = made.key.read_text(), made.certificate.read_text()
    contents = {
        "charts/password": "one\n",
        "registry/password": "two\n",
        "registry/ca.pem": certificate,
        "git/token": "three\n",
        "ssh/key": key,
        "ssh/known_hosts": "git.example.com ssh-ed25519 AAAA\n",
    }
    text = block.text.replace("/etc/avp", str(tmp_path))
    write(tmp_path, {**contents, "repositories.yaml": text})

    found = {each.url: each.read() for each in read_repositories(tmp_path / "repositories.yaml")}

    charts, oci, git, ssh = found.values()
    assert list(found) == [each["url"] for each in yaml.safe_load(text)["repositories"]]
    assert (charts.username, revealed(charts.password)) == ("robot", "one")
    assert (revealed(oci.password), oci.ca) == ("two", certificate)
    assert revealed(git.token) == "three"
    assert revealed(ssh.ssh_key) == key
    assert ssh.known_hosts == contents["ssh/known_hosts"]


def test_the_table_of_keys_is_complete() -> None:
    named = {
        each.removesuffix("File")
        for keys, _ in rows("Credentials")
        for each in re.findall(r"`(\w+)`", keys)
    }
    assert named == {each.removesuffix("File") for each in KEYS}


def test_the_application_renders_the_chart(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    (block,) = blocks(PAGE, "A chart with values from git", "yaml")
    source = yaml.safe_load(block.text)["spec"]["source"]
    given = source["plugin"]["parameters"]
    said = {each["name"]: each.get("string", each.get("array")) for each in given}
    values = write(tmp_path / source["path"], {"values.yaml": "colour: of the directory\n"})
    template = {"templates/a.yaml": "kind: Map\ncolour: {{ .Values.colour }}\n"}
    archive = package(said["chart"], said["chart-version"], template)
    plugin = next(each for each in PLUGINS if each.name == source["plugin"]["name"])
    charts = Repository({(said["chart"], said["chart-version"]): archive})
    with serve_charts(charts):
        parameters = json.dumps(
            [{**each, "string": charts.url} if each["name"] == "chart-repo" else each
             for each in given]
        )  # fmt: skip
        env = {**environ, "AVP_RENDER_HOSTS": charts.host, "ARGOCD_APP_PARAMETERS": parameters}

        result = run("generate", f"--render={plugin.mode}", values, env=env)

    assert (result.code, result.err) == (0, "")
    assert "colour: of the directory\n" in result.out
    assert not plugin.discover


PLACEHOLDER: Final = "<path:kv/data/team/app#password>"
TEMPLATES: Final = [
    (template.replace(r"\|", "|"), where, becomes)
    for written, becomes in rows("Placeholders in values")
    for template, where in re.findall(r"`(\{\{.*?\}\})`([^`]*)", written)
]
FILLED: Final = ("filled", "filled, within the quotes", "filled, and encoded again")


@pytest.mark.both_helms
@pytest.mark.parametrize(("template", "where", "becomes"), TEMPLATES)
def test_a_template_makes_of_a_placeholder_what_the_page_says(
    template: str, where: str, becomes: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    kind, data = ("Secret", "data") if where.strip() == "in a Secret" else ("ConfigMap", "data")
    text = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n{data}:\n"
    if template.startswith("{{ to"):
        indented = template.replace(" }}", " | indent 4 }}")
        text += f"  a: |\n{indented}\n"
    elif "urlquery" in template:
        text += f"  a: https://admin:{template}@db\n"
    elif template.startswith("{{ if"):
        text += f"  a: {template}true{{{{ else }}}}false{{{{ end }}}}\n"
    else:
        text += f"  a: {template}\n"
    write(
        tmp_path,
        {
            "app/Chart.yaml": "{apiVersion: v2, name: shop, version: 1.0.0}\n",
            "app/values.yaml": yaml.safe_dump({"password": PLACEHOLDER, "user": "admin"}),
            "app/templates/a.yaml": text,
            "secrets.yaml": "kv/data/team/app: {password: hunter22}\n",
        },
    )
    env = {**environ, "AVP_TYPE": "file", "AVP_FILE": str(tmp_path / "secrets.yaml")}

    result = run("generate", tmp_path / "app", env=env)

    if becomes.startswith("an error"):
        assert (result.code, result.out) == (1, "")
        assert "a placeholder that nothing fills" in result.err
        return
    assert (result.code, result.err) == (0, "")
    (value,) = yaml.safe_load(result.out)["data"].values()
    if becomes in FILLED:
        decoded = base64.b64decode(value).decode() if kind == "Secret" else value
        assert "hunter22" in decoded
    elif becomes.startswith("true"):
        assert value is True
    elif becomes.startswith("a hash"):
        user, hashed = value.split(":")
        assert user == "admin"
        assert bcrypt.checkpw(PLACEHOLDER.encode(), hashed.encode())
        again = run("generate", tmp_path / "app", env=env)
        assert again.out != result.out
    elif becomes.startswith("the digest"):
        assert value == hashlib.sha256(PLACEHOLDER.encode()).hexdigest()
    else:
        assert becomes == "that of the placeholder, unnoticed"
        assert value == PLACEHOLDER.upper()


def test_the_other_functions_are_those_of_the_placeholder(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    assert "`{{ .Values.password \\| upper }}`, `len`, `trunc 8`" in TEXT
    write(
        tmp_path,
        {
            "Chart.yaml": "{apiVersion: v2, name: shop, version: 1.0.0}\n",
            "values.yaml": yaml.safe_dump({"password": PLACEHOLDER}),
            "templates/a.yaml": "kind: Map\nlen: {{ .Values.password | len }}\n"
            "trunc: {{ .Values.password | trunc 8 }}\n",
        },
    )

    result = run("generate", tmp_path, env=environ)

    assert (result.code, result.err) == (0, "")
    found = yaml.safe_load(result.out)
    assert (found["len"], found["trunc"]) == (len(PLACEHOLDER), PLACEHOLDER[:8])


def test_the_table_of_templates_has_every_row() -> None:
    assert len(TEMPLATES) == len(rows("Placeholders in values")) == 14


def messages() -> Iterator[str]:
    """The texts in the code, docstrings included."""
    for file in (ROOT / "avp_py").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_the_messages_of_avp_py_are_in_the_code() -> None:
    listed = [
        fragment
        for message, origin, _ in rows("Error messages, and what to do")
        if origin == "avp-py"
        for fragment in re.split(r"…|; ", message)
        if fragment.strip(" :,/")
    ]
    texts = list(messages())
    assert len(listed) > 20
    assert [each for each in listed if not any(each.strip() in text for text in texts)] == []


def test_other_pages_lead_here() -> None:
    linked = {
        path.name
        for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        if "charts.md" in path.read_text()
    }
    assert linked >= {
        *("README.md", "plugin.md", "rendering.md", "image.md", "migration.md", "applications.md"),
        *("errors.md", "sandbox.md"),
    }
