"""The recipes of docs/receivers.md, as they are there: what they send is what each service documents.

Each is loaded as a configuration, with only the host replaced, and delivers events of every type that it asks for, with
all kinds of texts in it, to a server on loopback. The sources of the formats are linked in the document.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from bridge.config.errors import InvalidConfiguration
from bridge.config.loader import load
from bridge.delivery.attempt import attempt
from bridge.domain.clock import SystemClock
from bridge.domain.model import EventType
from bridge.domain.outcome import Delivered, Retry
from bridge.domain.redaction import Redactor
from bridge.domain.routing import Subscription, wants
from bridge.domain.samples import sample_event, samples
from bridge.receivers.registry import sender_for
from bridge.receivers.webhook.config import WebhookReceiverConfig
from bridge.simulator.sink import Answer, Recorded, Sink
from tests.world.clock import START

if TYPE_CHECKING:
    from bridge.config.models import Config
    from bridge.domain.model import Attempt, Event

DOCUMENT = (Path(__file__).parents[2] / "docs" / "receivers.md").read_text(encoding="utf-8")
DOCUMENT, _, _ = DOCUMENT.partition("\n## Programs to try it with\n")  # which are in tests/peers
RECIPES = {
    name: match[1]
    for name, section in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    if (match := re.search(r"^```yaml\n(receivers:.*?)^```", section, re.MULTILINE | re.DOTALL))
    and "webhook:" in match[1]
}
ACCOUNT = "wbiztool: {client_id: 1, api_key: some-api-key}\nmessages: [1]\n"
SECRETS = {
    "GITHUB_TOKEN": "github_pat_0123456789abcdef",
    "PAGERDUTY_ROUTING_KEY": "0123456789abcdef0123456789abcdef",
    "OPSGENIE_API_KEY": "eb243592-faa2-4ba2-a551-1afdf565c889",
    "TELEGRAM_BOT_TOKEN": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "TELEGRAM_CHAT_ID": "-1001234567890",
    "N8N_TOKEN": "n8n-token-0123456789",
    "SHEET_TOKEN": "sheet-token-0123456789",
    "SHEET_DEPLOYMENT_ID": "AKfycbyA8mGQqVpc9CLd3FH0Zp8Vp9zp",
}
LONG_ENOUGH_FOR_ALL = 1000


@dataclass(frozen=True)
class Told:
    """An event, and how a recipe told of it."""

    event: Event
    request: Recorded
    made: Attempt

    @property
    def json(self) -> Any:
        assert self.request.headers["content-type"] == "application/json"
        return json.loads(self.request.body)


def configured(name: str, url: str, folder: Path) -> Config:
    """Load a recipe, with another host."""
    host = url.rpartition("/")[0]
    text = re.sub(r"(webhook: \"?)https://[^/\s\"]+", rf"\g<1>{host}", RECIPES[name])
    urls = dict.fromkeys(
        ("TEAMS_WORKFLOW_URL", "DISCORD_WEBHOOK_URL", "N8N_WEBHOOK_URL", "ZAPIER_WEBHOOK_URL"),
        f"{host}/hooks/s3cr3t-p4th",
    )
    (folder / "config.yaml").write_text(ACCOUNT + text, encoding="utf-8")
    return load(folder / "config.yaml", {**SECRETS, **urls})


def told(name: str, folder: Path, answer: Answer) -> list[Told]:
    """Deliver every event that a recipe asks for."""
    with Sink(lambda _: answer) as sink:
        config = configured(name, sink.url, folder)
        (receiver,) = config.receivers
        assert isinstance(receiver, WebhookReceiverConfig)
        wanted = Subscription(receiver.name, receiver.events)
        events = [event for event in samples({}) if wants(wanted, event)]
        redact = Redactor(config.secrets())
        with closing(sender_for(receiver)) as sender:
            made = [attempt(sender, [event], clock=SystemClock(), redact=redact) for event in events]
        return [Told(*each) for each in zip(events, sink.records(), made, strict=True)]


def assert_all_taken(all_told: list[Told]) -> None:
    assert {each.made.outcome for each in all_told} == {Delivered()}


def about_messages(all_told: list[Told]) -> list[Told]:
    return [each for each in all_told if each.event.message_id is not None]


def test_every_recipe_is_tried() -> None:
    tried = {"Templates", "GitHub", "PagerDuty", "Opsgenie", "Microsoft Teams", "Discord", "Telegram", "n8n"}
    tried |= {"Zapier and Make", "A Google Sheet"}
    assert tried <= set(RECIPES)


def test_the_first_example(tmp_path: Path) -> None:
    all_told = told("Templates", tmp_path, Answer.ok())
    assert_all_taken(all_told)
    sent, failed = (
        next(each for each in all_told if each.event.type == type_) for type_ in ("message.sent", "message.failed")
    )
    assert failed.request.path == "/messages/12346/status"
    assert failed.json["everything"] == failed.event.json
    assert (failed.json["status"], failed.json["error"]) == ("failed", "Invalid phone number")
    assert failed.json["text"] == "WhatsApp message 12346 failed: invalid phone number · Invoice 88"
    assert sent.json["error"] is None


def test_the_mistake_that_the_document_shows_is_told_just_so(tmp_path: Path) -> None:
    text = RECIPES["Templates"].replace(" | default(none)", "") + ACCOUNT
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfiguration) as caught:
        load(tmp_path / "config.yaml", {})
    assert [str(fault).replace(f"{tmp_path}/", "") for fault in caught.value.faults] == [
        line for line in DOCUMENT.splitlines() if line.startswith("config.yaml:")
    ]


def test_github(tmp_path: Path) -> None:
    all_told = told("GitHub", tmp_path, Answer.status(204))
    assert_all_taken(all_told)
    for each in all_told:
        assert each.request.path == "/repos/OWNER/REPOSITORY/dispatches"
        assert each.request.headers["authorization"] == f"Bearer {SECRETS['GITHUB_TOKEN']}"
        assert each.request.headers["accept"] == "application/vnd.github+json"
        assert each.request.headers["user-agent"]
        assert set(each.json) == {"event_type", "client_payload"}
        assert each.json["event_type"] == each.event.type
        assert len(each.json["event_type"]) <= 100
        assert len(each.json["client_payload"]) <= 10
        assert each.json["client_payload"]["event"]["data"] == each.event.json


def test_pagerduty(tmp_path: Path) -> None:
    all_told = told("PagerDuty", tmp_path, Answer.status(202))
    assert_all_taken(all_told)
    for each in all_told:
        sent, payload = each.json, each.json["payload"]
        assert sent["routing_key"] == SECRETS["PAGERDUTY_ROUTING_KEY"]
        assert 0 < len(sent["dedup_key"]) <= 255
        assert 0 < len(payload["summary"]) <= 1024
        assert payload["severity"] in {"critical", "error", "warning", "info"}
        assert payload["source"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", payload["timestamp"])
        assert payload["custom_details"] == each.event.json
    done = {"message.sent", "message.cancelled", "source.up", "number.connected"}
    assert {(each.event.type in done, each.json["event_action"]) for each in all_told} == {
        (True, "resolve"),
        (False, "trigger"),
    }
    # What resolves has the key of what was triggered.
    keys = {str(each.event.type): each.json["dedup_key"] for each in reversed(all_told)}
    assert keys["message.failed"] == keys["message.stuck"] == keys["message.sent"] == "wbiz-12346"
    assert keys["source.down"] == keys["source.up"]
    assert keys["number.disconnected"] == keys["number.connected"] == "wbiz-+4915112345678"


def test_opsgenie(tmp_path: Path) -> None:
    all_told = told("Opsgenie", tmp_path, Answer.status(202))
    assert_all_taken(all_told)
    aliases: dict[bool, set[str]] = {True: set(), False: set()}
    for each in all_told:
        assert each.request.headers["authorization"] == f"GenieKey {SECRETS['OPSGENIE_API_KEY']}"
        parts, sent = urlsplit(each.request.path), each.json
        if closing_path := re.fullmatch(r"/v2/alerts/([^/]+)/close", parts.path):
            assert parts.query == "identifierType=alias"
            assert set(sent) == {"source", "note"}
            aliases[True].add(closing_path[1])
            continue
        assert each.request.path == "/v2/alerts"
        assert 0 < len(sent["message"]) <= 130
        assert len(sent["alias"]) <= 512
        assert 0 < len(sent["description"]) <= 15_000
        assert sent["priority"] in {"P1", "P2", "P3", "P4", "P5"}
        assert len(sent["source"]) <= 100
        assert all(len(tag) <= 50 for tag in sent["tags"])
        aliases[False].add(sent["alias"])
    assert aliases == {True: {"wbiz-12346", "wbiz-source"}, False: {"wbiz-12346", "wbiz-source"}}


def test_teams(tmp_path: Path) -> None:
    all_told = told("Microsoft Teams", tmp_path, Answer.status(202))
    assert_all_taken(all_told)
    for each in all_told:
        assert each.request.path == "/hooks/s3cr3t-p4th"
        assert len(each.request.body) < 28 * 1024
        assert each.json["type"] == "message"
        (attachment,) = each.json["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert attachment["contentUrl"] is None
        card = attachment["content"]
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
        assert card["$schema"] == "http://adaptivecards.io/schemas/adaptive-card.json"
        text, facts = card["body"]
        (run,) = text["inlines"]
        assert (text["type"], run["type"], facts["type"]) == ("RichTextBlock", "TextRun", "FactSet")
        assert 0 < len(run["text"]) <= LONG_ENOUGH_FOR_ALL
        assert all(isinstance(fact[key], str) and fact[key] for fact in facts["facts"] for key in ("title", "value"))


def test_discord(tmp_path: Path) -> None:
    all_told = told("Discord", tmp_path, Answer.status(204))
    assert_all_taken(all_told)
    for each in all_told:
        assert 0 < len(each.json["content"].encode("utf-16-le")) // 2 <= 2000
        assert each.json["allowed_mentions"] == {"parse": []}


def test_telegram(tmp_path: Path) -> None:
    all_told = told("Telegram", tmp_path, Answer.ok(b'{"ok":true,"result":{}}'))
    assert_all_taken(all_told)
    for each in all_told:
        assert each.request.path == f"/bot{SECRETS['TELEGRAM_BOT_TOKEN']}/sendMessage"
        assert each.json["chat_id"] == int(SECRETS["TELEGRAM_CHAT_ID"])
        assert 0 < len(each.json["text"].encode("utf-16-le")) // 2 <= 4096
        assert "parse_mode" not in each.json, "it is plain text"


def test_n8n(tmp_path: Path) -> None:
    all_told = told("n8n", tmp_path, Answer.ok())
    assert_all_taken(all_told)
    for each in all_told:
        assert each.request.headers["x-bridge-token"] == SECRETS["N8N_TOKEN"]
        assert (each.json["type"], each.json["data"]) == (each.event.type, each.event.json)


def test_zapier_gets_the_same_keys_in_every_event_and_none_within_another(tmp_path: Path) -> None:
    all_told = told("Zapier and Make", tmp_path, Answer.ok(b'{"status": "success"}'))
    assert_all_taken(all_told)
    assert len({tuple(each.json) for each in all_told}) == 1
    assert {each.event.type for each in all_told} == {*EventType} - {"message.pending", "summary"}
    assert not [each.json for each in all_told if any(isinstance(value, dict | list) for value in each.json.values())]
    assert {type(each.json["message_id"]) for each in about_messages(all_told)} == {int}


def test_a_google_sheet_has_taken_a_row_when_it_redirects_to_where_the_answer_is(tmp_path: Path) -> None:
    one_time = "https://script.googleusercontent.com/macros/echo?user_content_key=AehSKLjVgOxSM&lib=M1YLor6O1P"
    all_told = told("A Google Sheet", tmp_path, Answer.status(302, location=one_time))
    assert_all_taken(all_told)
    for each in all_told:
        assert each.request.path == f"/macros/s/{SECRETS['SHEET_DEPLOYMENT_ID']}/exec"
        assert each.json["token"] == SECRETS["SHEET_TOKEN"]
        assert len(each.json["row"]) == 6
        assert all(isinstance(cell, str | int) for cell in each.json["row"])
        assert each.json["row"][0] == each.event.id


@pytest.mark.parametrize(
    "answer",
    [
        Answer.ok(b"<html>Error: wrong token (line 3)</html>"),
        Answer.status(302, location="https://accounts.google.com/Login?continue=https://script.googleusercontent.com/"),
        Answer.status(302, location="/elsewhere"),
    ],
)
def test_a_google_sheet_whose_script_fails_or_wants_a_log_in_has_not(tmp_path: Path, answer: Answer) -> None:
    for each in told("A Google Sheet", tmp_path, answer)[:3]:
        assert isinstance(each.made.outcome, Retry)


@pytest.mark.parametrize("name", [name for name in RECIPES if "${" in RECIPES[name]])
def test_a_service_that_echoes_everything_brings_no_secret_into_the_record(name: str, tmp_path: Path) -> None:
    def echo(record: Recorded) -> Answer:
        return Answer.status(403, json.dumps([record.path, dict(record.headers), record.body.decode()]).encode()[:400])

    with Sink(echo) as sink:
        config = configured(name, sink.url, tmp_path)
        (receiver,) = config.receivers
        with closing(sender_for(receiver)) as sender:
            events = [event for event in samples({}) if wants(Subscription(receiver.name, receiver.events), event)][:2]
            made = [
                attempt(sender, [event], clock=SystemClock(), redact=Redactor(config.secrets())) for event in events
            ]
    hidden = [secret for key, secret in SECRETS.items() if f"${{{key}}}" in RECIPES[name]] + ["s3cr3t-p4th"]
    for each in made:
        assert each.http_status == 403
        assert not [secret for secret in hidden if secret in each.answer]
        assert not [secret for secret in hidden if secret in repr(config)]


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_says_that_a_test_is_one(name: str, tmp_path: Path) -> None:
    """Whoever is woken by PagerDuty or reads a row in a sheet sees that nothing happened (issue 16, 5)."""
    with Sink() as sink:
        (receiver,) = configured(name, sink.url, tmp_path).receivers
        with closing(sender_for(receiver)) as sender:
            attempt(sender, [sample_event(START)], clock=SystemClock(), redact=Redactor())
        (record,) = sink.records()
    assert "TEST: " in record.body.decode() or '"test":true' in record.body.decode()


def test_pagerduty_test_is_no_emergency_and_can_be_resolved(tmp_path: Path) -> None:
    with Sink() as sink:
        (receiver,) = configured("PagerDuty", sink.url, tmp_path).receivers
        with closing(sender_for(receiver)) as sender:
            for type_ in (EventType.MESSAGE_FAILED, EventType.MESSAGE_SENT):
                attempt(sender, [sample_event(START, type_)], clock=SystemClock(), redact=Redactor())
        opened, resolved = (json.loads(record.body) for record in sink.records())
    assert (opened["event_action"], opened["payload"]["severity"]) == ("trigger", "info")
    assert opened["payload"]["summary"].startswith("TEST: WhatsApp message 0 failed")
    assert (resolved["event_action"], resolved["dedup_key"]) == ("resolve", opened["dedup_key"])
