"""Prometheus's own checker reads our alerts and the dashboard's queries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from tests.world.metrics import assert_promtool_accepts

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = DOCS / "prometheus-alerts.yml"
CASES = Path(__file__).with_name("prometheus-alerts.test.yml")


def test_the_alerts_are_right() -> None:
    assert_promtool_accepts("check", "rules", ALERTS)


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    named = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]}
    assert set(re.findall(r'alertname="(\w+)"', CASES.read_text("utf-8"))) == named
    assert_promtool_accepts("test", "rules", CASES)


def test_prometheus_understands_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text("utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    queries += [each["expr"] for each in dashboard["annotations"]["list"]]
    assert queries
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    assert_promtool_accepts("check", "rules", file)
