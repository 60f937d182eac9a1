"""A webhook whose body, headers or address are templates of the user's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from bridge.domain.errors import UnrenderableError
from bridge.domain.events import envelope
from bridge.domain.http_answers import http_words, json_object
from bridge.domain.outcome import Delivered, Retry
from bridge.receivers.event_formats import STANDARD, Form, Written
from bridge.receivers.responses import refuses
from bridge.receivers.summary import summary_of
from bridge.receivers.templating import compiler
from bridge.receivers.templating.compiler import TemplateError
from bridge.receivers.templating.template_text import JSON, is_json
from bridge.receivers.webhook.receiver import WebhookReceiver

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.domain.model import Event
    from bridge.domain.outcome import Outcome
    from bridge.receivers.responses import Success
    from bridge.receivers.templating.template_text import Body, Source
    from bridge.transport.message import Reply

Write = Callable[[Mapping[str, Any]], str]

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
    """A webhook whose body is a template.

    What is signed is what is sent, whatever it is.

    Args:
        name: The name that the configuration gives it.
        templates: What is sent.
        secrets: ``whsec_…``; each makes a signature, in order.
        headers: Those that never change.
        success: Answers that count as taken, where not every 2xx does.
        form: The form of the body, where that is the bridge's own.

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
        *,
        form: Form = STANDARD,
    ) -> None:
        super().__init__(name, secrets, headers or {}, success, form=form)
        self._content_type = templates.content_type
        self._body = None if templates.body is None else compiler.writer(templates.body)
        self._texts = {key.lower(): compiler.text(source) for key, source in (templates.headers or {}).items()}
        self._path = None if templates.path is None else compiler.text(templates.path, in_address=True)

    def write(self, event: Event) -> Written:
        """Write an event as the templates say.

        Raises:
            UnrenderableError: One of them has nothing to say of this event.
        """
        names_ = names(event, self.name)
        written = super().write(event) if self._body is None else self._by_body(self._body, names_)
        # A header may be made from the body: to sign it, say. One that is empty is left out.
        seen = {**names_, "body": written.body.decode(errors="replace")}
        made = {key: header(_part(f"headers.{key}", write, seen)) for key, write in self._texts.items()}
        headers = {**{key: value for key, value in made.items() if value}, **written.headers}
        path = "" if self._path is None else address(_part("webhook", self._path, names_))
        if any(unquote(segment) in {".", ".."} for segment in path.partition("?")[0].split("/")):
            raise UnrenderableError(f"the template of webhook leads to another path for this event ({event.type}): ..")
        return Written(written.content_type, written.body, headers, path)

    def read(self, reply: Reply, at: datetime) -> Outcome:
        """Read the answer by the general table. A service with a body of its own may refuse with a 2xx.

        That is so where the answer is JSON with ``"ok": false`` (Slack's Web API), ``"success": false`` or an
        ``error``, unless `success` says what a success is.
        """
        outcome = super().read(reply, at)
        if isinstance(outcome, Delivered) and not self._success and refuses(json_object(reply.body) or {}):
            return Retry(
                f"{http_words(reply.status)}: the answer says that it was refused (ok, success or error in it)"
            )
        return outcome

    def _by_body(self, write: Write, names: Mapping[str, Any]) -> Written:
        body = _part("body", write, names).encode()
        if is_json(self._content_type) and not reads_as_json(body):
            kind = names["event"]["type"]
            raise UnrenderableError(f"the template of body makes no JSON of this event ({kind})")
        return Written(self._content_type, body)


def names(event: Event, receiver: str) -> dict[str, Any]:
    """List what templates know of an event."""
    return {"event": {**envelope(event), "test": event.test}, "receiver": receiver, "summary": summary_of(event)}


def header(text: str) -> str:
    """Make a text one that a header can carry: on one line, and as UTF-8, which receivers get as it is."""
    return _NOT_IN_A_HEADER.sub(" ", text).strip().encode().decode("latin-1")


def address(text: str) -> str:
    """Encode what may not be in an address. What has a meaning there has it still."""
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


def _part(key: str, write: Write, names: Mapping[str, Any]) -> str:
    try:
        return write(names)
    except TemplateError as error:
        kind = names["event"]["type"]
        raise UnrenderableError(f"the template of {key} can't be rendered for this event ({kind}): {error}") from None
