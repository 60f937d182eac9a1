"""What is wrong with a request."""

from __future__ import annotations

from bridge.server.api.schemas.fields import Out


class FaultOut(Out):
    """An error and its place: a JSON Pointer into the body, the name of a parameter or header, or a line of CSV.

    ``line`` and ``column`` (in characters) count from 1, the line that names the columns included; ``field`` is the
    column's name.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    line: int | None = None
    column: int | None = None
    field: str | None = None


class Problem(Out):
    """An error response (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FaultOut] | None = None
