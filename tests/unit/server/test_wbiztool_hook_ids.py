"""Ids are found in whatever WbizTool's webhook sends, and nothing that it sends makes the finding fail."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.model import LARGEST_ID
from bridge.server.wbiztool_hook_ids import MOST_IDS, ids_in

_IDS = st.integers(1, LARGEST_ID)
_SURE_NAMES = st.sampled_from(["msg_id", "message_id", "msgId", "MessageID", "msg_ids", "message-ids"])
_LEAVES = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text() | st.integers()
_JSON = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"msg_id": 12345, "status": 1}', [12345]),
        (b'{"msg_id": "12345"}', [12345]),
        (b'[{"msg_id": 1}, {"msg_id": 2}, {"msg_id": 1}]', [1, 2]),
        (b'{"msg_ids": [1, "2", 3], "status": 1}', [1, 2, 3]),
        (b'{"event": {"data": {"message": {"messageId": 7}}}}', [7]),
        (b'{"id": 5, "ids": [6]}', [5, 6]),
        (b'{"id": 5, "client": {"id": 9}, "message_id": 7}', [7]),
        (b'{"payload": "{\\"msg_id\\": 8}"}', [8]),
        (b"msg_id=12345&status=Sent", [12345]),
        (b"msg_ids=1%2C2,3", [1, 2, 3]),
        (b"msg_ids=[1, 2]", [1, 2]),
        (b"data=%7B%22msg_id%22%3A+4%7D", [4]),
        (b"<callback><msg_id>6</msg_id><id>9</id></callback>", [6]),
        (b'--x\r\nContent-Disposition: form-data; name="msg_id"\r\n\r\n31\r\n--x--', [31]),
        (b'{"msg_id": true, "id": 0}', []),
        (b'{"msg_id": -1}', []),
        (b'{"msg_id": 1.0}', []),
        (b'{"msg_id": 99999999999999999999}', []),
        (b'{"status": 2, "error": "12345"}', []),
        (b"[" * 100_000, []),
        (b'{"a":' * 100_000, []),
        (b"1" * 5_000, []),
        (b"\xff\xfe\x00", []),
        (b"", []),
    ],
)
def test_ids_are_found_under_the_likely_names(body: bytes, ids: list[int]) -> None:
    assert ids_in("", body) == ids


def test_ids_are_found_in_the_url_too() -> None:
    assert ids_in("msg_id=3&token=12345678901234567890", b"") == [3]
    assert ids_in("id=3", b'{"id": 4}') == [3, 4]


@given(ids=st.lists(_IDS, min_size=1, max_size=20, unique=True), name=_SURE_NAMES, beside=_JSON, as_text=st.booleans())
def test_ids_under_a_sure_name_are_found_wherever_it_stands(
    ids: list[int], name: str, beside: Any, as_text: bool
) -> None:
    given_ids: list[Any] = [str(id_) if as_text else id_ for id_ in ids]
    body = json.dumps({"a": [{"b": {name: given_ids}}, {"status": 2}], "beside": {"c": [beside]}}).encode()
    assert set(ids) <= set(ids_in("", body))
    assert ids_in("", urlencode({name: ",".join(map(str, ids)), "status": 2}).encode()) == ids


@given(query=st.text(), body=st.binary() | _JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_ids_are_all_that_is_taken(query: str, body: bytes) -> None:
    found = ids_in(query, body)
    assert len(found) == len(set(found)) <= MOST_IDS
    assert all(type(id_) is int and 0 < id_ <= LARGEST_ID for id_ in found)


def test_of_very_many_ids_the_first_count() -> None:
    many = list(range(1, 30_000))
    assert ids_in("", json.dumps({"ids": many}).encode()) == many[:MOST_IDS]
    assert ids_in("", json.dumps([{"msg_id": id_} for id_ in many]).encode()) == many[:MOST_IDS]
    assert ids_in("", ("msg_ids=" + ",".join(map(str, many))).encode()) == many[:MOST_IDS]
