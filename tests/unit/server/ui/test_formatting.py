"""How the pages write things."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.check import counted
from bridge.server.ui import formatting


def test_a_moment_is_written_in_the_zone_of_who_reads_it() -> None:
    india = ZoneInfo("Asia/Kolkata")
    assert formatting.moment_in(datetime(2026, 11, 3, 1, 2, 3, tzinfo=india), UTC) == "2 Nov 2026, 19:32:03 UTC"
    moment = datetime(2026, 11, 23, 20, 11, 12, tzinfo=UTC)
    assert formatting.moment_in(moment, india) == "24 Nov 2026, 01:41:12 IST"


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0"), (200, "200"), (1000, "1k"), (2500, "2.5k"), (40_000, "40k"), (2_000_000, "2M")]
)
def test_round_numbers_are_written_short(count: int, written: str) -> None:
    assert formatting.short(count) == written


def test_numbers_and_durations_read_well() -> None:
    assert formatting.number(1234567) == "1,234,567"
    assert [counted(count, "attempt", "attempts") for count in (0, 1, 1200)] == [
        "0 attempts",
        "1 attempt",
        "1,200 attempts",
    ]
    assert [formatting.seconds(each) for each in (0.0454, 1.24)] == ["45 ms", "1.2 s"]


def test_what_stands_between_backticks_is_code() -> None:
    assert formatting.code("try `wbiz-bridge check`, then") == "try <code>wbiz-bridge check</code>, then"


@given(st.text(alphabet=st.sampled_from("<>&\"'`abc /=")))
def test_advice_never_becomes_markup_of_its_own(text: str) -> None:
    soup = BeautifulSoup(formatting.code(text), "html.parser")
    assert {tag.name for tag in soup.find_all(True)} <= {"code"}
    assert soup.get_text().replace("`", "").split() == text.replace("`", "").split()
