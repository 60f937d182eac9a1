"""A Slack bot with the real daemon and a simulated Slack: what belongs together stays together, whatever happens."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.slack import TOKEN, Slack
from tests.world.bridge import MESSAGE
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STUCK = {"stuck_after": "1s"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made:
        made.account.put(MESSAGE["id"])
        yield made


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as made:
        yield made


def bot(slack: Slack, name: str = "team", **more: Any) -> dict[str, Any]:
    place = {"token": TOKEN, "channel": "#ops", "api_url": slack.api_url} | more.pop("slack", {})
    return {"name": name, "slack": place, "group": {"wait": "0s"}, **more}


@contextmanager
def running(folder: Path, simulator: Simulator, *receivers: dict[str, Any], **more: Any) -> Iterator[Daemon]:
    folder.mkdir(exist_ok=True)
    poll = {"every": "250ms", "attempts": 1, **more.pop("poll", STUCK)}
    write_config(folder, bridge_config(simulator, receivers, [MESSAGE], poll=poll, **more))
    with Daemon(folder, hurry=20) as daemon:
        daemon.wait_until_ready()
        yield daemon


def headings(slack: Slack, number: int) -> list[str]:
    """The first lines of a post."""
    blocks = slack.posts[number].content["blocks"]
    return [block["text"]["text"] for block in blocks if block["type"] == "header"]


def test_stuck_and_sent_are_one_thread_and_the_first_line_says_so(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    with running(tmp_path, simulator, bot(slack)):
        until(lambda: len(slack.posts) == 1)
        simulator.account.put(MESSAGE["id"], Status.SENT)
        until(lambda: len(slack.posts) == 2 and slack.posts[0].edits == 1)
    alert, end = slack.posts
    assert (alert.thread_ts, end.thread_ts, end.broadcast) == (None, alert.ts, False)
    assert headings(slack, 0)[0].startswith("✅ Resolved after ")
    assert "is stuck" in headings(slack, 0)[1]
    assert "was sent" in headings(slack, 1)[0]
