"""What of a template is secret, and that it is not shown."""

from __future__ import annotations

import pytest

from bridge.config.env_vars import marked
from bridge.receivers.templating.template_text import Body, Source, mark


def test_variables_become_marks_and_defaults_stay_text() -> None:
    source = marked("${A} $$ ${B:-{{ x }}} ${C:-d}", {"A": "one", "C": "three"})
    assert source.text == f"{mark(0)} $ {{{{ x }}}} {mark(1)}"
    assert source.values == ("one", "three")
    assert source.whole.startswith("one $ ")


def test_a_source_shows_neither_its_text_nor_its_values() -> None:
    assert "s3cret" not in repr(Source("s3cret", ("s3cret",)))
    assert "s3cret" not in repr(Body({"a": Source("s3cret")}, ("s3cret",)))


@pytest.mark.parametrize(
    ("text", "is_one"), [("{{ x }}", True), ("{% x %}", True), ("{# x #}", True), ("{x} %}", False)]
)
def test_a_template_is_what_has_braces_of_one(text: str, is_one: bool) -> None:
    assert Source(text).is_template is is_one


def test_a_value_with_braces_makes_no_template() -> None:
    assert not Source(mark(0), ("{{ x }}",)).is_template


@pytest.mark.parametrize(
    ("source", "secrets"),
    [
        (Source(f"Bearer {mark(0)}-{{{{ event.id }}}}", ("t0k3n",)), {"t0k3n"}),
        (Source("sha256={{ body | hmac_sha256('a-literal-key-0123') }}"), {"a-literal-key-0123"}),
        (Source("services/T0AAA/cccDDDeeeFFF/{{ event.id }}"), {"cccDDDeeeFFF"}),
        (Source("{{ 'x' if event.type == 'number.disconnected' else receiver }}"), set()),
    ],
)
def test_variables_and_long_words_of_a_header_or_an_address_are_secrets(source: Source, secrets: set[str]) -> None:
    assert set(source.words()) == secrets


def test_of_a_body_the_variables_are_secret_and_what_is_called_so() -> None:
    content = {
        "routing_key": "typed-in-0123",
        "auth": [{"apiKey": "typed-too-0123", "Token": "and-this-0123"}],
        "dedup_key": "wbiz-source",
        "source": "WbizTool",
        "key": Source("{{ event.id }}"),
    }
    assert set(Body(content, ("t0k3n",)).secrets()) == {"t0k3n", "typed-in-0123", "typed-too-0123", "and-this-0123"}
