"""What the configuration may say of every receiver, and of those over HTTP.

What :mod:`bridge.domain.settings.validators` says of secrets and of ValueErrors holds here, too.
"""

from __future__ import annotations

import re
from datetime import UTC, time, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from bridge.domain.events import in_full
from bridge.domain.model import EventType
from bridge.domain.quiet_hours import EVERY_DAY, QuietHours
from bridge.domain.routing import Subscription
from bridge.domain.settings import validators
from bridge.domain.settings.base_model import Model
from bridge.domain.settings.calendar import TIME_OF_DAY, TIME_ZONE, WEEKDAYS
from bridge.domain.settings.check import Check
from bridge.domain.settings.match_models import MatchConfig
from bridge.domain.settings.network import NetworkConfig
from bridge.domain.settings.units import Rate
from bridge.domain.suggest import suggestion

DIGESTS_EVERY = timedelta(hours=1)
"""How often a receiver for people without ``remind`` gets single failures while ``account.failing`` lasts."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def event_pattern(item: object) -> str:
    """Allow an event type or a glob of them, and write it in full."""
    if not isinstance(item, str):
        raise ValueError("must be an event type, e.g. failed")  # noqa: TRY004 -- see the module's docstring
    pattern = in_full(item)
    if not any(fnmatchcase(type_, pattern) for type_ in EventType):
        types = [type_.removeprefix("message.") for type_ in EventType]
        raise ValueError(f"unknown event type ({suggestion(item, types)})")
    return pattern


def receiver_name(value: object) -> str:
    """Allow what can be in a URL, a log and a command without quotes."""
    if not isinstance(value, str) or not _NAME.match(value):
        raise ValueError("not usable as a name (allowed: 1 to 64 of A-Z a-z 0-9 . _ -)")
    return value


_TYPES = [name for type_ in EventType for name in dict.fromkeys((type_.removeprefix("message."), str(type_)))]
_EVENT = {"anyOf": [{"enum": _TYPES}, {"type": "string", "pattern": r"[*?\[]"}]}
EventPattern = Annotated[str, Check(event_pattern, json_schema=_EVENT)]
ReceiverName = Annotated[str, Check(receiver_name, json_schema={"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"})]


class Group(Model):
    """How bursts become one message: the shortest time between two, what events are counted by, how many are named."""

    wait: Annotated[timedelta, validators.duration("0s", "1h")] = timedelta(seconds=30)
    by: tuple[Literal["type", "error"], ...] = ("type", "error")
    max: Annotated[int, validators.whole(1, 40)] = 20


class QuietConfig(Model):
    """When a receiver is sent nothing but some types of events: from when to when, on which days, in which zone."""

    begin: Annotated[time, TIME_OF_DAY, Field(alias="from")]
    end: Annotated[time, TIME_OF_DAY, Field(alias="to")]
    days: Annotated[tuple[Annotated[frozenset[int], WEEKDAYS], ...], Field(min_length=1)] = (EVERY_DAY,)
    timezone: Annotated[tzinfo, TIME_ZONE] = UTC
    exempt: Annotated[tuple[EventPattern, ...], Field(min_length=1, alias="except")] = ()

    @property
    def hours(self) -> QuietHours:
        """The rule that follows from it."""
        return QuietHours(self.begin, self.end, self.timezone, frozenset().union(*self.days), self.exempt)


class SummaryConfig(Model):
    """When a receiver gets its summary: at which time, on which days, in which zone (None: the configuration's)."""

    at: Annotated[time, TIME_OF_DAY]
    days: Annotated[tuple[Annotated[frozenset[int], WEEKDAYS], ...], Field(min_length=1)] = (EVERY_DAY,)
    timezone: Annotated[tzinfo | None, TIME_ZONE] = None


class ReceiverConfig(Model):
    """What the configuration says of any receiver."""

    name: ReceiverName
    events: Annotated[tuple[EventPattern, ...], Field(min_length=1)] | None = None
    match: MatchConfig = MatchConfig()
    settle: Annotated[timedelta, validators.duration("0s", "1h")] = timedelta(seconds=30)
    hold: Annotated[timedelta, validators.duration("0s", "7d")] = timedelta(0)
    remind: Annotated[timedelta | None, validators.duration("1m", "7d")] = None
    quiet: QuietConfig | None = None
    summary: SummaryConfig | None = None
    timeout: Annotated[timedelta, validators.duration("100ms", "5m")] = timedelta(seconds=15)
    rate_limit: Rate | None = None
    concurrency: int = 1

    @property
    def subscription(self) -> Subscription:
        """What it asks for."""
        return Subscription(
            *(self.name, self.events, self.match.rule, self.hold, self.digests_every), summary=self.summary is not None
        )

    @property
    def grouped(self) -> bool:
        """Whether everything that is due goes in one message."""
        return False

    @property
    def gathers_for(self) -> timedelta:
        """Where it is grouped: how long after a message the next one goes, at the earliest."""
        return timedelta(0)

    @property
    def digests_every(self) -> timedelta | None:
        """How often it gets single failures together while too many messages fail; None if each is sent by itself."""
        return (self.remind or DIGESTS_EVERY) if self.grouped else None

    @property
    def batch_limits(self) -> tuple[int, timedelta] | None:
        """How many events go in one call at most, and how long one waits for others; None where each goes alone."""
        return None

    @property
    def where(self) -> str | None:
        """Name the host or the channel that it sends to, without secrets; None where that is no address."""
        return None

    @property
    def thread_channel(self) -> str | None:
        """The channel in which later events about a subject are replies to the post about it; None without threads."""
        return None

    @property
    def shared_limit(self) -> tuple[str, str] | None:
        """Whose rate limit applies: an account's, and within it a channel's; None if it shares none."""
        return None

    @property
    def files_for_each(self) -> int:
        """How many open files an attempt needs, at most."""
        return 1

    def in_clear(self) -> list[str]:
        """List its secrets, in clear: for what keeps them out of logs and records."""
        return []


class PeopleReceiverConfig(ReceiverConfig):
    """What people read: what is queued goes as one message, one at a time, by default at most one a second."""

    rate_limit: Annotated[Rate, validators.rate()] = Rate(1, timedelta(seconds=1))
    concurrency: Annotated[int, validators.whole(1, 1)] = 1
    group: Group = Group()

    @property
    def grouped(self) -> bool:
        """Always: most services take few messages, and people read no more."""
        return True

    @property
    def gathers_for(self) -> timedelta:
        """What ``group.wait`` says."""
        return self.group.wait


class HttpReceiverConfig(NetworkConfig, ReceiverConfig):
    """What is reached over HTTP by the bridge itself."""

    url: SecretStr

    @property
    def where(self) -> str | None:
        """The host."""
        return urlsplit(self.url.get_secret_value()).hostname

    def in_clear(self) -> list[str]:
        """List the address, and what is secret of the way to it."""
        return [self.url.get_secret_value(), *self.network_in_clear()]
