"""The configuration that ``init`` writes, and the ``.env`` beside it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bridge.config.models import WbizToolConfig
from bridge.receivers.slack.config import is_slack_workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

SLACK, WEBHOOK = "ops", "app"
"""The names of the receivers."""

API_KEY, SLACK_URL = "WBIZTOOL_API_KEY", "SLACK_WEBHOOK_URL"
"""The names of variables that people may have set already."""

_PLAIN = re.compile(r"[\w./:@%+,=-]+", re.ASCII)
USUAL_URL: Final = WbizToolConfig.model_fields["base_url"].default


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody has answered. Without an address, who gets what has to be filled in.

    ``signing_secret`` is what webhooks are signed with; ``own_database`` keeps the history beside the configuration.
    """

    account: WbizToolConfig
    slack_url: str | None = field(default=None, repr=False)
    webhook_url: str | None = field(default=None, repr=False)
    signing_secret: str = field(default="", repr=False)
    own_database: bool = False

    @property
    def receivers(self) -> tuple[str, ...]:
        """The receivers, by name."""
        named = ((SLACK, self.slack_url), (WEBHOOK, self.webhook_url))
        return tuple(name for name, address in named if address is not None)


def variables(answers: Answers) -> dict[str, str]:
    """List what goes into ``.env``: whatever may be a secret."""
    found = {API_KEY: answers.account.api_key.get_secret_value()}
    if answers.slack_url is not None:
        found[SLACK_URL] = answers.slack_url
    if answers.webhook_url is not None:
        found |= {"WEBHOOK_URL": answers.webhook_url, "WEBHOOK_SECRET": answers.signing_secret}
    return found


def env_text(values: Mapping[str, str]) -> str:
    """Write ``.env``."""
    return _ENV + "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())


def config_text(answers: Answers) -> str:
    """Write the configuration."""
    account = answers.account
    address = json.dumps(account.base_url.replace("$", "$$"))
    elsewhere = "" if account.base_url == USUAL_URL else f"  base_url: {address}\n"
    receivers = ""
    if answers.slack_url is not None:
        workflow = "    format: workflow\n" if is_slack_workflow(answers.slack_url) else ""
        receivers += _SLACK_RECEIVER + workflow
    if answers.webhook_url is not None:
        receivers += _WEBHOOK_RECEIVER
    return (
        _BEGIN.format(client_id=account.client_id, elsewhere=elsewhere)
        + (receivers or _NO_RECEIVER)
        + (_OWN_DATABASE if answers.own_database else "")
    )


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


_ENV = """\
# What ${NAME} in config.yaml stands for. These are your keys: let nobody else read them, and put them in no repository.
"""

_BEGIN = """\
# The configuration of the WbizTool bridge. A line that begins with # is a note for you, or something switched off.
# Lines keep their place under each other: the spaces at their beginning count (use spaces, never tabs).
#
# After a change:  wbiz-bridge check
# It says line by line what is wrong, if anything is. The running bridge follows by itself, within seconds.
#
# ${{NAME}} is a line of the file .env beside this one, which holds your keys. Everything else that can be set:
# config.example.yaml and docs/configuration.md, in the folder of the bridge's source.
#
# Editors complete and check it, too, once its schema is beside it:  wbiz-bridge schema config > config.schema.json
# yaml-language-server: $schema=config.schema.json

# Your WbizTool account.
wbiztool:
  client_id: {client_id}
  api_key: ${{WBIZTOOL_API_KEY}}
{elsewhere}
# Watches whatever the account sends. The first time, that includes the last day's messages.
discover: {{report: on}}

# Messages to watch besides, or to name: what a message is labelled is in every alert about it.
messages:
  # - 12345
  # - {{id: 12346, label: "Invoice 88"}}

# Alerts when a WhatsApp number of the account is disconnected, and when it is back.
numbers: {{watch: on}}

# Who gets what. Mail, Telegram, Teams, PagerDuty and others: docs/receivers.md
receivers:
"""

_SLACK_RECEIVER = f"""\
  - name: {SLACK}
    slack: ${{SLACK_WEBHOOK_URL}}
    events: [failed, expired, stuck, "source.*", "number.*", "account.*"]
"""

_WEBHOOK_RECEIVER = f"""\
  - name: {WEBHOOK}
    webhook: ${{WEBHOOK_URL}}
    secret: ${{WEBHOOK_SECRET}}
"""

_NO_RECEIVER = """\
  # - name: ops
  #   slack: https://hooks.slack.com/services/…
  #   events: [failed, expired, stuck, "source.*", "number.*", "account.*"]
"""

_OWN_DATABASE = """
# Beside this file: the usual place is another account's.
database: sqlite:///bridge.db
"""
