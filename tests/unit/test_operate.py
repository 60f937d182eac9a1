"""docs/operate.md, the alerts and the dashboard name what there is, and leave nothing out."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bridge.domain.errors import BridgeError
from bridge.domain.model import EventType
from bridge.server.ui.render import alert_help
from tests.world.metrics import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
SYSTEMD_CREDENTIALS = 243


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def named(where: str) -> set[str]:
    """Metrics that a text names; of a histogram's series, the histogram."""
    found = re.findall(r"\b(?:wbiz_bridge|process)_[a-z_]+[a-z]\b", where)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def table(section: str) -> list[list[str]]:
    """The rows of the one table below a heading of operate.md."""
    (_, below) = text("operate.md").split(f"\n## {section}\n")
    rows = [line for line in below.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows[1:]]


def first_column(section: str) -> set[str]:
    return {name for row in table(section) for name in re.findall(r"`([^`]+)`", row[0])}


@pytest.fixture(scope="module")
def rendered() -> set[str]:
    body, _ = metrics().render()
    families = text_string_to_metric_families(body.decode())
    return {family.name + ("_total" if family.type == "counter" else "") for family in families}


@pytest.mark.parametrize("name", ["operate.md", "prometheus-alerts.yml", "grafana-dashboard.json"])
def test_every_metric_that_is_named_exists(name: str, rendered: set[str]) -> None:
    found = named(text(name))
    assert found
    assert found <= rendered


def test_every_metric_is_documented(rendered: set[str]) -> None:
    assert first_column("Metrics") == rendered


def test_the_dashboard_shows_every_metric_of_ours(rendered: set[str]) -> None:
    ours = {name for name in rendered if name.startswith("wbiz_bridge_")}
    assert ours - named(text("grafana-dashboard.json")) == set()


def test_every_label_is_documented() -> None:
    body, _ = metrics().render()
    documented = {name: set(re.findall(r"`([^`]+)`", row[1])) for row in table("Metrics") for name in named(row[0])}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            (name,) = named(sample.name)
            assert sample.labels.keys() - {"le"} == documented[name]


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(text("prometheus-alerts.yml"))["groups"]
    return list(group["rules"])


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"].keys() == {"account", "runbook_url", "summary", "description"}
        assert alert["annotations"]["runbook_url"].endswith(f"/help/alerts#{alert['alert']}")
    assert list(alert_help()) == [alert["alert"] for alert in alerts()]


def test_the_text_about_an_alert_is_whole() -> None:
    file = ROOT / "bridge/server/ui/alerts.md"
    _, *sections = file.read_text(encoding="utf-8").split("\n## ")
    assert [section.strip() for section in sections] == [f"{name}\n\n{words}" for name, words in alert_help().items()]


def log_events() -> Iterator[str]:
    """The texts of all lines that the bridge logs, found in its source."""
    for file in (ROOT / "bridge").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if "structlog" in source:
            yield from texts(ast.walk(ast.parse(source)))


def texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=level), args=[ast.Constant(value=str(event)), *_]) if level in LEVELS:
                yield event
            case ast.Call(func=ast.Name(id="log"), args=[ast.Constant(value=str(event)), *_]):
                yield event


def test_lines_of_the_log_have_names_in_snake_case() -> None:
    """But for events of the bridge, which have their own types there."""
    assert [name for name in log_events() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_every_line_of_the_log_is_documented_and_no_other() -> None:
    logged = set(log_events())
    assert {"delivered", "poll_failed", "config_reload_refused", "file_limit_low"} <= logged
    assert first_column("Logs") == logged | set(map(str, EventType))


def test_every_exit_code_is_documented() -> None:
    def codes(error: type[BridgeError]) -> set[int]:
        return {error.exit_code}.union(*(codes(kind) for kind in error.__subclasses__()))

    assert {int(row[0]) for row in table("Exit codes")} == {0, SYSTEMD_CREDENTIALS} | codes(BridgeError)


def panels() -> list[dict[str, Any]]:
    return list(json.loads(text("grafana-dashboard.json"))["panels"])


def test_the_dashboard_asks_which_prometheus_it_shows() -> None:
    dashboard = json.loads(text("grafana-dashboard.json"))
    assert dashboard["id"] is None
    first, *others = dashboard["templating"]["list"]
    assert (first["type"], first["query"]) == ("datasource", "prometheus")
    shown = [panel for panel in panels() if panel["type"] != "row"]
    for asks in (*others, *shown, *(target for panel in shown for target in panel["targets"])):
        assert asks["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_panels_have_ids_of_their_own_explain_themselves_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["type"] == "row" or panel["description"]
