"""Receivers: what they may be, and that no fault shows a secret, whatever is wrong with it and wherever it stands."""

from __future__ import annotations

import json
import sys
import traceback
from datetime import timedelta

import pytest

from bridge.config.errors import InvalidConfiguration
from bridge.domain.matching import Conditions, Regex
from bridge.domain.redaction import Redactor
from bridge.receivers.slack.config import SlackReceiverConfig
from bridge.receivers.webhook.config import WebhookReceiverConfig
from tests.unit.config.world import ENVIRON, LEAST, Folder

MARKED = "MARKED5ECRETMARKED5ECRET"
GOOD = {
    "api_key": MARKED,
    "slack": f"https://hooks.slack.com/services/{MARKED}",
    "webhook": f"https://crm.example.com/{MARKED}",
    "secret": f"whsec_{MARKED}{MARKED}",
    "header": f"Bearer {MARKED}",
    "database": f"postgresql://me:{MARKED}@db/bridge",
}
BROKEN_TEXTS = [
    f"{MARKED}\x07",
    f"{MARKED}\nX: {MARKED}",
    f" {MARKED}",
    MARKED * 400,
    f"{MARKED}\N{SNOWMAN}",
    f"ftp://{MARKED}/",
    f"http://{MARKED}.example.com/",
    f"https://{MARKED}:{MARKED}/",
    f"https://[{MARKED}]/",
    f"https:// {MARKED}/",
    f"whsec_{MARKED[:9]}",
    f"whsec_{MARKED}!",
    f"whsk_{MARKED}",
    f"postgresql://me:{MARKED}@db:port/x",
    f"mysql://me:{MARKED}@db/x",
    f"sqlite://{MARKED}/x",
]
ONLY_INLINE = [
    f'"${{{MARKED} "',
    f'"{MARKED} $ {MARKED}"',
    f'"{MARKED}',
    f"[{MARKED}]",
    f"[[{MARKED}], {{{MARKED}: {MARKED}}}]",
    f"{{{MARKED}: {MARKED}}}",
    f"!{MARKED} x",
    f"!x!{MARKED} x",
    f"*{MARKED}",
    f"&{MARKED} *{MARKED}",
    f"{MARKED}: {MARKED}",
    f"@{MARKED}",
    f'"\\x{MARKED}"',
]


def _written(**values: str) -> str:
    """Write a configuration with every secret in it, each as a scalar of YAML."""
    given = {key: json.dumps(value) for key, value in GOOD.items()} | values
    return "\n".join(
        [
            "wbiztool:",
            "  client_id: 1",
            f"  api_key: {given['api_key']}",
            "receivers:",
            f"  - slack: {given['slack']}",
            f"  - webhook: {given['webhook']}",
            f"    secret: {given['secret']}",
            f"    headers: {{Authorization: {given['header']}}}",
            f"  - webhook: {given['webhook']}",
            f"    secret: [{given['secret']}]",
            f"database: {given['database']}",
        ]
    )


def _shown(folder: Folder, text: str, environ: dict[str, str]) -> str | None:
    """Load a configuration; return what a fault shows, with its traceback, or what the loaded thing says of itself."""
    folder.write(text.encode("utf-8", "surrogateescape"))
    try:
        return repr(folder.load(environ=environ))
    except InvalidConfiguration as error:
        return "".join(traceback.format_exception(error))


def test_all_of_them_are_accepted_and_known_as_secrets(folder: Folder) -> None:
    loaded = folder.load(_written().encode())
    known = {*loaded.secrets()}
    assert known == {*GOOD.values(), MARKED} - {GOOD["database"]}
    assert MARKED not in repr(loaded)


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("text", BROKEN_TEXTS)
def test_a_broken_secret_is_not_shown_whether_it_stands_there_or_in_a_variable(
    folder: Folder, key: str, text: str
) -> None:
    for written in (json.dumps(text), "${SECRET}", '"${SECRET}"', '"${UNSET:-${SECRET}"'):
        shown = _shown(folder, _written(**{key: written}), {"SECRET": text})
        assert shown
        assert MARKED not in shown, (written, shown)


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("written", ONLY_INLINE)
def test_what_makes_other_yaml_of_a_secret_does_not_show_it(folder: Folder, key: str, written: str) -> None:
    shown = _shown(folder, _written(**{key: written}), {})
    assert shown
    assert MARKED not in shown


@pytest.mark.parametrize("key", ["api_key", "slack", "webhook", "secret"])
@pytest.mark.parametrize("text", [*BROKEN_TEXTS, f"{MARKED}\udcff"])
def test_a_broken_secret_in_a_file_is_not_shown(folder: Folder, key: str, text: str) -> None:
    (folder.path / "file").write_bytes(text.encode("utf-8", "surrogateescape"))
    config = _written().replace(f"{key}: {json.dumps(GOOD[key])}", f"{key}_file: file", 1)
    assert f"{key}_file: file" in config
    shown = _shown(folder, config, {})
    assert shown
    assert MARKED not in shown


@pytest.mark.parametrize("key", ["api_key", "slack", "webhook", "secret"])
def test_a_secret_in_place_of_its_files_name_is_not_shown(folder: Folder, key: str) -> None:
    config = _written().replace(f"{key}: {json.dumps(GOOD[key])}", f"{key}_file: {json.dumps(GOOD[key])}", 1)
    shown = _shown(folder, config, {})
    assert shown
    assert "the secret cannot be read: no such file" in shown
    assert MARKED not in shown


@pytest.mark.parametrize(
    "receivers",
    [
        f"[https://hooks.slack.com/{MARKED}]",
        f"[[https://hooks.slack.com/{MARKED}]]",
        f"{{slack: https://hooks.slack.com/{MARKED}}}",
        f"https://hooks.slack.com/{MARKED}",
        f"[{{https://hooks.slack.com/{MARKED}: x}}]",
        f"[{{slak: https://hooks.slack.com/{MARKED}}}]",
        f"[{{apprise: 'tgram://{MARKED}'}}]",
        f"[{{slack: 'https://a.b/{MARKED}', slack: 'https://a.b/{MARKED}'}}]",
        f"[{{slack: 'https://a.b/{MARKED}', slack_file: {MARKED}}}]",
    ],
)
def test_an_address_in_the_wrong_place_is_not_shown(folder: Folder, receivers: str) -> None:
    faults = folder.faults(f"wbiztool: {{client_id: 1, api_key: k}}\nreceivers: {receivers}\n")
    assert faults
    assert MARKED not in "\n".join(faults)


def test_a_secret_file_beside_the_configuration_is_found_from_any_folder(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("https://hooks.slack.com/services/x\n", "secrets/slack")
    (folder.path / "elsewhere").mkdir()
    monkeypatch.chdir(folder.path / "elsewhere")
    loaded = folder.load('wbiztool: {client_id: 1, api_key: "${KEY}"}\nreceivers: [{slack_file: secrets/slack}]\n')
    assert isinstance(loaded.receivers[0], SlackReceiverConfig)
    assert loaded.receivers[0].url.get_secret_value() == "https://hooks.slack.com/services/x"
    absolute = f"receivers: [{{slack_file: {folder.path}/secrets/slack}}]\n"
    assert folder.faults(f'wbiztool: {{client_id: 1, api_key: "${{KEY}}"}}\n{absolute}', ENVIRON) == []


def test_binary_mode_has_no_batches(folder: Folder) -> None:
    (fault,) = folder.faults(
        f"{LEAST}      - {{webhook: https://example.com/, format: cloudevents-binary, batch: {{max: 9}}}}\n"
    )
    assert fault.endswith("receivers[1].batch: cloudevents-binary has no batches; remove it, or use cloudevents")


@pytest.mark.parametrize(
    ("receiver", "what"),
    [
        ("{slack: 'http://hooks.slack.com/x'}", "must begin with https://"),
        (
            "{slack: 'https://slack.com/api/chat.postMessage'}",
            "slack: not the address of a webhook of Slack's (its Web API takes messages only with a token): make an in",
        ),
        (
            "{slack: 'https://acme.slack.com/archives/C024BE91L'}",
            "not the address of a webhook of Slack's: make an inco",
        ),
        ("{slack: 'https://hooks.slack.com/x'}", "not the address of a webhook of Slack's: make an incoming webhook"),
        ("{slack: nonsense}", "not a usable address"),
        ("{webhook: 'ftp://example.com/'}", "not a usable address"),
        ("{webhook: 'https://example.com/', slack: 'https://example.com/'}", "has both slack and webhook"),
        ("{name: x}", "needs an address: slack (or slack_file) or webhook (or webhook_file) or apprise"),
        ("{slack: 'https://example.com/', rate_limit: 5/s}", "5/s is out of range (allowed: 1/d to 1/s)"),
        ("{slack: 'https://example.com/', concurrency: 4}", "4 is out of range (allowed: 1)"),
        ("{slack: 'https://example.com/', secret: x}", "receivers[1].secret: only webhook receivers take this"),
        (
            "{webhook: 'https://example.com/', group: {wait: 1s}}",
            "receivers[1].group: only slack and apprise receivers take this",
        ),
        ("{slack: 'https://example.com/', batch: {max: 2}}", "receivers[1].batch: only webhook receivers take this"),
        (
            "{webhook: 'https://example.com/', batch: {max: 0}}",
            "batch.max: 0 is out of range (allowed: 1 to 1000)",
        ),
        ("{webhook: 'https://example.com/', body: '{}', batch: {max: 2}}", "batch: a template is about one event"),
        ("{webhook: 'https://example.com/', batch: {size: 2}}", "receivers[1].batch.size: unknown key"),
        ("{webhook: 'https://example.com/', headers: {Host: x}}", "headers.Host: this header is set by the bridge"),
        ("{webhook: 'https://example.com/', headers: {webhook-id: x}}", "is set by the bridge"),
        ('{webhook: "https://example.com/", headers: {X: "a\\r\\nb"}}', "must be one line, without control characters"),
        ("{webhook: 'https://example.com/', events: failed}", "receivers[1].events: must be a list"),
        (
            "{webhook: 'https://example.com/', name: 'a b'}",
            "not usable as a name (allowed: 1 to 64 of A-Z a-z 0-9 . _ -)",
        ),
        ("{webhook: 'https://example.com/', secret: whsec_AAAA}", "base64 of 3 bytes: the secret must be whsec_"),
        ("{webhook: 'https://example.com/', secret_file: nowhere}", "no such file"),
        ("nonsense", "must be a receiver"),
        ("{apprise: 'tgram://x'}", "receivers[1].apprise: Apprise does not understand this address"),
        ("{apprise: 'nosuchservice://x/y'}", "receivers[1].apprise: Apprise does not understand this address"),
        ("{apprise: 'json://127.0.0.1/', concurrency: 2}", "2 is out of range (allowed: 1)"),
        ("{apprise: 'json://127.0.0.1/', batch: {max: 2}}", "receivers[1].batch: only webhook receivers take this"),
        ("{command: /bin/true}", "receivers[1].command: must be a list"),
        ("{command: []}", "receivers[1].command: an empty list"),
        ("{command: [true]}", "receivers[1].command: the program must be named by its whole path"),
        ("{command: [/nowhere/true]}", "receivers[1].command: there is no such program"),
        ("{command: [/etc/passwd]}", "receivers[1].command: this is not a program that may be run"),
        ("{command: [/bin/true], group: {wait: 1s}}", "receivers[1].group: only slack and apprise receivers take this"),
        ("{command: [/bin/true], batch: {max: 2}}", "receivers[1].batch: only webhook receivers take this"),
    ],
)
def test_a_wrong_receiver_is_told(folder: Folder, receiver: str, what: str) -> None:
    faults = folder.faults(f"{LEAST}      - {receiver}\n")
    assert len(faults) == 1, faults
    assert what in faults[0]


def test_without_a_receiver_nobody_would_be_told(folder: Folder) -> None:
    assert folder.faults('wbiztool: {client_id: 1, api_key: "${KEY}"}\n') == [
        "config.yaml:1:1: receivers: at least one receiver is required: nobody would be notified"
    ]


def test_receivers_without_names_get_different_ones(folder: Folder) -> None:
    loaded = folder.load(f"{LEAST}      - slack: ${{SLACK}}\n      - webhook: https://example.com/\n")
    assert [receiver.name for receiver in loaded.receivers] == ["slack", "slack-2", "webhook"]


def test_event_names_without_a_dot_are_about_messages(folder: Folder) -> None:
    loaded = folder.load(f'{LEAST}        events: [failed, "source.*", message.sent, "*", stuck]\n')
    assert loaded.receivers[0].events == (
        "message.failed", "source.*", "message.sent", "*", "message.stuck",
    )  # fmt: skip


def test_several_secrets_are_for_rotation(folder: Folder) -> None:
    loaded = folder.load(
        f"{LEAST}      - {{webhook: 'https://example.com/', secret: [{GOOD['secret']}, {GOOD['secret']}]}}\n"
    )
    receiver = loaded.receivers[1]
    assert isinstance(receiver, WebhookReceiverConfig)
    assert len(receiver.secrets) == 2


def test_messages_are_chosen_by_what_they_are_like(folder: Folder) -> None:
    match = (
        "{tags: {team: [billing, sales], order: 007}, label: 'Invoice*', status: [failed, unknown], "
        "error: ['(?i)invalid', 131026], not: {tags: {env: test}}}"
    )
    rule = folder.load(f"{LEAST}        match: {match}\n").receivers[0].match.rule
    assert rule.every == Conditions(
        {"team": ("billing", "sales"), "order": ("007",)},
        ("Invoice*",),
        ("failed", "unknown"),
        (Regex("(?i)invalid"), Regex("131026")),
    )
    assert rule.none == Conditions({"env": ("test",)})


@pytest.mark.parametrize(
    ("match", "where", "what"),
    [
        ("{error: 'a(b'}", "match.error", "not a regular expression: unclosed group"),
        (
            "{error: [fine, '(?=a)']}",
            "match.error[1]",
            "not a regular expression: look-around, including look-ahead and look-behind",
        ),
        (r"{error: '(a)\1'}", "match.error", "not a regular expression: backreferences are not supported"),
        (r"{error: '\p{L}{9999}'}", "match.error", "not a regular expression: Compiled regex exceeds size limit"),
        (f"{{error: {'x' * 501}}}", "match.error", "must be a regular expression (allowed: 1 to 500 characters)"),
        ("{status: [sent, faild]}", "match.status[1]", "not a status (did you mean `failed`?)"),
        ("{labels: x}", "match.labels", "unknown key (did you mean `label`?)"),
        ("{label: []}", "match.label", "an empty list; give a value or remove the key"),
        ("{tags: {team: []}}", "match.tags.team", "an empty list; give a value or remove the key"),
        ("{tags: {team: [{}]}}", "match.tags.team[0]", "must be text (allowed: 1 to 200 characters)"),
        ("{tags: {team: }}", "match.tags.team", "must be text (allowed: 1 to 200 characters)"),
        ("{tags: billing}", "match.tags", "must be a section, for example `tags: {team: billing}`"),
        ("{not: {not: {}}}", "match.not.not", "unknown key (allowed: error, label, status, tags)"),
        ("{not: {error: '['}}", "match.not.error", "not a regular expression: unclosed character class"),
        ("billing", "match", "must be a section, for example `match: {tags: {team: billing}}`"),
    ],
)
def test_a_condition_that_is_wrong_is_told_with_its_place(folder: Folder, match: str, where: str, what: str) -> None:
    (fault,) = folder.faults(f"{LEAST}        match: {match}\n")
    assert fault.startswith("config.yaml:4:")
    assert f": receivers[0].{where}: {what}" in fault


@pytest.mark.parametrize(
    ("written", "who", "events"),
    [
        ('"@here"', ("<!here>",), None),
        ("[U012AB3CD, S012AB3CD]", ("<@U012AB3CD>", "<!subteam^S012AB3CD>"), None),
        ("{who: U012AB3CD, events: [failed]}", ("<@U012AB3CD>",), ("message.failed",)),
        ('{who: ["@here", U012AB3CD], events: ["source.*"]}', ("<!here>", "<@U012AB3CD>"), ("source.*",)),
    ],
)
def test_slack_messages_mention_somebody(
    folder: Folder, written: str, who: tuple[str, ...], events: tuple[str, ...] | None
) -> None:
    receiver = folder.load(f"{LEAST}        mention: {written}\n").receivers[0]
    assert isinstance(receiver, SlackReceiverConfig)
    assert receiver.mention is not None
    assert (receiver.mention.who, receiver.mention.events) == (who, events)


TRIGGER = "https://hooks.slack.com/triggers/T0/1/x"


@pytest.mark.parametrize(
    ("receiver", "place", "what"),
    [
        ("slack: ${SLACK}, mention: '@oncall'", "mention", "Slack finds nobody by this name, only by an id"),
        ("slack: ${SLACK}, mention: [U012AB3CD, ada]", "mention[1]", "Slack finds nobody by this name"),
        ("slack: ${SLACK}, mention: {who: '@oncall'}", "mention.who", "Slack finds nobody by this name"),
        ("slack: ${SLACK}, mention: {events: [failed]}", "mention", "who is missing"),
        ("slack: ${SLACK}, mention: {who: U012AB3CD, events: [faild]}", "mention.events[0]", "did you mean `failed`?"),
        ("slack: ${SLACK}, mention: {who: U012AB3CD, event: [failed]}", "mention.event", "(did you mean `events`?)"),
        ("slack: ${SLACK}, mention: 5", "mention", "Slack finds nobody by this name"),
        ("slack: ${SLACK}, color: red", "color", "must be on or off"),
        ("webhook: 'https://a.b/', mention: '@here'", "mention", "only slack receivers take this"),
        ("webhook: 'https://a.b/', color: on", "color", "only slack receivers take this"),
        (
            "slack: ${SLACK}, format: workflow",
            "slack",
            "no address of a workflow (allowed: https://hooks.slack.com/tri",
        ),
        (f"slack: '{TRIGGER}'", "slack", "this is the address of a workflow: set format: workflow beside it"),
        (f"slack: '{TRIGGER}', format: workflow, mention: '@here'", "mention", "a workflow gets one event a call"),
        (f"slack: '{TRIGGER}', format: workflow, group: {{wait: 1s}}", "group", "a workflow gets one event a call"),
        (f"slack: '{TRIGGER}', format: workflow, color: off", "color", "a workflow gets one event a call"),
        ("slack: ${SLACK}, format: standard", "format", "not a value for this key (allowed: 'message' or 'workflow')"),
    ],
)
def test_what_slack_can_t_do_is_told(folder: Folder, receiver: str, place: str, what: str) -> None:
    written = receiver.replace("${SLACK}", "'${SLACK}'")
    faults = folder.faults(f"{LEAST}      - {{name: x, {written}}}\n")
    assert len(faults) == 1, faults
    assert f"receivers[1].{place}: " in faults[0]
    assert what in faults[0]
    assert TRIGGER not in faults[0]


def test_a_workflow_takes_one_event_at_a_time_and_does_not_wait_for_more(folder: Folder) -> None:
    loaded = folder.load(f"{LEAST}      - {{slack: '{TRIGGER}', format: workflow}}\n")
    message, workflow = loaded.receivers
    assert (message.grouped, message.gathers_for.seconds) == (True, 30)
    assert not workflow.grouped


def test_people_get_digests_of_what_fails_too_often_as_often_as_reminders(folder: Folder) -> None:
    others = f"      - webhook: https://a.b/\n      - {{slack: '{TRIGGER}', format: workflow}}\n"
    reminded = f"{LEAST}        remind: 10m\n{others}"
    found = [receiver.digests_every for receiver in folder.load(reminded).receivers]
    assert found == [timedelta(minutes=10), None, None]
    assert folder.load(LEAST).receivers[0].digests_every == timedelta(hours=1)


def test_services_compatible_with_slack_may_have_workflows_too(folder: Folder) -> None:
    assert folder.faults(f"{LEAST}      - {{slack: 'https://chat.example.com/x', format: workflow}}\n") == []


def test_without_apprise_it_says_how_to_install_it(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    (fault,) = folder.faults(f"{LEAST}      - apprise: json://127.0.0.1/\n")
    assert fault == (
        "config.yaml:4:14: receivers[1].apprise: needs Apprise, which is not installed: "
        "pip install 'wbiztool-bridge[apprise]'"
    )


@pytest.mark.parametrize(
    "url",
    [
        f"json://me:{MARKED}@127.0.0.1/x",
        f"gotify://127.0.0.1:8080/{MARKED}?priority=5",
        f"slack://T1JJ3T3L2/A1BRTD4JD/{MARKED}",
        f"mailto://user:{MARKED}@example.com",
        f"sendgrid://{MARKED}:me@example.com/",
        f"pover://{MARKED}@{MARKED}AAAAAA",
    ],
)
def test_every_part_of_an_apprise_url_is_known_as_secret(folder: Folder, url: str) -> None:
    (folder.path / "url").write_text(url)
    loaded = folder.load(f"{LEAST}      - apprise_file: url\n")
    redact = Redactor(loaded.secrets())
    assert MARKED not in redact(f"no such token: {MARKED}, {url}")
    assert MARKED not in repr(loaded)
    assert redact("127.0.0.1 example.com") == "127.0.0.1 example.com"


def test_a_misspelt_command_is_told_where_the_service_may_run_no_programs(folder: Folder) -> None:
    lines = LEAST + "      - command_file: [/bin/true]\n"
    (fault,) = folder.faults(lines, {**ENVIRON, "WBIZ_BRIDGE_COMMANDS": "off"})
    assert "receivers[1].command_file: unknown key (did you mean `command`?)" in fault
