"""What a Slack message has beside its words: a coloured bar, a link to the bridge, a mention; all within its limits.

The limits are those of ``test_receiver.py``; that attachments have colours and blocks of their own is in
https://docs.slack.dev/reference/messaging/attachments.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.model import Event, EventType, Status
from bridge.domain.samples import sample_event
from bridge.receivers.slack.blocks import Style
from bridge.receivers.slack.mentions import Mention, slack_mention
from bridge.receivers.slack.receiver import SlackReceiver
from bridge.receivers.wording import COLOURS, WORDS, Severity
from tests.unit.receivers.events import any_event, changed, source_down
from tests.unit.receivers.slack.test_receiver import assert_harmless, assert_shape
from tests.world.clock import START

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGES = "https://bridge.example.com/a&b"
LONGEST = Mention(tuple(f"<!subteam^S{number:020}>" for number in range(10)))


def payload(events: Sequence[Event], **style: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(SlackReceiver("ops", style=Style(**style)).render(events, START).body)
    return body


def plain(message: dict[str, Any], mention: str = "", pages: str | None = None) -> dict[str, Any]:
    """Take off what the style added, seeing that it is what was asked for, and nothing else."""
    (attachment,) = message.pop("attachments", [{"blocks": []}])
    if message["blocks"] and "color" in attachment:
        assert attachment.keys() == {"color", "blocks"}
        assert attachment["color"] in COLOURS.values()
    blocks = [*message["blocks"], *attachment["blocks"]]
    if mention:
        assert message["text"].startswith(f"{mention} ")
        message["text"] = message["text"].removeprefix(f"{mention} ")
        assert blocks.pop(1) == {"type": "section", "text": {"type": "mrkdwn", "text": mention, "verbatim": True}}
    if pages:
        assert blocks[-1]["elements"].pop()["text"].startswith("<https://bridge.example.com/a&amp;b/")
    return {**message, "blocks": blocks}


@pytest.mark.parametrize("type_", EventType)
def test_the_bar_has_the_colour_of_what_happened_and_the_header_stands_before_it(type_: EventType) -> None:
    message = payload([Event("evt_a", type_, START, "somewhere", 1, {})])
    assert [block["type"] for block in message["blocks"]] == ["header"]
    assert message["attachments"][0]["color"] == COLOURS[WORDS[type_].severity]


def test_a_digest_has_the_colour_of_the_gravest() -> None:
    events = [*(changed(id_, Status.SENT) for id_ in range(50)), changed(99)]
    assert payload(events)["attachments"][0]["color"] == COLOURS[Severity.FAILURE]
    assert payload(events[:50])["attachments"][0]["color"] == COLOURS[Severity.SUCCESS]


def test_without_colour_a_message_is_blocks_alone() -> None:
    message = payload([changed()], colour=False)
    assert "attachments" not in message
    assert len(message["blocks"]) == 4


def test_a_link_leads_to_the_page_of_the_message_or_to_the_list_of_several() -> None:
    def link(*events: Event) -> str:
        text: str = payload(events, pages=PAGES)["attachments"][0]["blocks"][-1]["elements"][-1]["text"]
        return text

    assert link(changed(7)) == "<https://bridge.example.com/a&amp;b/messages/7|Open message>"
    assert link(source_down()) == "<https://bridge.example.com/a&amp;b/|Open the bridge>"
    assert link(changed(1), changed(2)) == "<https://bridge.example.com/a&amp;b/messages?status=failed|Open the list>"
    several = link(changed(1), changed(2, Status.SENT))
    assert several == "<https://bridge.example.com/a&amp;b/messages|Open the list>"
    assert link(changed(1), source_down()) == "<https://bridge.example.com/a&amp;b/|Open the bridge>"
    assert link(sample_event(START)) == "<https://bridge.example.com/a&amp;b/|Open the bridge>"


def test_whom_it_concerns_is_mentioned_before_the_bar_and_in_the_fallback() -> None:
    message = payload([changed()], mention=Mention(("<!here>", "<@U012AB3CD>")))
    assert message["blocks"][1]["text"]["text"] == "<!here> <@U012AB3CD>"
    assert message["text"] == "<!here> <@U012AB3CD> ❌ WhatsApp message 12346 failed: invalid phone number · Invoice 88"


@pytest.mark.parametrize(
    ("events", "mentioned"),
    [
        ([changed()], True),
        ([source_down()], True),
        ([changed(1, Status.SENT)], False),
        ([changed(1, Status.SENT), changed(2, Status.SENT)], False),
        ([changed(1, Status.SENT), changed(2)], True),
        ([changed(id_) for id_ in range(500)], True),
    ],
)
def test_only_chosen_types_mention_somebody_and_a_digest_does_once(events: list[Event], mentioned: bool) -> None:
    message = payload(events, mention=Mention(("<!here>",), ("message.failed", "source.*")))
    assert json.dumps(message).count("<!here>") == (2 if mentioned else 0), "in the blocks and in the fallback"


@settings(max_examples=50)  # each is a whole digest
@given(
    st.lists(any_event, min_size=1, max_size=40),
    st.booleans(),
    st.sampled_from([None, PAGES]),
    st.sampled_from([Mention(), Mention(("<!here>",)), LONGEST]),
)
def test_whatever_a_message_has_it_fits_and_is_harmless(
    events: list[Event], colour: bool, pages: str | None, mention: Mention
) -> None:
    message = payload(events, colour=colour, pages=pages, mention=mention)
    assert len(message["text"].encode("utf-16-le")) // 2 <= 3000
    assert len(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-16-le")) // 2 < 40_000
    blocks = message["blocks"] + [block for each in message.get("attachments", []) for block in each["blocks"]]
    assert len(blocks) <= 50
    mentions = not all(event.test for event in events) and {event.type for event in events} != {EventType.SUMMARY}
    bare = plain(message, " ".join(mention.who) if mentions else "", pages)
    assert_shape(bare)
    assert_harmless(bare)


def test_the_longest_digest_with_the_longest_mention_fits() -> None:
    events = [changed(10**18 + id_, error=f"{id_} {'&' * 3000}", label="&" * 200) for id_ in range(1000)]
    message = payload(events, pages=PAGES, mention=LONGEST)
    assert len(message["text"]) <= 3000
    assert len(json.dumps(message, ensure_ascii=False, separators=(",", ":"))) < 40_000
    assert_shape(plain(message, " ".join(LONGEST.who), PAGES))


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("@here", "<!here>"),
        ("here", "<!here>"),
        ("<!channel>", "<!channel>"),
        ("<!here|here>", "<!here>"),
        ("@everyone", "<!everyone>"),
        ("U012AB3CD", "<@U012AB3CD>"),
        ("@W012AB3CD", "<@W012AB3CD>"),
        ("<@U012AB3CD>", "<@U012AB3CD>"),
        ("<@U012AB3CD|ada>", "<@U012AB3CD>"),
        ("S012AB3CD", "<!subteam^S012AB3CD>"),
        ("<!subteam^S012AB3CD>", "<!subteam^S012AB3CD>"),
        ("<!subteam^S012AB3CD|@oncall>", "<!subteam^S012AB3CD>"),
    ],
)
def test_a_mention_is_sent_as_slack_wants_it(written: str, sent: str) -> None:
    assert slack_mention(written) == sent


@pytest.mark.parametrize(
    "text", ["@oncall", "oncall", "@ada.lovelace", "<!date^1>", "U1", "#ops", "<https://a.b|x>", ""]
)
def test_whom_slack_would_not_find_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"only by an id \(allowed: @here, @channel, @everyone, a person's id like U0"):
        slack_mention(text)


@given(st.text(max_size=30) | st.from_regex(r"<?[@!]?[USW][A-Z0-9]*[|>].*", fullmatch=True))
def test_no_text_makes_more_than_a_mention(text: str) -> None:
    try:
        sent = slack_mention(text)
    except ValueError:
        return
    assert sent.count("<") == sent.count(">") == 1
    assert slack_mention(sent) == sent


@pytest.mark.parametrize("type_", EventType)
def test_test_is_grey_says_so_and_mentions_nobody(type_: EventType) -> None:
    """A red "Message 0 failed" that called the whole channel was the sample (issue 16, 5)."""
    message = payload([sample_event(START, type_)], mention=Mention(("<!here>",)))
    assert message["text"].startswith("🧪 TEST: ")
    assert message["blocks"][0]["text"]["text"].startswith("🧪 TEST: ")
    assert message["attachments"][0]["color"] == COLOURS[Severity.INFO]
    assert "nothing happened, and there is nothing to do" in json.dumps(message["attachments"])
    assert "<!here>" not in json.dumps(message)


def test_digest_mentions_somebody_if_one_of_its_events_is_real() -> None:
    mention, test = Mention(("<!here>",)), sample_event(START)
    assert "<!here>" not in json.dumps(payload([test, test], mention=mention))
    assert payload([test, test])["text"].startswith("🧪 TEST: 1 WhatsApp message failed: ")
    assert payload([test, changed()], mention=mention)["text"].startswith("<!here> ❌ 2 WhatsApp messages failed: 1 ")
