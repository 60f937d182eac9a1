"""What an answer of the status call means: a table of cases, and everything else that could come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.domain.model import CODES, Observation, Status
from bridge.domain.poll_answer import Answer, Malformed, Refused
from bridge.domain.redaction import clean_text
from bridge.source.status_response import read_answer
from bridge.transport.message import Reply
from tests.world.clock import START

HTML = b"<!DOCTYPE html><html><title>502 Bad Gateway</title></html>"


def read(body: object, status: int = 200, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw), START)


@pytest.mark.parametrize(("status", "code"), CODES.items())
def test_a_code_is_read_as_its_status(status: Status, code: int) -> None:
    answer = {"status": code, "status_text": status.capitalize(), "message": "connected"}
    assert read(answer) == Observation(status, START)


@pytest.mark.parametrize(("status", "code"), CODES.items())
def test_a_digit_string_is_read_as_its_number(status: Status, code: int) -> None:
    assert read({"status": str(code), "message": "connected"}) == Observation(status, START)


def test_the_reason_of_a_failure_is_kept() -> None:
    answer = {"status": 2, "status_text": "Failed", "message": "connected", "error": " Invalid phone number "}
    assert read(answer) == Observation(Status.FAILED, START, "Invalid phone number")


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ({"code": 131026, "title": "Unzustellbar \u00fc"}, '{"code": 131026, "title": "Unzustellbar ü"}'),
        (["Invalid phone number"], '["Invalid phone number"]'),
        (131026, "131026"),
        (True, "true"),
    ],
)
def test_reason_that_is_no_text_is_kept_as_json(error: object, kept: str) -> None:
    """It was dropped, so that nobody learned why (issue 17, 3)."""
    assert read({"status": 2, "status_text": "Failed", "error": error}) == Observation(Status.FAILED, START, kept)


@pytest.mark.parametrize(("status", "code"), CODES.items())
@pytest.mark.parametrize("said", [*CODES, "canceled"])
@pytest.mark.parametrize("name", ["status_text", "message"])
def test_words_that_contradict_the_code_are_malformed(status: Status, code: int, said: str, name: str) -> None:
    """``{"status": 1, "status_text": "Failed"}`` was taken as sent (issue 17, 3)."""
    answer = read({"status": code, "status_text": status.capitalize(), name: f" {said.upper()}. "})
    if said.startswith(status[:5]):
        assert answer == Observation(status, START)
    else:
        assert isinstance(answer, Malformed)
        assert f"status is {code}, and {name} is " in answer.why


@pytest.mark.parametrize("words", ["Delivered", "Gesendet", "", None, 7, "sent to the server"])
def test_words_that_are_not_known_contradict_nothing(words: object) -> None:
    assert read({"status": 1, "status_text": words, "message": "connected"}) == Observation(Status.SENT, START)


@pytest.mark.parametrize("name", ["msg_id", "message_id"])
def test_answer_that_names_another_message_is_malformed(name: str) -> None:
    def about(named: object) -> Answer:
        return read_answer(Reply(200, {}, json.dumps({"status": 1, name: named}).encode()), START, 12)

    assert about(12) == about("12") == about(None) == Observation(Status.SENT, START)
    for other in (13, "13", 0, "x", [12], 12.0, True):
        answer = about(other)
        assert isinstance(answer, Malformed)
        assert answer.why.startswith(f"the answer is about another message: {name} is ")


@pytest.mark.parametrize("error", ["", "  ", None, 0, [], {}, False])
def test_a_failure_without_a_reason_in_words_is_a_failure_all_the_same(error: object) -> None:
    assert read({"status": 2, "error": error}) == Observation(Status.FAILED, START)


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_a_reason_beside_another_status_is_not_taken_for_one(code: int) -> None:
    answer = read({"status": code, "message": "connected", "error": "Invalid phone number"})
    assert isinstance(answer, Observation)
    assert answer.error is None


def test_a_reason_that_no_database_could_store_is_made_storable() -> None:
    assert read(b'{"status": 2, "error": "a\\u0000b\\ud800"}') == Observation(Status.FAILED, START, "a�b�")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 0, "message": "Unknown message id"},
        {"status": 0, "status_text": "Pending", "message": "Unknown message id"},
        {"status": 0, "status_text": "Unknown message id", "message": "Unknown message id"},
        {"status": "0", "message": " UNKNOWN MESSAGE ID "},
        {"message": "Unknown message id"},
    ],
)
def test_an_unknown_id_is_a_state_of_its_own_and_never_pending(answer: dict[str, Any]) -> None:
    assert read(answer) == Observation(Status.UNKNOWN, START)


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_an_unknown_id_with_a_status_contradicts_itself(code: int) -> None:
    assert isinstance(read({"status": code, "message": "Unknown message id"}), Malformed)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 0},
        {"status": 0, "message": "connected"},
        {"status": 0, "message": "Pending"},
        {"status": 0, "status_text": "Pending", "message": "Pending"},
        {"status": 0, "status_text": "Pending", "message": None},
    ],
)
def test_pending_is_read_in_all_its_forms(answer: dict[str, Any]) -> None:
    assert read(answer) == Observation(Status.PENDING, START)


@pytest.mark.parametrize("message", ["Auth Error", "auth error", "Invalid credentials", "Authentication failed"])
def test_a_refusal_that_comes_as_a_success_is_a_refusal(message: str) -> None:
    assert read({"status": 0, "message": message}) == Refused(message)


def test_status_0_with_other_words_is_no_pending() -> None:
    assert read({"status": 0, "message": "Something went wrong"}) == Malformed("Something went wrong")


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 1.0, 2.5, -1, 5, 200, 10**30),
        *("", " ", "5", "-1", "02", " 2", "2 ", "2.0", "two", "Sent", "²", "٢", "0x1", "1e0", "true", "x" * 5000),
        *([], [1], {}, {"status": 1}),
    ],
)
def test_any_other_status_is_malformed(value: object) -> None:
    answer = read({"status": value, "status_text": "Sent", "message": "connected"})
    assert isinstance(answer, Malformed)
    assert len(answer.why) < 100


def test_a_missing_status_is_malformed_even_beside_words() -> None:
    assert read({"status_text": "Sent", "message": "connected"}) == Malformed("there is no status")


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b" ",
            b"null",
            b"1",
            b'"Sent"',
            b"[]",
            b'[{"status": 1}]',
            b'{"status": 1',
            b'{"status": 1}{"status": 1}',
        ),
        *(b"{status: 1}", b"\xff\xfe", b"\x00", b'{"status": 1, "x": "\xff"}', b"9" * 6000, HTML),
        b'{"status": ' + b"9" * 6000 + b"}",
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_is_no_json_object_is_malformed(body: bytes) -> None:
    assert read(body) == Malformed("the answer is not a JSON object")


def test_a_body_that_was_cut_is_malformed_even_where_it_looks_whole() -> None:
    assert isinstance(read_answer(Reply(200, {}, b'{"status": 1}', cut=True), START), Malformed)


def test_words_from_outside_are_shown_short_and_on_one_line() -> None:
    answer = read({"status": 0, "message": "Auth\n\x00 Error\t" + "x" * 500})
    assert isinstance(answer, Refused)
    assert answer.why.startswith("Auth � Error xxx")
    assert len(answer.why) <= 61


@pytest.mark.parametrize("depth", [10, 900, 960, *range(970, 1000, 3), 2000])
def test_brackets_without_end_are_no_status(depth: int) -> None:
    assert isinstance(read(b'{"status":' + b"[" * depth + b"]" * depth + b"}"), Malformed)


_ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*"01234", 0, 1, 2, 3, 4])
_WORDS = st.sampled_from(["connected", "Pending", "Sent", "Unknown message id", "Auth Error"])
_VALUE = st.recursive(_ODD | _WORDS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
_OBJECT = st.fixed_dictionaries({}, optional=dict.fromkeys(["status", "status_text", "message", "error"], _VALUE))
_BODY = (
    st.binary()
    | _OBJECT.map(lambda value: json.dumps(value).encode())
    | _VALUE.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
)
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": st.text() | st.integers().map(str),
        "location": st.text() | st.sampled_from(["http://[", "//", "https://example.com"]),
    },
)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.integers(100, 999) | st.just(200), _HEADERS, _BODY, st.booleans())
@example(200, {}, b'{"status": NaN}', False)
@example(200, {}, b'{"status": 2, "error": true}', False)
@example(200, {}, b'{"status": 1, "status": 7}', False)
@example(200, {}, b'\xef\xbb\xbf{"status": 7}', False)
def test_no_answer_whatsoever_raises_or_is_taken_for_a_status_that_it_does_not_state(
    status: int, headers: dict[str, str], body: bytes, cut: bool
) -> None:
    answer = read_answer(Reply(status, headers, body, cut), START)
    if not isinstance(answer, Observation):
        assert answer.why
        answer.why.encode()
        return
    assert (status, cut, answer.at) == (200, False, START)
    stated = json.loads(body)
    words = {str(stated.get(key)).strip().lower() for key in ("message", "status_text")}
    if answer.status is Status.UNKNOWN:
        assert "unknown message id" in words
        assert type(stated.get("status")) not in {int, str} or str(stated["status"]) not in {"1", "2", "3", "4"}
    else:
        assert "unknown message id" not in words
        assert type(stated["status"]) in {int, str}
        assert str(stated["status"]) == str(CODES[answer.status])
    error = stated.get("error")
    why = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)
    assert answer.error is None or (answer.status is Status.FAILED and answer.error == clean_text(why.strip()))
