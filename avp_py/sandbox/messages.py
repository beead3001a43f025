"""What a child process says on standard error, made fit to be shown.

kustomize and helm quote absolute paths. Those of the run's own directories mean nothing to a
person, and one outside of the repository would show whether a file exists there, or where another
request is being rendered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OUTSIDE: Final = "(a message about a path outside of the repository is not shown)"
"""Replaces a line that would show what exists outside of the repository."""

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_USER_INFO: Final = re.compile(r"://(?!git@)[^\s/@'\"]+@")
_HELM_ENVIRONMENT: Final = " with env=["
_EDIT_USAGE: Final = "\nUsage:\n  kustomize edit "

_END_OF_PATH: Final = r"(?=[/\s'\"`,;:)\]}>]|$)"
_ABSOLUTE: Final = re.compile(r"(?<![\w.~:/\0-])/[^\s'\"`,;:)\]}>]+")
_ROOT: Final = "\0"
"""Replaces the repository's root while a message is read."""

_CLIMBING: Final = re.compile(r"\0[^\0\s'\"`,;:)\]}>]*/\.\.(?:/|(?=[\s'\"`,;:)\]}>]|$))")

_POINTER: Final = re.compile(
    r"(?:operation does not apply: (?:doc )?is missing (?:key|(?:from |destination )?path): \"?"
    r"|error in (?:add|remove|replace|move|copy|test) for (?:path|from): '"
    r"|testing value |- at ')/[^\s'\"]*"
)
"""A place in a document or in values, not in the file system: of a JSON patch (patch.go of
evanphx/json-patch, v4.13), and of a chart's schema."""

_GIT: Final = re.compile(r"failed to run '/[\w./+-]*/git ")
"""How kustomize names git (gitrunner.go of its api): by the place that it found it at."""

_OUT_OF_CLONE: Final = "found in cloned git repos must be within the repo, but base '"
"""What kustomize says of a base that leads out of a remote base (`errors.go` of its loader).

It says so only of directories that exist, and a symlink of the remote base can lead through one
outside of the repository and back.
"""

_ERROR: Final = "Error: "
"""How kustomize and helm begin what made them fail; before it are warnings."""

_OWN: Final = re.compile(r"(?:Error: ){1,2}(?:avp-py: |execution error at \([^\s():]+:\d+:\d+\): )")
"""How an error begins that may be shown whatever it names: the words of the wrapper before helm,
and helm's for what the template functions `fail` and `required` say, with the place of the call
(pkg/engine/engine.go, v3.19 and v4.2)."""

_SEPARATORS: Final = dict.fromkeys(
    {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029} - {0x09, 0x0A}, "\ufffd"
)
"""Characters that would begin a line to some readers, or change what a terminal shows."""


@dataclass(frozen=True)
class Places:
    """The directories that messages may name.

    Attributes:
        staging: where the staging copy begins: the copy of `/repo/app` is `staging/repo/app`.
        workspace: the run's temporary directory.
        root: the repository's root where the run is a tenant's, or None for a person at a terminal,
            who sees every path.
    """

    staging: Path
    workspace: Path
    root: Path | None

    def legible(self, messages: bytes) -> str:
        """Return messages with paths relative to the repository, and without passwords in URLs.

        OUTSIDE replaces what would show what exists outside of the repository.
        """
        text = messages.decode(errors="replace").replace("\r\n", "\n")
        text = _ANSI.sub("", text).translate(_SEPARATORS)
        # After any error of an edit kustomize explains a command line that nobody here wrote.
        text = _without_environment(text.partition(_EDIT_USAGE)[0])
        # A URL may hold a password: that of a proxy, or of the repository of a remote base.
        text = _USER_INFO.sub("://***@", text)
        text = _replace_path(text, self.staging, "")
        text = _replace_path(text, self.workspace / "provided", _ROOT)
        text = _replace_path(text, self.workspace, _ROOT + "/TMPDIR")
        if self.root is None or self.root == Path("/"):
            return text.replace(_ROOT + "/", "").strip()
        text = _replace_path(text, self.root, _ROOT)
        text = _GIT.sub("failed to run 'git ", text)
        shown = "\n".join(_without_outside(text.split("\n")))
        return shown.replace(_ROOT + "/", "").replace(_ROOT, ".").strip()


def _replace_path(text: str, path: Path, replacement: str) -> str:
    return re.sub(re.escape(str(path)) + _END_OF_PATH, lambda _: replacement, text)


def _without_environment(text: str) -> str:
    """Return a message of kustomize without helm's variables, which name temporary directories."""
    kept = []
    while True:
        before, found, rest = text.partition(_HELM_ENVIRONMENT)
        kept.append(before)
        if not found:
            return "".join(kept)
        _, closed, text = rest.partition("]")
        if not closed:
            return "".join(kept)


def _without_outside(lines: Sequence[str]) -> Sequence[str]:
    """Return lines without those that would show what exists outside of the repository.

    A tenant's name can hold a line break, so that the line with a path and the one that says what
    became of it are two: an error is shown as a whole or not at all, but for a first line whose
    words are known.
    """
    begin = next((at for at, line in enumerate(lines) if line.startswith(_ERROR)), 0)
    shown = [line for line in lines[:begin] if not _shows_outside(line)]
    # Only the first: a later line may be a tenant's, in the middle of another error.
    own = begin + (_OWN.match(lines[begin]) is not None)
    shown += lines[begin:own]
    if not any(map(_shows_outside, lines[own:])):
        shown += lines[own:]
    return shown if len(shown) == len(lines) else [*shown, OUTSIDE]


def _shows_outside(line: str) -> bool:
    """Return whether a line names a path outside of the repository.

    What a program says about such a path depends on what exists there, so all is dropped but what
    is known not to be about files. What precedes and follows is a tenant's text, too: a directory
    can be named like any phrase.
    """
    line = _POINTER.sub("", line)
    if _OUT_OF_CLONE in line:
        return True
    return _ABSOLUTE.search(line) is not None or _CLIMBING.search(line) is not None
