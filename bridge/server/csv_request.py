"""Lists in CSV that are posted: how they differ from JSON, and how what is wrong with them is reported."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match

from bridge.domain.spreadsheet.handover import InvalidCsvError
from bridge.server.problems import problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.types import Scope

    from bridge.domain.spreadsheet.reader import CsvFault

CSV: Final = "text/csv"


def is_csv(headers: Headers) -> bool:
    """Tell whether a request says that its body is CSV."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == CSV


class CsvRoute(APIRoute):
    """A route for bodies in CSV, beside one with the same path for JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what the path and method say, if the body is CSV."""
        found, more = super().matches(scope)
        return (found, more) if is_csv(Headers(scope=scope)) else (Match.NONE, {})


async def on_invalid_csv(_: Request, error: Exception) -> JSONResponse:
    """Report each row that is wrong, with its line, and the characters of it where that begins."""
    assert isinstance(error, InvalidCsvError)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), errors=list(map(_fault_json, error.faults)))


def _fault_json(fault: CsvFault) -> dict[str, Any]:
    field = {"field": fault.name} if fault.name else {}
    return {"detail": fault.what, "line": fault.line, "column": fault.column, **field}
