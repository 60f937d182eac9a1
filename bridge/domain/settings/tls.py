"""What is asked for of TLS: whose certificates are trusted, and how the bridge shows who it is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tls:
    """What is asked for of TLS with one place: everything in it is PEM, as it was when the configuration was read.

    ``authorities`` are the certificates that are trusted; None is those that the environment names, else certifi's.
    ``certificate`` and ``key`` (empty where both are in one) show who calls.
    """

    authorities: str | None = None
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    key_password: str = field(default="", repr=False)
    verify: bool = True
