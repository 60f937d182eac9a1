"""The simulated Slack answers as Slack documents it, whatever it is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.simulator.slack import TOKEN, Slack
from bridge.simulator.slack_workspace import WRITE_PUBLIC
from tests.integration.test_simulator_process import running

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = "application/json; charset=utf-8"


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as made:
        yield made


def call(slack: Slack, method: str, token: str | None = TOKEN, kind: str = JSON, **asked: Any) -> requests.Response:
    headers = {"Content-Type": kind} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    with requests.Session() as session:
        session.trust_env = False
        url = f"{slack.api_url}/{method}"
        if kind.startswith("application/json"):
            return session.post(url, json=asked, headers=headers, timeout=5)
        return session.post(url, data=asked, headers=headers, timeout=5)


def said(slack: Slack, method: str = "chat.postMessage", **asked: Any) -> dict[str, Any]:
    """Call a method and return what it says; by default, post to #ops."""
    asked = {"channel": "#ops", "text": "hello"} | asked if method == "chat.postMessage" else asked
    answer = call(slack, method, **asked)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def test_token_is_introduced_with_workspace_and_bot(slack: Slack) -> None:
    answer = call(slack, "auth.test")
    told = answer.json()
    assert (told["ok"], told["team"], told["user"]) == (True, "Acme", "wbiz-bridge")
    assert answer.headers["X-OAuth-Scopes"] == "chat:write"


def test_token_belongs_in_the_header_or_a_form(slack: Slack) -> None:
    form = "application/x-www-form-urlencoded"
    assert call(slack, "auth.test", None, token_=TOKEN).json() == {"ok": False, "error": "not_authed"}
    with requests.Session() as session:
        session.trust_env = False
        posted = session.post(f"{slack.api_url}/auth.test", data={"token": TOKEN}, timeout=5)
    assert posted.json()["ok"]
    assert call(slack, "auth.test", "xoxb-other").json()["error"] == "invalid_auth"
    assert call(slack, "chat.postMessage", kind=form, channel="ops", text="hello").json()["ok"]


@pytest.mark.parametrize("fault", ["token_revoked", "token_expired", "account_inactive"])
def test_token_has_the_fault_that_its_app_has(slack: Slack, fault: str) -> None:
    slack.workspace.apps[TOKEN].fault = fault
    assert said(slack, "auth.test") == {"ok": False, "error": fault}


def test_missing_scope_is_named(slack: Slack) -> None:
    slack.workspace.apps[TOKEN].scopes = frozenset({"incoming-webhook"})
    told = said(slack)
    assert told == {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "incoming-webhook"}


def test_name_becomes_an_id_and_ts_grow(slack: Slack) -> None:
    first, second = said(slack), said(slack, channel="ops")
    assert first["channel"] == second["channel"] == slack.workspace.channels[0].id
    assert re.fullmatch(r"\d{10}\.\d{6}", first["ts"])
    assert float(first["ts"]) < float(second["ts"])


def test_channel_that_the_app_is_not_in_is_refused_unless_public_ones_may_be_written(slack: Slack) -> None:
    slack.workspace.add_channel("random", joined=False)
    slack.workspace.add_channel("secret", private=True, joined=False)
    assert said(slack, channel="#random")["error"] == "not_in_channel"
    assert said(slack, channel="#secret")["error"] == "channel_not_found"
    assert said(slack, channel="#nothing")["error"] == "channel_not_found"
    slack.workspace.apps[TOKEN].scopes |= {WRITE_PUBLIC}
    assert said(slack, channel="#random")["ok"]
    assert said(slack, channel="#secret")["error"] == "channel_not_found"


def test_archived_channel_is_refused(slack: Slack) -> None:
    slack.workspace.channels[0].archived = True
    assert said(slack)["error"] == "is_archived"


def test_reply_names_its_thread_and_may_be_broadcast(slack: Slack) -> None:
    parent = said(slack)
    reply = said(slack, thread_ts=parent["ts"], reply_broadcast=True)
    assert reply["message"]["thread_ts"] == parent["ts"]
    assert reply["message"]["subtype"] == "thread_broadcast"
    assert said(slack, thread_ts=reply["ts"])["message"]["thread_ts"] == parent["ts"]
    assert "thread_ts" not in parent["message"]


def test_reply_to_nothing_is_refused_or_becomes_a_message_of_its_own(slack: Slack) -> None:
    assert said(slack, thread_ts="1700000000.000001")["error"] == "thread_not_found"
    slack.workspace.unthreads = True
    assert "thread_ts" not in said(slack, thread_ts="1700000000.000001")["message"]


def test_update_needs_the_id_and_a_message_of_the_apps_own(slack: Slack) -> None:
    posted = said(slack)
    place = {"channel": posted["channel"], "ts": posted["ts"]}
    assert said(slack, "chat.update", **place, text="new")["message"]["edited"]
    assert slack.posts[0].text == "new"
    assert said(slack, "chat.update", **{**place, "channel": "#ops"}, text="new")["error"] == "channel_not_found"
    assert said(slack, "chat.update", **{**place, "ts": "1.000001"}, text="new")["error"] == "message_not_found"
    slack.workspace.edits_allowed = False
    assert said(slack, "chat.update", **place, text="new")["error"] == "edit_window_closed"
    slack.workspace.add_app("xoxb-another")
    refused = call(slack, "chat.update", "xoxb-another", **place, text="new").json()
    assert refused["error"] == "cant_update_message"


def test_content_is_checked(slack: Slack) -> None:
    assert said(slack, text="")["error"] == "no_text"
    assert said(slack, text="x" * 40_001)["error"] == "msg_too_long"
    told = said(slack, blocks=[{"type": "headline"}])
    assert (told["error"], told["response_metadata"]["messages"][0][:7]) == ("invalid_blocks", "[ERROR]")
    long = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    assert said(slack, attachments=[{"blocks": [long]}])["error"] == "invalid_blocks"


def test_rate_is_limited_for_each_channel(slack: Slack) -> None:
    slack.workspace.per_second = 1
    slack.workspace.add_channel("billing")
    assert said(slack)["ok"]
    answer = call(slack, "chat.postMessage", channel="#ops", text="hello")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json() == {"ok": False, "error": "ratelimited"}
    assert said(slack, channel="#billing")["ok"]


def test_body_that_is_not_what_its_header_says_is_refused(slack: Slack) -> None:
    assert call(slack, "auth.test", kind="application/json").json()["warning"] == "missing_charset"
    assert call(slack, "auth.test", kind="text/plain").json()["error"] == "invalid_post_type"
    assert said(slack, "chat.delete")["error"] == "unknown_method"
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": JSON}
        broken = session.post(f"{slack.api_url}/auth.test", data=b"{", headers=headers, timeout=5)
        listed = session.post(f"{slack.api_url}/auth.test", data=b"[]", headers=headers, timeout=5)
    assert (broken.json()["error"], listed.json()["error"]) == ("invalid_json", "json_not_object")


@pytest.mark.parametrize("port", [(), ("0",)])
def test_process_is_driven_from_outside(port: tuple[str, ...]) -> None:
    with running("bridge.simulator", "--slack", *port) as told, requests.Session() as session:
        session.trust_env = False
        api = told["slack_api_url"]

        def control(what: str, **asked: Any) -> Any:
            return session.post(f"{api.removesuffix('/api')}/_control/{what}", json=asked, timeout=5).json()

        def post(token: str = TOKEN) -> Any:
            headers = {"Authorization": f"Bearer {token}"}
            asked = {"channel": "#billing", "text": "hello"}
            return session.post(f"{api}/chat.postMessage", json=asked, headers=headers, timeout=5).json()

        channel = control("channels", name="billing")["id"]
        posted = post()
        assert posted["channel"] == channel
        control("channels", name="billing", archived=True)
        assert post()["error"] == "is_archived"
        control("channels", name="billing", archived=False)
        control("refuse", method="chat.postMessage", error="fatal_error")
        assert post()["error"] == "fatal_error"
        control("apps", token="xoxb-more", fault="token_revoked")
        assert post("xoxb-more")["error"] == "token_revoked"
        control("apps", token="xoxb-more", fault=None, scopes=["chat:write"])
        assert post("xoxb-more")["ok"]
        control("limit", token=TOKEN, seconds=60)
        assert post()["error"] == "ratelimited"
        control("delete", channel=channel, ts=posted["ts"])
        posts = session.get(f"{api.removesuffix('/api')}/_control/posts", timeout=5).json()
        assert [each["content"]["text"] for each in posts] == ["hello", "hello"]
        assert "KeyError" in control("limit", token=TOKEN)["error"]
        assert session.get(f"{api.removesuffix('/api')}/_control/nothing", timeout=5).status_code == 404
