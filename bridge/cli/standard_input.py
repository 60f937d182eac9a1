"""A list of messages on standard input: plain ids, or CSV."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bridge.domain.clock import isoformat
from bridge.domain.errors import UsageError
from bridge.domain.message_details import TOO_MANY_TAGS
from bridge.domain.model import MOST_TAGS
from bridge.domain.spreadsheet.handover import LARGEST_CSV, InvalidCsvError, read_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.domain.spreadsheet.reader import CsvMessage


def read_messages(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Read the list, as the API takes it in JSON.

    Args:
        given: The label, tags and ``expected_at`` of those that say nothing of it themselves.

    Raises:
        UsageError: A row is wrong. All of them are named.
    """
    try:
        return [_message(each, given) for each in read_list(sys.stdin.buffer.read(LARGEST_CSV + 1))]
    except InvalidCsvError as error:
        raise UsageError(*_lines(error)) from None


def _message(row: CsvMessage, given: Mapping[str, Any]) -> dict[str, Any]:
    details = row.details
    tags = {**given.get("tags", {}), **details.tags}
    if len(tags) > MOST_TAGS:
        raise UsageError(f"standard input:{row.line}: tags: {TOO_MANY_TAGS}, those of --tag included")
    said = {"label": details.label, "expected_at": details.expected_at and isoformat(details.expected_at), "tags": tags}
    return {"id": row.id, **given, **{name: value for name, value in said.items() if value}}


def _lines(error: InvalidCsvError) -> Iterator[str]:
    yield f"standard input is wrong ({error.count} error{'' if error.count == 1 else 's'}); nothing is watched:"
    for fault in error.faults:
        yield f"standard input:{fault}"
    if error.count > len(error.faults):
        yield f"… and {error.count - len(error.faults)} more"
