"""Templates in the configuration: read with their places, and tried out with an event of every kind.

Jinja is imported only where there is a template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.config.yaml_reader import BROKEN, Value
from bridge.domain.routing import subscribed
from bridge.domain.samples import samples
from bridge.domain.settings import validators
from bridge.receivers.event_formats import STANDARD
from bridge.receivers.templating.template_text import Body, Source, is_json, mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bridge.config.errors import Faults, Place
    from bridge.domain.model import Event
    from bridge.receivers.webhook.config import WebhookReceiverConfig

_HOST = re.compile(r"(https?://[^/?#]+/)(.*)\Z", re.IGNORECASE | re.DOTALL)
_BEGINS = re.compile(r"\{[{%#]")
_SHOWN_TYPES = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A template of the file: where it is, how it is rendered, and what must hold of what it makes."""

    place: Place
    render: Callable[[Mapping[str, Any]], Any]
    check: Callable[[Any, WebhookReceiverConfig], str | None]
    wants_body: bool = False


def read(item: Value, data: dict[str, Any], faults: Faults) -> list[Found]:
    """Take the templates out of what was read of a webhook, and put what the model knows in their place.

    Args:
        item: The webhook as it is in the file.
        data: What was read of it; changed.
        faults: What is wrong is added here.
    """
    return [*_address(item, data, faults), *_headers(item, data, faults), *_body(item, data, faults)]


def try_out(found: list[Found], settings: WebhookReceiverConfig, faults: Faults) -> None:
    """Render each template for every kind of event that the receiver gets; what can't be rendered is a fault."""
    from bridge.receivers.templating.compiler import TemplateError  # noqa: PLC0415
    from bridge.receivers.webhook.templated import names  # noqa: PLC0415 -- see the module's docstring

    wrong: dict[tuple[Place, str], list[str]] = {}
    write = _writer(settings) if any(each.wants_body for each in found) else None
    for event in _events(settings):
        known = names(event, settings.name)
        with_body = known if write is None else {**known, "body": write(event, known)}
        for each in found:
            try:
                made = each.render(with_body if each.wants_body else known)
                what = each.check(made, settings)
            except TemplateError as error:
                what = str(error)
            if what is not None:
                types = wrong.setdefault((each.place, what), [])
                types += [] if event.type in types else [str(event.type)]
    for (place, what), types in wrong.items():
        faults.add(place, f"for {_listed(types)}: {what}")


def _address(item: Value, data: dict[str, Any], faults: Faults) -> Iterator[Found]:
    text = data.get("webhook")
    if not isinstance(text, str):
        return
    at = item.data.get("webhook") or item.data["webhook_file"]
    source = _source(at) if "webhook" in item.data else Source(text)
    if not source.is_template or not source.marked_well:
        return
    begin = _BEGINS.search(source.text)
    assert begin is not None
    match = _HOST.match(source.put_in(source.text[: begin.start()]))
    if match is None:
        faults.add(at.place, "the host must be written out; a template is for what follows its slash")
        data["webhook"] = BROKEN
        return
    data["webhook"], first = match.groups()
    # As a variable: what precedes the template is not looked at as one, whatever has been put there.
    data["path"] = Source(mark(len(source.values)) + source.text[begin.start() :], (*source.values, first))
    yield from _found(at.place, data["path"], faults, _address_fault, in_address=True)


def _headers(item: Value, data: dict[str, Any], faults: Faults) -> Iterator[Found]:
    given = data.get("headers")
    if not isinstance(given, dict):
        return
    for key, at in item.data["headers"].data.items():
        source = _source(at)
        if isinstance(at.data, str) and source.is_template:
            given[key] = source
            yield from _found(at.place, source, faults, _nothing_wrong, wants_body=True)


def _body(item: Value, data: dict[str, Any], faults: Faults) -> Iterator[Found]:
    at = item.data.get("body")
    if at is None or data.get("body") is BROKEN:
        if "content_type" in data and at is None:
            faults.add(item.data["content_type"].place, "says what `body` is, and there is none; remove it")
        return
    if data.get("format") is not None:
        faults.add(item.data["format"].place, "body says what is sent; remove format")
    match at.data:
        case str():
            source = _source(at)
            data["body"] = Body(source, source.values)
            yield from _found(at.place, source, faults, _text_fault)
        case dict() | list():
            if isinstance(named := data.get("content_type"), str) and not is_json(named):
                faults.add(item.data["content_type"].place, "a body of keys and values is JSON; remove this")
            found: list[Found] = []
            data["body"] = Body(_content(at, faults, found), tuple(_values(at)))
            yield from found
        case _:
            faults.add(at.place, "must be text, or keys with values, which become JSON")
            data["body"] = BROKEN


def _content(value: Value, faults: Faults, found: list[Found]) -> Any:
    """Take what becomes JSON; texts that are templates become Sources."""
    match value.data:
        case dict():
            for key in value.data:
                if _BEGINS.search(key):
                    faults.add((value.keys or {})[key], "a key can't be a template, only a value")
            return {key: _content(each, faults, found) for key, each in value.data.items()}
        case list():
            return [_content(each, faults, found) for each in value.data]
        case str() if _source(value).is_template:
            source = _source(value)
            found += _found(value.place, source, faults, _nothing_wrong, as_value=True)
            return source
        case _:
            return None if value.data is BROKEN else value.data


def _values(value: Value) -> Iterator[str]:
    """List what variables have put in."""
    inside = value.data.values() if isinstance(value.data, dict) else value.data if isinstance(value.data, list) else ()
    for each in inside:
        yield from _values(each)
    yield from value.source.values if value.source else ()


def _found(
    place: Place,
    source: Source,
    faults: Faults,
    check: Callable[[Any, WebhookReceiverConfig], str | None],
    *,
    as_value: bool = False,
    in_address: bool = False,
    wants_body: bool = False,
) -> Iterator[Found]:
    """Understand a template; where it is none, that is noted."""
    from bridge.receivers.templating import compiler  # noqa: PLC0415 -- see the module's docstring

    try:
        render = compiler.value(source) if as_value else compiler.text(source, in_address=in_address)
    except compiler.TemplateError as error:
        faults.add(place, str(error))
        return
    yield Found(place, render, check, wants_body)


def _source(value: Value) -> Source:
    return value.source or Source(value.text)


def _nothing_wrong(made: Any, settings: WebhookReceiverConfig) -> str | None:  # noqa: ARG001 -- others look
    return None


def _address_fault(made: str, settings: WebhookReceiverConfig) -> str | None:
    from bridge.receivers.webhook.templated import address  # noqa: PLC0415 -- see the module's docstring

    try:
        validators.host_of(settings.url.get_secret_value() + address(made))
    except ValueError as error:
        return str(error)
    return None


def _text_fault(made: str, settings: WebhookReceiverConfig) -> str | None:
    from bridge.receivers.webhook.templated import reads_as_json  # noqa: PLC0415 -- see the module's docstring

    if not is_json(settings.content_type) or reads_as_json(made):
        return None
    return "what it makes is not JSON; write {{ … | tojson }} without quotes around it, or say what it is: content_type"


def _events(settings: WebhookReceiverConfig) -> list[Event]:
    """List samples of what the receiver gets."""
    tags = {key: values[0] for key, values in settings.match.tags.items()}
    found = [event for event in samples(tags) if subscribed(settings.subscription, event.type)]
    return [*found, *(replace(event, test=True) for event in found[:1])]


def _writer(settings: WebhookReceiverConfig) -> Callable[[Event, Mapping[str, Any]], str]:
    """Make what writes the body that headers are tried out with; what is wrong with the body is reported elsewhere."""
    from bridge.receivers.templating import compiler  # noqa: PLC0415 -- see the module's docstring

    if settings.body is None:
        return lambda event, _: STANDARD.one(event).body.decode()
    try:
        write = compiler.writer(settings.body)
    except compiler.TemplateError:
        return lambda *_: ""

    def written(_: Event, known: Mapping[str, Any]) -> str:
        try:
            return write(known)
        except compiler.TemplateError:
            return ""

    return written


def _listed(types: list[str]) -> str:
    """Name a few types, and count the others."""
    shown = ", ".join(types[:_SHOWN_TYPES])
    return shown if len(types) <= _SHOWN_TYPES else f"{shown} and {len(types) - _SHOWN_TYPES} more"
