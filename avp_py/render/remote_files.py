"""Files that a kustomization names by a URL: fetched beforehand, and named by a path instead.

kustomize has no network. Where a URL may be that of a git repository, too, kustomize would request
it as a file first, and go on to git where there is none; so it is here, but for what is surely git.

Source: accumulateResources in api/internal/target/kusttarget.go and NewRepoSpecFromURL in
api/internal/git/repospec.go of kustomize, api v0.21.
"""

import functools
import json
import math
import os
import posixpath
import re
import time
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import yaml

from avp_py.errors import AvpError, ChildError, Failure, GenerateError, RenderError
from avp_py.remotes import Fetched, Fetcher, RemoteFile, shown
from avp_py.render.below import make_below, open_below, read_file, write_file
from avp_py.render.follow import follow
from avp_py.render.git_timeouts import MARGIN_SECONDS, seconds_for
from avp_py.render.kustomization import Roots, decode, find_roots, kustomization_files
from avp_py.render.references import (
    WebReference,
    is_below_repository,
    is_web,
    web_references,
)
from avp_py.render.repository import Repository, real_path
from avp_py.urls import MAX_LENGTH

FOLDER: Final = ".avp-py-fetched"
"""The directory, beside a kustomization, of the files that it names by URLs."""

_MANIFESTS: Final = (".yaml", ".yml", ".json")

_GIT_MARKS: Final = (".git", "/_git/", "?ref=", "&ref=", "?version=", "&version=")


MAX_FILES: Final = 200
"""How many URLs one render may name: each costs a process and a request."""

MAX_PARTS: Final = 64
"""How many parts between slashes a URL may have: each of them may be where the path in a repository
begins."""

_NO_NETWORK: Final = ("socket: permission denied", "connect: permission denied")
"""How Go says that the sandbox has no network."""

_REQUEST: Final = re.compile(r'\bGet "([^"]*)": ')
"""How Go says before that what it requested."""


class RemoteFiles:
    """The files of one render.

    Attributes:
        warnings: what is to be noticed about them.
    """

    def __init__(self, fetcher: Fetcher, max_bytes: int, *, confined: bool) -> None:
        """Make it.

        Args:
            fetcher: fetches them.
            max_bytes: how long a kustomization may be that is rewritten.
            confined: whether a sandbox keeps kustomize from requesting a URL by itself. Otherwise
                the kustomizations say that it is that of a git repository.
        """
        self._fetcher = fetcher
        self._max_bytes = max_bytes
        self._confined = confined
        self._files: dict[str, bytes | None] = {}
        self._remotes: dict[str, None] = {}
        self._made: set[Path] = set()
        # What is no file, and may be a git repository instead.
        self._failures: dict[str, Failure] = {}
        self.warnings: list[Failure] = []

    def fetch(self, roots: Roots, seconds: float = math.inf) -> Sequence[Path]:
        """Fetch the files that kustomizations name, and return the directories of those.

        Args:
            roots: what the kustomizations refer to.
            seconds: how long it may take; the run itself may end sooner.

        Raises:
            RenderError: a URL is where it can neither be fetched nor replaced, or too long, or
                there are too many.
            GenerateError: what is surely a file cannot be fetched.
        """
        found = [(folder, list(self._references(folder))) for folder in roots.folders]
        remotes = dict.fromkeys(each for _, refers in roots.references for each in refers.remotes)
        _refuse_long(remotes)
        _refuse_others(remotes, {each.url for _, references in found for each in references})
        self._remotes.update(remotes)
        wanted: dict[str, bool] = {}
        manifests: set[str] = set()
        for reference in (each for _, references in found for each in references):
            if reference.may_be_git and _is_git(reference.url):
                continue
            may_be_git = _may_be_git(reference)
            wanted[reference.url] = wanted.get(reference.url, True) and may_be_git
            if reference.may_be_git:
                manifests.add(reference.url)
        new = [url for url in wanted if url not in self._files]
        if len(self._files) + len(new) > MAX_FILES:
            raise RenderError(
                f"the kustomizations name more than {MAX_FILES} URLs",
                hint="put the files into the repository, or name a git repository that has them",
            )
        refused: list[Failure] = []
        end = time.monotonic() + seconds
        answers = self._fetcher.fetch(list(map(RemoteFile, new)), seconds) if new else ()
        is_late = time.monotonic() >= end - MARGIN_SECONDS
        for url, answer in zip(new, answers, strict=True):
            if isinstance(answer, Fetched):
                is_page = url in manifests and _is_page(answer.data)
                if not is_page and (not wanted[url] or _is_manifest(answer.data)):
                    self._files[url] = answer.data
                    self.warnings += [answer.warning] if answer.warning else []
                    continue
                answer = _no_manifest(url, is_page=is_page)
            elif is_late and wanted[url]:
                # Another base that names it may have more time.
                continue
            self._files[url] = None
            if wanted[url]:
                self._failures[url] = answer
            else:
                refused.append(answer)
        if refused:
            raise GenerateError(refused)
        return [
            folder
            for folder, references in found
            if any(self._is_replaced(each) for each in references)
        ]

    def rewrite(self, folder: Path, tree: Path) -> None:
        """Replace URLs in the kustomization of a directory by paths of what was fetched.

        Args:
            folder: the directory, which is a copy; the files are written below it.
            tree: where the copies are; nothing else is written to.

        Raises:
            RenderError: the kustomization is a symlink that leads out of the copies, a file is in
                the way, or kustomize replaces a directory meanwhile.
        """
        for file in kustomization_files(folder):
            references = web_references(_read(file, self._max_bytes))
            if any(map(self._is_replaced, references)):
                (*outer, name), inner = self._places(folder, file, tree)
                # kustomize may run already, and could replace what was checked.
                with open_below(tree, outer) as above, open_below(tree, inner) as below:
                    text = _text(read_file(above, name, self._max_bytes + 1), self._max_bytes)
                    text = self._rewritten(text, folder, below)
                    write_file(above, name, text.encode())

    def _rewritten(self, text: str, folder: Path, descriptor: int) -> str:
        """Return the text of a kustomization with paths of what was fetched, which is written.

        Args:
            text: its text.
            folder: its directory.
            descriptor: that of its directory.
        """
        parts: list[str] = []
        end = 0
        for number, reference in enumerate(sorted(web_references(text), key=_start)):
            if self._is_replaced(reference):
                named = self._replacement(reference, folder, descriptor, number)
                # A block scalar has the line break after it, too.
                tail = "\n" if text[: reference.end].endswith("\n") else ""
                parts += [text[end : reference.start], json.dumps(named), tail]
                end = reference.end
        return "".join([*parts, text[end:]])

    def prepare(self, clone: Path, seconds: float = math.inf) -> None:
        """Do both for a remote base, as far as it is known to be one.

        Args:
            clone: the directory with the files of its repository.
            seconds: how long it may take.

        Raises:
            AvpError: as `fetch` and `rewrite`.
        """
        repository = Repository(clone, True)
        end = time.monotonic() + seconds
        for start in list(self._bases(clone)):
            roots = find_roots(start, repository, self._max_bytes)
            for folder in self.fetch(roots, max(end - time.monotonic(), 0)):
                self.rewrite(folder, clone)

    def git_seconds(self, repository: str) -> float:
        """Return how long kustomize waits for a git repository that a kustomization names.

        Args:
            repository: its URL, as kustomize gives it to git.
        """
        return seconds_for(repository, self._remotes)

    def explain(self, error: ChildError, repositories: Collection[str]) -> AvpError:
        """Return why a build failed: where kustomize names a URL, why it is no file.

        A base that was fetched is not at fault, although kustomize says first that it is no file.

        Args:
            error: the error of kustomize.
            repositories: the URLs of the git repositories that were fetched.
        """
        bases = {
            url
            for url in self._remotes
            if any(is_below_repository(url, each) for each in repositories)
        }
        named = [
            failure
            for url, failure in self._failures.items()
            if url not in bases and _is_named(url, error.detail)
        ]
        if named:
            last = named[-1]
            detail = "\n".join(filter(None, (last.detail, error.detail)))
            return GenerateError([*named[:-1], replace(last, detail=detail)])
        unreached = set(_unreached(error.detail))
        if not unreached:
            return error
        hint = (
            "fix the last kustomize error below; the base itself was fetched, although kustomize "
            "could not request its URL as a file"
        )
        if not unreached <= bases:
            hint = (
                "kustomize has no network, and avp-py fetches what a kustomization itself names, "
                "not what the configuration of a plugin does: put the file into the repository"
            )
        return ChildError(error.reason, hint=hint, detail=error.detail)

    def _bases(self, clone: Path) -> Iterator[Path]:
        """Yield the directories of a clone that references so far may mean, by their ends."""
        top = str(clone)

        @functools.cache
        def enter(folder: str, name: str) -> str | None:
            step = f"{folder}/{name}"
            return follow(step, (top,)) if os.path.isdir(step) else None  # noqa: PTH112

        found: dict[str, None] = {}
        for remote in self._remotes:
            # Each part may be the first in the clone: all that is reached is followed at once.
            reached = {top}
            for part in posixpath.normpath(remote.partition("?")[0]).split("/"):
                entered = (enter(folder, part) for folder in reached)
                reached = {top, *(each for each in entered if each)}
            found.update(dict.fromkeys(sorted(reached)))
        yield from (path for path in map(Path, found) if kustomization_files(path))

    def _is_replaced(self, reference: WebReference) -> bool:
        is_file = self._files.get(reference.url) is not None
        return is_file or (reference.may_be_git and not self._confined)

    def _replacement(
        self, reference: WebReference, folder: Path, descriptor: int, number: int
    ) -> str:
        """Return what is written for a reference; its file is made."""
        data = self._files.get(reference.url)
        if data is None:
            return f"git::{reference.url}"
        self._make(folder, descriptor)
        name = _name(reference.url)
        path = f"{FOLDER}/{number}/{name}"
        with make_below(descriptor, (FOLDER, str(number))) as target:
            write_file(target, name, data)
        return path if reference.key in (None, name) else f"{reference.key}={path}"

    def _places(self, folder: Path, file: Path, tree: Path) -> tuple[Sequence[str], Sequence[str]]:
        """Return the parts of the paths of a kustomization and of its directory in the copies.

        Raises:
            RenderError: one of them is somewhere else.
        """
        real, place = real_path(file), real_path(folder)
        if not real.is_relative_to(tree) or not place.is_relative_to(tree):
            raise RenderError(
                f"{file.name} names a file by a URL, and is a symlink that leads out of the folder",
                hint="put the kustomization itself where the link is",
            )
        return real.relative_to(tree).parts, place.relative_to(tree).parts

    def _make(self, folder: Path, descriptor: int) -> None:
        """Make the directory for the files."""
        if folder in self._made:
            return
        try:
            os.mkdir(FOLDER, dir_fd=descriptor)
        except FileExistsError:
            raise RenderError(
                f"{FOLDER} beside a kustomization is in the way of what it names by a URL",
                hint="rename it",
            ) from None
        self._made.add(folder)

    def _references(self, folder: Path) -> Iterator[WebReference]:
        for file in kustomization_files(folder):
            yield from web_references(_read(file, self._max_bytes))


def _refuse_long(remotes: Iterable[str]) -> None:
    """Refuse a URL that would take long to look for in each commit.

    It is not ignored, as kustomize would accept it: what the base names by a URL would be requested
    by kustomize itself.

    Args:
        remotes: what kustomizations and plugins refer to.
    """
    for url in remotes:
        if len(url) > MAX_LENGTH or url.partition("?")[0].count("/") >= MAX_PARTS:
            raise RenderError(
                f"the URL {shown(url)} is too long: it may have {MAX_LENGTH} characters, and "
                f"{MAX_PARTS} parts between slashes",
                hint="shorten it in the kustomization: leave out what `..` takes away, or move the "
                "base up in its repository",
            )


def _refuse_others(remotes: Iterable[str], known: Container[str]) -> None:
    """Refuse what kustomize would request by itself, which it cannot, or must not.

    Args:
        remotes: what kustomizations and plugins refer to.
        known: the URLs that can be fetched for them.
    """
    for url in remotes:
        if url not in known and is_web(url):
            raise RenderError(
                f"{shown(url)} is named where it cannot be fetched: in the configuration of a "
                "plugin, or not as a plain text",
                hint="name it as a plain text in a kustomization (resources, patches, files of a "
                "generator), or put the file into the repository",
            )


def _is_named(url: str, detail: str) -> bool:
    """Return whether a text has a URL, and not only as the beginning of a longer one."""
    return re.search(rf"{re.escape(url)}(?!\.?[\w/?&=%-])", detail) is not None


def _unreached(detail: str) -> Iterator[str]:
    """Yield the URLs that kustomize could not request; an empty text for one it does not name."""
    url, parts = "", iter(_REQUEST.split(detail))
    for text in parts:
        if any(each in text for each in _NO_NETWORK):
            yield url
        url = next(parts, "")


def _start(reference: WebReference) -> int:
    return reference.start


def _read(file: Path, most: int) -> str:
    """Return the text of a kustomization; none of one that is too long, or invalid."""
    try:
        with real_path(file).open("rb") as opened:
            return _text(opened.read(most + 1), most)
    except OSError:
        return ""


def _text(data: bytes, most: int) -> str:
    try:
        return decode(data, "strict") if len(data) <= most else ""
    except UnicodeDecodeError:
        return ""


def _may_be_git(reference: WebReference) -> bool:
    """Return whether kustomize would go on to git where there is no file at a URL."""
    return reference.may_be_git and not _path(reference.url).endswith(_MANIFESTS)


def _is_git(url: str) -> bool:
    """Return whether a URL is surely that of a git repository."""
    rest, path = url.partition("://")[2], _path(url)
    if path.endswith(_MANIFESTS) and "//" not in path:
        return False
    return "//" in path or any(mark in rest for mark in _GIT_MARKS)


def _path(url: str) -> str:
    """Return a URL, valid or not, without scheme and query."""
    return url.partition("://")[2].partition("?")[0]


def _no_manifest(url: str, *, is_page: bool) -> Failure:
    what = "a page in HTML" if is_page else "not YAML with a mapping"
    return Failure(
        f"{RemoteFile(url)} is {what}, and not a manifest",
        hint="name the raw file, or a git repository with ?ref=BRANCH; many servers answer with a "
        "page where credentials are missing (AVP_REPOSITORIES)",
    )


def _is_page(data: bytes) -> bool:
    """Return whether a file is HTML, as far as its beginning shows it."""
    return data[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _is_manifest(data: bytes) -> bool:
    """Return whether a text is YAML with a mapping first, and not the page of a git server."""
    try:
        events = yaml.parse(data, Loader=yaml.CSafeLoader)
        kinds = (each for each in events if isinstance(each, yaml.NodeEvent))
        return isinstance(next(kinds, None), yaml.MappingStartEvent)
    except (yaml.YAMLError, UnicodeDecodeError):
        return False


def _name(url: str) -> str:
    """Return the name of the file for a URL: that of the URL where it is harmless."""
    name = posixpath.basename(_path(url))
    is_plain = name.isascii() and name.replace(".", "").replace("-", "").replace("_", "").isalnum()
    return name if is_plain and len(name) < _MAX_NAME else "file"


_MAX_NAME: Final = 100
