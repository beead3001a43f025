"""The files of a commit in a git repository, fetched by the real git.

git connects to the addresses that were checked, and to no others: for HTTP by a setting
(`http.curloptResolve`), for SSH by an option. Where the operator's own command for ssh is in the
environment (GIT_SSH_COMMAND, GIT_SSH), how it reaches the host is the operator's matter; through a
proxy, the proxy resolves the name.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from avp_py.errors import FetchError
from avp_py.fetch.addresses import permitted_addresses
from avp_py.fetch.child.git_config import GitConfig
from avp_py.fetch.child.git_failures import is_redirect, is_unconnected
from avp_py.fetch.child.git_program import Git
from avp_py.fetch.child.git_submodules import SubmodulesError, submodules
from avp_py.fetch.child.git_url import GitUrl, check_ref, read_git_url
from avp_py.fetch.job import DATA, Job, Outcome
from avp_py.network.proxies import proxies_for
from avp_py.remotes import RemoteCommit

_SERVICE: Final = "/info/refs?service=git-upload-pack"
"""What git adds to a URL for its first request (gitprotocol-http(5))."""


def fetch_commit(job: Job, folder: Path, environ: Mapping[str, str]) -> Outcome:
    """Fetch a commit.

    Args:
        job: the repository, the ref, and how.
        folder: the directory of the process; `data` in it becomes a tar of the commit's files.
        environ: the environment.

    Raises:
        FetchError: it cannot be fetched.
        OSError: the directory cannot be written.
    """
    remote = job.remote
    if not isinstance(remote, RemoteCommit):
        raise TypeError(remote)
    check_ref(remote.ref)
    if remote.is_exact and remote.ref in job.known:
        return Outcome(version=remote.ref)
    url = read_git_url(remote.repository)
    return _Fetch(job, remote, folder, environ).fetch(url)


_USUAL: Final = ("refs/heads/", "refs/tags/")
"""How the full names of branches and tags begin."""


class _Fetch:
    def __init__(
        self, job: Job, remote: RemoteCommit, folder: Path, environ: Mapping[str, str]
    ) -> None:
        self._job = job
        self._remote = remote
        self._folder = folder
        self._environ = environ
        self._deadline = time.monotonic() + job.seconds

    def fetch(self, url: GitUrl) -> Outcome:
        """Fetch the commit from a repository, or from where that has moved to."""
        try:
            return self._fetch(url, self._job)
        except FetchError as error:
            if not is_redirect(error.detail):
                raise
        # Late: few repositories have moved.
        from avp_py.fetch.child.git_redirects import redirected

        seconds = self._deadline - time.monotonic()
        target = redirected(replace(self._job, seconds=seconds), url.text + _SERVICE, self._environ)
        moved = read_git_url(target.removesuffix(_SERVICE))
        if not target.endswith(_SERVICE) or moved == url:
            raise FetchError(
                f"{url} redirects to what is not a git repository",
                hint="name the URL that `git clone` accepts",
            )
        if moved.origin == url.origin and _name(moved) == _name(url):
            return self._fetch(moved, self._job)
        # Nobody has checked whether the policy permits that one.
        try:
            return self._fetch(moved, replace(self._job, credential={}, askpass={}))
        except FetchError as error:
            raise FetchError(
                f"{url} redirects to {moved}, where no credentials are sent: {error.reason}",
                hint="name that URL; its repository may have moved",
                detail=error.detail,
                is_down=error.is_down,
            ) from error

    def _fetch(self, url: GitUrl, job: Job) -> Outcome:
        proxy = self._proxy(url)
        addresses = self._addresses(url, proxy)
        while True:
            config = GitConfig(url, job.credential, job.askpass, addresses, proxy, self._environ)
            try:
                return self._fetch_with(config, job)
            except FetchError as error:
                is_last = len(addresses) < 2 or not config.has_one_address
                if is_last or not is_unconnected(error.detail):
                    raise
            addresses = addresses[1:]

    def _fetch_with(self, config: GitConfig, job: Job) -> Outcome:
        git = self._prepare(config, job)
        url = config.url
        text = url.text
        if url.scheme == "ssh" and (user := url.user or job.credential.get("username")):
            text = read_git_url(url.with_user(user)).with_user(user)
        if job.known and (commit := self._look_up(git, text)) in job.known:
            return Outcome(version=commit)
        git.run(
            "fetch", "--quiet", "--depth=1", "--no-tags", "--", text, self._remote.ref or "HEAD"
        )
        named, commit = git.run("rev-parse", "FETCH_HEAD", "FETCH_HEAD^{commit}").split()
        if named == self._remote.ref.lower():
            # It may be the hash of an annotated tag.
            commit = named
        if commit in job.known:
            return Outcome(version=commit)
        git.archive(commit, self._folder / DATA)
        try:
            modules = submodules(git, commit, self._remote.repository)
        except SubmodulesError as error:
            # Whoever wants the commit may not want its submodules.
            return Outcome(version=commit, submodules_error=error.reason)
        return Outcome(version=commit, submodules=modules)

    def _prepare(self, config: GitConfig, job: Job) -> Git:
        """Write git's configuration, and make the repository."""
        env = config.write(self._folder)
        git = Git(self._folder / "git", env, self._deadline, job.max_bytes, config.hidden)
        if config.url.scheme != "ssh":
            git.check_version()
        git.run("init", "--bare", "--quiet", "--template=")
        return git

    def _proxy(self, url: GitUrl) -> str:
        if url.scheme == "ssh":
            return ""
        proxies = proxies_for(f"{url.scheme}://{url.netloc}:{url.port}", self._environ)
        return proxies.get(url.scheme) or proxies.get("all", "")

    def _addresses(self, url: GitUrl, proxy: str) -> list[str]:
        """Return the addresses that git may connect to; none where a proxy does."""
        seconds = self._deadline - time.monotonic()
        try:
            found = permitted_addresses(
                url.host, url.port, self._job.hosts, self._job.ports, seconds
            )
        except FetchError as error:
            # The proxy may resolve names that we cannot.
            if not (proxy and error.is_down):
                raise
            return []
        return [] if proxy else found

    def _look_up(self, git: Git, text: str) -> str:
        """Return the commit that a ref is at; an empty text where that is not known."""
        ref = self._remote.ref or "HEAD"
        if self._remote.is_exact:
            return ""
        # In the order of git (gitrevisions(7)).
        names = (ref, f"refs/{ref}", f"refs/tags/{ref}", f"refs/heads/{ref}")
        if ref.startswith(_USUAL) or ("/" not in ref and ref != "HEAD"):
            # The server sends no others, of which it may have many.
            refs = _refs(git.run("ls-remote", "--heads", "--tags", "--", text))
        else:
            # `pull/1/head` may be refs/pull/1/head, which git prefers to a branch.
            peeled = (f"{name}^{{}}" for name in names)
            refs = _refs(git.run("ls-remote", "--", text, *names, *peeled))
        name = next((each for each in names if each in refs), "")
        # What an annotated tag is of follows it.
        return refs.get(f"{name}^{{}}", refs.get(name, ""))


def _name(url: GitUrl) -> str:
    """Return the URL as all that servers take for the same repository have it."""
    return url.text.removesuffix("/").removesuffix(".git")


def _refs(said: str) -> Mapping[str, str]:
    return {name: commit for commit, _, name in (line.partition("\t") for line in said.split("\n"))}
