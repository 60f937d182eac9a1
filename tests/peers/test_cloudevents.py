"""CloudEvents' own SDKs, for Python and for Node, understand what the bridge sends."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.simulator.api import Simulator
from bridge.simulator.sink import Recorded, Sink
from tests.world import node
from tests.world.bridge import Bridge
from tests.world.programs import find_module

if TYPE_CHECKING:
    from collections.abc import Callable

    Parse = Callable[[Recorded], list[dict[str, Any]]]

pytestmark = pytest.mark.peers

OTHERS = (12347, 12348)
FORMS: dict[str, dict[str, Any]] = {
    "structured": {"format": "cloudevents"},
    "binary": {"format": "cloudevents-binary"},
    "batch": {"format": "cloudevents", "batch": {"max": 10, "wait": "2s"}},
    "standard": {"format": "standard"},
}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Recorded]]:
    """What came to each receiver when three messages had failed."""
    with ExitStack() as stack:
        simulator = stack.enter_context(Simulator())
        sinks = {name: stack.enter_context(Sink()) for name in FORMS}
        receivers = [
            {"name": name, "webhook": sink.url, "events": ["failed"], **FORMS[name]} for name, sink in sinks.items()
        ]
        folder = tmp_path_factory.mktemp("bridge")
        bridge = stack.enter_context(Bridge(folder, simulator, receivers, others=OTHERS))
        bridge.fails()
        for name in FORMS:
            bridge.delivered(name, 1 + len(OTHERS))
        return {name: sink.records() for name, sink in sinks.items()}


def in_python() -> Parse:
    http = pytest.importorskip("cloudevents.core.bindings.http", reason="no cloudevents here: pip install '.[peers]'")

    def parse(record: Recorded) -> list[dict[str, Any]]:
        if "batch" in record.headers["content-type"]:  # which this SDK does not read as a whole
            bodies = [json.dumps(each).encode() for each in json.loads(record.body)]
            messages = [http.HTTPMessage({"content-type": "application/cloudevents+json"}, body) for body in bodies]
        else:
            messages = [http.HTTPMessage(dict(record.headers), record.body)]
        events = [http.from_http_event(message) for message in messages]
        return [{**event.get_attributes(), "data": event.get_data()} for event in events]

    return parse


def in_node() -> Parse:
    find_module("cloudevents")
    script = Path(__file__).with_name("parse-cloudevents.cjs")

    def parse(record: Recorded) -> list[dict[str, Any]]:
        found = node.run(script, {"headers": dict(record.headers), "body": record.body.decode()})
        events = found if isinstance(found, list) else [found]
        return [{**event, "time": datetime.fromisoformat(event["time"])} for event in events]

    return parse


@pytest.fixture(params=[in_python, in_node])
def parse(request: pytest.FixtureRequest) -> Parse:
    found: Parse = request.param()
    return found


@pytest.mark.parametrize("form", ["structured", "binary", "batch"])
def test_every_event_is_understood(parse: Parse, wire: dict[str, list[Recorded]], form: str) -> None:
    understood = {event["id"]: event for record in wire[form] for event in parse(record)}
    sent = [json.loads(record.body) for record in wire["standard"]]
    assert len(sent) == 1 + len(OTHERS)
    assert understood.keys() == {event["id"] for event in sent}
    for event in sent:
        cloud = understood[event["id"]]
        assert cloud["specversion"] == "1.0"
        assert cloud["type"].endswith(event["type"])
        assert cloud["time"] == datetime.fromisoformat(event["timestamp"]).astimezone(UTC)
        assert str(event["data"]["message_id"]) in cloud["subject"]
        assert cloud["source"]
        assert cloud["dataschema"]
        assert cloud["data"] == event["data"]
