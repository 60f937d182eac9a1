"""Who may ask for what over HTTP: tokens, other sites' pages, reverse proxies, and the URL that WbizTool calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bridge.domain.errors import NotNowError
from bridge.domain.model import Status
from bridge.domain.settings.external_url import parse_external
from bridge.server import wbiztool_hook
from bridge.server.auth import Access
from tests.world import listed
from tests.world.api import SHOWN, TOKEN, Api
from tests.world.records import NOW, after, fail_some, known, observe
from tests.world.waiting import until

if TYPE_CHECKING:
    import pytest

    from bridge.store.store import Store

HOOK_TOKEN = "hook-0123456789abcdef"
OUTSIDE = "https://bridge.example.com/wa"


def statuses(api: Api, *asked: tuple[str, str], **headers: str) -> list[int]:
    return [api.ask(method, path, {"id": 1}, headers=headers).status_code for method, path in asked]


def test_on_this_machine_reading_is_free_and_changing_needs_the_token(sqlite_store: Store) -> None:
    reading = [("GET", "/v1/messages"), ("GET", "/v1/deliveries"), ("GET", "/openapi.json"), ("GET", "/metrics")]
    changing = [("POST", "/v1/messages"), ("DELETE", "/v1/messages/1"), ("POST", "/v1/deliveries/retry")]
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        assert statuses(api, *reading) == [200] * 4
        assert statuses(api, *changing) == [401] * 3
        assert statuses(api, *changing, Authorization=f"Bearer {TOKEN}x") == [401] * 3
        assert statuses(api, ("POST", "/v1/messages"), **SHOWN) == [200]
    with Api(sqlite_store, Access()).running() as api:
        assert statuses(api, *reading) == [200] * 4
        assert statuses(api, *changing, **SHOWN) == [403] * 3
        assert "set http.token_file" in api.ask("POST", "/v1/messages", {"id": 1}).json()["detail"]
    assert known(sqlite_store, 1).id == 1


def test_where_others_can_ask_everything_needs_the_token(sqlite_store: Store) -> None:
    reading = [("GET", "/v1/messages"), ("GET", "/v1/events/stream"), ("GET", "/openapi.json"), ("GET", "/metrics")]
    for access in (Access("0.0.0.0", TOKEN), Access("127.0.0.1", TOKEN, parse_external(OUTSIDE))):
        with Api(sqlite_store, access).running() as api:
            assert statuses(api, *reading, ("POST", "/v1/messages")) == [401] * 5
            assert statuses(api, ("GET", "/healthz")) == [200]
            assert statuses(api, ("GET", "/v1/messages"), **SHOWN) == [200]


def test_pages_of_other_sites_change_nothing_and_get_no_stream(sqlite_store: Store) -> None:
    evil = {"Origin": "https://evil.example", **SHOWN}
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        for asked in (("POST", "/v1/messages"), ("POST", "/hooks/wbiztool?id=1"), ("GET", "/v1/events/stream")):
            assert statuses(api, asked, **evil) == [403], asked
        assert statuses(api, ("GET", "/v1/events"), **evil, Accept="text/event-stream") == [403]
        assert statuses(api, ("POST", "/v1/messages"), **SHOWN, Origin=api.url) == [200]
        assert statuses(api, ("POST", "/v1/messages"), **SHOWN, Origin="null") == [403]
        answer = api.ask("GET", "/v1/messages", headers=evil)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert listed.messages(sqlite_store, ids=[1])


def test_behind_a_reverse_proxy_its_host_and_path_are_ours(sqlite_store: Store) -> None:
    fail_some(sqlite_store, [1, 2])
    proxied = {"Host": "bridge.example.com", **SHOWN}
    with Api(sqlite_store, Access("127.0.0.1", TOKEN, parse_external(OUTSIDE))).running() as api:
        for path in ("/wa/v1/messages?limit=1", "/v1/messages?limit=1"):  # the proxy leaves it on, or takes it off
            answer = api.ask("GET", path, headers=proxied)
            cursor = answer.json()["next"]
            assert answer.headers["link"] == f'<{OUTSIDE}/v1/messages?limit=1&cursor={cursor}>; rel="next"'
        assert api.ask("GET", "/wa/openapi.json", headers=proxied).json()["servers"] == [{"url": OUTSIDE}]
        assert statuses(api, ("POST", "/wa/v1/messages"), **proxied, Origin="https://bridge.example.com") == [200]
        assert statuses(api, ("POST", "/wa/v1/messages"), **proxied, Origin="https://other.example.com") == [403]
        assert statuses(api, ("GET", "/wax/v1/messages"), **proxied) == [404]
        assert statuses(api, ("GET", "/v1/messages"), **SHOWN, Host="other.example.com") == [421]


def dues(store: Store) -> dict[int, Any]:
    return {shown.message.id: shown.due_at for shown in listed.messages(store)}


def test_what_wbiztool_calls_pokes_what_is_watched_and_believes_nothing_else(sqlite_store: Store) -> None:
    sqlite_store.messages.watch([1, 2], after(-60))
    observe(sqlite_store, 1, Status.PENDING, after(-10))
    observe(sqlite_store, 2, Status.PENDING, after(-10))
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        for sent in (
            {"json": {"data": [{"msg_id": 1, "status": 2, "error": "a lie"}, {"msg_id": 77}]}},
            {"data": "nonsense \xff"},
            {"params": {"message_id": 2}},
        ):
            assert api.ask("POST", "/hooks/wbiztool", headers={}, **sent).status_code == 200
        until(lambda: dues(sqlite_store) == {1: NOW, 2: NOW})
        until(lambda: "poller" in api.woken)
    assert known(sqlite_store, 1).state == known(sqlite_store, 2).state
    assert [event.type for _, event in listed.events(sqlite_store)] == ["message.pending"] * 2


def test_messages_that_wbiztool_names_are_watched_if_the_configuration_says_so(sqlite_store: Store) -> None:
    sqlite_store.messages.watch([1], after(-60))
    sqlite_store.messages.unwatch([1])
    with Api(sqlite_store, Access(), hook_watch=True).running() as api:
        assert api.ask("POST", "/hooks/wbiztool", {"msg_ids": [1, 2]}, headers={}).json() == {"noted": 2}
        until(lambda: dues(sqlite_store) == {1: None, 2: NOW})  # what somebody has unwatched stays so


def test_a_flood_of_calls_is_a_few_transactions(sqlite_store: Store) -> None:
    sqlite_store.messages.watch([1], after(-60))
    observe(sqlite_store, 1, Status.PENDING, NOW)
    with Api(sqlite_store, Access(), now=after(0.5)).running() as api:
        started = time.monotonic()
        for _ in range(200):
            api.ask("POST", "/hooks/wbiztool", {"msg_id": 1}, headers={})
        until(lambda: api.woken)
        most = (time.monotonic() - started) / wbiztool_hook.GATHER + 2
        assert len(api.woken) <= most
        assert dues(sqlite_store) == {1: after(1)}, "once a second, whoever calls"


def test_a_call_that_cannot_be_written_down_is_told_of(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> list[int]:
        raise NotNowError("locked")

    monkeypatch.setattr(sqlite_store.messages, "poll_now", locked)
    with Api(sqlite_store, Access()).running() as api:
        assert api.ask("POST", "/hooks/wbiztool", {"msg_id": 1}, headers={}).status_code == 200
        until(lambda: api.troubles == ["a call of WbizTool's webhook"])


def test_from_outside_wbiztool_needs_the_token_of_the_hook(sqlite_store: Store) -> None:
    hook = "/hooks/wbiztool"
    asked: dict[str, Any] = {"headers": {}}
    with Api(sqlite_store, Access("0.0.0.0", TOKEN)).running() as api:
        answer = api.ask("POST", hook, {"id": 1}, **asked)
        assert (answer.status_code, "set http.hook_token" in answer.text) == (403, True)
        assert api.ask("POST", hook, {"id": 1}).status_code == 200  # the bearer token will do
    for access in (Access("0.0.0.0", TOKEN, None, HOOK_TOKEN), Access("127.0.0.1", None, None, HOOK_TOKEN)):
        with Api(sqlite_store, access).running() as api:
            for path, status in (
                (f"{hook}/{HOOK_TOKEN}", 200),
                (f"{hook}?token={HOOK_TOKEN}", 200),
                (hook, 403),
                (f"{hook}/{HOOK_TOKEN}x", 403),
                (f"{hook}?token=%FF", 403),
                (f"{hook}/{HOOK_TOKEN}/more", 404),
            ):
                assert api.ask("POST", path, {"id": 1}, **asked).status_code == status, path


def test_what_is_too_large_for_a_call_is_refused(sqlite_store: Store) -> None:
    with Api(sqlite_store, Access()).running() as api:
        answer = api.ask("POST", "/hooks/wbiztool", data=b"x" * 300_000, headers={})
        assert (answer.status_code, answer.json()["title"]) == (413, "Request Entity Too Large")
