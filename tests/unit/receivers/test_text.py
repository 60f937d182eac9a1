"""Text from outside on its way into Slack: one line, cut at a safe place, escaped, unable to command anything."""

# ruff: noqa: RUF001 -- the expected texts hold the signs that people see

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.receivers.text import cut, date, escape, fit, inert, isolate, moment_of, one_line, size
from tests.unit.receivers.events import texts
from tests.world.clock import START

FAMILY = "👩‍👩‍👧‍👦"


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("  Invoice\n\t88\r\n", "Invoice 88"),
        ("", ""),
        (" \n\u2003\u200b\u200d", ""),
        (None, ""),
        ("red \x1b[31m and \x00", "red [31m and \N{REPLACEMENT CHARACTER}"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
        ("gpj.\u202eexe", "gpj.exe"),
        (88, "88"),
        (True, "true"),
        ([1, "a"], '[1, "a"]'),
        ({"team": "billing", "n": 1}, "team: billing, n: 1"),
        ({}, ""),
    ],
)
def test_any_value_is_read_as_text_on_one_line(value: object, shown: str) -> None:
    assert one_line(value) == shown


@given(texts)
def test_a_line_is_storable_and_has_no_line_end_or_control_character(text: str) -> None:
    line = one_line(text)
    line.encode()
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)


def test_only_the_three_characters_that_slack_parses_are_escaped() -> None:
    assert escape("""<!channel> & "it's" &amp;""") == """&lt;!channel&gt; &amp; "it's" &amp;amp;"""


@given(texts.map(one_line))
def test_the_size_covers_every_way_to_count(text: str) -> None:
    in_json = json.dumps(escape(text), ensure_ascii=False)[1:-1]
    assert size(text) == utf16(in_json)
    assert size(text) >= utf16(escape(text)) >= len(escape(text)) >= len(text)


@given(texts.map(one_line), st.integers(1, 300))
def test_a_text_is_cut_only_where_it_is_too_long_and_then_fits(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert size(short) <= limit
    if size(text) <= limit:
        assert short == text
    else:
        assert short.endswith("…")
        assert text.startswith(short[:-1])


@given(texts.map(one_line), st.integers(3, 300))
def test_no_entity_is_ever_cut_in_the_middle(text: str, limit: int) -> None:
    escaped = escape(fit(text, limit))
    assert not re.search(r"[<>]", escaped)
    assert not re.sub("&(amp|lt|gt);", "", escaped).count("&")


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("a&b", 6, "a…"),
        ("a&bc", 7, "a&…"),
        (f"ok {FAMILY}!", 8, "ok…"),
        (f"ok {FAMILY}!!", 15, f"ok {FAMILY}…"),
        ("👍🏽👍🏽", 5, "👍🏽…"),
        ("👍🏽👍🏽", 7, "👍🏽…"),
        ("🇩🇪🇫🇷", 7, "🇩🇪…"),
        ("🇩🇪🇫🇷", 3, "…"),
        ("cafe\u0301s!", 5, "caf…"),
        ("1\ufe0f\u20e31\ufe0f\u20e3", 5, "1\ufe0f\u20e3…"),
        ("one two", 5, "one…"),
    ],
)
def test_a_sign_of_several_characters_is_left_out_whole(text: str, limit: int, short: str) -> None:
    assert cut(text, limit) == short


def test_accents_without_end_are_cut_all_the_same() -> None:
    assert cut("e" + "\u0301" * 5000, 200) == "e" + "\u0301" * 198 + "…"


def test_right_to_left_text_does_not_turn_the_words_beside_it() -> None:
    assert isolate("رقم") == "\u2068رقم\u2069"
    assert isolate("Invoice 88") == "Invoice 88"


@given(texts.map(one_line), st.integers(3, 300))
def test_what_is_set_apart_fits_and_is_closed_again(text: str, limit: int) -> None:
    fitted = fit(text, limit)
    assert size(fitted) <= limit
    assert fitted.count("\u2068") == fitted.count("\u2069")


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("*bold* and ~gone~", "∗bold∗ and ∼gone∼"),
        ("`code`", "ˋcodeˋ"),
        ("_it_ but ERR_NO_7", "ˍitˍ but ERR_NO_7"),
        ("@channel", "@\u2060channel"),
        (":x: at 12:30, or: not", ":\u2060x: at 12:\u206030, or: not"),
        ("https://evil.example", "https:\u2060//evil.\u2060example"),
        ("WWW.evil.example", "WWW\u2060.\u2060evil.\u2060example"),
        ("pay.evil.example/now", "pay.\u2060evil.\u2060example/now"),
        ("It costs 12.50. Really...", "It costs 12.50. Really..."),
        ("[a](b)", "[a]\u2060(b)"),
        ("#general # 1", "#\u2060general # 1"),
        ("Invalid phone number", "Invalid phone number"),
    ],
)
def test_what_would_be_formatting_a_mention_or_a_link_is_made_harmless(text: str, harmless: str) -> None:
    assert inert(text) == harmless


@given(texts.map(one_line))
def test_no_text_keeps_its_means_of_formatting_mentioning_or_linking(text: str) -> None:
    assert not re.search(
        r"[*~`]|@[^\u2060…]|://|\]\(|www\.|\w\.[^\W\d_]|:\w+:|#\w|\b_\w+_\b", inert(text), re.IGNORECASE
    )


def test_a_moment_is_shown_in_the_reader_s_zone_with_the_configured_one_to_fall_back_on() -> None:
    assert date(START, UTC) == "<!date^1795464672^{date_short_pretty} {time}|2026-11-23 20:11:12 UTC>"
    india = ZoneInfo("Asia/Kolkata")
    assert date(START, india) == "<!date^1795464672^{date_short_pretty} {time}|2026-11-24 01:41:12 IST>"


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-23T20:11:12.345Z", START),
        ("2026-11-23T21:11:12.345+01:00", START),
        ("2026-11-23T20:11:12.345", START),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        (5, None),
        (None, None),
    ],
)
def test_a_moment_in_an_event_s_data_is_recognised(value: object, moment: datetime | None) -> None:
    assert moment_of(value) == moment


@given(
    st.text() | st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:.]{5,12}([+-][0-9]{2}:[0-9]{2}|Z)?", fullmatch=True)
)
@example("20261123")
def test_whatever_is_recognised_as_a_moment_can_be_shown(value: str) -> None:
    moment = moment_of(value)
    if moment is not None:
        assert moment.tzinfo is UTC
        assert date(moment, UTC).endswith(" UTC>")
        assert date(moment, ZoneInfo("Asia/Kathmandu")).endswith(">"), "nor in a zone where its year would be 10000"
