"""Templates, rendered: what they can do, what they can't, and that none hangs, fills the memory or shows a value."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import traceback
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.receivers.templating import compiler
from bridge.receivers.templating.compiler import TemplateError
from bridge.receivers.templating.template_text import Body, Source, mark
from bridge.receivers.webhook.templated import names
from tests.unit.receivers.events import any_event, changed, source_down, texts
from tests.world.fuzz import share_of

HIDDEN = "what-nobody-may-see"
FAILED = names(changed(tags={"team": "billing", "items": "7"}), "crm")
DOWN = names(source_down(), "crm")
TOKEN = "t0k3n {{ 'with' }} \"quotes\" and 'more'"


def text(template: str, known: dict[str, object] = FAILED) -> str:
    return compiler.text(Source(template))(known)


def value(template: str, known: dict[str, object] = FAILED) -> object:
    return compiler.value(Source(template))(known)


def why(template: str, known: dict[str, object] = FAILED) -> str:
    with pytest.raises(TemplateError) as caught:
        text(template, known)
    return str(caught.value)


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("plain", "plain"),
        ("{{ event.type }} for {{ receiver }}", "message.failed for crm"),
        ("{{ summary }}", "WhatsApp message 12346 failed: invalid phone number · Invoice 88"),
        ("{{ event.data.current.error | default('-') }}", "Invalid phone number"),
        ("{{ event.data.label | tojson }}", '"Invoice 88"'),
        ("{{ event.data.tags.team }}, {{ event.data.tags.shift | default('none') }}", "billing, none"),
        ("{{ event.data.tags.items }}", "7"),
        ("{% for key, value in event.data.tags | items %}{{ key }}={{ value }};{% endfor %}", "team=billing;items=7;"),
        ("{% for key in event.data.tags %}{{ key }}{{ ', ' if not loop.last }}{% endfor %}", "team, items"),
        ("{{ event.data.tags }}", '{"team":"billing","items":"7"}'),
        ("{{ event.timestamp | unixtime }}", "1795464672"),
        ("{{ 'a b/c' | urlencode }}", "a%20b%2Fc"),
        ("{{ '<b>' | e }}<i>", "&lt;b&gt;<i>"),
        ("{{ ('x' * 200) | truncate(130) | length }}", "130"),
        ("{{ [3, 1] | sort | map('string') | join('-') }}", "1-3"),
        ("{{ 'a-b' | replace('-', '+') }}{{ none }}{{ 'x' ~ 1 ~ none }}", "a+bx1"),
        ("{% set ns = namespace(n=0) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "3"),
        ("{% if event.type.startswith('message.') %}m{% endif %}", "m"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_template_makes_text(template: str, made: str) -> None:
    assert text(template) == made


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("{{ event.data.message_id }}", 12346),
        ("{{ event.data.message_id | string }}", "12346"),
        ("{{ event.data.current }}", FAILED["event"]["data"]["current"]),
        ("{{ event.data.nothing | default(none) }}", None),
        ("{{- [1, {'a': true}] -}}", [1, {"a": True}]),
        ("id {{ event.data.message_id }}", "id 12346"),
        ("12346", "12346"),
        ("{% if true %}1{% endif %}", "1"),
    ],
)
def test_a_single_expression_keeps_its_type_in_the_place_of_a_value(template: str, made: object) -> None:
    assert value(template) == made


def test_what_is_missing_can_be_gone_into_and_needs_one_default() -> None:
    assert text("{{ event.data.current.error | default('none') }}", DOWN) == "none"
    assert "there is no `current`; where it may be missing, write `| default('')`" in why(
        "{{ event.data.current.error }}", DOWN
    )
    assert "there is no `current`" in why("{% if event.data.current %}x{% endif %}", DOWN)


def test_null_is_empty_as_text_and_can_be_gone_into_with_a_default() -> None:
    known = names(changed(label=None), "crm")
    assert text("<{{ event.data.label }}>", known) == "<>"
    assert text("{{ event.data.label or 'no label' }}", known) == "no label"
    assert text("{{ event.data.label.x | default('-') }}", known) == "-"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ event.data.eror }}", "there is no `eror`"),
        ("{{ event.data.current.eror }}", "(did you mean `error`?)"),
        ("{{ evnt.type }}", "'evnt' is not known (did you mean `event`?)"),
        ("{% if false %}{{ evnt.type }}{% endif %}", "'evnt' is not known"),
        ("{% if false %}{{ 1 | tojso }}{% endif %}", "no filter 'tojso' (did you mean `tojson`?)"),
        ("{% if 1 is evn %}{% endif %}", "no test 'evn' (did you mean `even`?)"),
        ("{{ event.data.items() }}", "there is no `items` (write `| items`)"),
        ("{{ event.data.tags.pop('team') }}", "there is no `pop`"),
        ("{{ event.data.label.replace('a', 'b') }}", "write `| replace(…)`"),
        ("{{ event.type.__class__.__mro__ }}", ".__class__ of a str can't be used here"),
        ("{{ [].append(1) }}", ".append of a list can't be used here"),
        ("{% include 'x' %}", "{% include %} can't be used here"),
        ("{% macro f() %}{% endmacro %}", "{% macro %} can't be used here"),
        ("{% for x in [1] recursive %}{% endfor %}", "recursive loops can't be used here"),
        ("{{ [1] | map('string') }}", "wants `| join(', ')` or `| list`"),
        ("{{ [1] | map('string') | tojson }}", "wants `| list`"),
        ("{{ event.data.missing | tojson }}", "there is no `missing`"),
        ("{{ [1] | random }}", "no filter 'random'"),
        ("{{ cycler(1) }}", "'cycler' is not known"),
        ("one\ntwo {{ event.data.eror }}\nthree", "(line 2 of the template)"),
        ("one\ntwo\n{% if %}", "(line 3 of the template)"),
        ("{{ 1", "not a template"),
        ("{{" + "(" * 20_000, "nested too deeply"),
        ("x" * 70_000, "too long (allowed: up to 64 KiB)"),
        ("\x1a0\x1a{{ 1 }}", "a control character"),
    ],
)
def test_what_is_wrong_is_said(template: str, said: str) -> None:
    assert said in why(template)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(999) %}{% for b in range(999) %}{% endfor %}{% endfor %}",
        "{% for a in range(1000) %}" + "x" * 1000 + "{% endfor %}",
        "{{ range(1000000000) | list | length }}",
        "{{ 'x' * 1000000000 }}",
        "{{ 1000000000 * [1] }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ 'x' | center(1000000000) }}",
        "{{ 'x' | indent(1000000000) }}",
        "{{ [1] | batch(1000000000, 0) | list }}",
        "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 40 + "{{ x | length }}",
        "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x + x %}" * 40 + "{{ x | length }}",
        "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x | replace('a', x) %}" * 12 + "{{ x | length }}",
        "{% set x = 'aaaaaaaaaa' %}" + "{% set x = [x, x, x] | join %}" * 30 + "{{ x | length }}",
        "{% set x %}aaaaaaaaaa{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40 + "{{ x | length }}",
        "{% set x = [1] %}" + "{% set x = x + x %}" * 40 + "{{ x | length }}",
        "{% set x = 12345 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
        "{{ ('x' * 400000) }}",
        "{{ [1] | _turns(-1000000000) }}",
        "{{ [[1]] | map('_turns', -1000000000) | list }}" + "{% for a in range(999) %}" * 2 + "{% endfor %}" * 2,
        "{% set x = receiver %}" + "{% set x = [x, x] %}" * 60 + "{{ x | tojson | length }}",
        "{% set x = receiver %}" + "{% set x = {'a': x, 'b': x} %}" * 60 + "{{ x }}",
        "{% set x, y = receiver, receiver %}" + "{% set x = (x, x) %}{% set y = (y, y) %}" * 60 + "{{ x == y }}",
    ],
)
def test_no_template_hangs_or_fills_the_memory(template: str) -> None:
    started = time.process_time()
    with pytest.raises(TemplateError):
        text(template)
    assert time.process_time() - started < 1


def test_what_a_variable_holds_is_never_a_part_of_the_template() -> None:
    source = Source(f"{mark(0)} {{{{ '{mark(0)}' ~ event.type }}}}", (TOKEN,))
    assert compiler.text(source)(FAILED) == f"{TOKEN} {TOKEN}message.failed"


def test_a_variable_outside_of_quotes_is_told_as_that() -> None:
    with pytest.raises(TemplateError, match="must be in quotes") as caught:
        compiler.text(Source(f"{{{{ {mark(0)} }}}}", (TOKEN,)))
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_no_fault_shows_what_an_event_or_a_variable_holds() -> None:
    known = names(changed(error=HIDDEN, label=HIDDEN), "crm")
    for template in (
        "{{ event.data.label + 1 }}",
        "{{ event.data.label | unixtime }}",
        f"{{{{ 1 + '{mark(0)}' }}}}",
        f"{{{{ event['{mark(0)}'] }}}}",
    ):
        with pytest.raises(TemplateError) as caught:
            compiler.text(Source(template, (HIDDEN,)))(known)
        assert HIDDEN not in "".join(traceback.format_exception(caught.value))


def test_a_signature_is_that_of_the_standard_library() -> None:
    expected = hmac.new(b"k\xc3\xbc", "Größe".encode(), hashlib.sha256).hexdigest()
    assert text("{{ 'Größe' | hmac_sha256('kü') }}") == expected


def test_in_an_address_all_that_is_put_in_is_encoded_and_nothing_twice() -> None:
    render = compiler.text(Source("a/{{ '../x?y#z' }}/{{ 'b c' | urlencode }}/{{ 7 }}"), in_address=True)
    assert render(FAILED) == "a/..%2Fx%3Fy%23z/b%20c/7"


@settings(max_examples=25)
@given(any_event, texts)
def test_whatever_an_event_holds_a_body_of_keys_is_json_with_just_that_in_it(event: object, receiver: str) -> None:
    known = names(event, receiver)  # type: ignore[arg-type]
    write = compiler.writer(
        Body(
            {
                "all": Source("{{ event.data }}"),
                "list": [Source("{{ summary }}"), 1, None],
                "said": Source("<{{ receiver }}>"),
            }
        )
    )
    try:
        made = json.loads(write(known))
    except TemplateError as error:
        assert "too large" in str(error) or "more than 256 KiB" in str(error)  # noqa: PT017
        return
    assert made["list"][1:] == [1, None]
    assert json.loads(write(known)) == made, "and the same on every attempt"


_PIECES = (
    *(
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "event",
        ".data",
        ".label",
        "['id']",
        " | upper",
        " | length",
        "1 + 1",
        "'a'",
        "(",
        ")",
    ),
    *("{{ event.data.label }}", "{{ event.type | upper }}", "{% if event %}", "{% endif %}", "{% raw %}", "{# a #}"),
    *("{% for key in event.data %}", "{{ key }}", "{% endfor %}", "{{ nothing }}", "{{ 'a' ~ 1 }}", " text\n"),
)
_TEMPLATES = st.lists(st.sampled_from(_PIECES), max_size=4).map("".join) | st.text(
    alphabet="{}%#'\"|.()[] \n\\-+*~eventdataforif12", max_size=60
)


@settings(max_examples=40)
@given(_TEMPLATES)
def test_whatever_is_written_is_a_template_or_told_to_be_none(template: str) -> None:
    for understand in (compiler.text, compiler.value):
        with suppress(TemplateError):
            understand(Source(template))(FAILED)


def test_some_of_what_is_written_is_a_template() -> None:
    """Not text alone: something is in braces, and it is understood."""

    def taken(template: str) -> bool:
        try:
            return compiler.text(Source(template))(FAILED) != template
        except TemplateError:
            return False

    assert 0.05 < share_of(_TEMPLATES, taken) < 0.95
