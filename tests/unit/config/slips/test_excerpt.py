"""The line that is wrong is shown with a caret, and never with what may be a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bridge.config import models
from bridge.config.errors import InvalidConfiguration
from bridge.config.exposure import SECRETS
from bridge.config.loader import load
from bridge.config.section_reader import names
from bridge.config.slips.excerpt import excerpt
from bridge.config.slips.keys import CONTAINERS, HARMLESS, KNOWN
from bridge.receivers.registry import RECEIVERS

if TYPE_CHECKING:
    from random import Random

    from tests.unit.config.world import Folder

MARK = "HID"
MARKED = """\
wbiztool:
  client_id: 123
  api_key: HIDkeyA7
  proxy: http://user:HIDproxy@proxy.example.com:3128
messages:
  - 12345
  - {id: 12346, label: "Invoice 88", tags: {team: billing}}
receivers:
  - name: ops
    slack: https://hooks.slack.com/services/T000/B000/HIDslack
    events: [failed, expired]
  - {name: crm, webhook: "https://crm.example.com/HIDhook", secret: [HIDsec, 'HIDtwo'], events: [failed]}
  - name: three
    webhook: https://crm.example.com/HIDpath
    secret:
      - HIDlist
      - "HIDquoted"
    headers: {Authorization: "Bearer HIDbearer", X-Custom: HIDcustom}
    body:
      text: "{{ summary }}"
      api: HIDbody
    tls:
      verify: on
      key_password: HIDpassword
  - apprise: tgram://HIDtelegram/12345
  - command: [/bin/true, --password, HIDargument]
database: postgresql://me:HIDdatabase@localhost/x
http:
  listen: 127.0.0.1:8095
  token: >-
    HIDfolded
  hook_token: |
    HIDblock
heartbeat: {url: https://hc-ping.com/HIDping, every: 1m}
"""
"""A configuration in which each secret, and nothing else, has the mark."""

SLIPS = [*"\t :-{}[],\"'#&*!|>@`%=“”–：\xa0\n\\$", "${X}", "  ", "HTTP "]


def slipped(text: str, random: Random) -> str:
    """Make a few mistakes as people do: characters lost, added or wrong, lines lost or indented otherwise."""
    for _ in range(random.randint(1, 3)):
        lines = text.split("\n")
        line, at = random.randrange(len(lines)), random.randrange(len(text))
        match random.randint(0, 4):
            case 0:
                text = text[:at] + text[at + 1 :]
            case 1:
                text = text[:at] + random.choice(SLIPS) + text[at:]
            case 2:
                text = text[:at] + random.choice(SLIPS) + text[at + 1 :]
            case 3:
                lines[line] = " " * random.randint(0, 6) + lines[line].lstrip()
                text = "\n".join(lines)
            case _:
                text = "\n".join(lines[:line] + lines[line + 1 :])
    return text


@pytest.mark.slow
@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True
)
@given(st.randoms(use_true_random=False))
def test_no_mistake_brings_a_secret_to_light(folder: Folder, random: Random) -> None:
    """The path of keys is another matter: where a comma makes a key of a secret, it is one (one file in thousands)."""
    file = folder.write(slipped(MARKED, random))
    with pytest.raises(InvalidConfiguration) as error:
        load(file, {})
    for fault in error.value.faults:
        assert MARK not in f"{fault.what} {fault.excerpt}"
        assert fault.place.line <= len(file.read_text(encoding="utf-8").split("\n"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("api_key: abc", "api_key: ***"),
        ("api_key:abc", "api_key:***"),
        ("api_key = abc", "api_key = ***"),
        ("api_key abc", "api_key ***"),
        ("{api_key_file: key.txt, token_file: 5f4dcc3b5aa7}", "{api_key_file: key.txt, token_file: ***}"),
        ("slack_file: /etc/slack-url abc", "slack_file: /etc/slack-url ***"),
        ("api-key: abc", "api-key: ***"),
        ("{client_id: 5, api_key: abc}", "{client_id: 5, api_key: ***}"),
        ("{api_key: abc, client_id: 5}", "{api_key: ***, client_id: 5}"),
        ("{slack: ${SLACK_URL}}", "{slack: ${SLACK_URL}}"),
        ("slack: ${SLACK_URL:-https://abc}", "slack: ***"),
        ("slack: “https://abc”", "slack: “***”"),
        ("slak: https://abc.example/def", "slak: ***"),
        ("label: see https://abc.example/def", "label: see https://***"),
        ("label: whsec_abc", "label: ***"),
        ("label: Abcdefghijkl0123", "label: ***"),
        ("name: ops api_key: abc", "name: ops api_key: ***"),
        ("expected_at: 2026-12-24T09:00+05:30", "expected_at: 2026-12-24T09:00+05:30"),
        ("headers: {label: abc}", "headers: {label: abc}"),
        ('- {id: 5, label: "Invoice" 88} # abc', '- {id: 5, label: "Invoice" 88}'),
        ("events: [failed, source.down", "events: [failed, source.down"),
        ("every: http:// 5s", "every: http:// 5s"),
        ("12345", "12345"),
        ("abc", "***"),
        ("\tclient_id: 5", "→client_id: 5"),
    ],
)
def test_only_what_follows_a_harmless_key_is_shown(text: str, shown: str) -> None:
    assert excerpt([text], 1, 1) == (f"  1 | {shown}", "    | ^")


@pytest.mark.parametrize(
    "text", ["api_key:/  abc", "api_key:/  label: abc", "secret:/  - 5/  - abc", "slack:/# x//abc", "{api_key:/abc"]
)
def test_nothing_below_another_key_is_shown(text: str) -> None:
    lines = text.split("/")
    assert "abc" not in "".join(excerpt(lines, len(lines), 1))


def test_caret_is_below_the_place() -> None:
    assert excerpt(["a", "name: b c"], 2, 9) == ("  2 | name: b c", "    |         ^")
    assert excerpt(["label: 請求書 88"], 1, 12) == ("  1 | label: 請求書 88", "    |               ^")
    assert excerpt(["api_key: “abc” def"], 1, 16) == ("  1 | api_key: “***” ***", "    |                ^")
    assert excerpt(["name: x"] * 10, 10, 99) == ("  10 | name: x", "     |        ^")


def test_long_line_is_cut_around_the_caret() -> None:
    line, caret = excerpt([f"events: [{'failed, ' * 100}]"], 1, 402)
    assert len(line) < 120
    assert line[caret.index("^")] == "f"
    assert line.startswith("  1 | …")
    assert line.endswith("…")


@pytest.mark.parametrize(("lines", "line"), [([], 1), (["a"], 0), (["a"], 2), ([""], 1), (["name: " + "x" * 3000], 1)])
def test_line_that_is_not_there_or_says_nothing_is_not_shown(lines: list[str], line: int) -> None:
    assert excerpt(lines, line, 1) == ()


def test_keys_are_those_of_the_models() -> None:
    kinds: list[type[BaseModel]] = [*RECEIVERS, models.Config, *_nested(models.Config)]
    kinds += [each for receiver in RECEIVERS for each in _nested(receiver)]
    found = {key for kind in kinds for key in names(kind)} - {"path", "sources", "watchlist"}
    found |= {f"{key}_file" for key in SECRETS} | {"messages", "id", "expected_at", "include"}
    found |= {"ca_file", "cert_file", "key_file", "key_password", "verify"}
    assert found == KNOWN
    assert CONTAINERS <= HARMLESS <= KNOWN
    assert not HARMLESS & {*SECRETS, "headers", "body", "command"}


def _nested(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Find the models within a model's fields."""
    found: list[type[BaseModel]] = []
    for field in model.model_fields.values():
        for each in _models_in(field.annotation):
            found += [each, *_nested(each)]
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models_in(inner)]
