"""Settings of the gateway."""

from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress, model_validator


class GatewaySettings(BaseModel):
    """Where the gateway listens, whom it lets in, and how much it takes of each."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, frozen=True)

    host: IPvAnyAddress = Field(default=ip_address("127.0.0.1"), validate_default=True)
    """Address to listen at. It speaks plain HTTP: TLS is a proxy's affair."""
    port: int = Field(default=8460, ge=0, le=65535)
    """Port to listen at; 0 for any that is free."""
    allow_remote: bool = False
    """Whether `host` may be another address than loopback; only behind a proxy that adds TLS."""
    proxies: tuple[IPvAnyAddress, ...] = ()
    """Proxies whose `X-Forwarded-For` is believed; else the client is whoever connects."""
    keys: Path = Path("gateway-keys.toml")
    """File of API keys, which nobody else may read; `levtao gateway-key` makes its lines."""
    rate_per_s: float = Field(default=5.0, ge=0.01, le=10_000)
    """Requests a second of one key at one gateway, in the long run."""
    burst: int = Field(default=20, ge=1, le=100_000)
    """Requests of one key at once, at one gateway."""

    @model_validator(mode="after")
    def _stays_at_home(self) -> Self:
        if not self.allow_remote and not self.host.is_loopback:
            raise ValueError(f"host {self.host} is not loopback; a proxy adds TLS, then set allow_remote = true")
        return self
