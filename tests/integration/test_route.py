"""``wbiz-bridge route``: which receivers would get an event, and what excludes the others."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.__main__ import main
from bridge.domain.events import envelope
from bridge.domain.model import Status
from bridge.store.store import Store
from tests.unit.receivers.events import changed, source_down
from tests.world.daemon import write_config
from tests.world.records import fail_some

if TYPE_CHECKING:
    from pathlib import Path

FAILED = envelope(changed(tags={"team": "billing"}))
SENT = envelope(changed(7, Status.SENT, label="Reminder"))
RECEIVERS = [
    {"name": "ops", "slack": "https://hooks.slack.com/services/x", "events": ["failed", "source.*"]},
    {"name": "crm", "webhook": "https://crm.example.com/", "match": {"tags": {"team": ["sales", "support"]}}},
    {"name": "all", "webhook": "https://all.example.com/", "match": {"not": {"label": "Test*"}}},
]


@pytest.fixture
def route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run it with events at standard input; return its exit code, and what it prints."""
    write_config(
        tmp_path,
        {"wbiztool": {"client_id": 1, "api_key": "k"}, "receivers": RECEIVERS, "database": "sqlite:///bridge.db"},
    )
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, given: str = "") -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["wbiz-bridge", "route", *arguments])
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given.encode())))
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_it_says_who_gets_an_event_and_why_not_the_others(route: Any) -> None:
    code, out, _ = route("-", given=json.dumps(FAILED))
    assert code == 0
    assert [line.rstrip().split(None, 2) for line in out.splitlines()] == [
        ["message.failed", "·", "12346 · Invoice 88 · Invalid phone number"],
        ["RECEIVER", "GETS", "IT  WHY NOT"],
        ["ops", "yes"],
        ["crm", "no", 'match.tags.team: the message has "billing" (wanted: sales or support)'],
        ["all", "yes"],
    ]


def test_programs_get_json(route: Any) -> None:
    code, out, _ = route("-", "--json", given=json.dumps([SENT, envelope(source_down())]))
    assert code == 0
    sent, down = json.loads(out)
    assert sent["event"] == {"id": SENT["id"], "type": "message.sent", "message_id": 7}
    assert sent["receivers"] == [
        {"name": "ops", "gets_it": False, "why_not": "events: message.sent is not among message.failed, source.*"},
        {
            "name": "crm",
            "gets_it": False,
            "why_not": "match.tags.team: the message has none (wanted: sales or support)",
        },
        {"name": "all", "gets_it": True, "why_not": None},
    ]
    assert all(receiver["gets_it"] for receiver in down["receivers"])


def test_a_test_of_the_configuration_fails_when_it_goes_elsewhere(route: Any) -> None:
    assert route("-", "--expect", "ops", "--expect", "all", given=json.dumps(FAILED))[0] == 0
    code, _, err = route("-", "--expect", "ops", given=json.dumps(FAILED))
    assert code == 1
    assert "message.failed goes to all, ops, not to ops as expected" in err
    assert route("-", "--expect", "nobody", given=json.dumps(FAILED))[0] == 2


def test_an_event_that_goes_to_nobody_fails(route: Any) -> None:
    told = envelope(changed(7, Status.SENT, label="Test of mine"))
    code, out, _ = route("-", given=json.dumps(told))
    assert code == 1
    assert 'match.not.label: the message has "Test of mine" (unwanted: Test*)' in out


def test_a_file_is_read_and_what_is_wrong_with_it_has_its_place(route: Any, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(FAILED))
    assert route("event.json")[0] == 0
    (tmp_path / "event.json").write_text('{"type": "message.failed",\n "data": {"message_id": "x"}}')
    code, _, err = route("event.json")
    assert (code, "event.json: data.message_id: must be a whole number" in err) == (2, True)
    (tmp_path / "event.json").write_bytes(b"\xff")
    assert "event.json: not UTF-8 text" in route("event.json")[2]
    assert "nowhere.json: no such file" in route("nowhere.json")[2]
    assert "standard input: 1:2: this is not JSON" in route("-", given="{")[2]


def test_an_event_that_happened_is_found_by_its_id(route: Any, tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/bridge.db") as store:
        (told,) = fail_some(store, [5])
    code, out, _ = route(told.id)
    assert (code, out.startswith("message.failed · 5 · Invalid phone number\n")) == (0, True)
    code, _, err = route("evt_unknown")
    assert (code, "no event evt_unknown" in err) == (1, True)
