import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.dev.settings import forward_url
from bridge.domain.errors import UsageError


@given(st.text(), st.text())
def test_whole_address_stays_as_it_is(before: str, after: str) -> None:
    assert forward_url(f"{before}://{after}") == f"{before}://{after}"


@pytest.mark.parametrize(
    "text", ["localhost:3000/hooks", "localhost", "127.0.0.1:3000", "[::1]:3000/hooks", "LOCALHOST:1"]
)
def test_address_on_this_machine_is_completed(text: str) -> None:
    assert forward_url(text) == f"http://{text}"


@pytest.mark.parametrize(
    "text",
    ["", "3000", ":3000/hooks", "/hooks", "example.com/hooks", "[::1", "http:/localhost", "localhost.example.com"],
)
def test_other_address_has_to_be_whole(text: str) -> None:
    with pytest.raises(UsageError, match="must be a full URL, for example http://localhost:3000/hooks"):
        forward_url(text)
