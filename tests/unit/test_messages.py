"""Which messages of kustomize and helm a tenant is shown."""

from pathlib import Path
from typing import Final

import pytest

from avp_py.sandbox import Places

STAGING: Final = Path("/tmp/run/tree")  # noqa: S108 - no file is made
WORKSPACE: Final = Path("/tmp/run")  # noqa: S108
ROOT: Final = Path("/repo")
HIDDEN: Final = "(a message about a path outside of the repository is not shown)"
FAILS: Final = "Error: execution error at (c/templates/a.yaml:1:4): "


def shown(text: str, root: Path | None = ROOT) -> str:
    return Places(STAGING, WORKSPACE, root).legible(text.encode())


SHOWN: Final = {
    "Error: /repo/a.yaml is bad\n": "Error: a.yaml is bad",
    "Error: '/tmp/run/tree/repo/a/b.yaml'": "Error: 'a/b.yaml'",
    "Error: no such file: /tmp/run/scratch/x": "Error: no such file: TMPDIR/scratch/x",
    "# Warning: x\r\nError: y\r\n": "# Warning: x\nError: y",
    # Pointers of JSON patches and schemas.
    'Error: remove operation does not apply: doc is missing path: "/data/x": missing value': None,
    "Error: replace operation does not apply: doc is missing key: /a/b: missing value": None,
    "Error: test operation does not apply: is missing path: /a: missing value": None,
    "Error: move operation does not apply: doc is missing from path: /a: missing value": None,
    "Error: error in add for path: '/a/b': x": None,
    "Error: testing value /kind failed: test failed": None,
    "Error: c:\n- at '/a/b': got string, want number": None,
    # git.
    "Error: failed to run '/usr/bin/git fetch --depth=1 http://h/x main': fatal: unable": (
        "Error: failed to run 'git fetch --depth=1 http://h/x main': fatal: unable"
    ),
    # The text of a template.
    f"{FAILS}see /etc/x\n\nUse --debug": None,
    f"# Warning: x\nError: {FAILS}set /etc/x\n: unable to run: 'helm template'": None,
}


@pytest.mark.parametrize("text", SHOWN)
def test_messages_about_the_repository_are_shown(text: str) -> None:
    assert shown(text) == (SHOWN[text] or text)


HIDING: Final = {
    "Error: lstat /etc/x: no such file": "",
    "Error: '/repo/../etc/x' is missing": "",
    "# Warning: x\nError: open /etc/x: permission denied": "# Warning: x",
    # Names with line breaks.
    "Error: open /etc/x\ny: not a directory": "",
    "Error: evalsymlink failure on '/repo/\nx' : lstat /etc/x: no such file": "",
    "Error: a\nb\nlstat /etc/x: not there\nc": "",
    "Error: a\rlstat /etc/x\rb": "",
    "Error: a\x0blstat\u2028/etc/x\x85b\x0c": "",
    # Pretended templates.
    f"Error: loading 'x\n{FAILS}/etc/x': no such file": "",
    f"Error: '{FAILS}/etc/x': no such file": "",
    "Error: execution error at (/etc/x: no such file": "",
    "Error: execution error at (a b/../c:1:2): lstat /etc/x": "",
    f"{FAILS}text\nlstat /etc/x: no such file\nmore": f"{FAILS}text",
    # Pretended pointers and commands.
    "Error: '/repo/doc is missing path: /../..' : lstat /etc/x: no such file": "",
    "Error: doc is missing path: /etc/x": "",
    "Error: '/repo/failed to run '/a/git x' : lstat /etc/git y": "",
    "open /etc/x\ny: not a directory": "",
}


@pytest.mark.parametrize("text", HIDING)
def test_messages_about_the_outside_are_hidden_entirely(text: str) -> None:
    assert shown(text) == f"{HIDING[text]}\n{HIDDEN}".lstrip()


def test_a_person_is_shown_every_path() -> None:
    assert shown("Error: lstat /etc/x: /tmp/run/tree/etc/y", None) == "Error: lstat /etc/x: /etc/y"


@pytest.mark.parametrize("root", [None, ROOT])
def test_no_character_begins_a_line_or_controls_a_terminal(root: Path | None) -> None:
    text = "Error: a\x1b[31mb\x1bc\x85d\u2028e\x07f\rg\0h\x9b2Ji\tj"

    assert shown(text, root) == "Error: ab?c?d?e?f?g?h?2Ji\tj".replace("?", "\ufffd")
