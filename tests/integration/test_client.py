"""The helper for programs that send: against the real API, and what it says when there is none."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bridge import client
from bridge.client import WatchError, watch, watch_many
from bridge.server.auth import Access
from tests.world.api import TOKEN, Api
from tests.world.records import known

if TYPE_CHECKING:
    from bridge.store.store import Store


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WBIZ_BRIDGE_URL", "WBIZ_BRIDGE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")


def test_messages_are_handed_over(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        monkeypatch.setenv("WBIZ_BRIDGE_URL", f"{api.url}/")
        monkeypatch.setenv("WBIZ_BRIDGE_TOKEN", TOKEN)
        when = datetime(2026, 12, 24, 9, 0, tzinfo=UTC)
        assert watch(12346, label="Invoice 88", tags={"team": "billing"}, expected_at=when)
        assert not watch(12346)
        assert watch_many([12346, 1, {"id": 2, "label": "Two"}]) == [1, 2]
        assert watch_many([]) == []
        with pytest.raises(WatchError, match=r"the bridge refused: Unprocessable .*: id: ") as refused:
            watch(0)
        assert refused.value.status == 422
        with pytest.raises(WatchError, match="send the header Authorization") as refused:
            watch(3, token="another-token-0123")
        assert (refused.value.status, "another-token" in str(refused.value)) == (401, False)
        assert api.url != client.DEFAULT_URL
        assert watch(4, url=api.url, token=TOKEN)
        assert watch(5, tags={"team": "billing"}, number="+919800000001")
    assert known(sqlite_store, 5).tags == {"team": "billing", "number": "+919800000001"}
    message = known(sqlite_store, 12346)
    assert (message.label, message.tags, message.expected_at) == ("Invoice 88", {"team": "billing"}, when)


def test_what_is_missing_or_wrong_is_told_without_the_token() -> None:
    for url, token, words in (
        (None, None, "the bridge's token is missing: set WBIZ_BRIDGE_TOKEN"),
        ("http://127.0.0.1:1", "secret-token-1", "no usable answer of the bridge at http://127.0.0.1:1: "),
        ("http://127.0.0.1:1", "secret\r\ntoken-1", "holds characters that no header carries"),
        ("file:///etc/passwd", "secret-token-1", "must be like http://127.0.0.1:8095"),
        ("http://me:password@127.0.0.1:1/x", "secret-token-1", "must be like http://127.0.0.1:8095"),
        ("http://[", "secret-token-1", "must be like http://127.0.0.1:8095"),
    ):
        with pytest.raises(WatchError, match=words) as refused:
            watch(1, url=url, token=token, timeout=2)
        assert "token-1" not in str(refused.value)
        assert "password" not in str(refused.value)


def test_it_imports_nothing_of_the_rest() -> None:
    heavy = ["fastapi", "uvicorn", "sqlalchemy", "pydantic", "requests", "yaml", "bridge.store", "bridge.config"]
    code = f"import sys, bridge.client; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout == "[]\n"
