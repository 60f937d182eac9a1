"""What the configuration may say under ``alerts``, and the words for what it may not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bridge.domain.failure_rate import Alert
from tests.unit.config.world import LEAST

if TYPE_CHECKING:
    from tests.unit.config.world import Folder

_PERCENT = "(allowed: above 0% and up to 100%, with the sign, e.g. 20%)"
_TAG = "must be `tags.` and the name of a tag, e.g. tags.team; or remove it, for all messages together"


def rules(folder: Folder, alerts: str) -> tuple[Alert, ...]:
    return folder.load(f"{LEAST}    alerts: {alerts}\n").rules


def test_an_alert_is_read_with_its_defaults(folder: Folder) -> None:
    found = rules(folder, "[{failing: 20%}, {failing: '0.5 %', of: 5, within: 1h, by: tags.team}]")
    quarter = timedelta(minutes=15)
    assert found == (
        Alert(Decimal(20), 50, quarter),
        Alert(Decimal("0.5"), 5, timedelta(hours=1), "tags.team"),
    )


@pytest.mark.parametrize("alerts", ["", "[]", "[{failing: 100%, of: 1, within: 1m, by: tags.a.b}]"])
def test_what_may_be_written(folder: Folder, alerts: str) -> None:
    assert len(rules(folder, alerts)) == (1 if "{" in alerts else 0)


@pytest.mark.parametrize(
    ("alert", "key", "what"),
    [
        ("{failing: 20}", "alerts[0].failing", f"not a percentage {_PERCENT}"),
        ("{failing: 0.2}", "alerts[0].failing", f"not a percentage {_PERCENT}"),
        ("{failing: '%'}", "alerts[0].failing", f"not a percentage {_PERCENT}"),
        ("{failing: -5%}", "alerts[0].failing", f"not a percentage {_PERCENT}"),
        ("{failing: 0%}", "alerts[0].failing", f"0% is out of range {_PERCENT}"),
        ("{failing: 0.000%}", "alerts[0].failing", f"0% is out of range {_PERCENT}"),
        ("{failing: 101%}", "alerts[0].failing", f"101% is out of range {_PERCENT}"),
        ("{failing: 100.001%}", "alerts[0].failing", f"100.001% is out of range {_PERCENT}"),
        ("{of: 5}", "alerts[0]", "failing is missing"),
        ("{failing: 5%, of: 0}", "alerts[0].of", "0 is out of range (allowed: 1 to 1000000)"),
        ("{failing: 5%, within: 59s}", "alerts[0].within", "59s is out of range (allowed: 1m to 1d)"),
        ("{failing: 5%, within: 25h}", "alerts[0].within", "25h is out of range (allowed: 1m to 1d)"),
        ("{failing: 5%, by: team}", "alerts[0].by", _TAG),
        ("{failing: 5%, by: tags.}", "alerts[0].by", _TAG),
        ("{failing: 5%, by: tags}", "alerts[0].by", _TAG),
        ("{failing: 5%, by: [tags.a]}", "alerts[0].by", _TAG),
        (f"{{failing: 5%, by: tags.{'x' * 65}}}", "alerts[0].by", _TAG),
        ("{failling: 5%}", "alerts[0].failling", "unknown key (did you mean `failing`?)"),
        ("5%", "alerts[0]", "must be an alert: `- {failing: 20%, of: 50, within: 15m}`"),
        ("{failing: }", "alerts[0].failing", "has no value; give one or remove the key"),
    ],
)
def test_a_mistake_is_named_with_its_place(folder: Folder, alert: str, key: str, what: str) -> None:
    found = folder.faults(f"{LEAST}    alerts: [{alert}]\n")
    assert any(fault.startswith("config.yaml:4:") and fault.endswith(f": {key}: {what}") for fault in found), found


@pytest.mark.parametrize("alerts", ["off", "5%", "{failing: 20%}"])
def test_it_must_be_a_list(folder: Folder, alerts: str) -> None:
    (fault,) = folder.faults(f"{LEAST}    alerts: {alerts}\n")
    assert fault.endswith(
        "alerts: must be a list, each alert beginning with a dash: `- {failing: 20%, of: 50, within: 15m}`"
    )


@pytest.mark.parametrize(
    ("by", "key", "whose"), [("", "alerts[1]", "all messages"), (", by: tags.team", "alerts[1].by", "tags.team")]
)
def test_there_is_one_alert_for_each_by(folder: Folder, by: str, key: str, whose: str) -> None:
    lines = f"{LEAST}    alerts:\n      - {{failing: 20%{by}}}\n      - {{failing: 50%, within: 1h{by}}}\n"
    (fault,) = folder.faults(lines)
    assert fault.startswith("config.yaml:6:")
    assert fault.endswith(f": {key}: there is an alert for {whose} already (in line 5); keep one")


def test_keys_of_an_alert_at_the_top_are_explained(folder: Folder) -> None:
    assert "belongs to `alerts`" in folder.faults(f"{LEAST}    failing: 20%\n")[0]


def test_a_receiver_of_nothing_but_these_events_is_warned_of_without_alerts(folder: Folder) -> None:
    receiver = LEAST.rstrip() + "\n        events: [account.*]\n"
    assert any("there are no `alerts`" in warning for warning in folder.load(receiver).warnings())
    alerts = "    alerts: [{failing: 20%}]\n"
    assert not any("never get an event" in warning for warning in folder.load(receiver + alerts).warnings())


def test_a_retention_shorter_than_an_alerts_time_is_warned_of(folder: Folder) -> None:
    alerts = f"{LEAST}    alerts: [{{failing: 20%, within: 2h}}]\n"
    assert any("retention is shorter" in warning for warning in folder.load(f"{alerts}    retention: 1h\n").warnings())
    assert not any("retention" in warning for warning in folder.load(alerts).warnings())
