"""What is wrong with a request."""

from __future__ import annotations

from bridge.server.api.schemas.fields import Out


class FaultOut(Out):
    """An error and its place: a JSON Pointer into the body, or the name of a parameter or header."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None


class Problem(Out):
    """An error response (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FaultOut] | None = None
