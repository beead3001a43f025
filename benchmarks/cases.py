"""The cases: what is rendered, how it is started, how far away Vault is, and the goals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from benchmarks import inputs
from benchmarks.inputs import Manifests, Repository


class Way(StrEnum):
    """What renders the manifests, and how."""

    ARGOCD_VAULT_PLUGIN = "argocd-vault-plugin"
    COMMAND = "avp-py generate"
    SERVE = "avp-py serve"
    FILE = "a plugin that prints a file"
    """What Argo CD takes by itself."""


class Kind(StrEnum):
    """How a run is started."""

    PROCESS = "process"
    """One command or shell pipeline, from its start to its end."""
    SOCKET = "socket"
    """One request after another to the socket of argocd-cmp-server."""
    BURST = "burst"
    """Requests of many Applications at once to that socket."""
    REFRESH = "refresh"
    """Many Applications of Argo CD that are hard-refreshed at once."""


class Measure(StrEnum):
    """What is measured of a run."""

    TIME = "time"
    P95 = "p95"
    CPU = "CPU time"
    MEMORY = "peak memory"
    REQUESTS = "Vault requests"
    LOGINS = "Vault logins"


@dataclass(frozen=True)
class Goal:
    """An upper limit.

    Attributes:
        most: the limit.
        is_ratio: whether it is for the ratio to argocd-vault-plugin, or for our own value.
    """

    most: float
    is_ratio: bool = True


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case.

    Attributes:
        title: its name in the table.
        kind: how it is started.
        input: what is rendered.
        delay_ms: how far away Vault is: what the proxy adds to each request.
        goals: the goals by measure.
        goal_way: the way that the goals are for.
        rounds: how often each way runs, relative to ROUNDS.
        series: what varies, where the case is one of a series of sizes.
        size: its size in that series.
        variables: further variables of the request.
        applications: how many Applications there are at once.
    """

    title: str
    kind: Kind
    input: Manifests | Repository
    delay_ms: int = 2
    goals: Mapping[Measure, Goal] = field(default_factory=dict)
    goal_way: Way = Way.COMMAND
    rounds: float = 1
    series: str = ""
    size: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    applications: int = 1

    @property
    def ways(self) -> tuple[Way, ...]:
        """Return the ways that are compared; the core of `serve` needs a server above it."""
        if self.kind is Kind.PROCESS:
            return (Way.ARGOCD_VAULT_PLUGIN, Way.COMMAND)
        if self.kind is Kind.REFRESH:
            return tuple(Way)
        return (Way.ARGOCD_VAULT_PLUGIN, Way.COMMAND, Way.SERVE)


CHART: Final = inputs.repository(secrets=1, chart=True)
NO_CHART: Final = inputs.repository(secrets=1, chart=False)
TEAM: Final = inputs.repository(secrets=3, chart=True)

_SOCKET: Final = (
    Case(
        title="pipeline with a chart",
        kind=Kind.SOCKET,
        input=CHART,
        goals={Measure.TIME: Goal(0.75)},
        goal_way=Way.SERVE,
    ),
    Case(
        title="pipeline without a chart",
        kind=Kind.SOCKET,
        input=NO_CHART,
        goals={Measure.TIME: Goal(0.7)},
        goal_way=Way.SERVE,
    ),
    Case(
        title="50 Applications at once",
        kind=Kind.BURST,
        input=TEAM,
        goals={
            Measure.TIME: Goal(0.55),
            Measure.P95: Goal(0.6),
            Measure.MEMORY: Goal(1.0),
            # The secrets that differ, and the login.
            Measure.REQUESTS: Goal(3 + 1, is_ratio=False),
            Measure.LOGINS: Goal(1, is_ratio=False),
        },
        goal_way=Way.SERVE,
        rounds=0.6,
        applications=50,
    ),
)

_PROCESS: Final = (
    Case(
        title="one Secret on standard input",
        kind=Kind.PROCESS,
        input=inputs.secrets(1, 1),
        goals={Measure.TIME: Goal(3.0)},
        rounds=3,
    ),
    Case(
        title="pipeline with a chart",
        kind=Kind.PROCESS,
        input=CHART,
        goals={Measure.TIME: Goal(1.2)},
        rounds=3,
    ),
    Case(
        title="pipeline without a chart",
        kind=Kind.PROCESS,
        input=NO_CHART,
        goals={Measure.TIME: Goal(2.4)},
        rounds=3,
    ),
    Case(
        title="200 inline placeholders on 50 paths",
        kind=Kind.PROCESS,
        input=inputs.inline(200, 50),
        delay_ms=10,
        goals={Measure.TIME: Goal(0.12)},
    ),
    Case(
        title="500 annotated Secrets on 50 paths",
        kind=Kind.PROCESS,
        input=inputs.secrets(500, 50),
        delay_ms=10,
        goals={Measure.TIME: Goal(0.08)},
        rounds=0.6,
    ),
    Case(
        title="5,000 documents, no placeholder",
        kind=Kind.PROCESS,
        input=inputs.documents(5000, 0),
        delay_ms=0,
        goals={Measure.TIME: Goal(0.4)},
    ),
    Case(
        title="5,000 documents, 1 in 10 with a placeholder",
        kind=Kind.PROCESS,
        input=inputs.documents(5000, 10),
        delay_ms=0,
        goals={Measure.TIME: Goal(0.7)},
    ),
)

_MEMORY: Final[Mapping[Measure, Goal]] = {Measure.MEMORY: Goal(1.0)}

_SIZES: Final = (
    *(
        Case(
            title=title,
            kind=Kind.PROCESS,
            input=inputs.config_maps(size),
            delay_ms=0,
            goals=_MEMORY,
            rounds=0.6 if size < 10_000_000 else 0.4,
            series="bytes of manifests",
            size=size,
        )
        for title, size in (
            ("100 kB of manifests", 100_000),
            ("1 MB of manifests", 1_000_000),
            ("5 MB of manifests", 5_000_000),
            ("20 MB of manifests", 20_000_000),
        )
    ),
    *(
        Case(
            title=f"{count:,} Secrets on {count:,} paths" if count > 1 else "1 Secret on 1 path",
            kind=Kind.PROCESS,
            input=inputs.secrets(count, count),
            goals=_MEMORY,
            rounds=0.6,
            series="paths in Vault",
            size=count,
        )
        for count in (1, 10, 100, 1000)
    ),
    *(
        Case(
            title=f"pipeline with a chart, {count:,} API versions",
            kind=Kind.PROCESS,
            input=CHART,
            goals=_MEMORY,
            rounds=1,
            series="API versions",
            size=count,
            variables={"KUBE_API_VERSIONS": inputs.api_versions(count)},
        )
        for count in (0, 100, 1000)
    ),
)

CASES: Final = (*_SOCKET, *_PROCESS, *_SIZES)


def refresh(applications: int) -> Case:
    """Return the case of so many Applications that Argo CD refreshes at once."""
    return Case(
        title=f"{applications} Applications",
        kind=Kind.REFRESH,
        input=TEAM,
        goals={Measure.TIME: Goal(0.55)},
        goal_way=Way.SERVE,
        applications=applications,
    )


SCALE: Final = (refresh(50), refresh(100))

PATHS: Final = 1000
"""How many secrets are in Vault: the most that a case reads."""
