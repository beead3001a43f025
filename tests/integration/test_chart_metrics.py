"""What the chart has for Prometheus and Grafana: the expressions are read by a parser of PromQL."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest

from avp_py.serve.metrics import Metrics
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


def names_in(expression: str) -> set[str]:
    """The metrics that an expression reads; it is parsed first."""
    # Grafana's variables stand for texts and durations.
    plain = expression.replace("$__rate_interval", "5m")
    promql_parser.parse(plain)
    return set(re.findall(r"\bavp_\w+", plain))


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
        ["seconds", 1, {"stage": "run"}],
    ):
        metrics.apply(json.dumps(event).encode())
    return {sample.name for family in metrics.registry.collect() for sample in family.samples}


def test_a_malformed_expression_would_be_found() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        names_in("sum by (container) (rate(avp_workers[5m])")


def test_every_alert_has_an_expression_that_prometheus_reads(
    objects: dict[str, Document],
) -> None:
    (group,) = objects["PrometheusRule rules"]["spec"]["groups"]
    assert len(group["rules"]) == len({rule["alert"] for rule in group["rules"]}) > 3
    for rule in group["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        names = names_in(rule["expr"])
        assert names
        assert names <= known()
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}


def targets(dashboard: Document) -> Iterator[Document]:
    for panel in dashboard["panels"]:
        yield from panel["targets"]


def test_every_panel_has_expressions_that_prometheus_reads(objects: dict[str, Document]) -> None:
    config = objects["ConfigMap dashboard"]
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    dashboard = json.loads(config["data"]["avp-py.json"])
    read_by_it = set[str]().union(*(names_in(each["expr"]) for each in targets(dashboard)))
    # A histogram is read by its buckets.
    needed = {name for name in known() if not name.endswith(("_created", "_count", "_sum"))}
    assert read_by_it == needed


def test_panels_are_distinct_and_do_not_overlap(objects: dict[str, Document]) -> None:
    dashboard = json.loads(objects["ConfigMap dashboard"]["data"]["avp-py.json"])
    panels = dashboard["panels"]
    assert len({each["id"] for each in panels}) == len({each["title"] for each in panels})
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


def test_only_the_core_has_metrics(helm: Helm) -> None:
    values = {"image": {"repository": "x"}, "mode": "plain", "metrics": {"enabled": True}}
    assert "only the resident core has metrics; set mode to serve" in helm.refuses(values)
