"""The API on a real socket and a real store: handing over, looking up, sending again; and what it refuses, in words."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from fastapi.openapi.models import OpenAPI

from bridge.domain.model import DeliveryState, Details, EventType, Status
from bridge.domain.outcome import Dead
from bridge.server.auth import Access
from tests.world.api import SHOWN, TOKEN, Api
from tests.world.records import NOW, OK, after, due, fail_some, keep_down, known, observe, tried

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.store.store import Store

FAILED_AT = "2026-11-23T20:00:00.000Z"


@pytest.fixture
def api(sqlite_store: Store) -> Iterator[Api]:
    with Api(sqlite_store, Access(token=TOKEN)).running() as running:
        yield running


def problem(answer: Any, status: int) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    assert (answer.status_code, told["status"], told["type"]) == (status, status, "about:blank")
    return str(told.get("detail"))


def test_messages_are_handed_over_and_read_again(api: Api) -> None:
    handed = {"id": 12346, "label": "Invoice 88", "tags": {"team": "billing"}, "expected_at": "2026-12-24T09:00+05:30"}
    assert api.post("/v1/messages", handed) == {"watched": [12346], "already_watched": []}
    assert api.woken == ["poller"]
    many = {"messages": [{"id": 1}, {"id": 12346, "label": "Invoice 89"}, {"id": 1, "label": "twice"}]}
    assert api.post("/v1/messages", many) == {"watched": [1], "already_watched": [12346]}
    read = api.get("/v1/messages/12346")
    assert read.pop("events") == []
    assert read == {
        "id": 12346,
        "label": "Invoice 89",
        "tags": {"team": "billing"},
        "status": None,
        "since": None,
        "error": None,
        "unreadable": None,
        "sequence": 0,
        "watched": True,
        "watched_since": FAILED_AT,
        "expected_at": "2026-12-24T03:30:00.000Z",
        "polled_at": None,
        "due_at": FAILED_AT,
        "whole": True,
    }
    assert known(api.store, 1).label == "twice"


@pytest.mark.slow
def test_thousands_are_handed_over_in_one_call(api: Api) -> None:
    many = [{"id": id_, "label": f"Order {id_}"} for id_ in range(1, 10_001)]
    assert len(api.post("/v1/messages", {"messages": many})["watched"]) == 10_000
    assert api.post("/v1/messages", {"messages": many})["watched"] == []
    assert known(api.store, 10_000).label == "Order 10000"
    refused = api.ask("POST", "/v1/messages", {"messages": [*many, {"id": 10_001}]})
    assert "too many (allowed: up to 10000)" in problem(refused, 422)


def test_messages_are_found_page_by_page(api: Api) -> None:
    fail_some(api.store, [1, 2, 3], NOW)
    api.store.messages.watch([4], after(-5), Details("Zürich & <b>", {"team": "a=b"}))
    first = api.ask("GET", "/v1/messages", params={"limit": 2})
    assert [each["id"] for each in first.json()["items"]] == [3, 2]
    assert first.headers["link"] == f'</v1/messages?limit=2&cursor={first.json()["next"]}>; rel="next"'
    rest = api.get("/v1/messages", limit=2, cursor=first.json()["next"])
    assert ([each["id"] for each in rest["items"]], rest["next"]) == ([1, 4], None)
    for params, ids in (
        ({"status": ["failed", "unseen"], "text": "phone"}, [3, 2, 1]),
        ({"status": "unseen"}, [4]),
        ({"tag": "team=a=b"}, [4]),
        ({"text": "& <b>"}, [4]),
        ({"id": [1, 4]}, [1, 4]),
        ({"since": "2026-11-23T21:00:00+01:00"}, [3, 2, 1]),
        ({"until": FAILED_AT, "watched": True}, [4]),
        ({"watched": False}, []),
    ):
        assert [each["id"] for each in api.get("/v1/messages", **params)["items"]] == ids, params


def test_a_message_tells_its_whole_story(api: Api) -> None:
    api.store.messages.watch([1], NOW)
    observe(api.store, 1, Status.PENDING)
    tried(api.store, due(api.store), OK, after(1), answer="<b>ok</b>")
    observe(api.store, 1, Status.FAILED, after(60))
    story = api.get("/v1/messages/1")
    assert (story["status"], [event["type"] for event in story["events"]]) == (
        "failed",
        ["message.pending", "message.failed"],
    )
    (delivery,) = story["events"][0]["deliveries"]
    assert (delivery["receiver"], delivery["state"]) == ("crm", "delivered")
    assert delivery["tries"] == [
        {
            "at": "2026-11-23T20:00:01.000Z",
            "seconds": 0.25,
            "outcome": "delivered",
            "http_status": 200,
            "why": None,
            "answer": "<b>ok</b>",
            "probe": False,
        }
    ]


def test_a_delivery_shows_its_failed_probes_as_a_count_the_first_and_the_last(api: Api) -> None:
    fail_some(api.store, [1])
    delivery = keep_down(api.store, 1, probes=20)
    (listed,) = api.get("/v1/deliveries")["items"]
    assert (listed["attempts"], listed["probes"]) == (3, 20)
    shown = api.get(f"/v1/deliveries/{delivery.id}")
    assert shown["probes"] == 20
    assert [made["probe"] for made in shown["tries"]] == [False, False, False, True, True]
    assert [made["why"] for made in shown["tries"] if made["probe"]] == ["HTTP 503, probe 1", "HTTP 503, probe 20"]


def test_messages_are_removed_and_poked(api: Api) -> None:
    api.store.messages.watch([1, 2], after(-60))
    observe(api.store, 1, Status.PENDING, after(-10))
    assert api.post("/v1/messages/1/poll", status=202) == {"polling": 1}
    assert api.woken == ["poller"]
    assert api.get("/v1/messages/1")["due_at"] == FAILED_AT
    for _ in range(2):
        assert api.ask("DELETE", "/v1/messages/1").status_code == 204
    assert not api.get("/v1/messages/1")["watched"]
    assert "no longer polled" in problem(api.ask("POST", "/v1/messages/1/poll"), 409)
    for method, path in (("DELETE", "/v1/messages/9"), ("GET", "/v1/messages/9"), ("POST", "/v1/messages/9/poll")):
        assert "unknown message 9" in problem(api.ask(method, path), 404)


def test_what_the_configuration_lists_is_removed_there(api: Api) -> None:
    api.store.messages.watch([1], NOW)
    with api.store._database.write() as connection:
        connection.exec_driver_sql("UPDATE messages SET listed = 1")
    assert "lists 1 under `messages`" in problem(api.ask("DELETE", "/v1/messages/1"), 409)


def test_events_are_listed(api: Api) -> None:
    fail_some(api.store, [1, 2])
    observe(api.store, 1, Status.SENT, after(5))
    assert [event["data"]["message_id"] for event in api.get("/v1/events")["items"]] == [1, 2, 1]
    (sent,) = api.get("/v1/events", type="message.sent")["items"]
    assert sent["data"]["previous"]["error"] == "Invalid phone number"
    page = api.get("/v1/events", message_id=1, limit=1)
    assert api.get("/v1/events", message_id=1, cursor=page["next"])["items"][0]["type"] == "message.failed"


def test_dead_letters_are_sent_again(api: Api) -> None:
    fail_some(api.store, [1, 2, 3], to=("crm", "ops"))
    for receiver in ("crm", "ops"):
        tried(api.store, due(api.store, receiver=receiver), Dead("410 Gone"), after(1))
    dead = api.get("/v1/deliveries", state="dead", receiver="crm")["items"]
    assert [each["event"]["data"]["message_id"] for each in dead] == [3, 2, 1]
    one = dead[0]["id"]
    assert api.get(f"/v1/deliveries/{one}")["tries"][0]["why"] == "410 Gone"
    assert api.post(f"/v1/deliveries/{one}/retry") == {"retried": 1}
    assert "is not a dead letter" in problem(api.ask("POST", f"/v1/deliveries/{one}/retry"), 409)
    assert api.post("/v1/deliveries/retry", {"ids": [one, dead[1]["id"]], "receiver": "crm"}) == {"retried": 1}
    assert api.post("/v1/deliveries/retry", {"receiver": "crm", "since": "2026-11-23T20:00:02Z"}) == {"retried": 0}
    assert api.post("/v1/deliveries/retry", {"all": True}) == {"retried": 4}
    assert "at least one of ids" in problem(api.ask("POST", "/v1/deliveries/retry", {}), 422)
    assert problem(api.ask("POST", "/v1/deliveries/retry", {"all": False}), 422).startswith("all: ")
    assert api.woken == ["dispatchers"] * 4
    assert {each["state"] for each in api.get("/v1/deliveries")["items"]} == {DeliveryState.QUEUED}
    for method, path in (("GET", "/v1/deliveries/999"), ("POST", "/v1/deliveries/999/retry")):
        assert "unknown or expired delivery 999" in problem(api.ask(method, path), 404)


def test_what_is_wrong_in_a_body_is_told_with_its_place(api: Api) -> None:
    for body, pointer, words in (
        ({"messages": [{"id": 1}, {"id": "x"}]}, "#/messages/1/id", "must be a whole number"),
        ({"messages": [{"id": 1, "tags": {"a/b": 5.5}}]}, "#/messages/0/tags/a~1b", "must be text"),
        ({"messages": []}, "#/messages", "must not be empty"),
        ({"id": 0}, "#/id", "too small (allowed: 1 or more)"),
        ({"id": 2**53}, "#/id", "too large (allowed: up to 9007199254740991)"),
        ({"id": True}, "#/id", "must be a whole number"),
        ({"id": 1, "labl": "x"}, "#/labl", "unknown key (did you mean label?)"),
        ({"id": 1, "zzz": "x"}, "#/zzz", "unknown key"),
        ({"id": 1, "label": "x" * 1001}, "#/label", "too long (allowed: up to 1000 characters)"),
        ({"id": 1, "expected_at": "2026-12-24T09:00"}, "#/expected_at", "not a moment with its time zone"),
        ({"id": 1, "expected_at": 12}, "#/expected_at", "must be text"),
        ([], "#", "must be an object"),
        ("secret-words", "#", "must be an object"),
    ):
        answer = api.ask("POST", "/v1/messages", body)
        assert words in problem(answer, 422)
        assert answer.json()["errors"][0]["pointer"] == pointer
        assert "secret-words" not in answer.text


def test_a_body_that_is_not_said_to_be_json_is_told_so(api: Api) -> None:
    form = {**SHOWN, "Content-Type": "application/x-www-form-urlencoded"}
    answer = api.ask("POST", "/v1/messages", data=b'{"id": 1}', headers=form)
    assert "send the header Content-Type: application/json" in problem(answer, 422)


def test_no_error_repeats_the_token_of_a_hook(api: Api) -> None:
    assert problem(api.ask("GET", "/hooks/wbiztool/hook-token"), 405).startswith("/hooks/wbiztool/… takes no GET")
    assert problem(api.ask("POST", "/hooks/wbiztool/hook-token/"), 404) == "there is no /hooks/wbiztool/…"


def test_what_is_wrong_in_a_question_is_told_with_its_parameter(api: Api) -> None:
    for path, name, words in (
        ("/v1/messages?status=failde", "status", "unknown value (did you mean `failed`?)"),
        ("/v1/messages?status=0", "status", "unknown value (allowed: cancelled, "),
        ("/v1/messages?limit=1001", "limit", "too large (allowed: up to 1000)"),
        ("/v1/messages?limit=x", "limit", "must be a whole number"),
        ("/v1/messages?watched=x", "watched", "must be true or false"),
        ("/v1/messages?tag=team", "tag", "must be KEY=VALUE"),
        ("/v1/messages?since=yesterday", "since", "not a moment with its time zone"),
        ("/v1/messages?cursor=e.1.2", "cursor", "not a cursor (allowed: `next` of the previous page)"),
        ("/v1/events/stream?after=x", "after", "not a place in the stream"),
        ("/v1/report?by=x", "by", "unknown (allowed: day, hour, number, reason, tag.NAME)"),
        ("/v1/messages/0", "message_id", "too small (allowed: 1 or more)"),
        ("/v1/deliveries/9999999999999999999", "delivery_id", "too large"),
        ("/v1/events?type=message.faild", "type", "unknown value (did you mean `message.failed`?)"),
    ):
        answer = api.ask("GET", path)
        problem(answer, 422)
        (error,) = answer.json()["errors"]
        assert error["parameter"] == name, path
        assert words in error["detail"], path


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        (
            "receivers/ops/mute",
            {"for": "2"},
            "for: not a duration (allowed: a number and a unit, e.g. 250ms 5s 2m 1h 7d)",
        ),
        ("receivers/ops/mute", {}, "give either for or until"),
        ("receivers/ops/mute", {"for": "2h", "drop": []}, "drop: must be true or false"),
        ("incidents/acknowledge", {"ids": "x"}, "ids: must be a list"),
        ("incidents/acknowledge", {"ids": [1], "note": 7}, "note: must be text"),
        ("deliveries/resend", {"event_ids": ["x"]}, "event_ids/0: not an event id (allowed: e.g. evt_2pgy"),
        ("messages", {}, "id: is missing"),
        ("messages", {"id": 1, "tags": []}, "tags: must be an object"),
        ("messages", [], "the body must be an object"),
    ],
)
def test_what_is_wrong_in_a_body_is_said_in_our_words(api: Api, path: str, body: object, detail: str) -> None:
    assert problem(api.ask("POST", f"/v1/{path}", body), 422).startswith(detail)


def test_unknown_parameter_is_refused_with_a_suggestion(api: Api) -> None:
    answer = api.ask("GET", "/v1/messages?statu=failed&limit=1")
    allowed = "allowed: cursor, id, limit, order, reason, since, status, tag, text, until, watched"
    assert problem(answer, 422) == f"statu: unknown parameter (did you mean status? {allowed})"
    assert answer.json()["errors"] == [
        {"detail": f"unknown parameter (did you mean status? {allowed})", "parameter": "statu"}
    ]
    assert f"xyz: unknown parameter ({allowed}) (and 1 more)" in problem(api.ask("GET", "/v1/messages?xyz&tagg"), 422)


def test_unknown_parameter_is_refused_by_every_call(api: Api) -> None:
    """Not by WbizTool's hook, to which WbizTool may add its own, nor by the page and what monitors ask for."""
    api.store.messages.watch([1], NOW)
    for path, calls in api.get("/openapi.json")["paths"].items():
        for method in calls:
            asked = path.replace("{message_id}", "1").replace("{delivery_id}", "1").replace("{token}", TOKEN)
            answer = api.ask(method.upper(), f"{asked}?lastt=1", {"id": 1, "all": True})
            if path.startswith("/hooks/"):
                assert answer.status_code == 200
            else:
                assert problem(answer, 422).startswith("lastt: unknown parameter ("), (method, path)
    assert "(this call takes none)" in problem(api.ask("GET", "/v1/messages/1?limit=1"), 422)
    for path in ("/", "/messages", "/deliveries", "/healthz", "/health", "/metrics", "/openapi.json"):
        assert api.ask("GET", f"{path}?lastt=1").status_code == 200, path


def test_parameter_that_is_no_list_is_refused_twice(api: Api) -> None:
    assert problem(api.ask("GET", "/v1/messages?limit=1&limit=2"), 422) == (
        "limit: given more than once (it takes one value)"
    )
    for path in ("/v1/messages?id=1&id=2", "/v1/events?type=message.sent&type=message.failed", "/v1/messages?tag=a=b"):
        assert api.ask("GET", path).status_code == 200, path


def test_nonsense_in_a_query_is_refused_at_once(api: Api) -> None:
    for query in ("&".join(f"{name:04}" for name in range(2_000)), "x" * 12_000, "%00%ff%F0%9F=1", "=1", "limit[]=1"):
        answer = api.ask("GET", f"/v1/messages?{query}")
        assert "unknown parameter" in problem(answer, 422)
        assert len(answer.content) < 10_000
        assert answer.elapsed.total_seconds() < 1


def test_what_is_no_json_is_refused(api: Api) -> None:
    headers = {**SHOWN, "Content-Type": "application/json"}
    for body, status in ((b"{", 400), (b"[" * 100_000, 400), (b'{"id": 1e400}', 422), (b'"\xff"', 400), (b"", 422)):
        problem(api.ask("POST", "/v1/messages", data=body, headers=headers), status)


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(api: Api) -> None:
    large = b" " * 5_000_000
    headers = {**SHOWN, "Content-Type": "application/json"}
    for body in (large, iter([large[:1_000_000]] * 5)):
        answer = api.ask("POST", "/v1/messages", data=body, headers=headers)
        assert "allowed: up to 4194304 bytes" in problem(answer, 413)


def test_a_database_that_is_locked_or_gone_is_told_as_not_now(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.store.engine.BUSY_TIMEOUT", 0.1)
    assert api.store._database.path is not None
    api.store._database.close()
    with api.store._database.write() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 100")
    blocker = sqlite3.connect(api.store._database.path)
    blocker.execute("BEGIN IMMEDIATE")
    answer = api.ask("POST", "/v1/messages", {"id": 1})
    assert "is locked by another program" in problem(answer, 503)
    assert answer.headers["retry-after"] == "2"
    blocker.close()
    assert api.post("/v1/messages", {"id": 1})["watched"] == [1]


OPERATIONS = {
    "list_messages": "get /v1/messages",
    "export_messages": "get /v1/messages.csv",
    "export_events": "get /v1/events.csv",
    "watch_messages": "post /v1/messages",
    "get_message": "get /v1/messages/{message_id}",
    "unwatch_message": "delete /v1/messages/{message_id}",
    "unwatch_messages": "post /v1/messages/unwatch",
    "poll_message": "post /v1/messages/{message_id}/poll",
    "list_events": "get /v1/events",
    "follow_events": "get /v1/events/stream",
    "list_deliveries": "get /v1/deliveries",
    "get_delivery": "get /v1/deliveries/{delivery_id}",
    "retry_delivery": "post /v1/deliveries/{delivery_id}/retry",
    "resend_deliveries": "post /v1/deliveries/resend",
    "retry_deliveries": "post /v1/deliveries/retry",
    "list_incidents": "get /v1/incidents",
    "acknowledge_incidents": "post /v1/incidents/acknowledge",
    "get_status": "get /v1/status",
    "get_timezone": "get /v1/timezone",
    "get_report": "get /v1/report",
    "test_receiver": "post /v1/receivers/{name}/test",
    "preview_event": "post /v1/receivers/{name}/preview",
    "mute_receiver": "post /v1/receivers/{name}/mute",
    "unmute_receiver": "delete /v1/receivers/{name}/mute",
    "back_up": "post /v1/backup",
    "poll_named_messages": "post /hooks/wbiztool",
    "poll_named_messages_with_token": "post /hooks/wbiztool/{token}",
}
"""What generated clients call each call of the API. Renaming one breaks their users' programs."""


def test_operation_ids_are_stable(api: Api) -> None:
    paths = api.get("/openapi.json")["paths"]
    calls = [(call, f"{method} {path}") for path, methods in paths.items() for method, call in methods.items()]
    assert len(calls) == len(OPERATIONS)
    assert {call["operationId"]: where for call, where in calls} == OPERATIONS
    assert {call["summary"] for call, _ in calls} >= {"List messages", "Retry delivery"}


@pytest.mark.slow
def test_the_api_describes_itself(api: Api) -> None:
    described = api.get("/openapi.json")
    assert described["openapi"].startswith("3.1")
    assert described["paths"]["/v1/messages"]["post"]["security"] == [{"token": []}]
    assert "security" not in described["paths"]["/v1/messages"]["get"]
    assert "HTTPValidationError" not in described["components"]["schemas"]
    for calls in described["paths"].values():
        for call in calls.values():
            assert call["description"].endswith(".")
            assert {"400", "422", "503"} <= call["responses"].keys()


def references(part: Any) -> set[str]:
    if isinstance(part, list):
        return set().union(*map(references, part))
    if not isinstance(part, dict):
        return set()
    return {part["$ref"]} if isinstance(part.get("$ref"), str) else references(list(part.values()))


def test_the_description_is_whole(api: Api) -> None:
    described = api.get("/openapi.json")
    OpenAPI.model_validate(described)
    ids = [call["operationId"] for path in described["webhooks"].values() for call in path.values()]
    assert len({*ids, *OPERATIONS}) == len(EventType) + len(OPERATIONS)
    for reference in references(described):
        assert reference.startswith("#/components/")
        _, _, kind, name = reference.split("/")
        assert name in described["components"][kind], reference
    for name, schema in described["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name


def test_what_stands_in_labels_and_errors_is_data_and_nothing_else(api: Api) -> None:
    nasty = "a\r\nX-Injected: 1\r\n\r\n<script>alert(1)</script>\x00\ud83d"
    api.store.messages.watch([1], NOW)
    api.ask("POST", "/v1/messages", data=b'{"id": 2, "label": "\\ud83d \\u0000 <script>"}', headers=SHOWN)
    api.post("/v1/messages", {"id": 3, "label": nasty[:-1], "tags": {"<b>\n": "\r\n"}})
    answer = api.ask("GET", "/v1/messages/3")
    assert answer.json()["label"] == nasty[:-1].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    assert "x-injected" not in answer.headers
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_what_a_path_takes_is_listed_whole(api: Api) -> None:
    for path, methods in (("/v1/messages", "GET, POST"), ("/v1/messages/1", "GET, DELETE"), ("/healthz", "GET, HEAD")):
        answer = api.ask("PUT", path)
        assert problem(answer, 405) == f"{path} takes no PUT (allowed: {methods})"
        assert answer.headers["allow"] == methods
