"""The page about the API: the OpenAPI document arranged for people. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from bridge.server.ui.curl_line import curl_line
from bridge.server.ui.schema_examples import example_of, own_example
from bridge.server.ui.schema_words import Field, Word, anchor_of, fields_of, prose, title_of, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_Part = dict[str, Any]

_PROBLEM = "application/problem+json"
_OF_ONE_TYPE = frozenset({"type", "data"})
"""The keys of an event that are other for each type."""

_SAYS_NOTHING = "Successful Response"
"""FastAPI's description of what has none."""


@dataclass(frozen=True, slots=True)
class Body:
    """What may be sent: an object with its keys and an example, which is empty where there is none."""

    title: str
    text: str
    fields: tuple[Field, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered: the status with its name, what it means, and what comes with it."""

    status: str
    text: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A call. ``problems`` are the statuses with which it is refused."""

    id: str
    method: str
    path: str
    summary: str
    text: tuple[str, ...]
    needs_token: bool
    parameters: tuple[Field, ...]
    bodies: tuple[Body, ...]
    responses: tuple[Response, ...]
    problems: tuple[str, ...]
    curl: str


@dataclass(frozen=True, slots=True)
class Group:
    """Calls about the same thing."""

    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Webhook:
    """What a receiver is sent: an event of one type, with the keys of its ``data``."""

    id: str
    name: str
    text: str
    data: tuple[Field, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Object:
    """An object with a name, to which others refer."""

    anchor: str
    name: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ApiReference:
    """All that the page shows. ``headers``, ``keys`` and ``answers`` are the same for every webhook."""

    address: str
    text: tuple[str, ...]
    groups: tuple[Group, ...]
    headers: tuple[Field, ...]
    keys: tuple[Field, ...]
    answers: tuple[Response, ...]
    webhooks: tuple[Webhook, ...]
    objects: tuple[Object, ...]


def api_reference(document: Mapping[str, Any], address: str) -> ApiReference:
    """Arrange an OpenAPI document.

    Args:
        document: The description of the API.
        address: Where the API is, without a slash at the end: ``https://bridge.example.com/wa``.
    """
    schemas = document["components"]["schemas"]
    headers = document["components"]["parameters"].values()
    calls = [path["post"] for path in document["webhooks"].values()]
    bodies = [body for call in calls for body in _accepted(call, schemas)]
    return ApiReference(
        address,
        _paragraphs(document["info"]["description"]),
        _groups(document, address),
        tuple(_parameter(each, schemas) for each in headers),
        tuple(key for key in fields_of(bodies[0], schemas) if key.name not in _OF_ONE_TYPE),
        _responses(calls[0], schemas),
        tuple(_webhook(call, body, schemas) for call, body in zip(calls, bodies, strict=True)),
        tuple(_object(name, schemas[name], schemas) for name in sorted(_named_in(document["paths"], schemas))),
    )


def _groups(document: Mapping[str, Any], address: str) -> tuple[Group, ...]:
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            operation = _operation(path, method, call, document["components"]["schemas"], address)
            found.setdefault(call["tags"][0].capitalize(), []).append(operation)
    return tuple(Group(name, tuple(operations)) for name, operations in found.items())


def _operation(path: str, method: str, call: _Part, schemas: Mapping[str, _Part], address: str) -> Operation:
    accepted = _accepted(call, schemas)
    example = example_of(accepted[0], schemas) if accepted else None
    refusals = [status for status, each in call["responses"].items() if _PROBLEM in each.get("content", ())]
    return Operation(
        id=call["operationId"],
        method=method.upper(),
        path=path,
        summary=call["summary"],
        text=_paragraphs(call["description"]),
        needs_token="security" in call,
        parameters=tuple(_parameter(each, schemas) for each in call.get("parameters", ())),
        bodies=tuple(_body(schema, schemas) for schema in accepted),
        responses=_responses(call, schemas),
        problems=tuple(map(_status, sorted(refusals))),
        curl=curl_line(method.upper(), f"{address}{path}", call, example),
    )


def _accepted(call: _Part, schemas: Mapping[str, _Part]) -> list[_Part]:
    """List the objects of which the body may be one; none where it takes none, or anything."""
    schema = _json_of(call.get("requestBody", {})) or {}
    options = [_resolved(each, schemas) for each in schema.get("oneOf") or schema.get("anyOf") or [schema]]
    return [each for each in options if "properties" in each]


def _body(schema: _Part, schemas: Mapping[str, _Part]) -> Body:
    text = prose(schema.get("description", ""))
    return Body(schema["title"], text, fields_of(schema, schemas), _written(example_of(schema, schemas)))


def _responses(call: _Part, schemas: Mapping[str, _Part]) -> tuple[Response, ...]:
    """List what is answered when all is well, and by receivers."""
    well = [(status, each) for status, each in call["responses"].items() if _PROBLEM not in each.get("content", ())]
    return tuple(_response(status, each, schemas) for status, each in well)


def _response(status: str, response: _Part, schemas: Mapping[str, _Part]) -> Response:
    text = prose(response["description"])
    schema = _json_of(response)
    plain = tuple(Word(f"`{type_}`") for type_ in response.get("content", ()))
    words = plain if schema is None else words_of(schema, schemas)
    return Response(_status(status), "" if text == _SAYS_NOTHING else text, words)


def _status(status: str) -> str:
    return f"{status} {HTTPStatus(int(status)).phrase}" if status.isdecimal() else status


def _parameter(parameter: _Part, schemas: Mapping[str, _Part]) -> Field:
    schema = parameter["schema"]
    default, example = schema.get("default"), own_example(schema)
    return Field(
        parameter["name"],
        words_of(schema, schemas),
        parameter["required"],
        prose(parameter.get("description", "")),
        place=parameter["in"],
        default="" if default in (None, []) else json.dumps(default),
        example="" if example is None else ", ".join(map(str, example if isinstance(example, list) else [example])),
    )


def _webhook(call: _Part, body: _Part, schemas: Mapping[str, _Part]) -> Webhook:
    data = fields_of(_resolved(body["properties"]["data"], schemas), schemas)
    text = prose(call["description"])
    return Webhook(call["operationId"], call["summary"], text, data, _written(example_of(body, schemas)))


def _object(name: str, schema: _Part, schemas: Mapping[str, _Part]) -> Object:
    text = prose(schema.get("description", ""))
    return Object(anchor_of(name), title_of(name, schema), text, fields_of(schema, schemas))


def _named_in(part: object, schemas: Mapping[str, _Part]) -> set[str]:
    """Name the objects that a part of the document refers to, and those that they refer to."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        match waiting.pop():
            case {"$ref": str(reference)}:
                name = reference.rpartition("/")[2]
                if name not in found:
                    found.add(name)
                    waiting.append(schemas[name])
            case dict(inner):
                waiting += inner.values()
            case list(inner):
                waiting += inner
    return {name for name in found if "properties" in schemas[name]}


def _json_of(part: _Part) -> _Part | None:
    """Find the schema of a body that is JSON."""
    schema: _Part | None = part.get("content", {}).get("application/json", {}).get("schema")
    return schema


def _resolved(schema: _Part, schemas: Mapping[str, _Part]) -> _Part:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _written(example: object) -> str:
    return json.dumps(example, indent=2, ensure_ascii=False)


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(map(prose, text.strip().split("\n\n")))
