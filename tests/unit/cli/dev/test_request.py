import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.commands.trigger import trigger
from bridge.cli.dev.request import OTHERS, RULES_OF_TIME, STATUSES, Request
from bridge.domain.errors import UsageError
from bridge.domain.model import EventType

of_messages = [type_ for type_ in EventType if type_.startswith("message.")]
texts = st.text(min_size=1, max_size=10)


@given(st.sampled_from(of_messages), st.none() | st.integers(1, 9), st.none() | texts, st.dictionaries(texts, texts))
def test_request_is_read_as_it_was_written(
    type_: EventType, id_: int | None, label: str | None, tags: dict[str, str]
) -> None:
    error = "Invalid phone number" if type_ is EventType.MESSAGE_FAILED else None
    asked = Request(type_, id_, label, tags, error)
    assert Request.read(asked.as_json()) == asked


@pytest.mark.parametrize("type_", [type_ for type_ in EventType if type_ is not EventType.MESSAGE_FAILED])
def test_error_goes_with_failed_only(type_: EventType) -> None:
    with pytest.raises(UsageError, match=f"--error applies only to message.failed, not to {type_}"):
        Request(type_, error="Invalid phone number")


@pytest.mark.parametrize("given", [{"id": 1}, {"label": "Invoice 88"}, {"tags": {"team": "billing"}}])
def test_details_go_with_messages_only(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"only to events about messages, not to source\.down"):
        Request(EventType.SOURCE_DOWN, **given)  # type: ignore[arg-type]


def test_type_of_another_version_is_refused() -> None:
    with pytest.raises(UsageError, match="is another version"):
        Request.read({**Request(EventType.SOURCE_UP).as_json(), "type": "source.sideways"})


@pytest.mark.parametrize("type_", [*STATUSES, *RULES_OF_TIME, *OTHERS])
def test_help_names_what_really_happens(type_: EventType) -> None:
    assert type_.removeprefix("message.") in (trigger.__doc__ or "").partition("all other types")[0]
