"""provideGitCreds: what Argo CD lends for an Application's repository reaches its server alone."""

import base64
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from avp_py.fetch import lending
from tests.conftest import Run
from tests.integration.core import serve
from tests.integration.git_server import commit, git, git_site
from tests.integration.stand_in import StandIn
from tests.trees import write

USER, PASSWORD, NONCE = "x-access-token", "hunter22-hunter22", "nonce-0123456789"
LOGIN: Final = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"

_PROGRAM: Final = r"""#!/usr/bin/perl
use Socket;
$ENV{ARGOCD_BINARY_NAME} eq "argocd-git-ask-pass" or die "Argo CD does not start it like this\n";
socket(my $server, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
connect($server, pack_sockaddr_un($ENV{ARGOCD_ASK_PASS_SOCK})) or die "connect: $!\n";
syswrite($server, "$ENV{ARGOCD_GIT_ASKPASS_NONCE}\n$ARGV[0]");
sysread($server, my $answer, 1000) or die "rpc error: code = NotFound desc = unknown nonce\n";
print "$answer\n";
"""
"""A stand-in for argocd, which asks the repo-server over a socket; git comes with Perl."""


@dataclass
class RepoServer:
    """A stand-in for the repo-server, which answers whoever has the nonce.

    Attributes:
        path: its socket.
        asked: the questions.
        password: what it answers.
    """

    path: Path
    asked: list[str] = field(default_factory=list)
    password: str = PASSWORD

    def answer(self, listener: socket.socket) -> None:
        """Answer until the socket is closed."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                nonce, question = connection.recv(1000).decode().split("\n")
                self.asked.append(question)
                if nonce == NONCE:
                    answer = USER if question.startswith("Username") else self.password
                    connection.sendall(answer.encode())


@contextmanager
def repo_server() -> Iterator[RepoServer]:
    """Listen on a socket."""
    with (
        # The path of a socket has at most 107 bytes.
        tempfile.TemporaryDirectory(prefix="askpass-") as folder,
        closing(socket.socket(socket.AF_UNIX)) as listener,
    ):
        found = RepoServer(Path(folder, "askpass.sock"))
        listener.bind(str(found.path))
        listener.listen()
        thread = threading.Thread(target=found.answer, args=(listener,))
        thread.start()
        try:
            yield found
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@dataclass(frozen=True)
class Place:
    """A private repository with a base, an Application of it, and what Argo CD sets for it."""

    site: StandIn
    app: Path
    server: RepoServer
    lent: Mapping[str, str]
    operators: Mapping[str, str]

    @property
    def sent(self) -> set[str | None]:
        return {each.headers.get("Authorization") for each in self.site.asked}


@pytest.fixture
def place(tmp_path: Path, environ: Mapping[str, str]) -> Iterator[Place]:
    commit(
        tmp_path / "served" / "r",
        {"base/kustomization.yaml": "resources: [map.yaml]\n", "base/map.yaml": MAP},
    )
    program = tmp_path / "bin" / "argocd"
    write(program.parent, {"argocd": _PROGRAM})
    program.chmod(0o755)
    with git_site(tmp_path / "served", LOGIN) as site, repo_server() as server:
        base = f"{site.address}/r/.git//base?ref=main"
        app = write(tmp_path / "app", {"kustomization.yaml": f"resources: ['{base}']\n"})
        lent = {
            "ARGOCD_APP_NAME": "a",
            "ARGOCD_APP_PROJECT_NAME": "p",
            "ARGOCD_APP_SOURCE_REPO_URL": f"{site.address}/tenants/app.git",
            "GIT_ASKPASS": "argocd",
            "ARGOCD_BINARY_NAME": "argocd-git-ask-pass",
            "ARGOCD_GIT_ASKPASS_NONCE": NONCE,
            "ARGOCD_ASK_PASS_SOCK": str(server.path),
        }
        operators = {
            **environ,
            "PATH": f"{program.parent}:{environ['PATH']}",
            "AVP_RENDER_HOSTS": f"127.0.0.1:{site.port},localhost:{site.port}",
        }
        yield Place(site, app, server, lent, operators)


@pytest.mark.parametrize("sandbox", ["required", "off"])
def test_what_is_lent_reaches_git(sandbox: str, place: Place, run: Run) -> None:
    env = {**place.operators, **place.lent, "AVP_SANDBOX": sandbox}

    result = run("generate", place.app, env=env)

    assert (result.code, result.out) == (0, MAP), result.err
    assert place.sent == {None, LOGIN}
    assert [each.split("'")[0] for each in place.server.asked] == [
        "Username for ", "Password for ",
    ]  # fmt: skip


def test_the_program_of_the_sidecar_itself_serves(
    place: Place,
    tmp_path: Path,
    environ: Mapping[str, str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As the volume var-files has it: under the name of another program, and not on PATH.
    server = tmp_path / "argocd-cmp-server"
    (tmp_path / "bin" / "argocd").rename(server)
    monkeypatch.setattr(lending, "CMP_SERVER", str(server))
    env = {**place.operators, **place.lent, "PATH": environ["PATH"]}

    result = run("generate", place.app, env=env)

    assert (result.code, result.out) == (0, MAP), result.err
    assert place.sent == {None, LOGIN}

    # Without the variable, the program would be another server for plugins.
    del env["ARGOCD_BINARY_NAME"]
    assert "the server wants credentials" in run("generate", place.app, env=env).err


def test_what_is_lent_is_for_one_server_only(place: Place, run: Run) -> None:
    for url in (
        f"http://localhost:{place.site.port}/x",
        f"http://127.0.0.1:{place.site.port + 1}/x",
        f"https://127.0.0.1:{place.site.port}/x",
        "",
    ):
        env = {**place.operators, **place.lent, "ARGOCD_APP_SOURCE_REPO_URL": url}
        # Not even by the operator's permission for git's variables.
        env["AVP_RENDER_ENV"] = "GIT_ASKPASS,ARGOCD_GIT_ASKPASS_NONCE,ARGOCD_BINARY_NAME"

        result = run("generate", place.app, env=env)

        assert (result.code, result.out) == (1, "")
        assert "the server wants credentials" in result.err
    assert place.sent == {None}
    assert place.server.asked == []


@pytest.mark.parametrize("fault", ["nonce", "program", "socket"])
def test_what_is_not_lent_after_all_is_said(fault: str, place: Place, run: Run) -> None:
    notes = {
        "nonce": "unknown nonce",
        "program": f"argocd-of-nobody not found on PATH, nor {lending.CMP_SERVER}",
        "socket": "connect: No such file or directory",
    }
    broken = {
        "nonce": {"ARGOCD_GIT_ASKPASS_NONCE": "another"},
        "program": {"GIT_ASKPASS": "argocd-of-nobody"},
        "socket": {"ARGOCD_ASK_PASS_SOCK": "/nowhere/askpass.sock"},
    }
    env = {**place.operators, **place.lent, **broken[fault]}
    result = run("generate", "-v", place.app, env=env)

    assert (result.code, result.out) == (1, "")
    assert "the server wants credentials" in result.err
    assert "(provideGitCreds), but its program did not print them" in result.err
    assert "the log of `avp-py serve`, or -v, says why" in result.err
    (note,) = (line for line in result.err.splitlines() if " provideGitCreds: " in line)
    assert notes[fault] in note
    assert PASSWORD not in result.err
    assert NONCE not in result.err


def test_a_public_repository_needs_nothing_that_is_lent(
    place: Place, tmp_path: Path, run: Run
) -> None:
    with git_site(tmp_path / "served") as public:
        base = f"resources: ['{public.address}/r/.git//base?ref=main']\n"
        write(place.app, {"kustomization.yaml": base})
        env = {
            **place.operators,
            **place.lent,
            "AVP_RENDER_HOSTS": f"127.0.0.1:{public.port}",
            "ARGOCD_APP_SOURCE_REPO_URL": f"{public.address}/x",
            "ARGOCD_GIT_ASKPASS_NONCE": "another",
        }
        result = run("generate", place.app, env=env)

        assert (result.code, result.out) == (0, MAP), result.err
        assert {each.headers.get("Authorization") for each in public.asked} == {None}


@pytest.mark.parametrize("name", ["ARGOCD_GIT_AUTH_HEADER", "ARGOCD_GIT_BEARER_AUTH_HEADER"])
def test_a_header_that_is_lent_reaches_git(name: str, place: Place, run: Run) -> None:
    lent = {**place.lent, name: f"Authorization: {LOGIN}"}

    result = run("generate", place.app, env={**place.operators, **lent})

    assert (result.code, result.out) == (0, MAP), result.err
    assert place.sent == {LOGIN}
    assert place.server.asked == []
    lent["ARGOCD_APP_SOURCE_REPO_URL"] = "http://other.example/x"
    place.site.asked.clear()
    assert run("generate", place.app, env={**place.operators, **lent}).code == 1
    assert place.sent == {None}


def exact(place: Place, tmp_path: Path) -> Mapping[str, str]:
    """Have the base at a commit, and a cache; return the operator's variables."""
    hash_of = git(tmp_path / "served" / "r", "rev-parse", "HEAD")
    base = f"{place.site.address}/r/.git//base?ref={hash_of}"
    write(place.app, {"kustomization.yaml": f"resources: ['{base}']\n"})
    return {**place.operators, "AVP_CHART_CACHE": str(tmp_path)}


def test_what_is_kept_is_for_the_credentials_that_are_lent(
    place: Place, tmp_path: Path, run: Run
) -> None:
    env = {**exact(place, tmp_path), **place.lent}
    assert run("generate", place.app, env=env).out == MAP
    place.site.asked.clear()
    # It needs no request, whichever Application has the same credentials.
    env["ARGOCD_APP_PROJECT_NAME"] = "q"
    assert run("generate", place.app, env=env).out == MAP
    assert place.site.asked == []

    place.server.password = "a-password-that-was-revoked"
    result = run("generate", place.app, env=env)

    assert (result.code, result.out) == (1, "")
    assert "the server wants credentials, or rejected those" in result.err


@pytest.mark.parametrize("way", ["header", "configuration"])
def test_what_is_kept_is_for_the_operators_configuration_and_header(
    way: str, place: Place, tmp_path: Path, run: Run
) -> None:
    configuration = tmp_path / "gitconfig"

    def variables(login: str) -> Mapping[str, str]:
        header = f"Authorization: {login}"
        if way == "header":
            return {**place.lent, "ARGOCD_GIT_AUTH_HEADER": header}
        configuration.write_text(f"[http]\n\textraHeader = {header}\n")
        return {"AVP_RENDER_ENV": "GIT_CONFIG_GLOBAL", "GIT_CONFIG_GLOBAL": str(configuration)}

    env = exact(place, tmp_path)
    assert run("generate", place.app, env={**env, **variables(LOGIN)}).out == MAP
    place.site.asked.clear()
    assert run("generate", place.app, env={**env, **variables(LOGIN)}).out == MAP
    assert place.site.asked == []

    result = run("generate", place.app, env={**env, **variables("Basic cmV2b2tlZA==")})

    assert (result.code, result.out) == (1, "")
    assert "the server wants credentials, or rejected those" in result.err


def test_the_core_borrows_for_a_request(place: Place) -> None:
    other = {**place.lent, "ARGOCD_APP_SOURCE_REPO_URL": "http://other.example/x"}
    with serve(place.operators) as core:
        done = core.run("generate", ".", cwd=place.app, variables=place.lent)
        assert (done.returncode, done.stdout.decode()) == (0, MAP), done.stderr.decode()
        assert place.sent == {None, LOGIN}
        assert len(place.server.asked) == 2

        # What was lent for one request is not for the next one.
        place.site.asked.clear()
        for variables in (other, {"ARGOCD_APP_NAME": "b", "ARGOCD_APP_PROJECT_NAME": "p"}):
            done = core.run("generate", ".", cwd=place.app, variables=variables)
            assert done.returncode == 1
            assert b"the server wants credentials" in done.stderr
        assert place.sent == {None}
        assert NONCE not in core.log.read_text()
