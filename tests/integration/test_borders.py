"""Whatever a border accepts can be polled, judged, stored, delivered, listed and shown. Real parts, no daemon.

The borders: lists in YAML, the API, the account's report, a call of the webhook, and answers of the status call.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.config import errors, loader
from bridge.domain.model import Observation
from bridge.domain.poll_schedule import Hints, Interval, Schedule
from bridge.domain.routing import Subscription
from bridge.domain.settings.units import FIRST, LAST, parse_moment
from bridge.receivers.slack.receiver import SlackReceiver
from bridge.receivers.webhook.receiver import WebhookReceiver
from bridge.server.auth import Access
from bridge.server.wbiztool_hook_ids import ids_in
from bridge.source.report_response import Page, read_page
from bridge.source.status_response import read_answer
from bridge.store.poll_results import PollResult
from bridge.transport.message import Reply
from tests.world import listed
from tests.world.api import TOKEN, Api
from tests.world.records import NOW, OK, due, tried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hypothesis import settings

    from bridge.store.store import Store

ENDLESS = timedelta(days=3650)
SCHEDULES = (
    Schedule((Interval(timedelta(days=1)),), ENDLESS, ENDLESS, ENDLESS, ENDLESS),
    Schedule((Interval(timedelta(milliseconds=250)),)),
)
"""The longest that every duration may be, and the shortest."""
HINTS = Hints(timedelta(days=1), timedelta(days=31))

moments = (
    st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat)
    | st.sampled_from(["9999-12-31T00:00Z", "0001-01-01T00:00+14:00", "9999-12-31T23:59:59.999999-23:59"])
    | st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)).map(lambda moment: f"{moment.isoformat()}Z")  # noqa: DTZ001
)
words = st.text(max_size=60) | st.sampled_from(["\x00", "\ud800", "\x1b[2J", "9" * 5000, "\u202e"])
numbers = st.integers() | st.sampled_from([0, 1, 2**53, 2**63 - 1, 2**63, 10**4000, -1]) | st.integers(1, 2**53 - 1)
documents = st.recursive(
    st.none() | st.booleans() | numbers | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
answers = st.fixed_dictionaries(
    {"status": st.integers(0, 4)},
    optional={"status_text": words, "message": st.just("connected") | words, "error": documents},
)


@pytest.fixture
def api(sqlite_store: Store) -> Iterator[Api]:
    with Api(sqlite_store, Access(token=TOKEN)).running() as running:
        yield running


def assert_goes_all_the_way(api: Api, answer: bytes = b'{"status": 2, "error": "x"}') -> None:
    """Poll what is due, for each schedule; record it, deliver it, and look at it in all ways."""
    store = api.store
    wanted = [Subscription("crm", ("*",)), Subscription("ops", ("*",))]
    for schedule, hints, at in itertools.product(SCHEDULES, (None, HINTS), (NOW, LAST - timedelta(days=1))):
        for message in store.messages.claim(NOW, 1000, ()):
            assert message.fault is None
            read = read_answer(Reply(200, body=answer), at)
            verdict = schedule.judge(message, read) if isinstance(read, Observation) else None
            due_at = schedule.next_poll(message, verdict, at, lambda: 0.5, hints)
            store.record_polls([PollResult(message, verdict, at, due_at)], wanted)
    for name, receiver in (("crm", WebhookReceiver("crm")), ("ops", SlackReceiver("ops"))):
        for delivery in due(store, LAST, receiver=name, most=1000):
            assert delivery.fault is None
            json.loads(receiver.render([delivery.event], NOW).body)
            tried(store, delivery, OK, NOW)
    for path in ("/v1/messages", "/v1/events", "/v1/deliveries"):
        api.get(path, limit=5)
    newest = next(iter(listed.messages(store, most=1)), None)
    if newest is not None and newest.message.id < 2**53:  # the API and the page have no larger ids
        for path in (f"/v1/messages/{newest.message.id}", f"/messages/{newest.message.id}"):
            assert api.ask("GET", path).status_code == 200, path
    for path in ("/", "/messages", "/deliveries"):
        assert api.ask("GET", path).status_code == 200


@pytest.mark.slow
def test_api_takes_what_goes_all_the_way(api: Api, examples: settings) -> None:
    @examples
    @given(
        body=st.fixed_dictionaries(
            {"id": numbers},
            optional={"label": words, "tags": st.dictionaries(words, words, max_size=2), "expected_at": moments},
        )
    )
    @example(body={"id": 1, "expected_at": "9999-12-31T00:00Z"})
    @example(body={"id": 2, "expected_at": "0001-01-01T00:00Z"})
    def holds(body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        taken = api.ask("POST", "/v1/messages", data=json.dumps(body), headers=headers)
        assert taken.status_code in {200, 400, 422}, taken.text
        assert_goes_all_the_way(api)

    holds()


def test_list_takes_what_goes_all_the_way(api: Api, tmp_path: Path, examples: settings) -> None:
    @examples
    @given(
        entry=st.fixed_dictionaries(
            {"id": numbers}, optional={"label": words, "tags": documents, "expected_at": moments}
        )
    )
    def holds(entry: dict[str, Any]) -> None:
        file = tmp_path / "config.yaml"
        whole = {"wbiztool": {"client_id": 1, "api_key": "k" * 16}, "messages": [entry], "receivers": [{"name": "crm", "webhook": "https://example.com/"}]}  # fmt: skip  # noqa: E501
        file.write_bytes(yaml.safe_dump(whole).encode("utf-8", "surrogatepass"))
        try:
            read = loader.load(file, {})
        except errors.InvalidConfiguration:
            return
        api.store.configure(read.watchlist, NOW, {})
        assert_goes_all_the_way(api)

    holds()


@pytest.mark.slow
def test_report_shows_what_goes_all_the_way(api: Api, examples: settings) -> None:
    @examples
    @given(row=st.fixed_dictionaries({"id": numbers | words}, optional={"message_status": documents, "label": words}))
    def holds(row: dict[str, Any]) -> None:
        body = json.dumps({"total": 1, "history": [row]}).encode()
        page = read_page(Reply(200, body=body), NOW)
        if isinstance(page, Page):  # more digits than Python reads are no JSON to it
            api.store.report_hints.note(page.rows, NOW)
        assert_goes_all_the_way(api)

    holds()


@pytest.mark.slow
def test_hook_names_what_goes_all_the_way(api: Api, examples: settings) -> None:
    @examples
    @given(body=documents)
    def holds(body: Any) -> None:
        try:
            raw = json.dumps({"msg_id": body, "id": [body]}).encode()
        except ValueError:
            raw = b"msg_id=" + b"9" * 5000
        api.store.messages.discover(ids_in("", raw), NOW)
        assert_goes_all_the_way(api)

    holds()


@pytest.mark.slow
def test_answer_goes_all_the_way(api: Api, examples: settings) -> None:
    @examples
    @given(answer=answers)
    def holds(answer: dict[str, Any]) -> None:
        api.store.messages.watch([len(listed.messages(api.store)) + 1], NOW)
        assert_goes_all_the_way(api, json.dumps(answer).encode())

    holds()


@given(text=moments)
def test_moment_is_in_range_or_refused_in_words(text: str) -> None:
    try:
        read = parse_moment(text)
    except ValueError as error:
        assert "allowed: " in str(error)  # noqa: PT017 -- either is right
    else:
        assert FIRST <= read < LAST
        assert read.tzinfo is UTC
