"""What an HTTP answer means for a delivery: DESIGN's table, row by row."""

from __future__ import annotations

import email.utils
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.outcome import Dead, Delivered, Outcome, Retry
from bridge.receivers import responses
from bridge.transport.message import Reply
from tests.world.clock import START


def read(status: int, **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return responses.read(Reply(status, named, b"secret words"), START)


def why(outcome: Outcome) -> str:
    assert isinstance(outcome, Retry | Dead)
    return outcome.why


def test_every_2xx_is_a_delivery() -> None:
    assert all(read(status) == Delivered() for status in range(200, 300))


@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_to_wait_is_kept_as_it_came_and_not_tried_quickly(status: int) -> None:
    outcome = read(status, retry_after="86401")
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.quick) == (timedelta(seconds=86401), False)


@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_to_wait_until_a_date_is_reckoned_from_the_answer(status: int) -> None:
    moment = START.replace(microsecond=0) + timedelta(minutes=2)
    outcome = read(status, retry_after=email.utils.format_datetime(moment, usegmt=True))
    assert isinstance(outcome, Retry)
    assert outcome.after == moment - START


@pytest.mark.parametrize("headers", [{}, {"retry_after": "soon"}])
def test_429_without_a_readable_wish_goes_by_the_schedule(headers: dict[str, str]) -> None:
    outcome = read(429, **headers)
    assert outcome == Retry(why(outcome), after=None, quick=False)


@pytest.mark.parametrize("headers", [{}, {"retry_after": "soon"}])
def test_503_without_a_readable_wish_is_a_server_error_like_others(headers: dict[str, str]) -> None:
    outcome = read(503, **headers)
    assert outcome == Retry(why(outcome), after=None, quick=True)


@pytest.mark.parametrize("status", [500, 501, 502, 504, 507, 520, 599])
def test_a_server_error_is_worth_a_quick_try(status: int) -> None:
    outcome = read(status, retry_after="60")
    assert outcome == Retry(why(outcome), after=None, quick=True)


def test_410_is_dead_at_once() -> None:
    assert read(410) == Dead("HTTP 410 Gone: the receiver says that nothing is to be sent here any more")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 413, 418, 422, 425, 451, 499])
def test_another_refusal_goes_by_the_schedule_because_a_deploy_passes(status: int) -> None:
    outcome = read(status)
    about_event = status in {400, 405, 409, 413, 422}
    assert outcome == Retry(why(outcome), after=None, quick=False, about_event=about_event)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_names_the_target_s_host_and_nothing_else_of_it(status: int) -> None:
    outcome = read(status, location="https://user:pass@Other.Example.com:8443/hook/T0K3N?key=abc#top")
    assert outcome == Retry(why(outcome), after=None, quick=False)
    assert why(outcome).endswith(
        "redirects to other.example.com: redirects are not followed; put the final address into the configuration"
    )


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/elsewhere", "another address on the same host"),
        ("https://[::1]/x", "::1"),
        ("https://[half", "an unreadable address"),
        ("https://a b/", "an unreadable address"),
        ("https://" + "a" * 300 + "/", "an unreadable address"),
    ],
)
def test_a_redirect_to_an_odd_place_is_told_in_words(location: str, target: str) -> None:
    assert f"redirects to {target}: " in why(read(302, location=location))


def test_a_redirection_without_a_place_is_a_failure_too() -> None:
    assert why(read(304)) == "HTTP 304 Not Modified: an answer of redirection that leads nowhere"


@pytest.mark.parametrize("status", [0, 100, 101, 199, 600, 999, -1])
def test_an_answer_that_can_t_end_a_post_is_tried_again(status: int) -> None:
    outcome = read(status)
    assert outcome == Retry(why(outcome), after=None, quick=False)


def test_the_reason_names_the_status_and_its_name() -> None:
    assert why(read(404)) == "HTTP 404 Not Found: the receiver refuses it"
    assert why(read(599)) == "HTTP 599: the receiver's server fails"


@given(
    st.integers(-10, 1000),
    st.dictionaries(st.sampled_from(["location", "retry-after"]), st.text() | st.from_regex(r"https?://\S+")),
    st.binary(),
)
def test_no_answer_whatsoever_raises_and_no_reason_quotes_the_body(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    outcome = responses.read(Reply(status, headers, body + b"secret words"), START)
    if not isinstance(outcome, Delivered):
        assert "secret words" not in outcome.why
        assert "\n" not in outcome.why
        assert outcome.why.startswith(f"HTTP {status}")
