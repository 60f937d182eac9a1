"""Templates in the configuration: tried out with every type of event, told with their place, and kept secret."""

from __future__ import annotations

from pathlib import Path

import pytest

import bridge
from bridge.receivers.webhook.config import WebhookReceiverConfig
from tests.unit.config.world import ENVIRON, LEAST, Folder

PACKAGE = Path(bridge.__file__).parent
MARKED = "MARKED5ECRETMARKED5ECRET"


def receiver(folder: Folder, lines: str, environ: dict[str, str] | None = None) -> WebhookReceiverConfig:
    loaded = folder.load(_written(lines), {**ENVIRON, **(environ or {})}).receivers[1]
    assert isinstance(loaded, WebhookReceiverConfig)
    return loaded


def faults(folder: Folder, lines: str, environ: dict[str, str] | None = None) -> list[str]:
    return folder.faults(_written(lines), {**ENVIRON, **(environ or {})})


def _written(lines: str) -> str:
    return LEAST + "      - name: api\n" + "".join(f"        {line}\n" for line in lines.splitlines())


def test_a_missing_value_is_told_with_its_place_and_the_types_of_events_that_lack_it(folder: Folder) -> None:
    (fault,) = faults(
        folder, "webhook: https://a.b/\nevents: [failed, sent, stuck]\nbody:\n  e: '{{ event.data.current.error }}'"
    )
    assert fault == (
        "config.yaml:8:10: receivers[1].body.e: for message.sent, message.failed, message.stuck: there is no `error`; "
        "where it may be missing, write `| default('')` after it"
    )


def test_many_types_are_counted(folder: Folder) -> None:
    (fault,) = faults(folder, "webhook: https://a.b/\nbody: {x: '{{ event.data.nothing }}'}")
    assert "for message.sent, message.failed, message.cancelled and 12 more: there is no `nothing`" in fault


def test_a_template_is_tried_with_what_the_receiver_gets_and_nothing_else(folder: Folder) -> None:
    body = "body: {team: '{{ event.data.tags.team }}'}"
    assert faults(folder, f"webhook: https://a.b/\nevents: [failed]\nmatch: {{tags: {{team: billing}}}}\n{body}") == []
    assert "for message.failed" in faults(folder, f"webhook: https://a.b/\nevents: [failed]\n{body}")[0]
    assert len(faults(folder, "webhook: https://a.b/\nevents: [source.up]\nbody: {x: '{{ event.data.current }}'}")) == 1


def test_every_fault_is_told_at_once(folder: Folder) -> None:
    lines = """\
webhook: https://a.b/{{ event.data.x }}
headers: {A: "{{ 1 | nofilter }}", B: "{{ evnt }}"}
body:
  a: ["{{ event.data.z }}", {b: "{% if %}"}]"""
    told = faults(folder, lines)
    assert [each.split(": ")[1] for each in told] == [
        *("receivers[1].webhook", "receivers[1].headers.A", "receivers[1].headers.B"),
        *("receivers[1].body.a[0]", "receivers[1].body.a[1].b"),
    ]


def test_the_line_within_a_text_is_told(folder: Folder) -> None:
    (fault,) = faults(
        folder, "webhook: https://a.b/\ncontent_type: text/plain\nbody: |\n  one\n  {{ event.nothing }}\n  three"
    )
    assert "config.yaml:7:11: receivers[1].body" in fault
    assert "(line 2 of the template)" in fault


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ("webhook: https://a.b/\nbody: 'text of {{ event.type }}'", "what it makes is not JSON"),
        (
            'webhook: https://a.b/\nevents: [failed]\nbody: \'{"label": "{{ event.data.label }}"}\'',
            "what it makes is not JSON",
        ),
        ("webhook: https://a.b/\nbody: 'NaN'", "what it makes is not JSON"),
        ("webhook: https://a.b/\nbody: ''", "what it makes is not JSON"),
        ("webhook: https://a.b/\nbody: 7", "must be text, or keys with values"),
        ("webhook: https://a.b/\nbody:", "has no value"),
        ("webhook: https://a.b/\nbody: {'{{ event.type }}': 1}", "a key can't be a template"),
        ("webhook: https://a.b/\nbody: {a: 1}\nformat: standard", "body says what is sent; remove format"),
        ("webhook: https://a.b/\nbody: {a: 1}\ncontent_type: text/plain", "a body of keys and values is JSON"),
        ("webhook: https://a.b/\ncontent_type: text/plain", "says what `body` is, and there is none"),
        ("webhook: https://a.b/\nbody: '{}'\ncontent_type: nonsense", "not a media type"),
        ("webhook: https://{{ event.data.label }}/", "the host must be written out"),
        ("webhook: https://a.b{{ event.data.label }}/", "the host must be written out"),
        ("webhook: '{{ receiver }}'", "the host must be written out"),
        ("webhook: ftp://a.b/{{ receiver }}", "the host must be written out"),
        ("webhook: https://a.b:99999/{{ receiver }}", "not a usable address"),
        ("webhook: https://a.b/\nheaders: {Host: '{{ receiver }}'}", "this header is set by the bridge"),
        ("webhook: https://a.b/\nsuccess: [302]", "where it leads to a host that you know: `302 host`"),
        ("webhook: https://a.b/\nsuccess: 503", "not an answer that can mean success"),
        ("webhook: https://a.b/\nsuccess: 429", "429 asks for a pause"),
        ("webhook: https://a.b/\nsuccess: 200 a.b", "only a redirection (3xx) leads to a host"),
        ("webhook: https://a.b/\nsuccess: []", "an empty list"),
        ("slack: https://a.b/\nbody: {a: 1}", "only webhook receivers take this"),
    ],
)
def test_what_is_wrong_is_told_once(folder: Folder, lines: str, what: str) -> None:
    told = faults(folder, lines)
    assert len(told) == 1, told
    assert what in told[0]


def test_a_variable_stands_in_a_template_as_it_is_whatever_it_holds(folder: Folder) -> None:
    for token in ("'}}{% if %}", '"', "{{ x }}", "\\"):
        lines = "webhook: https://a.b/\nbody: {t: ${TOKEN}, u: \"x{{ '${TOKEN}' }}\"}".replace(
            "${TOKEN},", '"${TOKEN}",'
        )
        assert faults(folder, lines, {"TOKEN": token}) == []


def test_a_whole_address_in_a_variable_may_be_followed_by_a_template(folder: Folder) -> None:
    found = receiver(folder, "webhook: ${HOOK}?type={{ event.type }}", {"HOOK": f"https://a.b/{MARKED}/{{x}}"})
    assert found.url.get_secret_value() == "https://a.b/"
    assert found.path is not None
    assert found.path.whole == f"{MARKED}/{{x}}?type={{{{ event.type }}}}"


def test_a_file_may_hold_an_address_that_is_a_template(folder: Folder) -> None:
    folder.write(b"https://a.b/c/{{ event.type }}\n", "hook")
    assert receiver(folder, "webhook_file: hook").path is not None


def test_equal_templates_make_equal_settings_and_others_do_not(folder: Folder) -> None:
    lines = (
        'webhook: https://a.b/{{ receiver }}\nheaders: {A: "{{ event.id }}"}\nbody: {a: "{{ event.id }}", b: "${T}"}'
    )
    one = receiver(folder, lines, {"T": "token-1"})
    assert one == receiver(folder, lines, {"T": "token-1"})
    assert one != receiver(folder, lines, {"T": "token-2"})
    assert one != receiver(folder, lines.replace("event.id", "event.type"), {"T": "token-1"})


def test_what_is_secret_in_templates_is_known_and_never_shown(folder: Folder) -> None:
    lines = """\
webhook: https://a.b/${A}/{{ receiver }}
headers: {X: "sha256={{ body | hmac_sha256('${B}') }}", Y: "Bearer ${C} {{ receiver }}"}
body: {one: "${D}", two: ["x ${E} {{ receiver }}"], routing_key: typed-in-0123, chat: ${F}}""".replace("${F}", '"${F}"')
    environ = {name: f"{MARKED}-{name}" for name in "ABCDE"} | {"F": "-1001234567890"}
    loaded = folder.load(_written(lines), {**ENVIRON, **environ})
    known = " ".join(loaded.secrets())
    assert all(value in known for value in environ.values())
    assert "typed-in-0123" in known
    assert MARKED not in repr(loaded)
    for broken in ("receiver", "'", "{{ 1 +", "{% x %}", "{{ evnt }}", "{{ receiver.x }}"):
        told = faults(folder, lines.replace("{{ receiver }}", "{{ " + broken), environ)
        assert MARKED not in " ".join(told)


def test_jinja_is_imported_only_where_there_is_a_template() -> None:
    lazily = {
        "bridge/receivers/templating/filters.py",
        "bridge/receivers/templating/compiler.py",
        "bridge/receivers/templating/sandbox.py",
    }
    lazily.add("bridge/receivers/webhook/templated.py")
    loading = ("jinja2", *(file.removesuffix(".py").replace("/", ".") for file in lazily))
    for file in PACKAGE.rglob("*.py"):
        name = file.relative_to(PACKAGE.parent).as_posix()
        # The daemon imports its HTTP server only where it is to answer over HTTP.
        if name in lazily or name.startswith("bridge/server/"):
            continue
        # What is in a function, or only for the type checker, is indented.
        for line in file.read_text(encoding="utf-8").splitlines():
            assert not line.startswith(tuple(f"{word} {name}" for word in ("import", "from") for name in loading)), file
            assert not line.startswith("from bridge.receivers.templating import"), file
