"""The list of receivers: which kind each is, its name, its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.config import checks, kinds, templates
from bridge.config.matching import ConditionsConfig, MatchConfig
from bridge.config.network import check_tls
from bridge.config.section import names
from bridge.config.yaml import BROKEN, Value

if TYPE_CHECKING:
    from bridge.config.faults import Faults, Place
    from bridge.config.model import Model
    from bridge.config.section import Sections

_KINDS: dict[str, type[kinds.SlackReceiverConfig | kinds.WebhookReceiverConfig]] = {
    "slack": kinds.SlackReceiverConfig,
    "webhook": kinds.WebhookReceiverConfig,
}
_LATER_KINDS = frozenset({"apprise", "command"})
_SLACK_VERIFIED = "Slack's certificate is always verified"
_ONLY_WEBHOOK = "only a webhook takes this; remove it"
_ELSEWHERE = {
    "slack": dict.fromkeys(("secret", "secret_file", "headers", "body", "content_type", "success"), _ONLY_WEBHOOK),
    "webhook": {
        "group": "only Slack messages are grouped; remove it",
        **dict.fromkeys(("color", "mention"), "only a Slack message has this; remove it"),
    },
}


class Receivers:
    """Reads the list of receivers."""

    def __init__(self, sections: Sections, faults: Faults) -> None:
        self._sections = sections
        self._faults = faults
        self._given: dict[str, Place] = {}
        self._made_up: set[str] = set()

    def read(self, value: Value) -> list[kinds.ReceiverConfig]:
        """Read the list. Those that are wrong are noted and not returned."""
        if value.data is BROKEN:
            return []
        if value.data is None or value.data == []:
            self._faults.add(value.place, "at least one receiver is required: nothing would be told to anybody")
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

    def _receiver(self, item: Value) -> kinds.ReceiverConfig | None:
        if not isinstance(item.data, dict):
            if item.data is not BROKEN:
                self._faults.add(item.place, "must be a receiver: `slack: https://…` or `webhook: https://…`")
            return None
        found = [kind for kind in _KINDS if kind in item.data or f"{kind}_file" in item.data]
        if len(found) != 1:
            self._no_kind(item, found)
            return None
        (kind,) = found
        model = _KINDS[kind]
        data = self._sections.read(item, names(model), "receivers", _ELSEWHERE[kind])
        if "name" not in data:
            data["name"] = self._free_name(kind)
        if isinstance(data.get("secret"), str):
            data["secret"] = [data["secret"]]
        if isinstance(data.get("success"), str):
            data["success"] = [data["success"]]
        self._read_inside(item, data)
        found_templates = templates.read(item, data, self._faults) if kind == "webhook" else None
        settings = self._sections.model(item, model, data)
        if found_templates and isinstance(settings, kinds.WebhookReceiverConfig):
            templates.try_out(found_templates, settings, self._faults)
        if isinstance(settings, kinds.SlackReceiverConfig):
            self._check_slack(item, settings)
        if settings is not None and settings.tls is not None:
            always = _SLACK_VERIFIED if kind == "slack" else None
            check_tls(item.data["tls"], settings.tls, settings.url.get_secret_value(), self._faults, always)
        return settings

    def _check_slack(self, item: Value, receiver: kinds.SlackReceiverConfig) -> None:
        """See that the format is that of the address, and that nothing stands there which it can't have."""
        workflow = receiver.format == "workflow"
        address = item.data.get("slack") or item.data["slack_file"]
        of_slack = checks.is_slack_workflow(receiver.url.get_secret_value())
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
        either = [*names(kinds.SlackReceiverConfig), *names(kinds.WebhookReceiverConfig)]
        data = self._sections.read(item, dict.fromkeys(either), "receivers")
        self._read_inside(item, data)
        if found:
            self._faults.add(item.place, "has both slack and webhook; make two receivers of it")
        elif not _LATER_KINDS & item.data.keys():
            self._faults.add(item.place, "needs an address: slack (or slack_file) or webhook (or webhook_file)")

    def _read_inside(self, item: Value, data: dict[str, Any]) -> None:
        """Check the keys within ``match`` and ``group``."""
        if "match" in data and isinstance(item.data["match"].data, dict):
            data["match"] = self._conditions(item.data["match"], MatchConfig, "receivers.match")
        if "group" in data and isinstance(item.data["group"].data, dict):
            data["group"] = self._sections.read(item.data["group"], names(kinds.Group), "receivers.group")
        if "mention" in data:
            data["mention"] = self._mention(item.data["mention"], data["mention"])

    def _mention(self, value: Value, data: Any) -> Any:
        """Read whom to mention: a name, several, or keys with values."""
        if isinstance(data, str | list):
            return {"who": data if isinstance(data, list) else [data]}
        if isinstance(data, dict):
            data = self._sections.read(value, names(kinds.MentionConfig), "receivers.mention")
            if isinstance(data.get("who"), str):
                data["who"] = [data["who"]]
        return data

    def _conditions(self, value: Value, model: type[Model], path: str) -> dict[str, Any]:
        """Read what stands under ``match``, or under its ``not``: what is single becomes a list of one."""
        data = self._sections.read(value, names(model), path)
        for key in ("label", "status", "error"):
            if isinstance(data.get(key), str):
                data[key] = [data[key]]
        if isinstance(data.get("tags"), dict):
            data["tags"] = {key: tag if isinstance(tag, list) else [tag] for key, tag in data["tags"].items()}
        if isinstance(data.get("not"), dict):
            data["not"] = self._conditions(value.data["not"], ConditionsConfig, f"{path}.not")
        return data

    def _free_name(self, kind: str) -> str:
        number = 1
        while (name := kind if number == 1 else f"{kind}-{number}") in self._given or name in self._made_up:
            number += 1
        self._made_up.add(name)
        return name
