"""The list of receivers: which kind each is, its name, its keys."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from bridge.config import template_checks
from bridge.config.exposure import SECRETS
from bridge.config.network import check_tls
from bridge.config.section_reader import names
from bridge.config.yaml_reader import BROKEN, Value
from bridge.domain.settings.calendar import is_time_zone
from bridge.domain.settings.match_models import ConditionsConfig, MatchConfig
from bridge.domain.suggest import nearest
from bridge.receivers.base_config import Group, HttpReceiverConfig, QuietConfig, SummaryConfig
from bridge.receivers.registry import KINDS
from bridge.receivers.slack.bot_config import SlackBotConfig, SlackBotReceiverConfig
from bridge.receivers.slack.config import MentionConfig, SlackConfig, SlackReceiverConfig, is_slack_workflow
from bridge.receivers.webhook.config import Batch, WebhookReceiverConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from bridge.config.errors import Faults, Place
    from bridge.config.section_reader import Sections
    from bridge.domain.settings.base_model import Model
    from bridge.domain.settings.network import NetworkConfig
    from bridge.receivers.base_config import ReceiverConfig

_SLACK_VERIFIED = "Slack's certificate is always verified"
COMMANDS = "WBIZ_BRIDGE_COMMANDS"
"""The variable that says ``off`` where receivers may not be programs: the systemd unit sets it."""

_NO_COMMANDS = (
    "this service may not run programs: allow it in a drop-in, as systemd/README.md says "
    f"(its environment has {COMMANDS}=off)"
)
_WEBHOOK = "write `webhook: https://…` (a program) or `slack: https://…`"
_BOT = 'belongs to `slack`: write slack: {token_file: …, channel: "#ops"}'
_WORKFLOW_HAS_AN_ADDRESS = (
    "a bot posts messages; a workflow starts from its own address (slack: https://hooks.slack.com/triggers/…)"
)
_BOT_KEYS = dict.fromkeys(("token", "token_file", "channel", "api_url"), _BOT)
_MAIL = "write `apprise: mailto://user:password@example.com`"
_OTHER_WORDS = {
    **dict.fromkeys(("url", "address", "endpoint", "http", "https", "hook", "webhook_url"), _WEBHOOK),
    **dict.fromkeys(("slack_url", "slack_webhook", "slack_webhook_url"), "write `slack: https://hooks.slack.com/…`"),
    **dict.fromkeys(("slack_token", "bot_token", "slack_channel"), f"{_BOT[8:]}"),
    **dict.fromkeys(("email", "mail", "mailto", "smtp", "to"), _MAIL),
    **dict.fromkeys(("telegram", "sms", "whatsapp", "phone"), "write `apprise:` and the service's URL"),
    **dict.fromkeys(("teams", "discord", "pagerduty"), "write `webhook:` and a template: docs/receivers.md has one"),
    **dict.fromkeys(("program", "script", "exec", "cmd", "run"), "write `command: [/path/to/program]`"),
    **dict.fromkeys(("type", "kind"), "remove it, and write the address as `slack:`, `webhook:` or `apprise:`"),
}
"""What people call the address of a receiver, and how it is written."""

ONE_OR_MORE = frozenset({"secret", "success", "label", "status", "error", "tags", "who", "days", "except"})
"""Keys that may have one value, or a list; of ``tags``, each may."""

_BINARY = "cloudevents-binary"


class Receivers:
    """Reads the list of receivers.

    Args:
        sections: Reads what is in one.
        faults: What is wrong is added here.
        environ: Says whether receivers may be programs.
        timezone: The time zone of those that name none, as it is written; None where there is none.
    """

    def __init__(self, sections: Sections, faults: Faults, environ: Mapping[str, str], timezone: object = None) -> None:
        self._timezone = timezone if is_time_zone(timezone) else None  # one that is wrong is noted elsewhere
        self._commands = environ.get(COMMANDS) != "off"
        self._sections = sections
        self._faults = faults
        self._given: dict[str, Place] = {}
        self._made_up: set[str] = set()

    def read(self, value: Value) -> list[ReceiverConfig]:
        """Read the list. Those that are wrong are noted and not returned."""
        if value.data is BROKEN:
            return []
        if value.data is None or value.data == []:
            self._faults.add(value.place, "at least one receiver is required: nobody would be notified")
            return []
        if not isinstance(value.data, list):
            self._faults.add(value.place, "must be a list, each receiver beginning with a dash: `- slack: https://…`")
            return []
        # Names that are given come first, so that none is taken away by one that is made up.
        for item in value.data:
            self._note_name(item)
        found = [self._receiver(item) for item in value.data]
        return [receiver for receiver in found if receiver is not None]

    def _note_name(self, item: Value) -> None:
        value = item.data.get("name") if isinstance(item.data, dict) else None
        if value is None or not value.text:
            return
        first = self._given.setdefault(value.text, value.place)
        if first is not value.place:
            what = f"this name is taken by another receiver (in line {first.line}); names are unique"
            self._faults.add(value.place, what, "name taken")

    def _receiver(self, item: Value) -> ReceiverConfig | None:
        if not isinstance(item.data, dict):
            if item.data is not BROKEN:
                self._faults.add(item.place, "must be a receiver: `slack: https://…` or `webhook: https://…`")
            return None
        found = [kind for kind in KINDS if kind in item.data or f"{kind}_file" in item.data]
        if len(found) != 1:
            self._no_kind(item, found)
            return None
        (kind,) = found
        section, model = KINDS[kind].section, KINDS[kind].settings
        if section is not None and kind in item.data and isinstance(item.data[kind].data, dict):
            model = section
        data = self._sections.read(item, names(model), _elsewhere(kind))
        if "name" not in data:
            data["name"] = self._free_name(kind)
        _make_lists(data)
        self._read_inside(item, data)
        if "command" in item.data and not self._commands:  # `command_file`, which there is not, was reported already
            self._faults.add(item.data["command"].place, _NO_COMMANDS)
        found_templates = template_checks.read(item, data, self._faults) if kind == "webhook" else None
        settings = self._sections.model(item, model, data)
        if settings is not None:
            self._check_together(item, settings, found_templates or [])
        return settings

    def _check_together(self, item: Value, receiver: ReceiverConfig, found: list[template_checks.Found]) -> None:
        """Check what no key can be wrong about alone: that templates can write every event that it gets, and so on."""
        if found and isinstance(receiver, WebhookReceiverConfig):
            template_checks.try_out(found, receiver, self._faults)
        if isinstance(receiver, WebhookReceiverConfig) and receiver.batch is not None:
            self._check_batch(item.data["batch"], receiver)
        if isinstance(receiver, SlackReceiverConfig):
            self._check_slack(item, receiver)
        if receiver.quiet is not None and receiver.quiet.begin == receiver.quiet.end:
            what = "the same as from (allowed: another time of day)"
            self._faults.add(item.data["quiet"].data["to"].place, what)
        if isinstance(receiver, SlackBotReceiverConfig):
            self._check_network(item, receiver, receiver.bot.api_url)
            if receiver.format == "workflow":
                self._faults.add(item.data["format"].place, _WORKFLOW_HAS_AN_ADDRESS)
        elif isinstance(receiver, HttpReceiverConfig):
            self._check_network(item, receiver, receiver.url.get_secret_value())

    def _check_network(self, item: Value, receiver: NetworkConfig, url: str) -> None:
        """See that ``tls`` fits the address."""
        if receiver.tls is not None:
            always = _SLACK_VERIFIED if isinstance(receiver, SlackConfig) else None
            check_tls(item.data["tls"], receiver.tls, url, self._faults, always)

    def _check_batch(self, batch: Value, receiver: WebhookReceiverConfig) -> None:
        """See that several events can be written together."""
        if receiver.templated:
            self._faults.add(batch.place, "a template is about one event; remove it, or the templates")
        elif receiver.format == _BINARY:
            self._faults.add(batch.place, f"{_BINARY} has no batches; remove it, or use cloudevents")

    def _check_slack(self, item: Value, receiver: SlackReceiverConfig) -> None:
        """See that the format is that of the address, and that nothing is there which it can't have."""
        workflow = receiver.format == "workflow"
        address = item.data.get("slack") or item.data["slack_file"]
        of_slack = is_slack_workflow(receiver.url.get_secret_value())
        if of_slack is True and not workflow:
            self._faults.add(address.place, "this is the address of a workflow: set format: workflow beside it")
        elif of_slack is False and workflow:
            what = "no address of a workflow (allowed: https://hooks.slack.com/triggers/… or /workflows/…)"
            self._faults.add(address.place, what)
        for key in ("group", "color", "mention"):
            if workflow and key in receiver.model_fields_set:
                self._faults.add(
                    item.data[key].place, "a workflow gets one event a call and writes its own message; remove it"
                )

    def _no_kind(self, item: Value, found: list[str]) -> None:
        either = dict.fromkeys(name for kind in KINDS.values() for name in names(kind.settings))
        words = {} if found else {key: f"unknown key: {what}" for key, what in _OTHER_WORDS.items()}
        data = self._sections.read(item, either, words)
        self._read_inside(item, data)
        if found:
            self._faults.add(item.place, f"has both {' and '.join(found)}; make {len(found)} receivers of it")
        elif not words.keys() & item.data.keys():
            addresses = " or ".join(f"{key} (or {key}_file)" for key, kind in KINDS.items() if kind.value != "plain")
            others = "".join(f"; or a {key}" for key, kind in KINDS.items() if kind.value == "plain")
            self._faults.add(item.place, f"needs an address: {addresses}{others}")

    def _read_inside(self, item: Value, data: dict[str, Any]) -> None:
        """Check the keys within ``match``, ``group``, ``batch``, ``quiet``, ``summary``, ``slack`` and ``mention``."""
        if "match" in data and isinstance(item.data["match"].data, dict):
            data["match"] = self._conditions(item.data["match"], MatchConfig)
        inner: dict[str, type[BaseModel]] = {
            "group": Group,
            "batch": Batch,
            "quiet": QuietConfig,
            "summary": SummaryConfig,
        }
        for key, model in inner.items():
            if key in data and isinstance(item.data[key].data, dict):
                data[key] = self._sections.read(item.data[key], names(model))
                _make_lists(data[key])
                if "timezone" in names(model) and self._timezone is not None:
                    data[key].setdefault("timezone", self._timezone)
        if isinstance(data.get("slack"), dict):
            data["slack"] = self._bot(item.data["slack"])
        if "mention" in data:
            data["mention"] = self._mention(item.data["mention"], data["mention"])

    def _bot(self, value: Value) -> Any:
        """Read a bot's keys. One that is like none of them may be the token: it is not named."""
        known = names(SlackBotConfig)
        if any(nearest(key, [*known, "token_file"]) is None for key in value.data):
            self._faults.add(value.place, f"has an unknown key (allowed: {', '.join(known)}, token_file)")
            return BROKEN
        return self._sections.model(value, SlackBotConfig, self._sections.read(value, known)) or BROKEN

    def _mention(self, value: Value, data: Any) -> Any:
        """Read whom to mention: a name, several, or keys with values."""
        if isinstance(data, str | list):
            return {"who": data if isinstance(data, list) else [data]}
        if isinstance(data, dict):
            data = self._sections.read(value, names(MentionConfig))
            _make_lists(data)
        return data

    def _conditions(self, value: Value, model: type[Model]) -> dict[str, Any]:
        """Read what is under ``match``, or under its ``not``: what is single becomes a list of one."""
        data = self._sections.read(value, names(model))
        _make_lists(data)
        if isinstance(data.get("tags"), dict):
            data["tags"] = {key: tag if isinstance(tag, list) else [tag] for key, tag in data["tags"].items()}
        if isinstance(data.get("not"), dict):
            data["not"] = self._conditions(value.data["not"], ConditionsConfig)
        return data

    def _free_name(self, kind: str) -> str:
        number = 1
        while (name := kind if number == 1 else f"{kind}-{number}") in self._given or name in self._made_up:
            number += 1
        self._made_up.add(name)
        return name


def _make_lists(data: dict[str, Any]) -> None:
    for key in ONE_OR_MORE & data.keys():
        if isinstance(data[key], str):
            data[key] = [data[key]]


@cache
def _elsewhere(kind: str) -> dict[str, str]:
    """List the keys that only other kinds take, each with the words for it."""
    own = names(KINDS[kind].settings)
    takers: dict[str, list[str]] = {}
    for other, each in KINDS.items():
        for key in names(each.settings):
            if key not in own and key not in KINDS:
                takers.setdefault(key, []).append(other)
    words = {key: f"only {' and '.join(kinds)} receivers take this; remove it" for key, kinds in takers.items()}
    words |= {f"{key}_file": why for key, why in words.items() if key in SECRETS}
    return words | (_BOT_KEYS if kind == "slack" else {})
