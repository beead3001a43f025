"""The tests of argocd-vault-plugin's repository, repeated with both programs."""

import base64
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.compat import processes
from tests.compat.case import Case
from tests.compat.outcome import Outcome, are_equal, printed
from tests.integration.reader import Reader
from tests.integration.stand_in import Asked, Exchange, StandIn, as_json, forward, stand_in
from tests.integration.vault import Vault, serve
from tests.peers.tables import FOLDER, Row, Table, load, problems

FIELDS: Final = (
    *("argv", "stdin", "files", "env"),
    *("gives", "theirs", "ours", "prints", "asks", "runs", "logins"),
)
TABLES: Final[Mapping[str, Table]] = {
    name: load(f"argocd_vault_plugin/{name}.yaml", FIELDS)
    for name in ("commands", "documents", "modifiers", "replacements", "settings")
}
ROWS: Final = [row for table in TABLES.values() for row in table.rows]

OURS: Final = Path(sys.executable).with_name("argocd-vault-plugin")
"""Our console script of that name."""

_LOGIN: Final = re.compile(r"/v1/auth/.*/login")
_KUBECONFIG: Final = """\
apiVersion: v1
kind: Config
current-context: one
contexts: [{name: one, context: {cluster: one, user: one}}]
clusters: [{name: one, cluster: {server: "ADDRESS"}}]
users: [{name: one, user: {token: of-the-user}}]
"""


@pytest.fixture(scope="module")
def vault(programs: Mapping[str, Path]) -> Iterator[Vault]:
    """A real Vault with what secrets.yaml lists."""
    with serve(programs["vault"]) as facts:
        running = Vault(facts["address"], facts["root_token"])
        for mount, version in (("plain", "1"), ("kv", "2")):
            running.client.sys.enable_secrets_engine("kv", path=mount, options={"version": version})
        secrets = yaml.safe_load((FOLDER / "argocd_vault_plugin" / "secrets.yaml").read_text())
        for path, versions in secrets.items():
            for values in versions:
                running.write(path, values)
        yield running


@pytest.fixture(scope="module")
def api(vault: Vault) -> Iterator[StandIn]:
    """A server that logs anybody in, reads from the real Vault, and holds a Secret twice.

    It replaces Vault where a login is not possible on loopback, and the Kubernetes API.
    """
    read = forward(vault.address)

    def answer(exchange: Exchange) -> None:
        path = exchange.asked.path
        if _LOGIN.match(path):
            auth = {"client_token": "of-a-login", "lease_duration": 3600, "renewable": True}
            as_json(200, {"auth": auth})(exchange)
        elif path == "/v1/auth/token/lookup-self":
            as_json(200, {"data": {"ttl": 3600}})(exchange)
        elif path.startswith("/api/v1/namespaces/"):
            token = {"VAULT_TOKEN": base64.b64encode(vault.root_token.encode()).decode()}
            as_json(200, {"kind": "Secret", "apiVersion": "v1", "data": token})(exchange)
        else:
            asked = exchange.asked
            headers = {**asked.headers, "X-Vault-Token": vault.root_token}
            exchange.asked = Asked(asked.method, asked.path, headers, asked.body)
            read(exchange)

    with stand_in(answer) as server:
        yield server


@pytest.fixture(scope="module")
def facts(
    vault: Vault, api: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """What `{NAME}` stands for in a row."""
    role_id, secret_id = vault.approle("kv/data/*", "plain/*", "sys/internal/ui/mounts/*")
    kubeconfig = tmp_path_factory.mktemp("cluster") / "config"
    kubeconfig.write_text(_KUBECONFIG.replace("ADDRESS", api.address))
    return {
        "STAND_IN": api.address,
        "ROLE_ID": role_id,
        "SECRET_ID": secret_id,
        "KUBECONFIG": str(kubeconfig),
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_both_programs_do_what_argocd_vault_plugin_expects(
    programs: Mapping[str, Path],
    vault: Vault,
    api: StandIn,
    facts: Mapping[str, str],
    reader: Reader,
    row: Row,
    tmp_path: Path,
) -> None:
    env = {
        "VAULT_ADDR": vault.address,
        "VAULT_TOKEN": vault.root_token,
        "AVP_TYPE": "vault",
        "AVP_AUTH_TYPE": "token",
    }
    outcomes = {}
    for side, program in (("theirs", programs["argocd-vault-plugin"]), ("ours", OURS)):
        home = tmp_path / side
        home.mkdir()
        api.asked.clear()
        for _ in range(row.fields.get("runs", 1)):
            own = {**env, "HOME": str(home)}
            outcome = processes.run([program], _case(row), own, facts, reader)
        outcomes[side] = (outcome, _logins(row, api))
        _check(row, side, outcome, {**facts, "files": str(home / "files")}, reader)
        _check_requests(row, side, api.asked)
    (theirs, their_logins), (ours, our_logins) = outcomes.values()
    if "prints" not in row.fields:
        same = are_equal(theirs, ours) and their_logins == our_logins
        assert same is not bool(row.differs), "they differ" if not same else "they do not differ"


@pytest.mark.parametrize("backend", TABLES["settings"].fields["backends"])
def test_a_backend_we_do_not_support_is_an_error(
    backend: str, reader: Reader, tmp_path: Path
) -> None:
    case = Case(backend, b"kind: Widget\ninline: <path:kv/data/greeting#hello>\n")
    outcome = processes.run([OURS], case, {"HOME": str(tmp_path), "AVP_TYPE": backend}, {}, reader)
    assert not outcome.is_ok
    assert "AVP_TYPE" in outcome.error
    assert backend in outcome.error


@pytest.mark.parametrize("name", TABLES)
def test_every_test_of_the_other_project_has_a_case_or_a_reason(name: str) -> None:
    assert list(problems(TABLES[name])) == []


def _case(row: Row) -> Case:
    fields = row.fields
    return Case(
        row.name,
        fields.get("stdin", "").encode(),
        tuple(fields.get("argv", ("generate", "-"))),
        fields.get("files", {}),
        fields.get("env", {}),
    )


def _check(row: Row, side: str, outcome: Outcome, facts: Mapping[str, str], reader: Reader) -> None:
    told = f"{side}:\n{outcome.describe()}"
    wanted: Mapping[str, Any] = row.fields.get(side, row.fields)
    if "prints" in wanted:
        assert outcome.code == 0, told
        assert re.fullmatch(wanted["prints"], outcome.output.rstrip("\n")), told
    elif "error" in wanted:
        error = wanted["error"]
        for name, value in facts.items():
            error = error.replace(f"{{{name}}}", value)
        assert not outcome.is_ok, told
        assert not outcome.panicked, told
        assert error in outcome.error, told
    else:
        assert outcome.documents == printed(wanted["gives"], reader).documents, told


def _logins(row: Row, api: StandIn) -> int:
    """How often a program logged in, where the row counts it."""
    return sum(bool(_LOGIN.match(path)) for path in api.paths) if "logins" in row.fields else 0


def _check_requests(row: Row, side: str, asked: list[Asked]) -> None:
    if "logins" in row.fields:
        found = [each.path for each in asked if _LOGIN.match(each.path)]
        assert len(found) == row.fields["logins"][side], f"{side}: {found}"
    if "asks" in row.fields and "error" not in row.fields.get(side, {}):
        wanted = row.fields["asks"]
        matching = [each for each in asked if each.path.partition("?")[0] == wanted["path"]]
        assert matching, f"{side}: {[each.path for each in asked]}"
        if "body" in wanted:
            assert json.loads(matching[0].body) == wanted["body"], side
        if "token" in wanted:
            assert matching[0].headers["X-Vault-Token"] == wanted["token"], side
