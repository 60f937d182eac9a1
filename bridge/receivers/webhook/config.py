"""What the configuration may say of a webhook.

What :mod:`bridge.domain.settings.validators` says of secrets and of ValueErrors holds here, too.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from bridge.domain.settings import validators
from bridge.domain.settings.base_model import Model
from bridge.domain.settings.check import Check
from bridge.domain.settings.units import Rate  # noqa: TC001 -- pydantic reads it
from bridge.domain.settings.validators import line
from bridge.receivers.base_config import HttpReceiverConfig
from bridge.receivers.responses import Success
from bridge.receivers.signing import key_of
from bridge.receivers.templating.template_text import JSON, Body, Source

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")  # RFC 9110, 5.1: a token
_OUR_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"}
)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}( *;[\x20-\x7e]*)?\Z", re.IGNORECASE)
_SUCCESS = re.compile(r"(2xx|[234][0-9][0-9])(?: +([a-z0-9.-]{1,253}))?\Z")
_SUCCESS_SCHEMA = {"type": "string", "pattern": _SUCCESS.pattern.replace(r"\Z", "$")}
_ASKS_TO_WAIT = frozenset({408, 425, 429})
_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})


def signing_secret(text: str) -> None:
    """Allow a secret that webhooks are signed with."""
    try:
        key_of(text)
    except ValueError as error:
        raise ValueError(f"{error} (`wbiz-bridge secret new` makes one)") from None


def header_name(name: str) -> str:
    """Allow a header that the bridge does not set itself."""
    if not _HEADER_NAME.match(name):
        raise ValueError("this is not the name of a header (allowed: letters, digits and dashes)")
    if name.lower() in _OUR_HEADERS or name.lower().startswith("webhook-"):
        raise ValueError("this header is set by the bridge; remove it")
    return name


def header_value(text: str) -> None:
    """Allow what a header can carry."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("must be characters of Latin-1: a header carries no others") from None


def header_value_or_template() -> Check:
    """Allow what a header can carry, or a template of it, which is checked elsewhere."""

    def validate(value: object) -> object:
        if isinstance(value, Source):
            return value
        text = line(value)
        header_value(text)
        return SecretStr(text)

    return Check(validate)


def media_type(value: object) -> str:
    """Allow the name of a media type, with parameters or without."""
    text = line(value)
    if not _MEDIA_TYPE.match(text):
        raise ValueError("not a media type (allowed: e.g. application/json, text/plain; charset=utf-8)")
    return text


def success_answer(item: object) -> Success:
    """Allow answers that can mean that something was taken."""
    match = _SUCCESS.match(item) if isinstance(item, str) else None
    if match is None:
        raise ValueError(
            "not an answer that can mean success (allowed: 204, 2xx, 409, or 302 and the host it leads to)"
        )
    status, host = match.groups()
    first, last = (int(status), int(status)) if status.isdigit() else (200, 299)
    redirects = first // 100 == 3  # noqa: PLR2004 -- RFC 9110, 15.4: redirections
    if redirects and host is None:
        # Where a script wants a log-in, it redirects as well: to another host.
        raise ValueError(f"a redirection means success only where it leads to a host that you know: `{first} host`")
    if not redirects and host is not None:
        raise ValueError("only a redirection (3xx) leads to a host")
    if first in _ASKS_TO_WAIT:
        raise ValueError(f"{first} asks for a pause: it can't mean success")
    return Success(first, last, host)


def no_header_twice(headers: dict[str, SecretStr | Source]) -> dict[str, SecretStr | Source]:
    """Refuse names that differ in case only: they are one header."""
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header appears twice (capitals make no difference)")
    return headers


class Batch(Model):
    """How many events go in one POST, and how long one waits for others."""

    max: Annotated[int, validators.whole(1, 1000)] = 100
    wait: Annotated[timedelta, validators.duration("0s", "1h")] = timedelta(seconds=2)


class WebhookReceiverConfig(HttpReceiverConfig):
    """A webhook. ``secrets`` are those that it is signed with, each in full (``whsec_…``, ``whsk_…``).

    Where the address is a template, ``path`` is what follows the slash after its host, and ``url`` what precedes it.
    With ``batch``, each POST carries a list of events.
    """

    url: Annotated[SecretStr, validators.secret(validators.host_of), Field(alias="webhook")]
    secrets: Annotated[tuple[Annotated[SecretStr, validators.secret(signing_secret)], ...], Field(alias="secret")] = ()
    headers: Annotated[
        dict[
            Annotated[str, AfterValidator(header_name)],
            Annotated[SecretStr | Source, header_value_or_template()],
        ],
        AfterValidator(no_header_twice),
    ] = {}  # noqa: RUF012 -- pydantic copies it
    rate_limit: Annotated[Rate, validators.rate()] | None = None
    concurrency: Annotated[int, validators.whole(1, 1000)] = 4
    format: Literal["standard", "cloudevents", "cloudevents-binary"] = "standard"
    batch: Batch | None = None
    body: Body | None = None
    content_type: Annotated[str, Check(media_type)] = JSON
    success: (
        Annotated[
            tuple[Annotated[Success, Check(success_answer, json_schema=_SUCCESS_SCHEMA)], ...], Field(min_length=1)
        ]
        | None
    ) = None
    path: Annotated[Source | None, Field(exclude=True)] = None

    @property
    def templated(self) -> bool:
        """Whether something of what is sent is a template."""
        headers = any(isinstance(value, Source) for value in self.headers.values())
        return self.body is not None or self.path is not None or headers

    @property
    def batch_limits(self) -> tuple[int, timedelta] | None:
        """What ``batch`` says."""
        return None if self.batch is None else (self.batch.max, self.batch.wait)

    def in_clear(self) -> list[str]:
        """List the address, the signing secrets, the values of all headers, and what is secret in templates."""
        found = [*super().in_clear(), *(secret.get_secret_value() for secret in self.secrets)]
        found += [] if self.path is None else self.path.words()
        found += [] if self.body is None else self.body.secrets()
        for name, value in self.headers.items():
            if isinstance(value, Source):
                found += value.words()
                continue
            found.append(value.get_secret_value())
            if name.lower() in _CREDENTIALS:  # what follows "Bearer" may be echoed on its own
                found.append(found[-1].rpartition(" ")[2])
        return found
