"""Git repositories on loopback: git's own http-backend, which counts, and may want a credential."""

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.integration.stand_in import Answer, Exchange, StandIn, stand_in
from tests.trees import write


def git(folder: Path, *arguments: str) -> str:
    """Run git with an identity, without this machine's configuration; return what it prints."""
    settings = ("user.name=a", "user.email=a@example", "protocol.file.allow=always")
    options = [word for setting in settings for word in ("-c", setting)]
    argv = [shutil.which("git") or "git", *options, *arguments]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(argv, cwd=folder, check=True, capture_output=True, env=env)
    return done.stdout.decode().strip()


def commit(folder: Path, files: Mapping[str, str | bytes] = MappingProxyType({})) -> str:
    """Commit files, and what else is in a directory, on the branch main; return the hash."""
    write(folder, files)
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a", "--allow-empty")
    return git(folder, "rev-parse", "HEAD")


def backend(root: Path) -> Answer:
    """Answer from the repositories below a directory, such as `/NAME/.git`."""
    base = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "HOME": str(root),
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        # As the servers of the large hosters: any commit that a ref leads to.
        "GIT_CONFIG_KEY_1": "uploadpack.allowReachableSHA1InWant",
        "GIT_CONFIG_VALUE_1": "true",
    }

    def answer(exchange: Exchange) -> None:
        asked = exchange.asked
        path, _, query = asked.path.partition("?")
        headers = exchange.headers
        env = base | {
            "REQUEST_METHOD": asked.method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        }
        argv = [shutil.which("git") or "git", "http-backend"]
        done = subprocess.run(argv, input=asked.body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = fields.pop("Status", "200")
        exchange.reply(int(status.split()[0]), content, **fields)

    return answer


def wanting(authorization: str, answer: Answer) -> Answer:
    """Answer only requests that have this header."""

    def guarded(exchange: Exchange) -> None:
        if exchange.asked.headers.get("Authorization") == authorization:
            answer(exchange)
        else:
            exchange.reply(401, b"", WWW_Authenticate='Basic realm="git"')

    return guarded


@contextmanager
def git_site(
    root: Path, authorization: str = "", tls: ssl.SSLContext | None = None
) -> Iterator[StandIn]:
    """Serve the repositories below a directory.

    Args:
        root: the directory.
        authorization: the header that each request needs; empty for none.
        tls: serves with TLS.
    """
    answer = backend(root)
    with stand_in(wanting(authorization, answer) if authorization else answer, tls) as server:
        yield server


@contextmanager
def serve_git(root: Path) -> Iterator[str]:
    """Serve the repositories below a directory; yields the URL."""
    with git_site(root) as server:
        yield server.address
