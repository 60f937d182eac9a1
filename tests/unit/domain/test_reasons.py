"""Reasons: texts that say the same are counted together, whatever number or name stands in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain import reasons
from bridge.domain.reasons import Reason, count_reasons, reason_of


@pytest.mark.parametrize(
    ("reason", "texts"),
    [
        (reasons.INVALID_NUMBER, ["Invalid phone number", "number is invalid.", "Number 4711 is not valid"]),
        (
            reasons.NOT_ON_WHATSAPP,
            [
                "Number is not on WhatsApp",
                "Phone number +91 98765 43210 is not registered on WhatsApp",
                "Recipient doesn't have WhatsApp",
                "Recipient doesn\N{RIGHT SINGLE QUOTATION MARK}t use WhatsApp",
                "Not a valid WhatsApp number",
            ],
        ),
        (reasons.SENDER_DISCONNECTED, ["WhatsApp client is disconnected", "Session expired", "Number not connected"]),
        (reasons.SENDER_BANNED, ["Sender number banned by WhatsApp"]),
        (reasons.BLOCKED, ["Number is blocked", "Blocked by recipient"]),
        (reasons.OVER_A_LIMIT, ["Daily limit exceeded", "Insufficient balance", "Out of credits"]),
        (reasons.UNUSABLE_FILE, ["Media file too large", "Unsupported image", "Could not load: file not found"]),
        (reasons.TIMED_OUT, ["Request timed out", "timeout", "Time-out"]),
        (reasons.NONE_GIVEN, ["", " "]),
    ],
)
def test_known_reasons_have_words(reason: Reason, texts: list[str]) -> None:
    assert {reason_of(text) for text in texts} == {reason}
    assert reason.known


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["Error 5: gateway", "error 131026: gateway"], "“Error …: gateway”"),
        (["Message to Ada Lovelace was refused", "Message to Bob was refused."], "“Message to … was refused”"),
        (['Template "welcome" is gone', 'Template "bye" is gone'], "“Template … is gone”"),
        (["No answer from https://a.example/x", "No answer from https://b.example/y?z"], "“No answer from …”"),
    ],
)
def test_texts_that_differ_only_in_a_number_or_a_name_are_one(texts: list[str], words: str) -> None:
    ((reason, count),) = count_reasons(texts)
    assert (reason.words(count), count) == (words, len(texts))
    assert not reason.known


def test_other_texts_stay_apart() -> None:
    assert len(count_reasons(["Customer has opted out", "Template is gone", "Gateway error"])) == 3


def test_text_that_is_always_the_same_is_quoted_in_full() -> None:
    ((reason, _),) = count_reasons(["Error 131026: gateway"] * 3)
    assert reason.one == "“Error 131026: gateway”"
    assert reason.key == reason_of("Error 7: gateway").key


def test_words_follow_the_count() -> None:
    counted = count_reasons(["Invalid phone number"] * 5 + ["Number is not on WhatsApp"] * 2)
    assert [f"{count} {reason.words(count)}" for reason, count in counted] == ["5 invalid numbers", "2 not on WhatsApp"]
    assert reasons.INVALID_NUMBER.words(1) == "invalid number"


@pytest.mark.slow
@given(st.lists(st.text(max_size=30) | st.from_regex(r"[a-c] \d{1,3}", fullmatch=True), max_size=30))
def test_counts_add_up_and_each_class_is_counted_once(texts: list[str]) -> None:
    counted = count_reasons(texts)
    assert sum(count for _, count in counted) == len(texts)
    assert len({reason.key for reason, _ in counted}) == len(counted)
    assert [count for _, count in counted] == sorted((count for _, count in counted), reverse=True)
    assert all(reason.one and reason.many for reason, _ in counted)


@given(st.text() | st.sampled_from(["Invalid phone number", "Order 7 is gone.", "4711", "...", "BLOCKED number"]))
def test_what_was_written_down_is_read_as_the_same(text: str) -> None:
    reason = reason_of(text)
    assert reasons.read(reasons.written(reason)).key == reason.key
    assert reasons.read(reason.key).key == reason.key
