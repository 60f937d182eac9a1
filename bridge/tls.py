"""TLS: whose certificates are trusted, and how the bridge shows who it is."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH


class FilesError(OSError):
    """The files of the client's certificate were there when the configuration was read, and are not now."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What is asked for of TLS with one place.

    ``authorities`` are the certificates that are trusted, in PEM; None is those that the environment names, else those
    that ``requests`` brings. ``cert_file`` and ``key_file`` (None where both are in one) show who calls.
    ``prints`` are those of the files' contents: a file that was changed makes it another.
    """

    authorities: str | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    key_password: str = field(default="", repr=False)
    verify: bool = True
    prints: tuple[str, ...] = field(default=(), repr=False)

    @property
    def without_client(self) -> Tls:
        """The same trust, without showing who calls: for a proxy on the way."""
        return Tls(self.authorities, verify=self.verify)

    def context(self, bundle: str | bool | None = None) -> ssl.SSLContext:
        """Make what sockets are wrapped with.

        Args:
            bundle: The file or folder of certificates that the environment names; none: those that ``requests`` brings.

        Raises:
            OSError: The bundle can't be read.
            FilesError: The client's certificate or key can't be read.
        """
        if not self.verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.authorities is not None:
            context = ssl.create_default_context(cadata=self.authorities)
        else:
            where = Path(bundle if isinstance(bundle, str) else DEFAULT_CA_BUNDLE_PATH)
            folder = where.is_dir()
            context = ssl.create_default_context(cafile=None if folder else where, capath=where if folder else None)
        context.set_alpn_protocols(["http/1.1"])
        if self.cert_file is not None:
            # A function, so that OpenSSL never asks for a password at the terminal.
            try:
                context.load_cert_chain(self.cert_file, self.key_file, password=lambda: self.key_password)
            except OSError as error:
                raise FilesError from error
        return context


class Trust:
    """Makes the contexts for one place, once, and only when they are needed: reading certificates takes a while."""

    def __init__(self, tls: Tls, bundle: str | bool | None) -> None:
        self._tls = tls
        self._bundle = bundle
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context for the place itself."""
        with self._lock:
            if self._context is None:
                self._context = self._tls.context(self._bundle)
            return self._context

    def context_for_proxy(self) -> ssl.SSLContext:
        """Make the context for a proxy that is itself reached over TLS."""
        return self._tls.without_client.context(self._bundle)
