"""What the chart has for Prometheus and Grafana: promtool reads and runs the expressions."""

import copy
import json
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

from avp_py.serve.metrics import Metrics
from avp_py.settings import TABLE
from tests.conftest import build_tools
from tests.integration.helm import CHART, Helm, read

VALUES = CHART / "ci" / "metrics-values.yaml"

Document = dict[str, Any]


@pytest.fixture
def objects(helm: Helm) -> dict[str, Document]:
    """The objects of the chart by kind and the end of their name."""
    return {
        f"{each['kind']} {each['metadata']['name'].removeprefix('avp-py-')}": each
        for each in read(helm.template(VALUES))
    }


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' own program for rules."""
    return build_tools("promtool")["promtool"]


def run_promtool(promtool: Path, folder: Path, *words: str) -> tuple[int, str]:
    """Run promtool in a folder; return its exit code and all that it printed."""
    done = subprocess.run(
        [promtool, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def parse(promtool: Path, folder: Path, expressions: Collection[str]) -> tuple[int, str]:
    """Have Prometheus' parser read expressions."""
    rules = [
        {"record": f"expression_{number}", "expr": each} for number, each in enumerate(expressions)
    ]
    groups = [{"name": "expressions", "rules": rules}]
    (folder / "expressions.yaml").write_text(yaml.safe_dump({"groups": groups}))
    return run_promtool(promtool, folder, "check", "rules", "expressions.yaml")


def names_in(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    return set(re.findall(r"\bavp_\w+", expression))


def known() -> set[str]:
    """The names of the samples that the core has."""
    metrics = Metrics()
    for event in (
        ["requests", 1, {"command": "generate", "outcome": "ok"}],
        ["keeper_restarts", 1, {}],
        ["reads", 1, {"outcome": "ok"}],
        ["shared", 1, {}],
        ["logins", 1, {"outcome": "ok"}],
        ["denials", 1, {"project": "a"}],
        ["fetches", 1, {"kind": "chart", "outcome": "cache"}],
        ["seconds", 1, {"stage": "run"}],
    ):
        metrics.apply(json.dumps(event).encode())
    return {sample.name for family in metrics.registry.collect() for sample in family.samples}


def test_a_malformed_expression_would_be_found(promtool: Path, tmp_path: Path) -> None:
    code, said = parse(promtool, tmp_path, ["avp_workers", "sum(rate(avp_workers[5m])"])
    assert code == 1
    assert "unclosed left parenthesis" in said


def test_promtool_accepts_the_rules(
    promtool: Path, objects: dict[str, Document], tmp_path: Path
) -> None:
    spec = objects["PrometheusRule rules"]["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    code, said = run_promtool(promtool, tmp_path, "check", "rules", "--lint-fatal", "rules.yaml")
    assert (code, f"SUCCESS: {len(spec['groups'][0]['rules'])} rules found" in said) == (0, True)


def test_every_alert_reads_metrics_of_the_core(objects: dict[str, Document]) -> None:
    (group,) = objects["PrometheusRule rules"]["spec"]["groups"]
    assert len(group["rules"]) == len({rule["alert"] for rule in group["rules"]}) > 3
    for rule in group["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert set() < names_in(rule["expr"]) <= known()
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}


GOOD: Final = {'avp_requests_total{command="generate",outcome="ok"}': "0+1x120"}
PROBES: Final = {'avp_requests_total{command="healthcheck",outcome="ok"}': "0+3x120"}
FAILED: Final = 'avp_requests_total{command="generate",outcome="failed"}'
WAITED: Final = 'avp_request_seconds_bucket{stage="queue",le='


def with_labels(series: str, labels: str) -> str:
    """Return a series with further labels."""
    name, _, own = series.removesuffix("}").partition("{")
    return f"{name}{{{','.join(filter(None, (own, labels)))}}}"


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        pytest.param({**GOOD, **PROBES}, set(), id="all is well"),
        pytest.param({**GOOD, FAILED: "0+1x30 30x90"}, set(), id="failures that are over"),
        pytest.param({**GOOD, FAILED: "0+2x120"}, {"AvpRequestsFail"}, id="many failures"),
        pytest.param(
            {**PROBES, FAILED: "0+1x120"},
            {"AvpNoGoodRequest", "AvpRequestsFail"},
            id="nothing but failures and probes",
        ),
        pytest.param(
            {FAILED: "0+1x120", 'avp_requests_total{command="generate",outcome="ok"}': "_x80 1x40"},
            {"AvpRequestsFail"},
            id="one good request",
        ),
        pytest.param(PROBES, set(), id="no requests"),
        pytest.param(
            {"avp_keeper_restarts_total": "0x100 1+1x20"}, {"AvpKeeperRestarts"}, id="no keeper"
        ),
        pytest.param({"avp_keeper_restarts_total": "0x110 1x10"}, set(), id="another keeper"),
        pytest.param({"avp_queue_length": "0x90 256x30"}, {"AvpQueueFull"}, id="full queue"),
        pytest.param({"avp_queue_length": "200x120"}, set(), id="room in the queue"),
        pytest.param(
            {WAITED + '"10"}': "0x120", WAITED + '"25"}': "0+1x120", WAITED + '"+Inf"}': "0+1x120"},
            {"AvpRequestsWait"},
            id="long waits",
        ),
        pytest.param(
            {
                WAITED + '"10"}': "0+1x120",
                WAITED + '"25"}': "0+1x120",
                WAITED + '"+Inf"}': "0+1x120",
            },
            set(),
            id="short waits",
        ),
        pytest.param(
            {'avp_vault_logins_total{outcome="failed"}': "0+1x120"},
            {"AvpVaultLoginsFail"},
            id="logins that fail",
        ),
        pytest.param(
            {'avp_vault_logins_total{outcome="ok"}': "0+1x120"}, set(), id="logins that succeed"
        ),
    ],
)
def test_the_alerts_that_are_firing_after_two_hours(
    promtool: Path,
    objects: dict[str, Document],
    tmp_path: Path,
    series: Mapping[str, str],
    expected: set[str],
) -> None:
    place = 'namespace="argocd",pod="a",container="avp-kustomize"'
    rules = objects["PrometheusRule rules"]["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    test = {
        "interval": "1m",
        "input_series": [
            {"series": with_labels(name, place), "values": values}
            for name, values in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "2h",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected
                ],
            }
        ],
    }
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests))
    code, said = run_promtool(promtool, tmp_path, "test", "rules", "tests.yaml")
    assert code == 0, said


def test_the_limit_of_the_queue_is_that_of_the_setting(
    helm: Helm, objects: dict[str, Document]
) -> None:
    (default,) = (each.default for each in TABLE if each.name == "AVP_QUEUE")
    values = yaml.safe_load(VALUES.read_text())
    values["settings"]["AVP_QUEUE"] = 1000000
    other = read(helm.template(helm.values(values)))
    (changed,) = (each for each in other if each["kind"] == "PrometheusRule")
    for rules, limit in ((objects["PrometheusRule rules"], default), (changed, "1000000")):
        (rule,) = (
            each for each in rules["spec"]["groups"][0]["rules"] if each["alert"] == "AvpQueueFull"
        )
        assert rule["expr"].endswith(f">= 0.9 * {limit}")


def targets(dashboard: Document) -> Iterator[Document]:
    for panel in dashboard["panels"]:
        yield from panel["targets"]


def test_promtool_accepts_the_expressions_of_the_dashboard(
    promtool: Path, objects: dict[str, Document], tmp_path: Path
) -> None:
    config = objects["ConfigMap dashboard"]
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    dashboard = json.loads(config["data"]["avp-py.json"])
    queries = [each["expr"] for each in targets(dashboard)]
    variables = [
        re.fullmatch(r"label_values\((.*), \w+\)", each["query"])
        for each in dashboard["templating"]["list"]
        if each["type"] == "query"
    ]
    # Grafana's variables stand for texts, which are quoted, and for this duration.
    expressions = [
        each.replace("$__rate_interval", "5m")
        for each in (*queries, *(found[1] for found in variables if found))
    ]
    assert len(expressions) == len(queries) + len(variables)
    code, said = parse(promtool, tmp_path, expressions)
    assert (code, f"SUCCESS: {len(expressions)} rules found" in said) == (0, True), said


def test_the_dashboard_shows_every_metric(objects: dict[str, Document]) -> None:
    dashboard = json.loads(objects["ConfigMap dashboard"]["data"]["avp-py.json"])
    read_by_it = set[str]().union(*(names_in(each["expr"]) for each in targets(dashboard)))
    # A histogram is read by its buckets.
    needed = {name for name in known() if not name.endswith(("_created", "_count", "_sum"))}
    assert read_by_it == needed


def unknown_to_grafana(dashboard: Document) -> Collection[str]:
    """Return the fields that are lost in the types that Grafana's schema is compiled to."""
    plugins.register_default_plugins()
    decoded = GrafanaDashboard.from_json(copy.deepcopy(dashboard))
    return set(lost(dashboard, json.loads(json.dumps(decoded, cls=JSONEncoder)), ""))


def lost(before: object, after: object, place: str) -> Iterator[str]:
    """Yield what is not the same afterwards; what was added, such as a default, is no loss."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from lost(value, after.get(key), f"{place}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{place}[{number}]")
    elif before != after:
        yield place


def test_grafana_knows_every_field_of_the_dashboard(objects: dict[str, Document]) -> None:
    dashboard = json.loads(objects["ConfigMap dashboard"]["data"]["avp-py.json"])
    assert unknown_to_grafana(dashboard) == set()


@pytest.mark.parametrize(
    "where", ["dashboard", "panel", "options", "defaults", "target", "variable"]
)
def test_it_would_not_know_a_misspelt_one(where: str, objects: dict[str, Document]) -> None:
    dashboard = json.loads(objects["ConfigMap dashboard"]["data"]["avp-py.json"])
    panel = dashboard["panels"][0]
    place = {
        "dashboard": dashboard,
        "panel": panel,
        "options": panel["options"],
        "defaults": panel["fieldConfig"]["defaults"],
        "target": panel["targets"][0],
        "variable": dashboard["templating"]["list"][1],
    }[where]
    place["misspelt"] = 1
    (name,) = unknown_to_grafana(dashboard)
    assert name.endswith(".misspelt")


def test_panels_are_distinct_and_do_not_overlap(objects: dict[str, Document]) -> None:
    dashboard = json.loads(objects["ConfigMap dashboard"]["data"]["avp-py.json"])
    panels = dashboard["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    assert len({each["title"] for each in panels}) == len(panels)
    assert {each["type"] for each in panels} == {"timeseries", "stat"}
    fields = {"id", "title", "type", "datasource", "gridPos", "fieldConfig", "options", "targets"}
    assert all(each.keys() == fields for each in panels)
    assert all(each.keys() == {"expr", "legendFormat", "refId"} for each in targets(dashboard))
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels]
    assert len(set(places)) == len(panels)
    assert all(each["datasource"]["uid"] == "${datasource}" for each in panels)
    variables = {each["name"] for each in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\b", json.dumps(panels)))
    assert used == variables


def test_each_container_serves_metrics_at_a_port_of_its_own(
    helm: Helm, objects: dict[str, Document]
) -> None:
    found = helm.printed(VALUES, "patch")["spec"]["template"]["spec"]["containers"]
    ports = [port for container in found for port in container["ports"]]
    assert [each["containerPort"] for each in ports] == [9478, 9479]
    addresses = [
        each["value"]
        for container in found
        for each in container["env"]
        if each["name"] == "AVP_METRICS_ADDRESS"
    ]
    assert addresses == ["0.0.0.0:9478", "0.0.0.0:9479"]
    endpoints = objects["PodMonitor metrics"]["spec"]["podMetricsEndpoints"]
    assert [each["port"] for each in endpoints] == [each["name"] for each in ports]
    assert all(len(each["name"]) <= 15 for each in ports)
    assert objects["PodMonitor metrics"]["metadata"]["labels"]["release"] == "prometheus"
    rules = objects["NetworkPolicy ingress"]["spec"]["ingress"]
    allowed = [[port["port"] for port in rule["ports"]] for rule in rules]
    assert [9478, 9479] in allowed


def test_without_metrics_there_is_nothing_of_them(helm: Helm) -> None:
    text = helm.template(CHART / "ci" / "minimal-values.yaml")
    assert not re.search("PodMonitor|PrometheusRule|dashboard|9478|METRICS", text)
