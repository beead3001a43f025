"""The tests of Argo CD's plugin server, repeated with avp-py as the plugin."""

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cmp.application import identity
from tests.cmp.client import CallError, Client
from tests.cmp.server import CmpServer, serve
from tests.conftest import HELM, ROOT
from tests.peers.tables import Row, load, problems
from tests.trees import write

FIELDS: Final = (
    *("plugin", "changes", "operator", "call", "tree", "path", "env", "seconds"),
    *("gives", "error", "leaves", "theirs"),
)
TABLE: Final = load("argo_cd.yaml", FIELDS)

Start = Callable[[Row], CmpServer]


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def start(
    programs: Mapping[str, Path], silent: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Start the server of a row, or reuse the one that has the same plugin and operator."""
    running: dict[tuple[str, str], CmpServer] = {}
    with ExitStack() as stack:

        def started(row: Row) -> CmpServer:
            plugin = yaml.safe_dump(_plugin(row))
            operator = {
                "AVP_KUSTOMIZE": str(programs["kustomize"]),
                "AVP_HELM": str(programs[HELM]),
                **row.fields.get("operator", {}),
            }
            env = {name: value.replace("{SILENT}", silent) for name, value in operator.items()}
            key = (plugin, repr(sorted(env.items())))
            if key not in running:
                file = tmp_path_factory.mktemp("plugin") / "plugin.yaml"
                file.write_text(plugin)
                running[key] = stack.enter_context(serve(programs["argocd"], file, env))
            return running[key]

        yield started


@pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.key)
def test_the_server_does_what_argo_cd_expects(start: Start, tmp_path: Path, row: Row) -> None:
    fields = row.fields
    if fields["call"] == "start" and "error" in fields:
        with pytest.raises(AssertionError, match=re.escape(fields["error"])):
            start(row)
        return
    server = start(row)
    _write_tree(tmp_path, TABLE.fields["trees"].get(fields.get("tree"), {}))
    _check(server, tmp_path, fields, fields)
    if row.differs:
        theirs = fields["theirs"]
        command = {"command": theirs["command"], "args": None}
        peer = replace(row, fields={**fields, "changes": {"spec": {"generate": command}}})
        _check(start(peer), tmp_path, fields, theirs)
    if "leaves" in fields:
        assert server.wait_for_children() == {}
        assert server.files() == ["work/_cmp_server", *fields["leaves"]]


def test_every_test_of_the_other_project_has_a_case_or_a_reason() -> None:
    assert list(problems(TABLE)) == []


def _check(
    server: CmpServer, root: Path, fields: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    if "gives" in wanted:
        assert _call(server, root, fields) == wanted["gives"]
        return
    with pytest.raises(CallError) as raised:
        _call(server, root, fields)
    errors = wanted["error"] if isinstance(wanted["error"], list) else [wanted["error"]]
    assert any(each in str(raised.value) for each in errors), str(raised.value)


def _plugin(row: Row) -> Mapping[str, Any]:
    """The plugin file of a row."""
    plugin = yaml.safe_load((ROOT / row.fields["plugin"]).read_text())
    return _changed(plugin, row.fields.get("changes", {}))


def _changed(value: Mapping[str, Any], changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """A mapping with changes in it; null removes an entry."""
    result = dict(value)
    for key, change in changes.items():
        if change is None:
            result.pop(key, None)
        elif isinstance(change, dict):
            result[key] = _changed(result.get(key, {}), change)
        else:
            result[key] = change
    return result


def _write_tree(root: Path, tree: Mapping[str, Any]) -> None:
    for name, content in tree.items():
        if isinstance(content, str):
            write(root, {name: content})
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(content["link"])


def _call(server: CmpServer, root: Path, fields: Mapping[str, Any]) -> Any:
    """Return what the server answers, in the form of the table."""
    client: Client = server.client
    path = fields.get("path", ".")
    request = {
        "path": path,
        "env": {**identity(path=path), **fields.get("env", {})},
        "timeout": fields.get("seconds"),
    }
    match fields["call"]:
        case "match":
            found = client.match(root, **request)
            return {"supported": found.supported, "discovery": found.discovery}
        case "generate":
            return [json.loads(each) for each in client.generate(root, **request)]
        case "parameters":
            return [each.name for each in client.parameters(root, **request)]
        case "check":
            return {"discovery": client.check().has_discovery}
        case "start":
            (served,) = re.findall(r"serving on \S*(/[^/\s]+\.sock)", server.log.read_text())
            return served
    raise AssertionError(f"no such call: {fields['call']}")
