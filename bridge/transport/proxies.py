"""Which proxy leads to an address, as the environment says, and how its address is read. Pure.

libcurl's own reading of the environment is switched off: it knows neither ports in ``NO_PROXY`` nor an upper-case
``HTTP_PROXY``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import idna

if TYPE_CHECKING:
    from collections.abc import Mapping

PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
"""The kinds of proxies, and the port of each where none is given."""

_ENTRY = re.compile(r"(?:\[(?P<address>[^]]*)\]|(?P<name>[^:]*))(?::(?P<port>\d+))?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its address without user and password, which are None where it wants none."""

    address: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def read_proxy(address: str) -> Proxy:
    """Read a proxy's address, ``http://user:password@host:3128``; without a kind it is an HTTP proxy.

    Raises:
        ValueError: It is none. The text does not repeat it.
    """
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"not the address of a proxy (allowed: {', '.join(f'{kind}://' for kind in PORTS)}host:port)")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else ascii_host(parts.hostname)
    named = f"{parts.scheme}://{host}:{parts.port or PORTS[parts.scheme]}"
    if parts.username is None:
        return Proxy(named)
    return Proxy(named, unquote(parts.username), unquote(parts.password or ""))


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the address of the proxy that the environment names for a URL; None where it names none.

    ``http_proxy`` or ``https_proxy`` goes before ``all_proxy``, and each in lower case before upper case. ``no_proxy``
    lists, between commas or spaces, who is called directly: hosts, domains (with what is below them), addresses and
    networks (``10.0.0.0/8``, ``fd00::/8``), each with a ``:port`` if only that is meant; ``*`` is everybody.
    """
    parts = urlsplit(url)
    address = _variable(f"{parts.scheme}_proxy", environ) or _variable("all_proxy", environ)
    if not address or parts.hostname is None:
        return None
    port = parts.port or PORTS[parts.scheme]
    excepted = re.split(r"[\s,]+", _variable("no_proxy", environ))
    return None if any(_covers(entry, parts.hostname, port) for entry in excepted) else address


def ascii_host(host: str) -> str:
    """Write a host's name as the network has it: ``bücher.example`` is ``xn--bcher-kva.example``.

    Raises:
        ValueError: It can't be a host's name.
    """
    return host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()


def _variable(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name, environ.get(name.upper(), "")).strip()


def _covers(entry: str, host: str, port: int) -> bool:
    """Tell whether an entry of ``no_proxy`` is about a host and its port."""
    if entry == "*":
        return True
    plain = entry.count(":") > 1 and not entry.startswith("[")  # an IPv6 address or network
    found = None if plain else _ENTRY.fullmatch(entry)
    name = found["address"] or found["name"] or "" if found else entry
    if found and found["port"] and int(found["port"]) != port:
        return False
    address = _address(host)
    if address is not None:
        try:
            return address in ip_network(name, strict=False)
        except ValueError:
            return False
    domain, host = _folded(name.removeprefix("*").lstrip(".")), _folded(host)
    return domain != "" and (host == domain or host.endswith(f".{domain}"))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _folded(name: str) -> str:
    try:
        return ascii_host(name).rstrip(".")
    except ValueError:  # no name of a host: it covers itself at most
        return name.lower().rstrip(".")
