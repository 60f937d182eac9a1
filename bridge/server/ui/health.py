"""How each part of the bridge does, in words, and what to do where one is not well. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from bridge.domain.clock import ago, in_words
from bridge.domain.events import SOURCE, receiver_subject
from bridge.server.ui.formatting import upper_first

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from bridge.domain.check import Check
    from bridge.domain.health import Health
    from bridge.domain.numbers import Known


@dataclass(frozen=True, slots=True)
class Component:
    """A part: how it does (``state``), what is worth knowing (``note``), and what is wrong (``why``, ``advice``).

    ``advice`` may have code between backticks. Where ``note`` or ``why`` names moments, ``pieces`` are its words with
    the moments among them. ``receiver`` is its name, if it is one.
    """

    name: str
    ok: bool
    state: str
    note: str | None = None
    why: str | None = None
    advice: str | None = None
    pieces: tuple[str | datetime, ...] = ()
    receiver: str | None = None

    @property
    def said(self) -> tuple[str | datetime, ...]:
        """What there is to say, with the moments among the words."""
        return self.pieces or tuple(filter(None, [self.why or self.note]))


@dataclass(frozen=True, slots=True)
class _Wording:
    """How a check is worded: its name, its state when it is well and when it is not, and what to do then."""

    name: str
    well: str
    ill: str
    advice: str


_CHECKS = {
    SOURCE: _Wording(
        "WbizTool's API",
        "responding",
        "down",
        "If it rejects the credentials, fix `wbiztool.client_id` and the key, and check them with "
        "`wbiz-bridge check --online`. Otherwise wait: the bridge resumes when WbizTool is back.",
    ),
    "polling": _Wording(
        "Polling",
        "on time",
        "late",
        "Raise `wbiztool.rate_limit` and `wbiztool.concurrency` as far as WbizTool allows, or raise `poll.every`.",
    ),
    "configuration": _Wording(
        "Configuration",
        "active",
        "invalid",
        "`wbiz-bridge check` lists each error with its line. Fix it before the bridge is restarted: it would not "
        "start.",
    ),
    "database": _Wording(
        "Database",
        "readable",
        "unavailable",
        "Check for a full disk, a program that holds a lock, or a server that is down. The bridge resumes by itself.",
    ),
    "scheduler": _Wording(
        "Daemon", "running", "not running", "Start it: `systemctl start wbiz-bridge`, or `wbiz-bridge run`."
    ),
}
"""In the order in which they are shown: first what is outside of the bridge, and fails more often."""

_OTHER = "See Health in `docs/operate.md`."
_GONE = "If it was renamed, restore its old name. If it was removed for good, its events are not sent; ignore this."
_FAILING = "`wbiz-bridge incidents` shows the reasons. Often, it is one WhatsApp number that was banned."
_DISCONNECTED = "Messages sent from it stay pending. Reconnect it in WbizTool with its phone."


def parts(
    health: Health,
    receivers: Collection[str],
    numbers: Iterable[Known],
    now: datetime,
    summaries: Mapping[str, datetime] = MappingProxyType({}),
) -> tuple[Component, ...]:
    """Tell of every part.

    Args:
        health: How the bridge does.
        receivers: The names of those in the configuration.
        numbers: What is known of the account's numbers; none where they are not watched.
        now: When.
        summaries: When receivers' next summaries are due.
    """
    checks = health.checks
    shown = [_check(wording, checks[name]) for name, wording in _CHECKS.items() if name in checks]
    of_receivers = [
        _receiver(name, check, receivers, now, summaries)
        for name, check in checks.items()
        if name.startswith(receiver_subject(""))
    ]
    known = {*_CHECKS, *(name for name in checks if name.startswith(receiver_subject("")))}
    failing = [_failing(check.why) for check in [checks.get("messages")] if check is not None and check.why]
    others = [_other(name, check) for name, check in checks.items() if name not in known and not check.ok]
    return (*shown[:1], *failing, *others, *of_receivers, *(_number(each, now) for each in numbers), *shown[1:])


def _check(wording: _Wording, check: Check) -> Component:
    if check.ok:
        return Component(wording.name, ok=True, state=wording.well, note=check.why)
    return Component(
        wording.name,
        ok=False,
        state=wording.ill,
        why=upper_first(check.why or f"{wording.name} {wording.ill}"),
        advice=wording.advice,
    )


def _other(name: str, check: Check) -> Component:
    """Tell of what is only worth a word when it is not well."""
    return Component(
        upper_first(name), ok=False, state="failing", why=upper_first(check.why or f"{name} is failing"), advice=_OTHER
    )


def _receiver(
    subject: str, check: Check, configured: Collection[str], now: datetime, summaries: Mapping[str, datetime]
) -> Component:
    name = subject.removeprefix(receiver_subject(""))
    if check.ok:
        due = f"next summary {ago(summaries[name], now)}" if name in summaries else None
        note = check.why or due
        return Component(f"Receiver {name}", ok=True, state="ok", note=note, pieces=check.pieces, receiver=name)
    fix = (
        "Its events are kept. Fix the receiver, then send it a test, below or with "
        f"`wbiz-bridge test {name}`: they are sent immediately."
    )
    advice = fix if name in configured else _GONE
    return Component(
        f"Receiver {name}",
        ok=False,
        state="failing",
        why=upper_first(check.why or f"receiver {name} is failing"),
        advice=advice,
        pieces=(upper_first(str(check.pieces[0])), *check.pieces[1:]) if check.pieces else (),
        receiver=name,
    )


def _failing(why: str) -> Component:
    return Component("Messages", ok=False, state="failing", why=upper_first(why), advice=_FAILING)


def _number(known: Known, now: datetime) -> Component:
    name = f"Number {known.number.shown}"
    if not known.is_lost:
        return Component(name, ok=True, state="connected" if known.number.connected else "just disconnected")
    lasting = in_words(max(0.0, (now - known.since).total_seconds()))
    why = f"WhatsApp number {known.number.shown} has been disconnected for {lasting}"
    return Component(name, ok=False, state="disconnected", why=why, advice=_DISCONNECTED)
