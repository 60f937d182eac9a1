"""What a configuration may say but hardly means: `check` warns, and the bridge goes on."""

from __future__ import annotations

import pytest

from tests.unit.config.world import ENVIRON, Folder

LIST = "messages: [1]\n"
ACCOUNT = 'wbiztool: {client_id: 123, api_key: "${KEY}"}\n'
SLACK = "https://hooks.slack.com/services/T0ABC/B0DEF/abcdefgh12345678"
CRM = "https://crm.acme.net/hooks/whatsapp"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
UNSIGNED = "requests are neither signed nor authenticated"
NEVER = "it will never get an event: "


def warned(folder: Folder, receivers: str, rest: str = LIST) -> list[str]:
    text = f"{ACCOUNT}{rest}receivers: [{receivers}]\n"
    return list(folder.load(text, {**ENVIRON, "TOKEN": "0123456789abcdef"}).warnings())


@pytest.mark.parametrize(
    ("receiver", "words"),
    [
        (f"{{webhook: '{CRM}'}}", UNSIGNED),
        (f"{{webhook: '{CRM}', headers: {{Accept: application/json}}}}", UNSIGNED),
        (f"{{webhook: '{CRM}', body: {{text: '{{{{ summary }}}}'}}}}", UNSIGNED),
        (f"{{webhook: '{SLACK}'}}", "write `slack:` in place of `webhook:`"),
        ("{slack: 'https://hooks.slack.com/services/…'}", "its URL is a placeholder (hooks.slack.com)"),
        (
            "{slack: 'https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX'}",
            "is a placeholder",
        ),
        (f"{{webhook: 'https://crm.example.com/hooks/whatsapp', secret: {SECRET}}}", "a placeholder (crm.example.com)"),
        (
            f"{{slack: '{SLACK}', events: [sent, 'number.*'], hold: 10m}}",
            ": `hold` has no effect: it gets no event that",
        ),
        (
            f"{{slack: '{SLACK}', events: [sent, cancelled], remind: 1h}}",
            "`remind` has no effect: it gets no event that opens an incident (failed, expired, stuck, source",
        ),
        (f"{{slack: '{SLACK}', events: ['number.*']}}", f"{NEVER}`numbers.watch` is off"),
        (f"{{slack: '{SLACK}', events: ['receiver.*']}}", f"{NEVER}there is no other receiver"),
        (f"{{slack: '{SLACK}', events: [sent], match: {{status: failed}}}}", f"{NEVER}no event of those types"),
        (f"{{slack: '{SLACK}', events: [sent], match: {{error: x}}}}", f"{NEVER}no event of those types"),
        (f"{{slack: '{SLACK}', events: [failed], match: {{not: {{status: failed}}}}}}", f"{NEVER}no event of those"),
        (
            f"{{slack: '{SLACK}', events: [failed], match: {{tags: {{a: b}}, not: {{tags: {{a: b}}}}}}}}",
            f"{NEVER}no event of those types can have what `match` asks for",
        ),
    ],
)
def test_receiver_that_is_hardly_meant_so_is_warned_of(folder: Folder, receiver: str, words: str) -> None:
    (warning,) = warned(folder, receiver)
    assert warning.startswith("receiver ")
    assert words in warning
    assert "abcdefgh12345678" not in warning


@pytest.mark.parametrize(
    "receiver",
    [
        f"{{slack: '{SLACK}'}}",
        f"{{slack: '{SLACK}', events: [sent, failed], hold: 10m, remind: 1h}}",
        f"{{webhook: '{CRM}', secret: {SECRET}}}",
        f'{{webhook: "{CRM}", headers: {{Authorization: "Bearer ${{TOKEN}}"}}}}',
        f"{{webhook: '{CRM}', headers: {{X-Signature: '{{{{ body | hmac_sha256(\\'${{TOKEN}}\\') }}}}'}}}}".replace(
            "\\'", "''"
        ),
        f'{{webhook: "{CRM}", body: {{routing_key: "${{TOKEN}}"}}}}',
        f"{{webhook: '{CRM}/b7c1e0a94f3d4ce08b52'}}",
        f"{{webhook: '{CRM}?token=1'}}",
        "{webhook: 'https://me:pass@crm.acme.net/hook'}",
        "{webhook: 'http://127.0.0.1:9000/hook'}",
        f"{{slack: '{SLACK}', events: [failed, 'number.*'], match: {{status: failed, error: 'x|y'}}}}",
        f"{{slack: '{SLACK}', events: [stuck, abandoned], match: {{status: pending}}}}",
    ],
)
def test_receiver_as_it_should_be_is_not_warned_of(folder: Folder, receiver: str) -> None:
    assert warned(folder, receiver) == []


@pytest.mark.parametrize(
    ("rest", "receiver", "setting"),
    [
        ("poll: {stuck_after: off}\n", "events: [stuck]", "poll.stuck_after"),
        ("poll: {stop_after: off}\n", "events: [abandoned]", "poll.stop_after"),
    ],
)
def test_event_that_is_switched_off_reaches_nobody(folder: Folder, rest: str, receiver: str, setting: str) -> None:
    (warning,) = warned(folder, f"{{slack: '{SLACK}', {receiver}}}", LIST + rest)
    assert f"{NEVER}`{setting}` is off" in warning
    assert warned(folder, f"{{slack: '{SLACK}', {receiver}}}") == []


def test_alerts_that_nobody_gets_are_warned_of(folder: Folder) -> None:
    rest = LIST + "alerts: [{failing: 20%}]\n"
    (warning,) = warned(folder, f"{{slack: '{SLACK}', events: [failed, stuck]}}", rest)
    assert warning.startswith("`alerts` notify nobody")
    assert warned(folder, f"{{slack: '{SLACK}', events: [failed, 'account.*']}}", rest) == []


def test_exception_from_quiet_hours_that_cannot_occur_is_warned_of(folder: Folder) -> None:
    quiet = "quiet: {from: '22:00', to: '07:00', timezone: Asia/Kolkata, except: ['number.*', failed]}"
    (warning,) = warned(folder, f"{{slack: '{SLACK}', events: [failed], {quiet}}}")
    assert "`quiet.except` has no effect for number.*" in warning
    assert warned(folder, f"{{slack: '{SLACK}', {quiet}}}") == []


def test_empty_list_is_warned_of_unless_ids_come_otherwise(folder: Folder) -> None:
    slack = f"{{slack: '{SLACK}'}}"
    for rest in ("", "messages: []\n", "discover: {every: 1m}\n"):
        (warning,) = warned(folder, slack, rest)
        assert warning.startswith("no messages are listed, and `discover` is off")
    assert warned(folder, slack, "discover: {report: on}\n") == []
    assert warned(folder, slack, 'http: {token: "${TOKEN}"}\n') == []


def test_placeholder_for_the_key_is_warned_of(folder: Folder) -> None:
    text = f"wbiztool: {{client_id: 123, api_key: your-api-key}}\n{LIST}receivers: [{{slack: '{SLACK}'}}]\n"
    assert folder.load(text).warnings() == (
        "wbiztool.api_key is the placeholder from the README: replace it with your key",
    )
