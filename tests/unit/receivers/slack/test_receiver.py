"""What Slack gets: readable, within its limits whatever the events hold, and unable to command anything.

The limits are those that Slack documents: https://docs.slack.dev/reference/block-kit/blocks (a page for each block:
50 blocks in a message; header 150; section text 3,000; 10 fields of 2,000; 10 elements in a context),
https://docs.slack.dev/reference/block-kit/composition-objects/text-object (1 to 3,000 characters; ``emoji`` only in
plain_text, ``verbatim`` only in mrkdwn), https://api.slack.com/changelog/2018-04-truncating-really-long-messages
(40,000 characters). They are counted in UTF-16 units, the most that any reading of "character" gives.
"""

# ruff: noqa: RUF001 -- the expected texts hold the signs that people see

from __future__ import annotations

import itertools
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.model import Event, EventType, Status
from bridge.receivers import next_steps
from bridge.receivers.slack.receiver import SlackReceiver
from bridge.receivers.wording import WORDS
from tests.unit.receivers.events import STEPS, any_event, changed, number_disconnected, receiver_down, source_down
from tests.world.clock import START

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.receivers.protocol import Receiver

_DATE = r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC>"
_STEPS = "|".join(map(re.escape, STEPS))
OURS = re.compile(rf"({_DATE}( to {_DATE})?|\*[\w ,]+…?\*|\*What to do:\*( ({_STEPS})|(\n• ({_STEPS}))+))")
"""All that may be in mrkdwn: dates, bold words and the bridge's own."""


def payload(*events: Event, by: Sequence[str] = ("type", "error"), shown: int = 20) -> dict[str, Any]:
    receiver: Receiver = SlackReceiver("ops", by, shown)
    request = receiver.render(events, START)
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["user-agent"].startswith("wbiztool-bridge/")
    body: dict[str, Any] = json.loads(request.body.decode("utf-8"))
    return body


def seen(message: dict[str, Any]) -> list[str]:
    """Show a message as a person reads it: one line a block, fields in pairs."""
    lines = []
    for block in message["blocks"]:
        match block:
            case {"text": text}:
                lines.append(text["text"])
            case {"fields": fields}:
                lines += [
                    f"{key['text']} {value['text']}" for key, value in zip(fields[::2], fields[1::2], strict=True)
                ]
            case {"elements": elements}:
                lines.append(" | ".join(element["text"] for element in elements))
    return lines


def shown_date(seconds: str, time: str) -> str:
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|2026-11-23 {time} UTC>"


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def text_objects(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for block in message["blocks"]:
        yield from [block["text"]] if "text" in block else block.get("fields") or block["elements"]


def assert_text(text: dict[str, Any], limit: int) -> None:
    own = {"type", "text", "emoji"} if text["type"] == "plain_text" else {"type", "text", "verbatim"}
    assert set(text) == own
    assert text["type"] in {"plain_text", "mrkdwn"}
    assert 1 <= utf16(text["text"]) <= limit
    assert text["text"].strip()


def assert_shape(message: dict[str, Any]) -> None:
    """Hold a message against Slack's documented limits."""
    assert set(message) == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert message["unfurl_links"] is message["unfurl_media"] is False
    assert 1 <= utf16(message["text"]) <= 3000
    assert 1 <= len(message["blocks"]) <= 50
    for block in message["blocks"]:
        match block:
            case {"type": "header", "text": text, **rest}:
                assert text["type"] == "plain_text"
                assert_text(text, 150)
            case {"type": "section", "text": text, **rest}:
                assert_text(text, 3000)
            case {"type": "section", "fields": fields, **rest}:
                assert 1 <= len(fields) <= 10
                for field in fields:
                    assert_text(field, 2000)
            case {"type": "context", "elements": elements, **rest}:
                assert 1 <= len(elements) <= 10
                for element in elements:
                    assert_text(element, 2000)
            case _:
                pytest.fail(f"no block of Slack's: {block}")
        assert not rest
    assert utf16(json.dumps(message, ensure_ascii=False, separators=(",", ":"))) < 40_000


def assert_harmless(message: dict[str, Any]) -> None:
    """See that what comes from outside can't command anything."""
    for text in text_objects(message):
        if text["type"] == "mrkdwn":
            assert text["verbatim"] is True
            assert OURS.fullmatch(text["text"])
        else:
            assert text["emoji"] is False
            assert not re.search("[<>]", text["text"])
    assert not re.search(r"[<>*~`]|@[^\u2060…]|://|\]\(|www\.|\w\.[^\W\d_]", message["text"], re.IGNORECASE)
    for text in [message["text"], *(each["text"] for each in text_objects(message) if each["type"] == "plain_text")]:
        assert "&" not in re.sub("&(amp|lt|gt);", "", text)
        assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e]", text)


def test_a_failure_is_told_with_all_that_is_known() -> None:
    event = changed(tags={"team": "billing"})
    message = payload(event)
    assert message["text"] == "❌ WhatsApp message 12346 failed: invalid phone number · Invoice 88"
    assert seen(message) == [
        "❌ WhatsApp message 12346 failed: invalid phone number",
        "*Label* Invoice 88",
        "*Status* pending → failed",
        "*Tags* team: billing",
        "*What to do:* Check the number, then send again or call.",
        f"<!date^1795464672^{{date_short_pretty}} {{time}}|2026-11-23 20:11:12 UTC> | {event.id}",
    ]
    assert [block["type"] for block in message["blocks"]] == ["header", "section", "section", "context"]


@pytest.mark.parametrize("label", [None, "", " \n\t", "\u200b"])
def test_a_label_that_can_t_be_seen_is_left_out(label: str | None) -> None:
    message = payload(changed(1, Status.SENT, label=label))
    assert message["text"] == "✅ WhatsApp message 1 was sent"
    assert seen(message)[1:-1] == ["*Status* pending → sent"]


def test_reason_that_the_header_has_no_room_for_is_told_in_full_below_it() -> None:
    reason = "Gateway says " + "no " * 60
    message = payload(changed(error=reason))
    assert seen(message)[0].endswith("…")
    assert f"Reason: {reason.strip()}" in seen(message)
    assert message["text"] == f"❌ WhatsApp message 12346 failed: gateway says {'no ' * 60}· Invoice 88"


def test_what_is_stuck_says_for_how_long() -> None:
    event = changed(1, Status.PENDING, label="Invoice 88")
    data = {**event.json, "previous": event.json["current"], "pending_seconds": 16 * 60 + 5}
    message = payload(Event(event.id, EventType.MESSAGE_STUCK, event.at, event.subject, 2, data, 1))
    assert message["text"] == "🐌 WhatsApp message 1 is stuck: pending for 16 min · Invoice 88"
    assert seen(message)[1:-1] == [
        "*Label* Invoice 88",
        "*Status* pending for 16 min",
        "*What to do:* Open WbizTool and check that your WhatsApp number is connected.",
    ]


def test_the_first_observation_has_only_a_new_status() -> None:
    event = changed(1, Status.SENT, label=None)
    first = Event(event.id, event.type, event.at, event.subject, 1, {**event.json, "previous": None}, 1)
    assert "*Status* sent" in seen(payload(first))


@pytest.mark.parametrize(
    ("event", "text", "lines"),
    [
        (
            source_down(),
            "🔴 WbizTool's status API is down: Auth Error",
            [
                "*Since* <!date^1795464582^{date_short_pretty} {time}|2026-11-23 20:09:42 UTC>",
                "*What to do:* Check client_id and API key in the bridge's configuration.",
            ],
        ),
        (source_down(None), "🔴 WbizTool's status API is down", []),
        (
            receiver_down(),
            "🔴 Receiver crm is down: HTTP 500 Internal Server Error",
            ["*What to do:* Check the receiver. Its events are kept, and sent once it works again."],
        ),
        (
            number_disconnected(),
            "📵 WhatsApp number +4915112345678 is disconnected",
            ["*WhatsApp client id* 7", "*What to do:* Open WbizTool and scan the QR code."],
        ),
        (number_disconnected(""), "📵 WhatsApp number number/7 is disconnected", ["*WhatsApp client id* 7"]),
    ],
)
def test_events_that_are_not_about_a_message_are_told_too(event: Event, text: str, lines: list[str]) -> None:
    message = payload(event)
    assert message["text"] == text
    assert set(lines) <= set(seen(message))


@pytest.mark.parametrize("type_", EventType)
def test_every_type_has_its_words_even_with_no_data_at_all(type_: EventType) -> None:
    message = payload(Event("evt_a", type_, START, "somewhere", 1, {}))
    assert_shape(message)
    assert message["text"].startswith(WORDS[type_].emoji)


def test_a_burst_is_told_as_one_digest() -> None:
    failures = [changed(id_, label=f"Invoice {id_}" if id_ < 2 else None) for id_ in range(4990)]
    sent = [changed(id_, Status.SENT, label=None, at=START + timedelta(seconds=69)) for id_ in range(5000, 5010)]
    message = payload(*failures, *sent, shown=6)
    assert seen(message) == [
        "❌ 4,990 messages failed, 10 sent",
        "4,990 failed: invalid numbers\n0 (Invoice 0), 1 (Invoice 1), 2 and 4,987 more",
        "10 sent\n5000, 5001, 5002 and 7 more",
        "*What to do:* Check the number, then send again or call.",
        f"{shown_date('1795464672', '20:11:12')} to {shown_date('1795464741', '20:12:21')}",
    ]
    assert message["text"] == (
        "❌ 4,990 messages failed, 10 sent · "
        "4,990 failed: invalid numbers: 0 (Invoice 0), 1 (Invoice 1), 2 and 4,987 more · "
        "10 sent: 5000, 5001, 5002 and 7 more"
    )


def test_digest_of_one_minute_tells_it_once() -> None:
    later = changed(2, at=START + timedelta(seconds=9))
    assert seen(payload(changed(1), later))[-1] == shown_date("1795464672", "20:11:12")


def test_digest_of_one_type_says_why_in_its_heading() -> None:
    invalid = [changed(id_, label=f"Invoice {id_}") for id_ in range(1, 6)]
    absent = [changed(id_, error="Number is not on WhatsApp", label=None) for id_ in (6, 7)]
    message = payload(*invalid, *absent)
    assert seen(message)[:-1] == [
        "❌ 7 WhatsApp messages failed: 5 invalid numbers, 2 not on WhatsApp",
        "5 failed: invalid numbers\n1 (Invoice 1), 2 (Invoice 2), 3 (Invoice 3), 4 (Invoice 4), 5 (Invoice 5)",
        "2 failed: not on WhatsApp\n6, 7",
        f"*What to do:*\n• Check the number, then send again or call.\n• {next_steps.step_of(absent[0])}",
    ]
    assert [block["type"] for block in message["blocks"]] == ["header", *["section"] * 3, "context"]


def test_digest_of_one_kind_does_not_say_it_twice() -> None:
    assert seen(payload(changed(1), changed(2)))[:2] == [
        "❌ 2 WhatsApp messages failed: invalid numbers",
        "1 (Invoice 88), 2 (Invoice 88)",
    ]


def test_a_digest_of_many_groups_counts_those_that_do_not_fit() -> None:
    kinds = ["".join(letters) for letters in itertools.product("abcdefghij", repeat=3)]
    message = payload(*(changed(id_, error=f"fault {kinds[id_ % 1000]}") for id_ in range(5000)))
    assert_shape(message)
    assert seen(message)[0] == (
        "❌ 5,000 WhatsApp messages failed: "
        "5 “fault aaa”, 5 “fault aab”, 5 “fault aac”, 5 “fault aad”, 5 “fault aae”, 5 “fault aaf” and "
        "4,970 for other reasons"
    )
    assert seen(message)[-3] == "and 4,900 more in 980 other groups"
    assert len(message["blocks"]) == 1 + 20 + 3


@pytest.mark.slow
def test_errors_that_differ_only_in_a_number_are_one_group() -> None:
    message = payload(*(changed(id_, error=f"Customer {id_} has opted out") for id_ in range(5000)), shown=1)
    assert seen(message)[:2] == [
        "❌ 5,000 WhatsApp messages failed: “Customer … has opted out”",
        "0 (Invoice 88) and 4,999 more",
    ]


def test_errors_of_a_digest_grouped_by_error_alone_may_be_missing() -> None:
    events = [changed(1, Status.SENT), changed(2, Status.SENT)]
    failed = changed(3, label=None)
    assert "2 without a reason\n1 (Invoice 88), 2 (Invoice 88)" in seen(payload(*events, failed, by=["error"]))
    assert seen(payload(*events, failed, by=[]))[:2] == [
        "❌ 1 message failed, 2 sent",
        "1 (Invoice 88), 2 (Invoice 88), 3",
    ]


def added(pattern: str, text: str) -> int:
    """Add up the counts that a pattern finds."""
    return sum(int(count.replace(",", "")) for count in re.findall(pattern, text))


def shown_counts(message: dict[str, Any]) -> list[int]:
    """Add up what a person reads of failures: the heading, its reasons, the groups with the rest, and the fallback."""
    heading, *sections = seen(message)[:-2]
    total = r"^❌ ([\d,]+) WhatsApp messages failed"
    by_reason = r"(?::|,| and) ([\d,]+) (?=“|without|for)"
    grouped = r"(?:^| · )(?:and )?([\d,]+) (?:failed|more in)"
    fallback = message["text"].removeprefix(heading)
    return [
        added(total, heading),
        added(by_reason, heading),
        sum(added(grouped, section) for section in sections),
        added(grouped, fallback),
    ]


@pytest.mark.slow
@settings(max_examples=50)  # each is a whole digest
@given(
    st.integers(3, 3000), st.integers(3, 26), st.integers(0, 200), st.sampled_from(["&", "x", "漢", "👩‍👩‍👧‍👦", "\n"])
)
def test_the_counts_that_are_shown_always_add_up(count: int, kinds: int, shown: int, char: str) -> None:
    def error(kind: int) -> str:
        return f"fault {'abcdefghijklmnopqrstuvwxyz'[kind]} {char * kind * 9}" if kind else ""

    events = [changed(id_, error=error(id_ % kinds), label=char) for id_ in range(count)]
    message = payload(*events, shown=shown)
    assert_shape(message)
    assert shown_counts(message) == [count] * 4


@given(any_event)
def test_any_event_whatsoever_fits_and_is_harmless(event: Event) -> None:
    message = payload(event)
    assert_shape(message)
    assert_harmless(message)


@pytest.mark.slow
@settings(max_examples=50)  # each is a whole digest
@given(st.lists(any_event, min_size=2, max_size=60), st.integers(0, 300))
def test_any_events_whatsoever_fit_as_a_digest_and_are_harmless(events: list[Event], shown: int) -> None:
    message = payload(*events, shown=shown)
    assert_shape(message)
    assert_harmless(message)
    heading, _, _reasons = re.sub(r"^\S+ (TEST: |REMINDER: )?", "", seen(message)[0]).partition(": ")
    counts = re.sub(r" \(.*?\)(?=,|$)", "", heading)  # whose failure rates they are
    assert added(r"(\d[\d,]*) ", counts) == len({event.subject for event in events})


@pytest.mark.slow
@pytest.mark.parametrize("char", ["&", '"', "\\", "漢", "👩‍👩‍👧‍👦", "م", "*", "x ", "@", "_"])
def test_the_longest_of_everything_fits(char: str) -> None:
    long = char * 5000
    one = changed(10**300, error=long, label=long, tags={long: long})
    crowd = [changed(10**300 + id_, error=f"{id_ % 30}{long}", label=long) for id_ in range(1000)]
    for message in (payload(one), payload(*crowd, shown=1000)):
        assert_shape(message)
        assert_harmless(message)


def test_nothing_from_outside_makes_a_mention_a_link_or_formatting() -> None:
    message = payload(changed(error="<!channel> *now* <https://evil.example|pay>", label="@here & _there_"))
    assert_harmless(message)
    assert seen(message)[0].endswith("failed: &lt;!channel&gt; *now* &lt;https://evil.example|pay&gt;")
    assert "*Label* @here &amp; _there_" in seen(message)
    assert message["text"] == (
        "❌ WhatsApp message 12346 failed: &lt;!channel&gt; ∗now∗ &lt;https:\u2060//evil.\u2060example|pay&gt; · "
        "@\u2060here &amp; ˍthereˍ"
    )


def test_the_same_events_make_the_same_bytes() -> None:
    events = [changed(1), changed(2), source_down()]
    receiver = SlackReceiver("ops")
    assert receiver.render(events, START) == receiver.render(tuple(events), START + timedelta(hours=1))


def test_a_message_about_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SlackReceiver("ops").render([], START)


def test_a_key_that_nothing_is_grouped_by_is_refused() -> None:
    with pytest.raises(ValueError, match="'colour', only by type and error"):
        SlackReceiver("ops", by=["type", "colour"])
