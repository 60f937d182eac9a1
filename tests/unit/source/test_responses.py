"""What an HTTP status of WbizTool's API means, whichever call it answers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.poll_answer import Failure, Malformed, Refused, Throttled, Unavailable
from bridge.source.responses import read_object
from bridge.transport.message import Reply
from tests.world.clock import START

HTML = b"<!DOCTYPE html><html><title>502 Bad Gateway</title></html>"


def read(body: object, status: int, **headers: str) -> dict[str, Any] | Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_object(Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw), START)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_with_a_message_is_about_the_credentials(status: int) -> None:
    assert read({"status": 0, "message": "Auth Error"}, status) == Refused("Auth Error")


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("body", [HTML, b"", b"[]", b'{"message": 5}', b'{"message": " "}', b'{"status": 1}'])
def test_a_firewall_page_says_nothing_about_the_credentials(status: int, body: bytes) -> None:
    assert isinstance(read(body, status), Unavailable)


@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_to_wait_is_kept_as_it_came(status: int) -> None:
    answer = read(HTML, status, retry_after="120")
    assert isinstance(answer, Throttled)
    assert answer.after == timedelta(seconds=120)


def test_429_is_a_wish_to_wait_even_where_it_does_not_say_how_long() -> None:
    assert read(HTML, 429) == Throttled("HTTP 429 Too Many Requests", None)
    assert read(HTML, 429, retry_after="soon") == Throttled("HTTP 429 Too Many Requests", None)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 522, 599, 999])
def test_a_server_error_is_passing_whatever_its_body_states(status: int) -> None:
    assert isinstance(read({"status": 1, "message": "connected"}, status), Unavailable)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_names_the_other_host_and_no_more(status: int) -> None:
    answer = read({"status": 1}, status, location="https://u:p@login.example.com/in?key=secret")
    assert isinstance(answer, Unavailable)
    assert "login.example.com" in answer.why
    assert "secret" not in answer.why
    assert "u:p" not in answer.why


@pytest.mark.parametrize("location", ["", "/elsewhere", "//", "http://[", "https://" + "x" * 5000, "\x00", "ht!tp:::"])
def test_a_redirect_to_nowhere_is_a_redirect(location: str) -> None:
    answer = read(b"", 302, location=location)
    assert isinstance(answer, Unavailable)
    assert len(answer.why) < 200


@pytest.mark.parametrize("status", [100, 101, 103, 201, 202, 204, 206, 299, 402, 404, 405, 410, 418, 451])
def test_no_other_http_status_states_anything(status: int) -> None:
    assert isinstance(read({"status": 1, "message": "connected"}, status), Malformed)
