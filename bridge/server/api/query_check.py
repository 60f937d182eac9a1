"""Refuses query parameters that a call does not take: ignored, a mistyped filter would choose everything."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, get_origin

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from bridge.domain.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fastapi._compat import ModelField
    from fastapi.dependencies.models import Dependant

_MOST_FAULTS = 20
_LONGEST_NAME = 64


async def check_query(request: Request) -> None:
    """Check the names in a request's query against the parameters of its route. A dependency of routers.

    Raises:
        RequestValidationError: A parameter is unknown, or is given several times and is no list.
    """
    fields = _parameters(request.scope["route"].dependant)
    is_list = {field.alias: get_origin(field.field_info.annotation) is list for field in fields}
    given = Counter(name for name, _ in request.query_params.multi_items())
    wrong = [name for name, count in given.items() if name not in is_list or (count > 1 and not is_list[name])]
    if wrong:
        raise RequestValidationError([_fault(name[:_LONGEST_NAME], is_list) for name in wrong[:_MOST_FAULTS]])


def _parameters(dependant: Dependant) -> Iterator[ModelField]:
    """List the parameters of a route, and of what it depends on."""
    yield from dependant.query_params
    for each in dependant.dependencies:
        yield from _parameters(each)


def _fault(name: str, known: Collection[str]) -> dict[str, Any]:
    words = "given more than once (it takes one value)" if name in known else _unknown(name, known)
    return {"type": "query", "loc": ("query", name), "msg": words, "input": None}


def _unknown(name: str, known: Collection[str]) -> str:
    if not known:
        return "unknown parameter (this call takes none)"
    near = nearest(name, known)
    hint = "" if near is None else f"did you mean {near}? "
    return f"unknown parameter ({hint}allowed: {', '.join(sorted(known))})"
