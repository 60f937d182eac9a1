"""A Slack bot with the real daemon and a simulated Slack: what belongs together stays together, whatever happens."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.faults import Fault
from bridge.simulator.faulty_server import Answer
from bridge.simulator.slack import Slack
from tests.world.bridge import MESSAGE
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, command, write_config
from tests.world.slack import bot
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.simulator.slack_workspace import Post

pytestmark = pytest.mark.slow

ID = MESSAGE["id"]
POST = "chat.postMessage"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made:
        made.account.put(ID)
        yield made


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as made:
        yield made


@contextmanager
def running(
    folder: Path, simulator: Simulator, *receivers: dict[str, Any], messages: tuple[int, ...] = (ID,), **more: Any
) -> Iterator[Daemon]:
    folder.mkdir(exist_ok=True)
    poll = {"every": "250ms", "attempts": 1, "stuck_after": "1s"}
    write_config(folder, bridge_config(simulator, receivers, messages, poll=poll, **more))
    with Daemon(folder, hurry=20) as daemon:
        daemon.wait_until_ready()
        yield daemon


def headings(post: Post) -> list[str]:
    """The first lines of a post."""
    return [block["text"]["text"] for block in post.content["blocks"] if block["type"] == "header"]


def shown(folder: Path, *arguments: str) -> Any:
    done = command(folder, *arguments, "--json")
    return json.loads(done.stdout)


def answers(folder: Path, receiver: str = "team") -> list[str]:
    """What the record says that Slack answered."""
    return [each["answer"] for told in shown(folder, "deliveries", "--receiver", receiver) for each in told["tries"]]


def test_stuck_and_sent_are_one_thread_and_the_first_message_says_so(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    with running(tmp_path, simulator, bot(slack)):
        until(lambda: len(slack.posts) == 1)
        simulator.account.put(ID, Status.SENT)
        until(lambda: len(slack.posts) == 2 and slack.posts[0].edits == 1)
    alert, end = slack.posts
    assert (alert.thread_ts, end.thread_ts, end.broadcast) == (None, alert.ts, False)
    assert headings(alert)[0].startswith("✅ Resolved after ")
    assert "stuck" in headings(alert)[1]
    assert "sent" in headings(end)[0]


def test_worse_news_is_shown_in_the_channel_too(tmp_path: Path, simulator: Simulator, slack: Slack) -> None:
    with running(tmp_path, simulator, bot(slack)):
        until(lambda: len(slack.posts) == 1)
        simulator.account.put(ID, Status.FAILED, "Invalid phone number")
        until(lambda: len(slack.posts) == 2)
    alert, worse = slack.posts
    assert (worse.thread_ts, worse.broadcast, alert.edits) == (alert.ts, True, 0)


def test_thread_goes_on_after_a_crash_and_the_next_incident_begins_anew(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    """A `source.down`, SIGKILL, its end in the same thread; and another one."""
    receiver = bot(slack, events=["source.*"])

    def incident(number: int) -> None:
        simulator.fault(Fault.AUTH_200, call="/message/status/")
        with running(tmp_path, simulator, receiver) as daemon:
            until(lambda: len(slack.posts) == 2 * number - 1)
            until(lambda: all(each["state"] == "delivered" for each in shown(tmp_path, "deliveries")))
            daemon.kill()
        simulator.fix()
        with running(tmp_path, simulator, receiver):
            until(lambda: sum(post.edits for post in slack.posts) == number)

    incident(1)
    incident(2)
    down, up, again, over = slack.posts
    assert (down.thread_ts, up.thread_ts, up.broadcast) == (None, down.ts, False)
    assert (again.thread_ts, over.thread_ts) == (None, again.ts)
    assert headings(down)[0].startswith("✅ Resolved after ")
    assert down.content["attachments"][0]["color"] == up.content["attachments"][0]["color"]


def test_what_a_mute_held_answers_in_its_thread_although_the_bridge_was_killed_meanwhile(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    """Muted, killed, over while muted, killed again, and unmuted while no bridge runs."""
    receiver = bot(slack, events=["source.*"])
    simulator.fault(Fault.AUTH_200, call="/message/status/")
    with running(tmp_path, simulator, receiver) as daemon:
        until(lambda: [each["state"] for each in shown(tmp_path, "deliveries")] == ["delivered"])
        assert command(tmp_path, "mute", "team", "--for", "1h").returncode == 0
        daemon.kill()
    simulator.fix()
    with running(tmp_path, simulator, receiver) as daemon:
        until(lambda: len(shown(tmp_path, "deliveries")) == 2)
        daemon.kill()
    assert shown(tmp_path, "status")["held"]["team"]["count"] == 1
    assert "1 held delivery is sent as soon as a daemon runs" in command(tmp_path, "unmute", "team").stdout
    with running(tmp_path, simulator, receiver):
        until(lambda: len(slack.posts) == 2 and slack.posts[0].edits == 1)
    down, up = slack.posts
    assert (up.thread_ts, up.broadcast) == (down.ts, False)


@pytest.mark.postgres
def test_another_node_answers_in_the_thread(
    tmp_path: Path, simulator: Simulator, slack: Slack, postgres_url: str
) -> None:
    database = postgres_url.replace("+psycopg", "")
    with running(tmp_path / "one", simulator, bot(slack), database=database) as one:
        until(lambda: len(slack.posts) == 1)
        with running(tmp_path / "other", simulator, bot(slack), database=database) as other:
            until(lambda: len(shown(tmp_path / "other", "status")["nodes"]) == 2)
            one.stop()
            simulator.account.put(ID, Status.SENT)
            until(lambda: len(slack.posts) == 2 and slack.posts[0].edits == 1)
            until(lambda: '"event": "delivered"' in other.log())
    alert, end = slack.posts
    assert end.thread_ts == alert.ts


@contextmanager
def held_back(folder: Path, slack: Slack, *, until_queued: int) -> Iterator[None]:
    """Let Slack ask for a pause, until so much is queued; then all of that goes at once."""
    slack.answer_next(POST, Answer.status(429, retry_after="600"))
    before = slack.workspace.calls[POST]
    yield
    until(lambda: slack.workspace.calls[POST] > before)
    until(lambda: sum(each["state"] == "queued" for each in shown(folder, "deliveries")) == until_queued)
    assert command(folder, "test", "team").returncode == 0
    until(lambda: all(each["state"] == "delivered" for each in shown(folder, "deliveries")))
    slack.workspace.posts[:] = [post for post in slack.workspace.posts if "TEST" not in post.text]


def test_digest_is_the_parent_of_all_in_it_and_replies_are_parted_by_thread(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    """Two messages are stuck in one digest, a third one alone; when all three are sent at once, that is two replies."""
    receiver = bot(slack, events=["stuck", "sent"])
    for id_ in (1, 2, 3):
        simulator.account.put(id_)
    with running(tmp_path, simulator, receiver, messages=(1, 2)), held_back(tmp_path, slack, until_queued=2):
        pass
    assert len(slack.posts) == 1
    with running(tmp_path, simulator, receiver, messages=(1, 2, 3)):
        until(lambda: len(slack.posts) == 2)
        with held_back(tmp_path, slack, until_queued=3):
            for id_ in (1, 2, 3):
                simulator.account.put(id_, Status.SENT)
    digest, alone, *ends = slack.posts
    assert {post.thread_ts for post in ends} == {digest.ts, alone.ts}
    assert len(slack.posts) == 4
    assert headings(digest)[0].startswith("✅ All resolved after ")
    assert headings(alone)[0].startswith("✅ Resolved after ")


def test_digest_of_which_a_part_is_over_stays_as_it_is(tmp_path: Path, simulator: Simulator, slack: Slack) -> None:
    """The daemon is killed between the two ends."""
    receiver = bot(slack, events=["stuck", "sent"])
    for id_ in (1, 2):
        simulator.account.put(id_)
    with running(tmp_path, simulator, receiver, messages=(1, 2)), held_back(tmp_path, slack, until_queued=2):
        pass
    with running(tmp_path, simulator, receiver, messages=(1, 2)) as daemon:
        simulator.account.put(1, Status.SENT)
        until(lambda: len(slack.posts) == 2)
        assert slack.posts[0].edits == 0
        daemon.kill()
    with running(tmp_path, simulator, receiver, messages=(1, 2)):
        simulator.account.put(2, Status.SENT)
        until(lambda: len(slack.posts) >= 3 and slack.posts[0].edits == 1)


def test_other_channel_begins_anew(tmp_path: Path, simulator: Simulator, slack: Slack) -> None:
    """The configuration names another channel: what follows is not told in the old one."""
    slack.workspace.add_channel("alerts")
    with running(tmp_path, simulator, bot(slack)) as daemon:
        until(lambda: len(slack.posts) == 1)
        until(lambda: all(each["state"] == "delivered" for each in shown(tmp_path, "deliveries")))
        daemon.kill()
    with running(tmp_path, simulator, bot(slack, channel="#alerts")):
        simulator.account.put(ID, Status.FAILED, "Invalid phone number")
        until(lambda: len(slack.posts) == 2)
        simulator.account.put(ID, Status.SENT)
    old, anew = slack.posts[:2]
    assert (anew.thread_ts, old.channel != anew.channel) == (None, True)


def lose_by_deletion(slack: Slack) -> None:
    slack.posts[0].deleted = True


def lose_silently(slack: Slack) -> None:
    slack.posts[0].deleted = slack.workspace.unthreads = True


def lose_the_channel(slack: Slack) -> None:
    slack.workspace.channels[0].name, slack.workspace.channels[0].archived = "old", True
    slack.workspace.add_channel("ops")


@pytest.mark.parametrize("lose", [lose_by_deletion, lose_silently, lose_the_channel])
def test_what_follows_a_lost_message_is_posted_anew_at_once(
    tmp_path: Path, simulator: Simulator, slack: Slack, lose: Any
) -> None:
    with running(tmp_path, simulator, bot(slack)):
        until(lambda: len(slack.posts) == 1)
        lose(slack)
        simulator.account.put(ID, Status.FAILED, "Invalid phone number")
        until(lambda: len(slack.posts) == 2)
        until(lambda: all(each["state"] == "delivered" for each in shown(tmp_path, "deliveries")))
        told = shown(tmp_path, "deliveries")
        said = answers(tmp_path)
    _, anew = slack.posts
    assert (anew.thread_ts, anew.channel) == (None, slack.workspace.channels[-1].id)
    assert [each["attempts"] for each in told] == [1, 1]
    assert sum("the thread is gone: started a new one" in each for each in said) == 1


@pytest.mark.parametrize("code", ["edit_window_closed", "cant_update_message"])
def test_update_that_fails_is_recorded_and_nothing_is_posted_again(
    tmp_path: Path, simulator: Simulator, slack: Slack, code: str
) -> None:
    slack.answer_next("chat.update", code)
    with running(tmp_path, simulator, bot(slack)):
        until(lambda: len(slack.posts) == 1)
        simulator.account.put(ID, Status.SENT)
        until(lambda: any("the first post was not updated" in each for each in answers(tmp_path)))
        told = shown(tmp_path, "deliveries")
        said = answers(tmp_path)
    assert [each["state"] for each in told] == ["delivered", "delivered"]
    assert any(f"the first post was not updated: {code}: " in each for each in said)
    assert len(slack.posts) == 2
    assert slack.workspace.calls[POST] == 2


def test_update_for_which_slack_asks_to_wait_is_made_and_its_reply_once(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    slack.answer_next("chat.update", Answer.status(429, retry_after="1"))
    with running(tmp_path, simulator, bot(slack)):
        until(lambda: len(slack.posts) == 1)
        simulator.account.put(ID, Status.SENT)
        until(lambda: [each["state"] for each in shown(tmp_path, "deliveries")] == ["delivered", "delivered"])
    assert slack.workspace.calls["chat.update"] == 2
    assert (slack.workspace.calls[POST], slack.posts[0].edits) == (2, 1)


def test_pause_holds_for_all_receivers_with_the_token(tmp_path: Path, simulator: Simulator, slack: Slack) -> None:
    slack.workspace.add_channel("billing")
    slack.answer_next(POST, Answer.status(429, retry_after="600"))
    with running(tmp_path, simulator, bot(slack), bot(slack, "billing", "#billing", events=["failed"])):
        until(lambda: slack.workspace.calls[POST] == 1)  # the message is stuck
        until(lambda: "billing" in shown(tmp_path, "status")["breakers"])
        simulator.account.put(ID, Status.FAILED, "Invalid phone number")
        until(lambda: len(shown(tmp_path, "deliveries", "--receiver", "billing")) == 1)
        why = shown(tmp_path, "status")["checks"]["receiver/billing"]["why"]
        assert why.endswith(": team, which has the same token, was asked to wait")
        assert slack.workspace.calls[POST] == 1, "the other one does not have to be refused to know"
        assert command(tmp_path, "test", "billing").returncode == 0, "what a person tries is made, and ends the pause"
        until(lambda: len(slack.posts) == 2)
        assert slack.workspace.calls[POST] == 3
    assert [post.channel for post in slack.posts] == [slack.workspace.channels[1].id] * 2


def test_channel_takes_one_message_a_second_from_all(tmp_path: Path, simulator: Simulator, slack: Slack) -> None:
    with running(tmp_path, simulator, bot(slack, events=["failed"]), bot(slack, "more", events=["failed"])):
        simulator.account.put(ID, Status.FAILED, "Invalid phone number")
        until(lambda: len(slack.posts) == 2)
    first, second = (float(post.ts) for post in slack.posts)
    assert second - first >= 0.5, "they begin a second apart, and arrive after more or less time"


def test_what_slack_refuses_waits_until_somebody_puts_it_right(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    (channel,) = slack.workspace.channels
    channel.joined = False
    with running(tmp_path, simulator, bot(slack, events=["stuck"])):
        until(lambda: slack.workspace.calls[POST] >= 3)
        status = command(tmp_path, "status")
        tested = command(tmp_path, "test", "team")
        channel.joined = True
        assert command(tmp_path, "test", "team").returncode == 0
        until(lambda: len(slack.posts) == 2)
        until(lambda: all(each["state"] == "delivered" for each in shown(tmp_path, "deliveries")))
    for done in (status, tested):
        assert done.returncode == 1
        assert "not_in_channel: the Slack app is not in #ops: write `/invite @wbiz-bridge` there" in done.stdout
    assert ["TEST" in post.text for post in slack.posts].count(True) == 1, "the other one is the alert"


def test_message_that_slack_does_not_understand_is_a_dead_letter(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    slack.answer_next(POST, "msg_too_long")
    with running(tmp_path, simulator, bot(slack, events=["stuck", "failed"])):
        until(lambda: any(each["state"] == "dead" for each in shown(tmp_path, "deliveries")))
        (dead,) = shown(tmp_path, "deliveries")
        simulator.account.put(ID, Status.FAILED, "Invalid phone number")
        until(lambda: len(slack.posts) == 1)
    assert "msg_too_long: Slack does not understand the message: please report it" in dead["reason"]
    assert slack.posts[0].thread_ts is None


def test_digest_whose_layout_slack_refuses_is_sent_as_plain_text(
    tmp_path: Path, simulator: Simulator, slack: Slack
) -> None:
    ids = (ID, ID + 1, ID + 2)
    for id_ in ids:
        simulator.account.put(id_, Status.PENDING)
    with running(tmp_path, simulator, bot(slack, events=["failed"], group={"wait": "0s"}), messages=ids):
        command(tmp_path, "mute", "team", "--for", "1h")
        for id_ in ids:
            simulator.account.put(id_, Status.FAILED, "Invalid phone number")
        until(lambda: len(shown(tmp_path, "deliveries")) == len(ids))
        slack.answer_next(POST, "invalid_blocks")
        command(tmp_path, "unmute", "team")
        until(lambda: all(each["state"] == "delivered" for each in shown(tmp_path, "deliveries")))
    (post,) = slack.posts
    assert set(post.content) == {"text"}
    assert "3 WhatsApp messages failed: invalid numbers" in post.text
