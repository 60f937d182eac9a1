"""A call of the API as a line for the shell."""

from __future__ import annotations

import json
import shlex
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.server.ui.curl_line import curl_line

URL = "http://127.0.0.1:8095/v1/messages"
PLAIN: dict[str, Any] = {"responses": {}}


def parameter(name: str, place: str, **schema: object) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": schema}


def test_reading_needs_no_more_than_the_address() -> None:
    assert curl_line("GET", URL, PLAIN, None) == f"curl {URL}"


def test_first_parameter_with_an_example_is_shown() -> None:
    asked = [parameter("limit", "query"), parameter("status", "query", examples=[["failed", "sent"]])]
    asked.append(parameter("since", "query", examples=["2026-12-24T09:00:00Z"]))
    line = curl_line("GET", URL, {**PLAIN, "parameters": asked}, None)
    assert line == f"curl '{URL}?status=failed&status=sent'"


def test_path_is_filled_in() -> None:
    asked = [parameter("message_id", "path", examples=[12345]), parameter("token", "path")]
    call = {"parameters": asked, "responses": {"200": {"content": {"text/event-stream": {}}}}}
    assert curl_line("DELETE", URL + "/{message_id}/{token}", call, None) == f"curl -X DELETE -N {URL}/12345/TOKEN"


@given(st.dictionaries(st.text(), st.text()))
def test_body_and_token_reach_curl_as_they_are(body: dict[str, str]) -> None:
    line = curl_line("POST", URL, {**PLAIN, "security": [{"token": []}]}, body)
    *call, sent = shlex.split(line.replace("\\\n", ""))
    header = ["-H", "Authorization: Bearer $WBIZ_BRIDGE_TOKEN", "-H", "Content-Type: application/json"]
    assert call == ["curl", URL, *header, "-d"]
    assert json.loads(sent) == body
