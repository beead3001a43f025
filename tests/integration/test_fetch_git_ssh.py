"""The fetching process and git over SSH, with a stand-in for ssh: with which options it starts."""

import itertools
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from avp_py.errors import FetchError
from avp_py.fetch.child import git as git_module
from avp_py.fetch.child.git import fetch_commit
from avp_py.fetch.job import Job, Outcome
from avp_py.remotes import RemoteCommit
from tests.integration.fetching import MAX_BYTES, MEMORY, Done, credential, fetch
from tests.integration.git_server import commit
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

KEY: Final = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n"
)
KNOWN: Final = "localhost ssh-ed25519 AAAA\n"

_SSH: Final = """#!/bin/sh
# Records how it is started, and does what the server would.
folder=$(dirname "$0")
printf '%s\\n' "$@" >"$folder/arguments"
env >"$folder/environment"
for word in "$@"; do
    case $word in
    IdentityFile=none) ;;
    IdentityFile=*|UserKnownHostsFile=*)
        file=$(eval "printf %s ${word#*=}")
        ls -ln "$file" >>"$folder/files"
        cat "$file" >>"$folder/${word%%=*}" ;;
    esac
    last=$word
done
eval "$last"
"""


@dataclass(frozen=True)
class Ssh:
    """The stand-in, and a repository that it reaches.

    Attributes:
        folder: where it is.
        repository: the path of the repository.
        home: where the fetching process has its directory.
    """

    folder: Path
    repository: Path
    home: Path

    def fetch(self, url: str, *, env: Mapping[str, str] | None = None, **fields: Any) -> Done:
        """Fetch from a URL that ends with the path."""
        path = f"{self.folder}:{os.environ['PATH']}"
        remote = RemoteCommit(url + str(self.repository), "main")
        return fetch(self.home, remote, env={"PATH": path, **(env or {})}, **fields)

    @property
    def arguments(self) -> Sequence[str]:
        """What ssh was started with."""
        return self.read("arguments").splitlines()

    @property
    def options(self) -> Mapping[str, str]:
        """What came with -o."""
        words = self.arguments
        pairs = itertools.pairwise(words)
        found = (value.partition("=") for word, value in pairs if word == "-o")
        return {name: value for name, _, value in found}

    def read(self, name: str) -> str:
        """What it has recorded; empty where it did not run."""
        file = self.folder / name
        return file.read_text() if file.exists() else ""


@pytest.fixture
def ssh(tmp_path: Path) -> Ssh:
    folder = write(tmp_path / "bin", {"ssh": _SSH})
    (folder / "ssh").chmod(0o755)
    commit(tmp_path / "r", {"a": "1"})
    return Ssh(folder, tmp_path / "r", tmp_path)


def has_data(done: Done) -> bool:
    return done.outcome.reason == "" and bool(done.data)


@pytest.mark.parametrize(
    ("url", "alias", "words"),
    [
        ("ssh://git@localhost", "localhost", ["git@localhost"]),
        ("ssh://git@LOCALHOST:22", "localhost", ["-p", "22", "git@LOCALHOST"]),
        ("ssh://git@localhost:2222", "[localhost]:2222", ["-p", "2222", "git@localhost"]),
        ("git@localhost:", "localhost", ["git@localhost"]),
        ("ssh://localhost", "localhost", ["robot@localhost"]),
        ("ssh://git@127.0.0.1:2222", "[127.0.0.1]:2222", ["-p", "2222", "git@127.0.0.1"]),
    ],
)
def test_ssh_connects_to_the_address_that_was_checked(
    url: str, alias: str, words: Sequence[str], ssh: Ssh
) -> None:
    login = credential("ssh://localhost", username="robot", ssh_key=KEY, known_hosts=KNOWN)

    done = ssh.fetch(url, credential=login)

    assert has_data(done), done.outcome
    options = ssh.options
    assert options["HostName"] in ("127.0.0.1", "::1")
    assert options["HostKeyAlias"] == alias
    end = ssh.arguments.index(words[-1])
    assert ssh.arguments[end + 1 - len(words) : end + 1] == words
    assert ssh.arguments[-1] == f"git-upload-pack '{ssh.repository}'"


def test_ssh_asks_nobody_and_trusts_nobody_else(ssh: Ssh) -> None:
    login = credential("ssh://git@localhost", ssh_key=KEY, known_hosts=KNOWN)

    done = ssh.fetch("ssh://git@localhost", credential=login)

    assert has_data(done), done.outcome
    assert ssh.arguments[:2] == ["-F", os.devnull]
    expected = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
    }
    assert expected.items() <= ssh.options.items()
    assert ssh.read("IdentityFile") == KEY
    assert ssh.read("UserKnownHostsFile") == KNOWN
    modes = {line.split()[0].rstrip(".+") for line in ssh.read("files").splitlines()}
    assert modes == {"-rw-------"}
    # The key itself is in its file only.
    for recorded in ("arguments", "environment"):
        assert "bm90IGEga2V5" not in ssh.read(recorded)


def test_without_a_credential_there_is_no_key(ssh: Ssh) -> None:
    assert has_data(ssh.fetch("ssh://git@localhost"))
    assert ssh.options["IdentityFile"] == "none"
    assert ssh.options["StrictHostKeyChecking"] == "yes"
    assert ssh.options["IdentityAgent"] == "none"
    # The operator's agent is used where it is handed over.
    assert has_data(ssh.fetch("ssh://git@localhost", env={"SSH_AUTH_SOCK": "/agent"}))
    assert "IdentityAgent" not in ssh.options


def test_host_keys_are_not_verified_where_the_operator_says_so(ssh: Ssh) -> None:
    login = credential("ssh://git@localhost", ssh_key=KEY, verify=False)

    assert has_data(ssh.fetch("ssh://git@localhost", credential=login))
    assert ssh.options["StrictHostKeyChecking"] == "no"
    assert ssh.options["UserKnownHostsFile"] == os.devnull


def test_this_machine_is_refused_unless_it_is_listed(ssh: Ssh) -> None:
    for url in ("ssh://git@localhost", "git@localhost:", "git@127.0.0.1:", "ssh://git@[::1]"):
        done = ssh.fetch(url, hosts=("other",))
        assert "AVP_RENDER_HOSTS" in done.message
    assert ssh.arguments == []
    assert has_data(ssh.fetch("git@localhost:", hosts=("localhost:22",)))


def test_the_command_of_argo_cd_wins(ssh: Ssh) -> None:
    shutil.copy(ssh.folder / "ssh", ssh.folder / "lent")
    command = f"{shlex.quote(str(ssh.folder / 'lent'))} -i /keys/lent"

    done = ssh.fetch("git@localhost:", askpass={"GIT_SSH_COMMAND": command})

    assert has_data(done), done.outcome
    assert ssh.arguments[:2] == ["-i", "/keys/lent"]
    # It connects to the address that was checked, like our own.
    assert ssh.options["HostName"] in ("127.0.0.1", "::1")
    assert ssh.options["HostKeyAlias"] == "localhost"

    proxied = {"GIT_SSH_COMMAND": f"{command} -o ProxyCommand='proxy %h %p'"}
    assert has_data(ssh.fetch("git@localhost:", askpass=proxied))
    # The proxy resolves the name.
    assert "HostName" not in ssh.options


def fetch_here(
    ssh: Ssh, addresses: Sequence[str], monkeypatch: pytest.MonkeyPatch, **further: Any
) -> Outcome:
    """Fetch in this process, where the name of the host resolves to these addresses."""
    monkeypatch.setattr(git_module, "permitted_addresses", lambda *_arguments: list(addresses))
    job = Job(
        remote=RemoteCommit(f"ssh://git@localhost:2222{ssh.repository}", "main"),
        seconds=20,
        max_bytes=MAX_BYTES,
        memory_bytes=MEMORY,
        **further,
    )
    place = ssh.home / "here"
    place.mkdir()
    return fetch_commit(job, place, {"PATH": f"{ssh.folder}:{os.environ['PATH']}"})


REFUSED: Final = "ssh: connect to host {} port 2222: Connection refused"


def connecting(ssh: Ssh, failures: Mapping[str, str]) -> None:
    """Have the stand-in fail with a message for some addresses, and record each address."""
    cases = "".join(
        f"HostName={address}) echo {shlex.quote(said)} >&2; exit 255;;\n"
        for address, said in failures.items()
    )
    lines = (
        'for word in "$@"; do case $word in HostName=*)\n'
        '    echo "${word#*=}" >>"$(dirname "$0")/tried";; esac; done\n'
        f'for word in "$@"; do case $word in\n{cases}esac; done\n'
    )
    shebang, _, rest = _SSH.partition("\n")
    (ssh.folder / "ssh").write_text(f"{shebang}\n{lines}{rest}")


@pytest.mark.parametrize("known", [(), ("0" * 40,)], ids=["fetch", "look up"])
@pytest.mark.parametrize(
    "said",
    [
        "ssh: connect to host 127.0.0.2 port 2222: Connection refused",
        "ssh: connect to host 127.0.0.2 port 2222: Connection timed out",
        "ssh: connect to host 127.0.0.2 port 2222: Network is unreachable",
    ],
)
def test_the_next_address_is_tried_where_one_does_not_answer(
    said: str, known: tuple[str, ...], ssh: Ssh, monkeypatch: pytest.MonkeyPatch
) -> None:
    connecting(ssh, {"127.0.0.2": f"{said}"})

    outcome = fetch_here(ssh, ["127.0.0.2", "127.0.0.1", "127.0.0.3"], monkeypatch, known=known)

    assert len(outcome.version) == 40
    assert ssh.options["HostKeyAlias"] == "[localhost]:2222"
    tried = ssh.read("tried").split()
    assert tried[:2] == ["127.0.0.2", "127.0.0.1"]
    assert set(tried[1:]) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("said", "tried"),
    [
        ("git@x: Permission denied (publickey).", 1),
        ("Host key verification failed.", 1),
        ("kex_exchange_identification: Connection closed by remote host", 1),
        (REFUSED, 3),
    ],
)
def test_only_a_connection_that_fails_is_tried_elsewhere(
    said: str, tried: int, ssh: Ssh, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = ["127.0.0.2", "127.0.0.3", "::1"]
    connecting(ssh, {each: said.format(each) for each in addresses})

    with pytest.raises(FetchError) as caught:
        fetch_here(ssh, addresses, monkeypatch)

    assert caught.value.detail.startswith(said.format(addresses[tried - 1]))
    assert ssh.read("tried").split() == addresses[:tried]


def test_the_command_of_argo_cd_is_started_once(ssh: Ssh, monkeypatch: pytest.MonkeyPatch) -> None:
    lent = ssh.folder / "lent"
    said = REFUSED.format("localhost")
    lent.write_text(f"#!/bin/sh\necho x >>{ssh.folder}/tried\necho {said} >&2\nexit 255\n")
    lent.chmod(0o755)

    with pytest.raises(FetchError):
        fetch_here(
            ssh, ["127.0.0.2", "127.0.0.1"], monkeypatch, askpass={"GIT_SSH_COMMAND": str(lent)}
        )

    assert ssh.read("tried") == "x\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Host key verification failed.", "its host key is not the one that is expected"),
        ("git@x: Permission denied (publickey).", "the server wants credentials"),
        ("ssh: connect to host x port 22: Connection refused", "could not be reached"),
        ("ERROR: Repository not found.", "there is no git repository"),
    ],
)
def test_what_ssh_says_is_explained(said: str, reason: str, ssh: Ssh) -> None:
    (ssh.folder / "ssh").write_text(f"#!/bin/sh\necho {shlex.quote(said)} >&2\nexit 255\n")

    done = ssh.fetch("git@localhost:")

    assert reason in done.message
    assert done.outcome.is_down == ("refused" in said)
