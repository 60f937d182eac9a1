"""What the configuration says under ``tls`` and ``proxy``: how the bridge reaches a receiver, or WbizTool."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from bridge.domain.settings import validators
from bridge.domain.settings.base_model import Model
from bridge.domain.settings.check import Check
from bridge.domain.settings.tls import Tls  # noqa: TC001 -- pydantic reads it

_FileName = Annotated[str, Check(validators.line)]


class TlsConfig(Model):
    """What is under ``tls``."""

    ca_file: _FileName | None = None
    cert_file: _FileName | None = None
    key_file: _FileName | None = None
    key_password: Annotated[SecretStr, validators.secret()] | None = None
    verify: Annotated[bool, validators.switch()] = True


class NetworkConfig(Model):
    """The way to a place. ``proxy`` False is none, and None the one that the environment names, if it does."""

    tls: Tls | None = None
    proxy: Annotated[SecretStr | Literal[False], Check(validators.proxy)] | None = Field(default=None)

    @property
    def proxy_in_clear(self) -> str | Literal[False] | None:
        """The proxy's address, which may hold a password."""
        return self.proxy.get_secret_value() if isinstance(self.proxy, SecretStr) else self.proxy

    def network_in_clear(self) -> list[str]:
        """List the secrets in it, in clear."""
        found = [self.proxy.get_secret_value()] if isinstance(self.proxy, SecretStr) else []
        return found + ([self.tls.key_password] if self.tls is not None and self.tls.key_password else [])
