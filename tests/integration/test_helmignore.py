"""Rules of .helmignore leave out the same files as in helm itself."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avp_py.errors import ChartLimitError, RenderError
from avp_py.render.chart_files import ChartFiles
from tests.integration.dependencies import limits

pytestmark = pytest.mark.both_helms

TEMPLATE: Final = "templates/list.yaml"
NAMES: Final = (
    *(b"a", b"ab", b"abc", b"b/a", b"b/x", b"b/xa", b"b/x-", b"b/c/a", b"d/aca/b", b"d/a/b"),
    *("é".encode(), "aé".encode(), "éb".encode(), "b/é".encode()),
    *(b"[", b"]", b"-", b"^", b"\\", b"!", b"*", b"a b", b"\xff", b"a\xc3"),
)
RULES: Final = (
    *("ab\\/", "b/x*[a-]", "/*a[^x]*b", "*[^é]", "[^é]", "!a", "!b/", "!", "/", "//", "b/", "/b"),
    *("[", "[a", "[]a]", "[a-]", "\\", "[\\", "x[", "a**", "b/*", "?", "[a-b]*", "[^a-b]*", "\\[*"),
    *("*a*", "*/a", "b?a", "b[^x]a", "[b-a]", "[^b-a]", "a\\ b", "\u00a0ab\u3000", "ab\x1c", "*?*"),
    *("*\n!ab", "!*\nab", "[!a]", "[a^]", "[\\]]", "templates", "templates/", "*.yaml", "!*.yaml"),
)


def call(helm: Path, chart: Path) -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(chart / "home"), "PATH": os.environ["PATH"]}
    argv = [str(helm), "template", "r", str(chart)]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)


def found(chart: Path) -> set[str] | None:
    """The files that we find; None where the rules are ones that helm refuses."""
    try:
        return set(ChartFiles.find(str(chart), [str(chart)], limits()).paths)
    except ChartLimitError:
        raise
    except RenderError:
        return None


def compare(helm: Path, rules: bytes) -> None:
    """Compare the files that helm loads, where these are the rules, with those that we find."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder).resolve() / "app"
        files = {
            b"Chart.yaml": b"{apiVersion: v2, name: app, version: 1.0.0}\n",
            TEMPLATE.encode(): b'names:\n{{ range $name, $_ := .Files }}- "{{ printf "%x" $name }}"'
            b"\n{{ end }}",
            b".helmignore": rules,
            **dict.fromkeys(NAMES, b"x"),
        }
        for name, data in files.items():
            path = chart / os.fsdecode(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        done = call(helm, chart)
        paths = found(chart)
    if paths is None:
        assert done.returncode
        return
    if "Chart.yaml" not in paths:
        assert "Chart.yaml file is missing" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    shown = {line[3:-1] for line in done.stdout.splitlines() if line.startswith('- "')}
    known = {os.fsencode(each).hex() for each in paths - {TEMPLATE, "Chart.yaml"}}
    assert shown == (known if TEMPLATE in paths else set())


@pytest.mark.parametrize("rules", RULES)
def test_rules_of_every_form(rules: str, tools: Mapping[str, Path], helm_name: str) -> None:
    compare(tools[helm_name], rules.encode())


def test_any_rules(tools: Mapping[str, Path], helm_name: str) -> None:
    pieces = [each.encode() for each in "abcx/*?[]^-\\! é"]
    pieces += [b"\xc3", b"\xff", b"[^", b"[a-", b"/*"]
    rule = st.lists(st.sampled_from(pieces), min_size=1, max_size=8).map(b"".join)

    @settings(max_examples=60)
    @given(st.lists(rule, min_size=1, max_size=2).map(b"\n".join))
    def check(rules: bytes) -> None:
        compare(tools[helm_name], rules)

    check()
