"""Who wants this event?"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.matching import Conditions, Match, Regex
from bridge.domain.model import Event, EventType
from bridge.domain.routing import Subscription, refusal, route, wants
from tests.world.clock import START


def about_message(type_: EventType, tags: dict[str, str] | None = None) -> Event:
    data = {"message_id": 7, "label": None, "tags": tags or {}}
    return Event("evt_a", type_, START, "message/7", 1, data, message_id=7)


def about_health(type_: EventType, receiver: str | None = None) -> Event:
    data = {"since": "…"} | ({} if receiver is None else {"receiver": receiver})
    return Event("evt_b", type_, START, "source" if receiver is None else f"receiver/{receiver}", 1, data)


def tagged(**tags: str) -> Match:
    return Match(Conditions(tags={key: (value,) for key, value in tags.items()}))


FAILED = about_message(EventType.MESSAGE_FAILED)


@pytest.mark.parametrize("type_", [type_ for type_ in EventType if type_.startswith("message.")])
def test_without_a_choice_every_type_comes_except_pending(type_: EventType) -> None:
    assert wants(Subscription("crm"), about_message(type_)) == (type_ is not EventType.MESSAGE_PENDING)


def test_pending_comes_to_who_asks_for_it() -> None:
    pending = about_message(EventType.MESSAGE_PENDING)
    assert wants(Subscription("crm", ("message.pending",)), pending)
    assert wants(Subscription("crm", ("message.*",)), pending)


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (("message.failed",), True),
        (("message.sent", "message.failed"), True),
        (("*.failed",), True),
        (("*",), True),
        (("message.f*",), True),
        (("message.[ef]*",), True),
        (("message.sent",), False),
        (("failed",), False),
        (("source.*", "number.*"), False),
        (("MESSAGE.FAILED",), False),
        ((), False),
    ],
)
def test_a_type_is_chosen_by_name_or_glob(patterns: tuple[str, ...], wanted: bool) -> None:
    assert wants(Subscription("ops", patterns), FAILED) == wanted


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ({"team": "billing", "country": "IN"}, True),
        ({"team": "billing"}, False),
        ({"team": "sales", "country": "IN"}, False),
        ({}, False),
    ],
)
def test_every_tag_that_was_asked_for_must_stand_on_the_message(tags: dict[str, str], wanted: bool) -> None:
    asks = Subscription("crm", match=tagged(team="billing", country="IN"))
    assert wants(asks, about_message(EventType.MESSAGE_FAILED, tags)) == wanted


def test_no_condition_holds_back_what_is_not_about_a_message() -> None:
    match = Match(Conditions({"team": ("billing",)}, ("Invoice*",), ("failed",), (Regex("x"),)))
    assert wants(Subscription("crm", match=match), about_health(EventType.SOURCE_DOWN))


@pytest.mark.parametrize(
    ("subscription", "event", "why"),
    [
        (Subscription("crm"), about_health(EventType.RECEIVER_DOWN, "crm"), "it is about this receiver itself"),
        (
            Subscription("crm"),
            about_message(EventType.MESSAGE_PENDING),
            "events: left out, which is every type but message.pending",
        ),
        (
            Subscription("crm", ("message.sent", "source.*")),
            FAILED,
            "events: message.failed is not among message.sent, source.*",
        ),
        (
            Subscription("crm", match=tagged(team="billing")),
            about_message(EventType.MESSAGE_FAILED, {"team": "sales"}),
            'match.tags.team: the message has "sales" (wanted: billing)',
        ),
        (Subscription("crm"), FAILED, None),
        (
            Subscription("crm", summary=True),
            about_health(EventType.SUMMARY, "ops"),
            "it is the summary of another receiver",
        ),
        (Subscription("crm", ("*",)), about_health(EventType.SUMMARY, "crm"), "it has no `summary`"),
        (Subscription("crm", ("message.failed",), summary=True), about_health(EventType.SUMMARY, "crm"), None),
    ],
)
def test_what_holds_an_event_back_is_told_in_the_configuration_s_words(
    subscription: Subscription, event: Event, why: str | None
) -> None:
    assert refusal(subscription, event) == why
    assert wants(subscription, event) == (why is None)


def test_tags_do_not_bring_a_type_that_was_not_chosen() -> None:
    event = about_message(EventType.MESSAGE_FAILED, {"team": "billing"})
    assert not wants(Subscription("crm", ("message.sent",), tagged(team="billing")), event)


@pytest.mark.parametrize("type_", [EventType.RECEIVER_DOWN, EventType.RECEIVER_UP])
@pytest.mark.parametrize("patterns", [None, ("*",), ("receiver.*",)])
def test_a_receiver_is_never_told_about_itself(type_: EventType, patterns: tuple[str, ...] | None) -> None:
    event = about_health(type_, "crm")
    assert not wants(Subscription("crm", patterns), event)
    assert wants(Subscription("ops", patterns), event)


def test_routing_keeps_the_order_and_names_each_receiver_once() -> None:
    everyone = [
        Subscription("a"),
        Subscription("b", ("message.sent",)),
        Subscription("c", ("*",)),
    ]
    assert route(iter(everyone), FAILED) == (everyone[0], everyone[2])


@given(
    chosen=st.lists(st.sampled_from([*map(str, EventType), "*", "message.*", "source.*", "nothing", "[", "!", "?"])),
    tags=st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy")),
    on_message=st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy")),
    type_=st.sampled_from([type_ for type_ in EventType if type_.startswith("message.")]),
)
def test_more_patterns_never_take_an_event_away_and_more_tags_never_bring_one(
    chosen: list[str], tags: dict[str, str], on_message: dict[str, str], type_: EventType
) -> None:
    event = about_message(type_, on_message)
    wanted = wants(Subscription("crm", tuple(chosen), tagged(**tags)), event)
    if wanted:
        assert wants(Subscription("crm", (*chosen, "source.up"), tagged(**tags)), event)
        assert wants(Subscription("crm", tuple(chosen)), event)
        assert tags.items() <= on_message.items()
    assert wanted <= wants(Subscription("crm", ("*",), tagged(**tags)), event)


def test_route_finds_the_same_as_asking_everybody() -> None:
    """Also where tags are missing, of another type, or asked for with several values."""
    every = [
        Match(),
        tagged(team="a"),
        tagged(team="b", region="x"),
        Match(Conditions(tags={"team": ("a", "b", "a")})),
        Match(Conditions(tags={"team": ()})),
        Match(none=Conditions(tags={"team": ("a",)})),
    ]
    subscriptions = tuple(
        Subscription(f"r{number}", events, match)
        for number, (match, events) in enumerate(product(every, [None, ("failed.*",), ("message.*", "source.*")]))
    )
    tags = [None, {}, {"team": "a"}, {"team": "b", "region": "x"}, {"team": 7}, {"": "a"}]
    for type_, tag in product(EventType, tags):
        for message_id in (None, 7):
            event = Event("evt_1", type_, START, "message/7", 1, {"tags": tag, "receiver": "r3"}, message_id)
            expected = tuple(each for each in subscriptions if wants(each, event))
            assert route(subscriptions, event) == expected
