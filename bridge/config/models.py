"""What the configuration may say, as pydantic's models. Each receiver has its own beside its code."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal  # noqa: TC003 -- pydantic reads annotations while it runs
from itertools import pairwise
from pathlib import Path  # noqa: TC003 -- as above
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, InstanceOf, SecretStr

from bridge.config.database_url import passwords
from bridge.config.errors import Sources  # noqa: TC001 -- as above
from bridge.config.machine_zone import machine_zone
from bridge.config.warnings import warnings_of
from bridge.domain.account import AccountId
from bridge.domain.failure_rate import TAGS, Alert
from bridge.domain.model import LONGEST_TAG_NAME
from bridge.domain.poll_schedule import Interval, Schedule
from bridge.domain.redaction import clean_text
from bridge.domain.settings import validators
from bridge.domain.settings.base_model import Model
from bridge.domain.settings.calendar import TIME_ZONE
from bridge.domain.settings.check import Check
from bridge.domain.settings.external_url import External, parse_external
from bridge.domain.settings.listen_address import Listen, parse_listen
from bridge.domain.settings.network import NetworkConfig
from bridge.domain.settings.units import Rate
from bridge.domain.watchlist import Watchlist  # noqa: TC001 -- as above
from bridge.receivers.base_config import ReceiverConfig  # noqa: TC001 -- as above

_SECOND = timedelta(seconds=1)

ClientId = Annotated[int, validators.whole(1, 2**63 - 1)]
ApiKey = Annotated[SecretStr, validators.secret()]


class WbizToolConfig(NetworkConfig):
    """The account, and how gently its API is called. ``base_url`` has no slash at its end."""

    client_id: ClientId
    api_key: ApiKey
    base_url: Annotated[str, Check(validators.base_url)] = "https://wbiztool.com/api/v1"
    timeout: Annotated[timedelta, validators.duration("100ms", "5m")] = timedelta(seconds=10)
    rate_limit: Annotated[Rate, validators.rate()] = Rate(20, _SECOND)
    concurrency: Annotated[int, validators.whole(1, 1000)] = 16

    @property
    def account(self) -> AccountId:
        """Which account it is."""
        return AccountId(self.client_id, self.base_url)

    @property
    def credentials(self) -> tuple[object, ...]:
        """What lets us in, and where."""
        return self.base_url, self.client_id, self.api_key


def _tag(value: object) -> str:
    """Allow ``tags.`` and a tag's name."""
    name = value.removeprefix(TAGS) if isinstance(value, str) and value.startswith(TAGS) else ""
    if not 0 < len(name) <= LONGEST_TAG_NAME:
        raise ValueError(
            "must be `tags.` and the name of a tag, e.g. tags.team; or remove it, for all messages together"
        )
    return f"{TAGS}{clean_text(name)}"


class IntervalConfig(Model):
    """How often messages are polled that are younger than ``until``."""

    every: Annotated[timedelta, validators.duration("250ms", "1d")]
    until: Annotated[timedelta, validators.duration("1s", "365d")] | None = None


def _by_age(steps: tuple[IntervalConfig, ...]) -> tuple[IntervalConfig, ...]:
    """Allow intervals by age: each but the last until an age, which grows."""
    *younger, oldest = (step.until for step in steps)
    if oldest is not None:
        raise ValueError("the last one is for all that are older: it must have no until")
    if None in younger:
        raise ValueError("each but the last must have an until")
    if any(one >= other for one, other in pairwise(filter(None, younger))):
        raise ValueError("each until must be longer than the one before")
    return steps


class PollConfig(Model):
    """When messages are polled: every ``every``, or by ``intervals``. ``attempts`` are those of one poll.

    ``stuck_after`` and ``stop_after`` are None for "never".
    """

    every: Annotated[timedelta, validators.duration("250ms", "1d")] = timedelta(seconds=30)
    intervals: Annotated[tuple[IntervalConfig, ...], Field(min_length=1), AfterValidator(_by_age)] | None = None
    attempts: Annotated[int, validators.whole(1, 20)] = 4
    unknown_after: Annotated[timedelta, validators.duration("0s", "1d")] = timedelta(seconds=10)
    linger: Annotated[timedelta, validators.duration("0s", "7d")] = timedelta(0)
    stuck_after: Annotated[timedelta | None, validators.duration_or_off("1s", "365d")] = timedelta(minutes=15)
    stop_after: Annotated[timedelta | None, validators.duration_or_off("1m", "3650d")] = timedelta(days=7)

    @property
    def schedule(self) -> Schedule:
        """The rules that follow from it."""
        steps = [Interval(step.every, step.until) for step in self.intervals or ()]
        return Schedule(
            tuple(steps) or (Interval(self.every),),
            unknown_after=self.unknown_after,
            linger=self.linger,
            stuck_after=self.stuck_after,
            stop_after=self.stop_after,
        )


class DiscoverConfig(Model):
    """Watching whatever the account sends: the report is read every ``every``, this many ``days`` back.

    While it is, a message is polled when it changes there, and else only at the ``relaxed`` interval. With
    ``by_number``, each number's report is read as well, and its messages get the tag ``number``.
    """

    report: Annotated[bool, validators.switch()] = False
    every: Annotated[timedelta, validators.duration("1s", "1d")] = timedelta(minutes=5)
    days: Annotated[int, validators.whole(1, 31)] = 1
    relaxed: Annotated[timedelta, validators.duration("1s", "1d")] = timedelta(hours=1)
    by_number: Annotated[bool, validators.switch()] = False


class NumbersConfig(Model):
    """Watching whether the account's numbers are connected. A change is reported when it has lasted for ``settle``."""

    watch: Annotated[bool, validators.switch()] = False
    every: Annotated[timedelta, validators.duration("1s", "1d")] = timedelta(minutes=1)
    settle: Annotated[timedelta, validators.duration("0s", "1d")] = timedelta(minutes=1)


class AlertConfig(Model):
    """When messages fail too often: ``failing`` percent of at least ``of`` that got a final status ``within`` a time.

    With ``by``, each value of that tag is judged by itself.
    """

    failing: Annotated[Decimal, validators.percentage()]
    of: Annotated[int, validators.whole(1, 1_000_000)] = 50
    within: Annotated[timedelta, validators.duration("1m", "1d")] = timedelta(minutes=15)
    by: Annotated[str, Check(_tag, json_schema={"type": "string", "pattern": r"^tags\.."})] | None = None

    @property
    def rule(self) -> Alert:
        """The rule that follows from it."""
        return Alert(self.failing, self.of, self.within, self.by)


class LogLevel(enum.StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogConfig(Model):
    """The log. ``auto`` is console on a terminal, JSON elsewhere."""

    level: LogLevel = LogLevel.INFO
    format: Literal["auto", "console", "json"] = "auto"


class HeartbeatConfig(Model):
    """Whom to tell, and how often, that all is well. The address is a secret: who knows it can keep the alarm quiet."""

    url: Annotated[SecretStr, validators.secret(validators.host_of)]
    every: Annotated[timedelta, validators.duration("1s", "1d")] = timedelta(minutes=1)


class HttpConfig(Model):
    """Where the daemon answers over HTTP. Whoever changes something must show the token.

    Where others than programs of this machine can ask (by ``listen``, or by ``external_url`` through a reverse proxy),
    so must whoever asks for more than whether it lives. Links to the page are made of ``external_url``. ``hook_token``
    lets WbizTool call its webhook, by which ``hook_watch`` watches messages that were not.
    """

    listen: Annotated[Listen, Check(parse_listen)] = Listen("127.0.0.1", 8095)
    external_url: Annotated[External, Check(parse_external)] | None = None
    token: Annotated[SecretStr, validators.secret(validators.bearer_token)] | None = None
    hook_token: Annotated[SecretStr, validators.secret(validators.hook_token)] | None = None
    hook_watch: Annotated[bool, validators.switch()] = False


class Config(Model):
    """The whole configuration.

    ``sources`` is all that was read, ``path`` the first of it: as they were named, so relative to the working folder
    if ``path`` is. ``database`` is a SQLAlchemy URL, and ``control`` the Unix socket at which commands find the daemon;
    None for none. ``timezone`` is that of people who read without a browser; None for the machine's (:attr:`zone`).
    """

    path: Path
    sources: InstanceOf[Sources]
    wbiztool: WbizToolConfig
    poll: PollConfig = PollConfig()
    watchlist: Watchlist
    file_warnings: Annotated[tuple[str, ...], Field(exclude=True)] = ()
    list_warnings: Annotated[tuple[str, ...], Field(exclude=True)] = ()
    discover: DiscoverConfig = DiscoverConfig()
    numbers: NumbersConfig = NumbersConfig()
    receivers: tuple[ReceiverConfig, ...]
    alerts: tuple[AlertConfig, ...] = ()
    database: Annotated[str, Field(repr=False)]  # it may hold a password
    control: Path | None = None
    timezone: Annotated[tzinfo, TIME_ZONE] | None = None
    http: HttpConfig | None = HttpConfig()
    heartbeat: HeartbeatConfig | None = None
    retention: Annotated[timedelta, validators.duration("1h", "3650d")] = timedelta(days=30)
    log: LogConfig = LogConfig()

    @property
    def pages(self) -> str | None:
        """Where people see the bridge; None where they don't."""
        return None if self.http is None or self.http.external_url is None else str(self.http.external_url)

    @property
    def zone(self) -> tzinfo:
        """The time zone of people who read without a browser of their own."""
        return self.timezone or machine_zone()

    @property
    def rules(self) -> tuple[Alert, ...]:
        """When messages fail too often."""
        return tuple(alert.rule for alert in self.alerts)

    @property
    def receiver_names(self) -> tuple[str, ...]:
        """The names of all receivers, as they are listed."""
        return tuple(receiver.name for receiver in self.receivers)

    def quiet_until(self, receiver: str, at: datetime) -> datetime | None:
        """Tell when a receiver's quiet hours end in which a moment lies; None where it lies in none."""
        found = (each.quiet for each in self.receivers if each.name == receiver)
        return next((quiet.hours.quiet_until(at) for quiet in found if quiet is not None), None)

    def warnings(self) -> tuple[str, ...]:
        """Say what is allowed, but dangerous or hardly meant."""
        return tuple(warnings_of(self))

    def secrets(self) -> tuple[str, ...]:
        """List every secret, in clear: for what keeps them out of logs and records."""
        found = [self.wbiztool.api_key.get_secret_value(), *self.wbiztool.network_in_clear()]
        if self.http is not None:
            tokens = (self.http.token, self.http.hook_token)
            found += [token.get_secret_value() for token in tokens if token is not None]
        for receiver in self.receivers:
            found += receiver.in_clear()
        if self.heartbeat is not None:
            found.append(self.heartbeat.url.get_secret_value())
        return tuple(dict.fromkeys([*found, *passwords(self.database)]))
