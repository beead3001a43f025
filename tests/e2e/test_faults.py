"""What is killed in the middle of a request: it heals by itself, and live objects stay.

There is no kubelet: the tests start again what it would start again.
"""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.app import IMAGE, WAIT_SECONDS, App, mentions, settles
from tests.e2e.conftest import DATABASE_URL
from tests.e2e.ecosystem import Ecosystem
from tests.e2e.sidecar import Mode
from tests.integration.core import keeper_of, supervisor_of
from tests.processes import is_running, until

Fault = Callable[[Ecosystem], None]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: not is_running(pid), WAIT_SECONDS)


def kill_command(on: Ecosystem) -> None:
    for pid in on.sidecar.renders:
        kill(pid)


def kill_cmp_server(on: Ecosystem) -> None:
    main = on.sidecar.main
    kill(on.sidecar.cmp_server)
    # `avp-py serve` ends with its command, so that the kubelet starts the container again.
    assert until(lambda: not is_running(main), WAIT_SECONDS)
    on.sidecar.restart()


def kill_sidecar(on: Ecosystem) -> None:
    kill(on.sidecar.main)
    on.sidecar.restart()


def kill_keeper(on: Ecosystem) -> None:
    kill(keeper_of(on.sidecar.main))


def kill_supervisor(on: Ecosystem) -> None:
    main = on.sidecar.main
    kill(supervisor_of(main))
    assert until(lambda: not is_running(main), WAIT_SECONDS)
    on.sidecar.restart()


def kill_vault(on: Ecosystem) -> None:
    on.vault.kill()
    on.vault.start()


def kill_repo_server(on: Ecosystem) -> None:
    on.argocd.repo_server.kill()
    on.argocd.repo_server.start()


def kill_controller(on: Ecosystem) -> None:
    on.argocd.controller.kill()
    on.argocd.controller.start()


INTERRUPTING = {kill_command, kill_cmp_server, kill_sidecar, kill_supervisor}
"""Faults that end the request that is in progress."""

FAULTS: dict[str, Fault] = {
    "the command": kill_command,
    "argocd-cmp-server": kill_cmp_server,
    "the sidecar": kill_sidecar,
    "Vault": kill_vault,
    "argocd-repo-server": kill_repo_server,
    "argocd-application-controller": kill_controller,
}
FAULTS_OF_SERVE: dict[str, Fault] = {"the keeper": kill_keeper, "the supervisor": kill_supervisor}


def failed_renders(log: Path, position: int) -> int:
    """How many requests to render have failed, in the repo-server's log from a position on."""
    with log.open() as file:
        file.seek(position)
        calls = [json.loads(line) for line in file if '"msg":"finished call"' in line]
    return sum(
        each["grpc.method"] == "GenerateManifest" and each["grpc.code"] != "OK" for each in calls
    )


def heals(app: App, fault: Fault) -> None:
    """Kill something while a request waits for Vault, and check that all is well afterwards."""
    on = app.on
    app.deploy("1.0.0", "--auto-prune", "--self-heal")
    settles(lambda: (app.status, app.health), ("Synced", "Healthy"))
    before = app.uids
    assert len(before) == 3

    position = on.argocd.repo_server.log.stat().st_size
    os.kill(on.vault.pid, signal.SIGSTOP)
    paused = on.vault.pid
    refresh = on.argocd.start_command("app", "get", app.name, "--hard-refresh")
    try:
        assert until(lambda: bool(on.sidecar.renders), WAIT_SECONDS)
        fault(on)
    finally:
        if is_running(paused):
            os.kill(paused, signal.SIGCONT)
        refresh.communicate(timeout=WAIT_SECONDS)

    if fault in INTERRUPTING:
        # The Application may have recovered already.
        assert failed_renders(on.argocd.repo_server.log, position)

    def recovered() -> bool:
        # As Argo CD does by itself every few minutes.
        app.on.argocd.try_run("app", "get", app.name, "--refresh")
        return (app.status, app.errors) == ("Synced", "")

    assert until(recovered, WAIT_SECONDS), app.errors
    assert app.uids == before
    assert app.secret == {"DATABASE_URL": DATABASE_URL}
    # It is as able as before: a new tag is rendered and applied.
    app.deploy("1.1.0", "--auto-prune", "--self-heal")
    settles(lambda: app.image, f"{IMAGE}:1.1.0")


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_killed_in_the_middle_heals(app: App, what: str) -> None:
    heals(app, FAULTS[what])


@pytest.mark.parametrize("what", FAULTS_OF_SERVE)
@pytest.mark.parametrize("ecosystem", [Mode.SERVE], indirect=True)
def test_a_part_of_the_core_heals(app: App, what: str) -> None:
    heals(app, FAULTS_OF_SERVE[what])


def test_a_named_plugin_that_is_down_is_an_error(app: App) -> None:
    app.deploy("1.0.0", "--auto-prune", "--self-heal")
    settles(lambda: app.status, "Synced")
    before = app.uids
    app.on.sidecar.kill()
    try:
        app.on.argocd.run("app", "get", app.name, "--hard-refresh")
        mentions(lambda: app.errors, "ComparisonError", "avp-kustomize")
        assert app.uids == before
        assert app.secret == {"DATABASE_URL": DATABASE_URL}
    finally:
        app.on.sidecar.start()
    app.refresh(hard=True)
    settles(lambda: (app.status, app.errors), ("Synced", ""))
