"""Paths that must stay within some directories, followed step by step."""

import errno
import os

LINKS = 255
"""How many symlinks of one path Go follows (path/filepath/symlink.go, Go 1.25)."""


def follow(path: str, roots: tuple[str, ...]) -> str | None:
    """Follow a path as the kernel does, but without any step outside of some directories.

    `os.path.realpath` returns only where a path ends. One that leaves the directories and comes
    back, as `/outside/../proc/self/cwd`, would work or not depending on what exists outside.

    Args:
        path: the absolute path.
        roots: the directories, symlinks resolved.

    Returns:
        The absolute path without symlinks, or None if it is relative, begins or leads outside, or
        has a NUL, which no file can have. What comes after something that does not exist, or after
        LINKS symlinks, is not followed: nobody opens it.
    """
    if "\0" in path or not path.startswith("/"):
        return None
    here, waiting = _enter(path, roots)
    links = 0
    while here is not None and waiting:
        name = waiting.pop()
        if name == "..":
            here = os.path.dirname(here)
            if not is_below(here, roots):
                return None
            continue
        step = f"{here.rstrip('/')}/{name}"
        try:
            target = os.readlink(step)
        except OSError as error:
            if error.errno == errno.EINVAL:
                here = step
                continue
            target = ""
        if not target or links == LINKS:
            rest = os.path.normpath("/".join((step, *reversed(waiting))))
            return rest if is_below(rest, roots) else None
        links += 1
        if target.startswith("/"):
            here, further = _enter(target, roots)
        else:
            further = _steps(target)
        waiting += further
    return here


def _enter(path: str, roots: tuple[str, ...]) -> tuple[str | None, list[str]]:
    """Return the root that an absolute path begins with, and the steps from there, last first."""
    steps = _steps(path)
    for root in roots:
        inner = _steps(root)
        if steps[len(steps) - len(inner) :] == inner:
            return root, steps[: len(steps) - len(inner)]
    return None, []


def _steps(path: str) -> list[str]:
    return [each for each in reversed(path.split("/")) if each not in ("", ".")]


def is_below(path: str, roots: tuple[str, ...]) -> bool:
    """Return whether a path is one of the directories, or in one; its text alone counts."""
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)
