"""A webhook whose body, headers or address are templates of the user's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bridge.errors import UnrenderableError
from bridge.events import envelope
from bridge.receivers.summary import summary_of
from bridge.receivers.webhook import WebhookReceiver
from bridge.templating import program
from bridge.templating.program import TemplateError
from bridge.templating.source import JSON, is_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.model import Event
    from bridge.receivers.answers import Success
    from bridge.templating.source import Body, Source

_NOT_IN_A_HEADER = re.compile(r"[\x00-\x1f\x7f]+")
_IN_AN_ADDRESS = "!$%&'()*+,/:;=?@[]~"  # RFC 3986, 2.2: what has a meaning there, and the sign of what is encoded


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of one webhook. Where the body is None, it is the bridge's own.

    ``path`` is what follows the slash after the host; None where it never changes.
    """

    body: Body | None = None
    headers: Mapping[str, Source] | None = None
    path: Source | None = None
    content_type: str = JSON


class TemplatedReceiver(WebhookReceiver):
    """A webhook that is told in the words of a template.

    What is signed is what is sent, whatever it is.

    Args:
        name: The name that the configuration gives it.
        templates: What is sent.
        secrets: ``whsec_…``; each makes a signature, in order.
        headers: Those that never change.
        success: Answers that count as taken, where not every 2xx does.

    Raises:
        TemplateError: A template is none.
    """

    def __init__(
        self,
        name: str,
        templates: Templates,
        secrets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        success: Sequence[Success] = (),
    ) -> None:
        super().__init__(name, secrets, headers or {}, success)
        self.content_type = templates.content_type
        self._body = None if templates.body is None else program.writer(templates.body)
        self._texts = {key.lower(): program.text(source) for key, source in (templates.headers or {}).items()}
        self._path = None if templates.path is None else program.text(templates.path, in_address=True)

    def body_of(self, event: Event) -> bytes:
        """Write the body.

        Raises:
            UnrenderableError: The template has nothing to say of this event.
        """
        if self._body is None:
            return super().body_of(event)
        written = _part("body", self._body, self._names(event)).encode()
        if is_json(self.content_type) and not reads_as_json(written):
            raise UnrenderableError(f"the template of body makes no JSON of this event ({event.type})")
        return written

    def headers_of(self, event: Event, body: bytes) -> Mapping[str, str]:
        """Write the headers that change with the event; one that is empty is left out."""
        names = {**self._names(event), "body": body.decode(errors="replace")}
        made = {key: header(_part(f"headers.{key}", write, names)) for key, write in self._texts.items()}
        return {key: value for key, value in made.items() if value}

    def path_of(self, event: Event) -> str:
        """Write the end of the address."""
        return "" if self._path is None else address(_part("webhook", self._path, self._names(event)))

    def _names(self, event: Event) -> dict[str, Any]:
        return names(event, self.name)


def names(event: Event, receiver: str) -> dict[str, Any]:
    """List what templates know of an event."""
    return {"event": envelope(event), "receiver": receiver, "summary": summary_of(event)}


def header(text: str) -> str:
    """Make a text one that a header can carry: on one line, and as UTF-8, which receivers get as it is."""
    return _NOT_IN_A_HEADER.sub(" ", text).strip().encode().decode("latin-1")


def address(text: str) -> str:
    """Encode what may not stand in an address. What has a meaning there has it still."""
    return quote(text.strip(), safe=_IN_AN_ADDRESS)


def reads_as_json(text: str | bytes) -> bool:
    """Tell whether a text is JSON, as RFC 8259 has it."""
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _part(key: str, write: Callable[[Mapping[str, Any]], str], names: Mapping[str, Any]) -> str:
    try:
        return write(names)
    except TemplateError as error:
        kind = names["event"]["type"]
        raise UnrenderableError(f"the template of {key} can't be rendered for this event ({kind}): {error}") from None
