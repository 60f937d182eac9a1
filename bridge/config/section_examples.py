"""What to write where a section is expected, by its key. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wbiztool": "{client_id: 123, api_key: …}",
        "poll": "{every: 30s}",
        "intervals": "[{until: 1h, every: 30s}, {every: 5m}]",
        "discover": "{report: on}",
        "numbers": "{watch: on}",
        "alerts": "[{failing: 20%, of: 50, within: 15m}]",
        "http": '{listen: "127.0.0.1:8095"}',
        "heartbeat": "{url: https://hc-ping.com/…}",
        "log": "{level: info}",
        "tls": "{ca_file: ca.pem}",
        "receivers": "[{slack: https://hooks.slack.com/services/…}]",
        "match": "{tags: {team: billing}}",
        "not": "{tags: {team: test}}",
        "tags": "{team: billing}",
        "group": "{wait: 30s}",
        "batch": "{max: 100, wait: 2s}",
        "headers": "{X-Team: billing}",
        "mention": "{who: here}",
        "summary": '{at: "09:00"}',
        "quiet": '{from: "22:00", to: "08:00"}',
    }
)


def must_be_section(key: str) -> str:
    """Say that something else is where a section belongs; ``key`` is the section's."""
    example = EXAMPLES.get(key)
    return "must be keys with values" if example is None else f"must be a section, for example `{key}: {example}`"
