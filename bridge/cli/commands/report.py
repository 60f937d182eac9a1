"""What became of messages, in numbers: ``report``."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import age_or_time, check_times
from bridge.cli.connection import Connect, connected
from bridge.cli.csv_options import CsvOption, RawOption, check
from bridge.cli.options import JsonOption, command_app
from bridge.cli.table import print_table
from bridge.domain.activity import COUNTED, DAY, HOUR, REASON, TAGS
from bridge.domain.activity_report import ask, read_by
from bridge.domain.clock import isoformat, precisely
from bridge.domain.errors import UsageError
from bridge.domain.local_time import shown
from bridge.domain.spreadsheet.rows import report_rows
from bridge.domain.spreadsheet.writer import csv_text

app = command_app()

_MOST_REASONS = 5


@app.command()
@connected
def report(
    connect: Connect,
    *,
    since: Annotated[str, typer.Option(metavar="AGE|TIME", help="From when on, e.g. 30d.")] = "7d",
    until: Annotated[
        str | None, typer.Option(metavar="AGE|TIME", help="Until when, e.g. 1d. Default: now.", show_default=False)
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="WHAT", help="For each reason, day, hour, number, or tag.NAME.")
    ] = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    raw: RawOption = False,
) -> None:
    """Add up what was sent, what failed, and why.

    Also how long it took until messages were sent. A message that fails and is sent later counts as both. Periods begin
    and end with a quarter of an hour.

    Examples: wbiz-bridge report --since 30d · … report --by day · … report --since 1d --by tag.team
    """
    check(as_csv=as_csv, raw=raw, json=as_json)
    check_times(since=since, until=until)
    with connect() as bridge:
        zone = bridge.timezone
        found = bridge.report(_wanted(since, until, by, zone))
    if as_json:
        output.print_json(found)
        return
    if as_csv:
        rows = report_rows(found, None if raw else zone)
        output.table_writer()(csv_text(rows, raw=raw).encode("utf-8", "replace"))
        return
    output.say(_period(found, zone), "")
    if by is None:
        _print_all(found)
    else:
        _print_groups(found)


def _wanted(since: str, until: str | None, by: str | None, zone: tzinfo) -> dict[str, str]:
    now = output.now()
    begin, end = age_or_time("--since", since, zone), age_or_time("--until", until, zone)
    try:
        groups = None if by is None else read_by(by)
    except ValueError as error:
        raise UsageError(f"--by: {error}") from None
    try:
        query = ask(now, zone, since=begin, until=end, by=groups)
    except ValueError as error:
        raise UsageError(f"--since, --until: {error}") from None
    wanted = {"since": isoformat(query.since)}
    if end is not None:
        wanted["until"] = isoformat(query.until)
    return wanted if groups is None else wanted | {"by": groups}


def _print_all(found: dict[str, Any]) -> None:
    before = found["before"]
    periods = [found] if before is None else [found, before]
    rows = [(str(status), *(f"{each[status]:,}" for each in periods)) for status in COUNTED]
    rows.append(("failure rate", *map(_percent, periods)))
    print_table(("", "COUNT", "BEFORE")[: 1 + len(periods)], rows, empty="")
    if found["reasons"]:
        output.say("")
        why = [(f"{each['count']:,}", each["words"]) for each in found["reasons"][:_MOST_REASONS]]
        print_table(("FAILED", "WHY"), why, empty="")
    waits = found["seconds_until_sent"]
    if waits is not None:
        output.say("", f"half were sent within {precisely(waits['median'])}, 95 % within {precisely(waits['p95'])}")
    if found["waiting_now"]:
        output.say("", f"{found['waiting_now']:,} still waiting")


def _print_groups(found: dict[str, Any]) -> None:
    if found["by"] == REASON:
        why = [(f"{each['failed']:,}", each["name"]) for each in found["groups"]]
        print_table(("FAILED", "WHY"), why, empty="No message failed.")
        return
    counts = tuple(str(status).upper() for status in COUNTED)
    if found["by"] in {DAY, HOUR}:
        columns = (found["by"].upper(), *counts, "FAILURE RATE", "HALF WITHIN", "95 % WITHIN")
        rows = [(each["name"], *_sums(each), *_waits(each)) for each in found["groups"]]
    else:  # text from outside begins no line
        columns = (*counts, "FAILURE RATE", found["by"].removeprefix(TAGS).upper())
        rows = [(*_sums(each), each["name"]) for each in found["groups"]]
    print_table(columns, rows, empty="No message.")


def _period(found: dict[str, Any], zone: tzinfo) -> str:
    since, until = map(datetime.fromisoformat, (found["since"], found["until"]))
    return f"{shown(since, zone, 'minutes')} to {shown(until, zone, 'minutes')}"


def _percent(sums: dict[str, Any]) -> str:
    return "-" if sums["failure_percent"] is None else f"{sums['failure_percent']} %"


def _sums(group: dict[str, Any]) -> tuple[str, ...]:
    return (*(f"{group[status]:,}" for status in COUNTED), _percent(group))


def _waits(group: dict[str, Any]) -> tuple[str, ...]:
    waits = group["seconds_until_sent"]
    return ("-", "-") if waits is None else (precisely(waits["median"]), precisely(waits["p95"]))
