"""systemd's status: given each time where a count is quick, and rarely where it is slow."""

from __future__ import annotations

import socket
from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from bridge.daemon.sign_of_life import SignOfLife
from bridge.domain.observer import Listener
from tests.world.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bridge.domain.summary import Summary
    from bridge.store.store import Store


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "n"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        yield listening


def statuses(
    seconds: float, store: Store, manager: socket.socket, monkeypatch: pytest.MonkeyPatch, *, hurried: int = -1
) -> list[int]:
    """Give signs of life while each count takes so long; say after how many seconds one came with a status.

    Something changes so many seconds after the start.
    """
    clock = FakeClock()
    count: Callable[[], Summary] = store.summaries.summary

    def slow() -> Summary:
        clock.advance(seconds)
        return count()

    monkeypatch.setattr(store.summaries, "summary", slow)
    sign = SignOfLife(store, clock, Listener(), list, lambda: UTC)
    found = []
    for at in range(0, 121, 10):
        clock.advance(max(0, at - clock.monotonic()))
        if at == hurried:
            sign.hurry()
        sign.give_in_turn()
        assert sign.is_fresh()
        try:
            assert manager.recv(4096).startswith(b"STATUS=")
        except BlockingIOError:
            continue
        found.append(at)
    return found


def test_each_sign_has_a_status_where_a_count_is_quick(
    store: Store, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert statuses(0.002, store, manager, monkeypatch) == list(range(0, 121, 10))


def test_a_slow_count_takes_a_small_part_of_the_time(
    store: Store, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert statuses(0.2, store, manager, monkeypatch) == [0, 50, 100]


def test_a_status_is_never_older_than_about_a_minute(
    store: Store, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert statuses(9, store, manager, monkeypatch) == [0, 70]


def test_what_has_changed_is_said_at_once(
    store: Store, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert statuses(0.2, store, manager, monkeypatch, hurried=20) == [0, 20, 70, 120]


def test_a_sign_that_is_asked_for_has_a_status(
    store: Store, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses(9, store, manager, monkeypatch)
    sign = SignOfLife(store, FakeClock(), Listener(), list, lambda: UTC)
    for _ in range(3):
        sign.give()
        assert manager.recv(4096).startswith(b"STATUS=")
