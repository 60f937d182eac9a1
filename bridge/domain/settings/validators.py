"""The rules for single values, as pydantic's validators. Pure; what they raise is shown to the user in the same words.

A ValueError never holds a secret; pydantic takes ValueErrors only, also where the type is what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import idna
from pydantic import SecretStr

from bridge.domain.settings.check import ALLOWED, Check
from bridge.domain.settings.listen_address import is_loopback
from bridge.domain.settings.units import (
    DURATION,
    PERCENTAGE,
    RATE,
    Rate,
    format_duration,
    parse_duration,
    parse_percentage,
    parse_rate,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from pathlib import Path

_LONGEST_NUMBER = 40
_LONGEST_TEXT = 4096
_ON = frozenset({"on", "true", "yes"})  # as YAML writes true
_OFF = frozenset({"off", "false", "no"})
_SHORTEST_TOKEN = 16
_CURLY_QUOTES = "“”„‘’"  # noqa: RUF001 -- of a word processor, and of no secret
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{_SHORTEST_TOKEN},}}\Z")  # RFC 6750, 2.1
_URL_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{_SHORTEST_TOKEN},}}\Z")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_LONGEST_NAME = 253
_PORTS = range(1, 65536)
_FASTEST, _SLOWEST = "10000/s", "1/d"


def _in_any_case(*words: str) -> str:
    letters = ("".join(f"[{char}{char.upper()}]" for char in word) for word in words)
    return f"^(?:{'|'.join(letters)})$"


OFF_SCHEMA = {"anyOf": [{"enum": ["off", False]}, {"type": "string", "pattern": _in_any_case(*sorted(_OFF))}]}
_SWITCH_SCHEMA = {
    "anyOf": [
        {"enum": ["on", "off", True, False]},
        {"type": "string", "pattern": _in_any_case(*sorted(_ON | _OFF))},
    ]
}
"""As text, too: YAML 1.2, which editors read, has no booleans but true and false."""


def switch() -> Check:
    """Allow ``on`` and ``off``, which YAML reads as booleans; in quotes too, as some editors complete them."""

    def check(value: object) -> bool:
        if isinstance(value, str) and value.lower() in _ON | _OFF:
            return value.lower() in _ON
        if not isinstance(value, bool):
            raise ValueError("must be on or off")  # noqa: TRY004 -- pydantic takes ValueErrors only
        return value

    return Check(check, json_schema=_SWITCH_SCHEMA)


def duration(shortest: str, longest: str) -> Check:
    """Allow a duration within bounds, themselves included."""
    return Check(_duration(shortest, longest), json_schema=_duration_schema(shortest, longest))


def duration_or_off(shortest: str, longest: str) -> Check:
    """Allow a duration within bounds, or ``off``, which YAML reads as false: then it is None."""
    check = _duration(shortest, longest)

    def validate(value: object) -> timedelta | None:
        try:
            return None if is_off(value) else check(value)
        except ValueError as error:
            raise ValueError(f"{str(error).removesuffix(')')}, or off)") from None

    schema = _duration_schema(shortest, longest)
    return Check(validate, json_schema={"anyOf": [schema, OFF_SCHEMA], ALLOWED: f"{schema[ALLOWED]}, or off"})


def _duration_schema(shortest: str, longest: str) -> dict[str, str]:
    return {"type": "string", "pattern": rf"^\s*{DURATION}\s*$", ALLOWED: f"{shortest} to {longest}"}


def is_off(value: object) -> bool:
    """Tell whether a value is ``off``, as YAML reads it or in quotes."""
    return value is False or (isinstance(value, str) and value.lower() in _OFF)


def _duration(shortest: str, longest: str) -> Callable[[object], timedelta]:
    least, most = parse_duration(shortest), parse_duration(longest)

    def check(value: object) -> timedelta:
        given = parse_duration(value)
        if not least <= given <= most:
            raise ValueError(f"{format_duration(given)} is out of range (allowed: {shortest} to {longest})")
        return given

    return check


def whole(least: int, most: int) -> Check:
    """Allow a whole number within bounds, themselves included."""

    def check(value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _LONGEST_NUMBER:
            value = int(value)  # "${NAME}" has to be in quotes inside braces
        if type(value) is not int:
            raise ValueError(f"must be a whole number (allowed: {least} to {most})")
        if not least <= value <= most:
            allowed = str(least) if least == most else f"{least} to {most}"
            raise ValueError(f"{value} is out of range (allowed: {allowed})")
        return value

    schema = {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": least, "maximum": most}
    return Check(check, json_schema=schema)


def rate(fastest: str = _FASTEST) -> Check:
    """Allow a rate up to ``fastest``."""
    least, most = parse_rate(_SLOWEST).per_second, parse_rate(fastest).per_second

    def check(value: object) -> Rate:
        given = parse_rate(value)
        if not least <= given.per_second <= most:
            raise ValueError(f"{given} is out of range (allowed: {_SLOWEST} to {fastest})")
        return given

    schema = {"type": "string", "pattern": rf"^\s*{RATE}\s*$", ALLOWED: f"up to {fastest}"}
    return Check(check, json_schema=schema)


def percentage() -> Check:
    """Allow a percentage above 0 and up to 100, with its sign."""
    schema = {"type": "string", "pattern": rf"^\s*{PERCENTAGE}\s*$", ALLOWED: "above 0% and up to 100%"}
    return Check(parse_percentage, json_schema=schema)


def line(value: object) -> str:
    """Allow text of one line that can be sent as UTF-8.

    Raises:
        ValueError: It is something else.
    """
    if value is None or value == "":
        raise ValueError("must not be empty")
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 -- see the module's docstring
    if value != value.strip():
        raise ValueError("must not be empty, nor begin or end with a space")
    if len(value) > _LONGEST_TEXT:
        raise ValueError(f"too long (allowed: up to {_LONGEST_TEXT} characters)")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):  # noqa: PLR2004 -- control characters
        raise ValueError("must be one line, without control characters")
    try:
        value.encode()
    except UnicodeEncodeError:  # from the environment: bytes that were no UTF-8
        raise ValueError("must be UTF-8 text") from None
    return value


def secret(check: Callable[[str], object] = line) -> Check:
    """Allow a secret line of text that passes ``check``."""

    def validate(value: object) -> SecretStr:
        text = line(value)
        if text[0] in _CURLY_QUOTES:
            raise ValueError('begins with a curly quote: use plain quotes (")')
        check(text)
        return SecretStr(text)

    return Check(validate)


def proxy(value: object) -> SecretStr | Literal[False]:
    """Allow the address of a proxy, or ``off``."""
    text = line(value)
    if is_off(text):
        return False
    allowed = "(allowed: http://host:3128, also https:, socks5: and socks5h:, with user:password@ if need be, or off)"
    try:
        host_of(text, ("http", "https", "socks5", "socks5h"))
    except ValueError as error:
        raise ValueError(f"{str(error).partition(' (allowed')[0]} {allowed}") from None
    parts = urlsplit(text)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"a proxy's address ends with its port {allowed}")
    return SecretStr(text)


def base_url(value: object, carried: str = "API key") -> str:
    """Allow an API's address; the slash at its end goes. ``carried`` is the secret that its calls carry."""
    text = line(value).rstrip("/")
    host = host_of(text)
    if not text.lower().startswith("https:") and not is_loopback(host):
        raise ValueError(f"must begin with https:// (every call carries the {carried})")
    if any(character in text for character in "?#@"):
        raise ValueError("must be an address without user, `?` and `#`")
    return text


def socket_path(value: object, folder: Path) -> Path | None:
    """Allow the path of a Unix socket, relative to a folder, or ``off``, which is None.

    Raises:
        ValueError: It is neither.
    """
    text = line(value)
    return None if is_off(text) else folder / text


def bearer_token(text: str) -> None:
    """Allow a token that a header can carry and nobody guesses."""
    if not _TOKEN.match(text):
        raise ValueError(
            f"not usable as a token (allowed: {_SHORTEST_TOKEN} and more of A-Z a-z 0-9 . _ ~ + / = -; "
            "`openssl rand -hex 32` makes one)"
        )


def hook_token(text: str) -> None:
    """Allow a token that can be in the path of a URL as it is."""
    if not _URL_TOKEN.match(text):
        raise ValueError(
            f"not usable in a URL (allowed: {_SHORTEST_TOKEN} and more of A-Z a-z 0-9 _ -; "
            "`openssl rand -hex 32` makes one)"
        )


def _is_name(host: str) -> bool:
    """Tell whether a host is an address or a name that can be looked up: parts of 1 to 63 characters, 253 in all."""
    if ":" in host:
        return True  # urlsplit has read it as IPv6
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return False
    return len(name) <= _LONGEST_NAME and all(_LABEL.fullmatch(label) for label in name.removesuffix(".").split("."))


def host_of(url: str, schemes: tuple[str, ...] = ("http", "https")) -> str:
    """Take the host out of an address.

    Raises:
        ValueError: It is none that can be called over HTTP.
    """
    allowed = "(allowed: https://host/…)"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port or an IPv6 address that is none
        raise ValueError(f"not a usable address {allowed}") from None
    if parts.scheme not in schemes or not host or any(character.isspace() for character in url):
        raise ValueError(f"not a usable address {allowed}")
    if not _is_name(host):
        raise ValueError(f"not a host that can be called {allowed}")
    if port is not None and port not in _PORTS:
        raise ValueError("the port is out of range (allowed: 1 to 65535)")
    return host
