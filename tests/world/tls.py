"""Certificates made for a test, and servers that show or demand them."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

if TYPE_CHECKING:
    from pathlib import Path


class Authority:
    """A certificate authority that nobody knows, with its files in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.file)

    @property
    def pem(self) -> str:
        return self.file.read_text()

    def server(self, *names: str, demanding: Authority | None = None) -> ssl.SSLContext:
        """A server's side of TLS; one that is ``demanding`` wants a client certificate of that authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("127.0.0.1", "::1"))).configure_cert(context)
        if demanding is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(demanding.file)
        return context

    def client(self, name: str = "bridge", password: bytes | None = None) -> tuple[Path, Path]:
        """Issue a client certificate; return its file and its key's, which is encrypted if there is a password."""
        issued = self._ca.issue_cert(name)
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        pem = issued.private_key_pem.bytes()
        if password is not None:
            encryption = BestAvailableEncryption(password)
            pem = load_pem_private_key(pem, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        key.write_bytes(pem)
        return certificate, key
