"""What is fetched for a request: policy first, then the cache, then the repository."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from avp_py.errors import Failure, FetchError
from avp_py.fetch.credential import Credential
from avp_py.fetch.depot import Depot
from avp_py.fetch.job import Job, Outcome
from avp_py.fetch.process import GivenUpError, Left
from avp_py.fetch.service import Service
from avp_py.remotes import (
    MAX_SUBMODULES,
    Fetched,
    Remote,
    RemoteChart,
    RemoteCommit,
    RemoteFile,
    Submodule,
)
from avp_py.settings import RenderSettings, Sensitive, Sources, resolve

REPOSITORY = "https://charts.example/team"
CHART = RemoteChart(REPOSITORY, "web", "1.2.3")
HASH = "a" * 40


class Repository:
    """Stands in for the process that fetches: serves versions, and counts."""

    def __init__(self, *versions: str) -> None:
        self.versions = list(versions)
        self.jobs: list[Job] = []
        self.error = Outcome()
        self.data = b""
        self.etag = '"1"'
        self.submodules_error = ""
        self.claimed: str | None = None
        self.submodules: tuple[tuple[str, str, str], ...] = (
            ("sub", "https://git.example/sub", HASH),
        )
        self.hold: Callable[[], object] = lambda: None

    def run(
        self, job: Job, _previous: bytes, _settings: RenderSettings, _environ: Mapping[str, str]
    ) -> Left:
        self.jobs.append(job)
        self.hold()
        if self.error.reason:
            return Left(self.error, None, None)
        version = self.versions[-1]
        if isinstance(job.remote, RemoteChart) and job.remote.version in self.versions:
            version = job.remote.version
        version = version if self.claimed is None else self.claimed
        if isinstance(job.remote, RemoteFile):
            if job.etag == self.etag:
                return Left(Outcome(etag=self.etag, is_unchanged=True), None, None)
            return Left(Outcome(etag=self.etag), f"file {self.etag}".encode(), None)
        data = None if version in job.known else self.data or f"data of {version}".encode()
        if job.etag == self.etag:
            return Left(Outcome(version=version, etag=self.etag, is_unchanged=True), data, None)
        is_commit = isinstance(job.remote, RemoteCommit)
        outcome = Outcome(
            version=version,
            etag=self.etag,
            submodules=self.submodules if is_commit else (),
            submodules_error=self.submodules_error,
        )
        return Left(outcome, data, None if is_commit else b"index")


class Requests:
    """Requests with a cache in common, each with a service of its own."""

    def __init__(self, folder: Path | None, repository: Repository, **further: str) -> None:
        self.repository = repository
        self.depot = Depot()
        self.chosen: list[str] = []
        self.directory = folder or Path()
        environ = further if folder is None else {"AVP_CHART_CACHE": str(folder), **further}
        self._settings = resolve(Sources(environ)).settings

    def fetch(
        self,
        *wanted: Remote,
        credential: Credential | None = None,
        allowed: str = "https://",
        environ: Mapping[str, str] | None = None,
        seconds: float = 30,
        denied: tuple[str, ...] = (),
    ) -> Sequence[Fetched | Failure]:
        def check(remote: Remote) -> None:
            if f" {allowed}" not in str(remote):
                raise FetchError("not allowed", hint="ask")

        def choose(url: str) -> Credential | None:
            self.chosen.append(url)
            return credential

        made = Service(
            self._settings.fetch,
            self._settings.render,
            environ or {},
            check,
            choose,
            self.depot,
            self._settings.limits,
            self.repository.run,
            denied,
        )
        return made.fetch(wanted, time.monotonic() + seconds)


@pytest.fixture
def repository() -> Repository:
    return Repository("1.2.3", "1.3.0")


@pytest.fixture
def requests(tmp_path: Path, repository: Repository) -> Requests:
    return Requests(tmp_path, repository)


def held(
    repository: Repository, error: Exception | None = None
) -> tuple[threading.Event, threading.Event]:
    """Hold the first fetch.

    Args:
        repository: where it is from.
        error: what it then fails with.

    Returns:
        What is set once it has begun, and what it waits for.
    """
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        if not begun.is_set():
            begun.set()
            go_on.wait(30)
            if error is not None:
                raise error

    repository.hold = hold
    return begun, go_on


def data(answers: Sequence[Fetched | Failure]) -> list[bytes | str]:
    return [each.data if isinstance(each, Fetched) else each.reason for each in answers]


def test_an_exact_version_is_fetched_once(requests: Requests, repository: Repository) -> None:
    first, second = (requests.fetch(CHART) for _ in range(2))

    assert data(first) == data(second) == [b"data of 1.2.3"]
    assert len(repository.jobs) == 1
    # Another process with the same cache needs nothing either.
    requests.depot = Depot()
    assert data(requests.fetch(CHART)) == [b"data of 1.2.3"]
    assert len(repository.jobs) == 1


def test_a_range_is_resolved_anew_but_not_fetched(
    requests: Requests, repository: Repository
) -> None:
    wanted = RemoteChart(REPOSITORY, "web", "^1")
    assert data(requests.fetch(wanted)) == [b"data of 1.3.0"]

    assert data(requests.fetch(wanted)) == [b"data of 1.3.0"]

    last = repository.jobs[-1]
    assert (last.known, last.etag) == (("1.3.0",), '"1"')
    repository.versions.append("1.4.0")
    repository.etag = '"2"'
    assert data(requests.fetch(wanted)) == [b"data of 1.4.0"]
    assert len(repository.jobs) == 3


def test_a_corrupt_entry_is_fetched_again_for_a_range(
    requests: Requests, repository: Repository, tmp_path: Path
) -> None:
    wanted = RemoteChart(REPOSITORY, "web", "^1")
    requests.fetch(wanted)
    for entry in tmp_path.glob("avp-py/??/*"):
        if b"data of 1.3.0" in entry.read_bytes():
            entry.write_bytes(entry.read_bytes()[:-1] + b"x")

    assert data(requests.fetch(wanted)) == [b"data of 1.3.0"]

    assert [each.known for each in repository.jobs] == [(), ("1.3.0",), ()]


def test_without_a_cache_all_is_fetched_each_time(repository: Repository) -> None:
    requests = Requests(None, repository)

    for _ in range(2):
        assert data(requests.fetch(CHART)) == [b"data of 1.2.3"]

    assert len(repository.jobs) == 2


def test_a_commit_is_fetched_once_by_its_hash(requests: Requests, repository: Repository) -> None:
    repository.versions = [HASH]
    module = Submodule("sub", RemoteCommit("https://git.example/sub", HASH))
    for ref in (HASH, HASH, "main"):
        (fetched,) = requests.fetch(RemoteCommit("https://git.example/a.git", ref))
        assert isinstance(fetched, Fetched)
        assert (fetched.version, fetched.submodules) == (HASH, (module,))

    # The branch was resolved; the hash was there.
    assert [(each.remote, each.known) for each in repository.jobs] == [
        (RemoteCommit("https://git.example/a.git", HASH), ()),
        (RemoteCommit("https://git.example/a.git", "main"), (HASH,)),
    ]


@pytest.mark.parametrize(
    ("floating", "exact"),
    [
        (RemoteCommit("https://git.example/a.git", "main"), HASH),
        (RemoteChart(REPOSITORY, "web", "^1"), "1.2.3"),
    ],
)
def test_what_a_branch_claims_to_be_is_not_what_is_named(
    requests: Requests, repository: Repository, floating: RemoteCommit | RemoteChart, exact: str
) -> None:
    # A process that a server has taken over says that its branch is a commit of its choice.
    repository.versions = [exact]
    repository.data = b"planted"
    assert data(requests.fetch(floating)) == [b"planted"]
    named: Remote = (
        RemoteCommit(floating.repository, exact)
        if isinstance(floating, RemoteCommit)
        else RemoteChart(floating.repository, floating.name, exact)
    )
    repository.data = b"true"

    assert data(requests.fetch(named)) == [b"true"]

    assert not repository.jobs[-1].known
    # What is known of the branch is not forgotten by that.
    assert data(requests.fetch(floating)) == [b"planted"]
    assert repository.jobs[-1].known == (exact,)


def test_unknown_submodules_are_kept_as_unknown(requests: Requests, repository: Repository) -> None:
    repository.versions = [HASH]
    repository.submodules_error = ".gitmodules is malformed near line 2"
    for _ in range(2):
        (fetched,) = requests.fetch(RemoteCommit("https://git.example/a.git", HASH))
        assert isinstance(fetched, Fetched)
        assert fetched.submodules_error == repository.submodules_error

    assert len(repository.jobs) == 1


GIT = "https://git.example/a.git"
SHA256 = "b" * 64


@pytest.mark.parametrize(
    ("wanted", "claimed", "is_accepted"),
    [
        (RemoteCommit(GIT, HASH), HASH, True),
        (RemoteCommit(GIT, HASH.upper()), HASH, True),
        (RemoteCommit(GIT, HASH), "c" * 40, False),
        (RemoteCommit(GIT, HASH.upper()), "c" * 40, False),
        (RemoteCommit(GIT, HASH), SHA256, False),
        (RemoteCommit(GIT, HASH), HASH[:-1], False),
        (RemoteCommit(GIT, HASH), "", False),
        (RemoteCommit(GIT, SHA256), SHA256, True),
        (RemoteCommit(GIT, SHA256), "c" * 64, False),
        (RemoteCommit(GIT, "main"), "c" * 40, True),
        (RemoteCommit(GIT, "main"), f"{'c' * 40}\n{HASH}", False),
        (RemoteCommit(GIT, "main"), "c" * 1000, False),
        (RemoteCommit(GIT, HASH[:-1]), HASH, True),
        (CHART, "1.2.3", True),
        (CHART, "v1.2.3", True),
        (CHART, "1.2.3+build", True),
        (CHART, "1.2.4", False),
        (CHART, "1.2.3-rc.1", False),
        (RemoteChart(REPOSITORY, "web", " =1.2.3"), "1.2.3", True),
        (RemoteChart(REPOSITORY, "web", " =1.2.3"), "1.2.4", False),
        (CHART, "", False),
        (CHART, "1.2.3\n1.2.4", False),
        (CHART, "any", False),
        (RemoteChart(REPOSITORY, "web", "v1.2.3"), "1.2.3", True),
        (RemoteChart(REPOSITORY, "web", "1.2.3-rc.1+b"), "1.2.3-rc.1", True),
        (RemoteChart(REPOSITORY, "web", "1.2.3-rc.1"), "1.2.3-rc.2", False),
        (RemoteChart(REPOSITORY, "web", "1.2"), "1.2.9", True),
        (RemoteChart(REPOSITORY, "web", "^1"), "1.9.0\n2.0.0", False),
        (RemoteChart(REPOSITORY, "web", "^1"), f"1.0.0-{'a' * 1000}", False),
    ],
)
def test_a_process_cannot_pass_off_another_version(
    wanted: Remote, claimed: str, is_accepted: bool, requests: Requests, repository: Repository
) -> None:
    repository.claimed = claimed

    (answer,) = requests.fetch(wanted)

    assert isinstance(answer, Fetched) == is_accepted
    if isinstance(answer, Failure):
        assert "cannot be fetched: " in answer.reason
        assert claimed not in answer.reason or len(claimed) < 100
        assert answer.hint
        # Nothing is kept, under no key.
        assert not list(requests.directory.glob("avp-py/??/*"))


def test_a_file_that_has_not_changed_is_not_sent_again(
    requests: Requests, repository: Repository
) -> None:
    wanted = RemoteFile("https://files.example/a.yaml")
    assert data(requests.fetch(wanted)) == [b'file "1"']

    assert data(requests.fetch(wanted)) == [b'file "1"']

    assert repository.jobs[-1].etag == '"1"'
    repository.etag = '"2"'
    assert data(requests.fetch(wanted)) == [b'file "2"']


CREDENTIAL = Credential(
    url=REPOSITORY, source="a file", username="robot", password=Sensitive("hunter2")
)
OTHER = Credential(url=REPOSITORY, source="a file", username="robot", password=Sensitive("other"))


def test_another_credential_sees_nothing_of_the_first(
    requests: Requests, repository: Repository
) -> None:
    requests.fetch(CHART, credential=CREDENTIAL)

    for credential in (None, OTHER):
        requests.fetch(CHART, credential=credential)
    assert len(repository.jobs) == 3

    requests.fetch(CHART, credential=CREDENTIAL)
    assert len(repository.jobs) == 3
    assert repository.jobs[0].credential["password"] == "hunter2"
    assert "hunter2" not in repr(repository.jobs)


def test_the_policy_holds_for_what_is_in_the_cache(
    requests: Requests, repository: Repository
) -> None:
    assert data(requests.fetch(CHART)) == [b"data of 1.2.3"]

    (refused,) = requests.fetch(CHART, allowed="https://other")

    assert isinstance(refused, Failure)
    assert refused.reason == f"the chart web 1.2.3 from {REPOSITORY} cannot be fetched: not allowed"
    assert len(repository.jobs) == 1


PLACE = ("sub", "https://git.example/sub", HASH)


@pytest.mark.parametrize(
    "submodules",
    [
        [("../victim", *PLACE[1:])], [("a/../../victim", *PLACE[1:])], [("/etc", *PLACE[1:])],
        [("a//b", *PLACE[1:])], [("", *PLACE[1:])], [(".git/hooks", *PLACE[1:])],
        [("sub", "https://git.example/sub", "main")], [PLACE] * (MAX_SUBMODULES + 1),
    ],
    ids=lambda each: f"{len(each)} {each[0][0]} {each[0][2][:5]}",
)  # fmt: skip
def test_submodules_that_no_commit_has(
    requests: Requests, repository: Repository, submodules: Sequence[tuple[str, str, str]]
) -> None:
    wanted = RemoteCommit("https://git.example/r", HASH)
    repository.versions = [HASH]
    repository.submodules = tuple(submodules)

    (refused,) = requests.fetch(wanted)

    assert isinstance(refused, Failure)
    assert "submodules that no commit has" in refused.reason
    # Nothing of it was kept.
    repository.submodules = (PLACE,)
    (fetched,) = requests.fetch(wanted)
    assert isinstance(fetched, Fetched)
    assert [each.path for each in fetched.submodules] == ["sub"]
    assert len(repository.jobs) == 2


def test_a_path_is_the_name_of_a_chart_in_registries_only(
    requests: Requests, repository: Repository
) -> None:
    (refused,) = requests.fetch(RemoteChart("https://charts.example", "team/web", "1.2.3"))
    assert isinstance(refused, Failure)
    assert "'team/web' is a path, and not the name of a chart" in refused.reason
    assert repository.jobs == []
    registry = RemoteChart("oci://charts.example", "team/web", "1.2.3")
    assert isinstance(requests.fetch(registry, allowed="oci://")[0], Fetched)


def test_a_credential_is_for_the_whole_repository(requests: Requests) -> None:
    # The index is above its charts.
    requests.fetch(CHART)
    requests.fetch(RemoteChart("oci://charts.example/team", "web", "1.2.3"), allowed="oci://")
    assert requests.chosen == [REPOSITORY, "oci://charts.example/team/web"]


def test_each_remote_has_its_own_answer(requests: Requests) -> None:
    wanted: list[Remote] = [
        CHART,
        RemoteChart("https://charts.example/../..", "x"),
        RemoteFile("https://f/a"),
    ]

    answers = requests.fetch(*wanted)

    assert [type(each) for each in answers] == [Fetched, Failure, Fetched]


DOWN = Outcome(reason="charts.example refused the connection", hint="try again", is_down=True)


@pytest.mark.parametrize(
    "wanted",
    [
        RemoteChart(REPOSITORY, "web", "^1"),
        RemoteChart(REPOSITORY, "web"),
        RemoteCommit("https://git.example/a.git", "main"),
        RemoteFile("https://files.example/a.yaml"),
    ],
    ids=str,
)
def test_while_the_repository_is_down_the_cache_serves(
    requests: Requests, repository: Repository, wanted: Remote
) -> None:
    (before,) = requests.fetch(wanted)
    repository.error = DOWN

    (after,) = requests.fetch(wanted)

    assert isinstance(before, Fetched)
    assert isinstance(after, Fetched)
    assert after.data == before.data
    assert after.warning is not None
    assert "may be outdated: charts.example refused" in after.warning.reason
    # With an empty cache it is an error.
    (failed,) = Requests(None, repository).fetch(wanted)
    assert isinstance(failed, Failure)
    assert failed.reason.endswith("cannot be fetched: charts.example refused the connection")


def test_a_chart_that_was_served_before_has_half_of_the_time(
    requests: Requests, repository: Repository
) -> None:
    floating = RemoteChart(REPOSITORY, "web", "^1")
    for each in (floating, CHART, floating):
        requests.fetch(each, seconds=20)
    first, exact, again = (each.seconds for each in repository.jobs)
    assert min(first, exact) > 15
    assert 5 < again < 10.1


def test_who_joins_a_fetch_has_what_the_cache_serves(
    requests: Requests, repository: Repository
) -> None:
    wanted = RemoteChart(REPOSITORY, "web", "^1")
    requests.fetch(wanted)
    begun, given_up = held(repository)
    repository.error = DOWN
    first = threading.Thread(target=requests.fetch, args=(wanted,))
    first.start()
    assert begun.wait(30)

    (joined,) = requests.fetch(wanted, seconds=1)

    given_up.set()
    first.join()
    assert isinstance(joined, Fetched)
    assert joined.warning is not None
    assert "another request fetches the same" in joined.warning.reason


def test_a_rejected_credential_is_served_nothing_old(
    requests: Requests, repository: Repository
) -> None:
    wanted = RemoteChart(REPOSITORY, "web", "^1")
    requests.fetch(wanted, credential=CREDENTIAL)
    repository.error = Outcome(reason="rejected (401)", hint="renew it")

    (failed,) = requests.fetch(wanted, credential=CREDENTIAL)

    assert isinstance(failed, Failure)


def test_requests_at_the_same_time_share_one_fetch(
    requests: Requests, repository: Repository
) -> None:
    begun, go_on = held(repository)
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(data(requests.fetch(CHART))))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    time.sleep(0.2)
    go_on.set()
    for thread in threads:
        thread.join()

    assert answers == 5 * [[b"data of 1.2.3"]]
    assert len(repository.jobs) == 1


def test_a_request_without_time_fails_alone(requests: Requests, repository: Repository) -> None:
    # It is not down: what the second one puts into the cache does not serve the others.
    begun, go_on = held(repository, FetchError("no time", hint="wait"))
    answers: dict[float, list[bytes | str]] = {}

    def fetch(seconds: float) -> None:
        answers[seconds] = data(requests.fetch(CHART, seconds=seconds))

    threads = [threading.Thread(target=fetch, args=(each,)) for each in (10, 120, 15)]
    for thread in threads:
        thread.start()
        assert begun.wait(30)
    time.sleep(0.6)
    go_on.set()
    for thread in threads:
        thread.join()

    assert answers[120] == [b"data of 1.2.3"]
    # The control: what had no more time either fails with it.
    assert "no time" in str(answers[10])
    assert "no time" in str(answers[15])
    assert len(repository.jobs) == 2


def test_what_is_fetched_at_once_is_limited(tmp_path: Path, repository: Repository) -> None:
    requests = Requests(tmp_path, repository, AVP_MAX_INPUT="1Mi")
    repository.versions = [f"1.0.{number}" for number in range(5)]
    repository.data = bytes(300_000)
    wanted = [RemoteChart(REPOSITORY, "web", each) for each in repository.versions]

    answers = requests.fetch(*wanted)

    failed = [each.reason for each in answers if isinstance(each, Failure)]
    assert len(failed) == 2
    assert all(
        "all that is fetched at once is larger than 1048576 bytes" in each for each in failed
    )
    # The next requests may have as much again; all of it is kept.
    assert not any(isinstance(each, Failure) for each in requests.fetch(*wanted[:3]))


def test_a_fetch_that_is_given_up_fails_for_no_other_request(
    requests: Requests, repository: Repository
) -> None:
    begun, go_on = held(repository, GivenUpError("its request is given up"))
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(requests.fetch(CHART))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
        assert begun.wait(30)
    time.sleep(0.2)
    go_on.set()
    for thread in threads:
        thread.join()

    (given_up,) = (one for (one,) in answers if isinstance(one, Failure))
    assert "is given up" in given_up.reason
    assert [one.data for (one,) in answers if one is not given_up] == 2 * [b"data of 1.2.3"]


@pytest.mark.parametrize("wanted", [CHART, RemoteCommit("https://git.example/r", HASH)])
def test_what_is_denied_to_one_is_not_what_another_has_fetched(
    requests: Requests, repository: Repository, wanted: Remote
) -> None:
    # A server may have led the first to what is denied to the second.
    repository.versions = [HASH if isinstance(wanted, RemoteCommit) else "1.2.3"]
    requests.fetch(wanted)
    requests.fetch(wanted, denied=("https://inner\\.example(?s:/.*)?",))
    assert len(repository.jobs) == 2
    for denied in ((), ("https://inner\\.example(?s:/.*)?",)):
        requests.fetch(wanted, denied=denied)
    assert len(repository.jobs) == 2


def test_what_is_lent_decides_what_is_seen(requests: Requests, repository: Repository) -> None:
    wanted = RemoteCommit("https://git.example/team/base.git", HASH)
    repository.versions = [HASH]
    lent = {
        "GIT_ASKPASS": "argocd",
        "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example/team/app.git",
        "ARGOCD_GIT_AUTH_HEADER": "Authorization: Basic one",
        "ARGOCD_GIT_ASKPASS_NONCE": "n",
    }
    requests.fetch(wanted, environ=lent)
    # What asks for it differs each time, and who asks does not matter.
    requests.fetch(wanted, environ={**lent, "ARGOCD_GIT_ASKPASS_NONCE": "another"})
    requests.fetch(wanted, environ={**lent, "ARGOCD_APP_PROJECT_NAME": "team"})
    assert len(repository.jobs) == 1

    requests.fetch(wanted, environ={**lent, "ARGOCD_GIT_AUTH_HEADER": "Authorization: Basic two"})
    requests.fetch(wanted, environ={**lent, "ARGOCD_APP_SOURCE_REPO_URL": "https://other.example"})
    requests.fetch(wanted)

    # The last two have nothing that is lent.
    assert [dict(each.askpass) for each in repository.jobs] == [
        {"ARGOCD_GIT_AUTH_HEADER": "Authorization: Basic one"},
        {"ARGOCD_GIT_AUTH_HEADER": "Authorization: Basic two"},
        {},
    ]


@pytest.mark.parametrize(
    ("more", "is_lent"),
    [
        ({}, True),
        ({"ca": "PEM", "verify": False}, True),
        ({"known_hosts": "git.example ssh-ed25519 AAAA"}, True),
        ({"username": "robot", "password": Sensitive("p")}, False),
        ({"token": Sensitive("t")}, False),
        ({"certificate": "PEM", "key": Sensitive("k")}, False),
        ({"ssh_key": Sensitive("k")}, False),
    ],
)
def test_what_only_trusts_a_server_leaves_the_login_to_argo_cd(
    more: Mapping[str, Any], is_lent: bool, requests: Requests, repository: Repository
) -> None:
    header = {"ARGOCD_GIT_AUTH_HEADER": "Authorization: Basic one"}
    environ = {**header, "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example/team/app.git"}
    repository.versions = [HASH]
    credential = Credential(url="https://git.example", source="a file", **more)

    requests.fetch(
        RemoteCommit("https://git.example/team/base.git", HASH),
        credential=credential,
        environ=environ,
    )

    (job,) = repository.jobs
    assert (dict(job.credential), dict(job.askpass)) == (
        credential.as_mapping(),
        header if is_lent else {},
    )
