"""Reads what the page of the report shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.domain.errors import UsageError
from bridge.server.ui.activity_charts import over_time, step_of, waiting
from bridge.server.ui.formatting import upper_first
from bridge.server.ui.period import Period, Wanted, period_of, tag_of, zone_named
from bridge.server.ui.report import ByTag, Links, ReportPage, by_tag, report, tabs_of

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bridge.store.activity import ActivityLog


def report_page(log: ActivityLog, wanted: Wanted, now: datetime, usual: tzinfo) -> ReportPage:
    """Read the report that is asked for.

    Args:
        log: The sums.
        wanted: What came with the address.
        now: When.
        usual: The time zone, if the address names none.
    """
    page = ReportPage(wanted, tabs_of(wanted), str(usual))
    try:
        zone = zone_named(wanted.timezone, usual)
        page = replace(page, zone=str(zone))
        period, tag = period_of(wanted, now, zone), tag_of(wanted)
    except ValueError as error:
        return replace(page, wrong=str(error))
    found = log.read(period.since, period.until)
    before = log.counted(period.compared, period.compared + period.length)
    step = step_of(period.length)
    charts = (
        over_time(log.over_time(period.since, period.until, step, zone), step, zone),
        waiting(log.waits_by_hour(period.since, period.until, zone)),
    )
    links = Links(found.since, None if period.until >= now else found.until)
    grouped, wrong = _by_tag(log, period, tag, links)
    return replace(page, wrong=wrong, report=report(period, now, found, before, charts, grouped, links))


def _by_tag(log: ActivityLog, period: Period, tag: str | None, links: Links) -> tuple[ByTag, str | None]:
    tags = log.tags(period.since, period.until)
    chosen = tag if tag is not None else next(iter(tags), None)
    if chosen is None:
        return by_tag(tags, None, (), links), None
    try:
        return by_tag(tags, chosen, log.by_tag(period.since, period.until, chosen), links), None
    except UsageError as error:
        return by_tag(tags, chosen, (), links), f"{upper_first(str(error))}."
