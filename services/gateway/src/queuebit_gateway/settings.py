"""What the gateway reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything the gateway reads from its environment."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_GATEWAY_", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """The address to listen on. Without a certificate, any but a loopback address needs a proxy that adds TLS."""
    port: int = Field(default=7440, ge=0, le=65535)
    """0 takes a free port and logs it."""
    hosts: tuple[str, ...] = ()
    """Names under which it is reached, beside those of loopback; requests with any other `Host` are refused."""
    certificate: Path | None = None
    """Certificate chain in PEM; with it, the gateway speaks TLS only."""
    certificate_key: Path | None = None
    """The key of the certificate, in PEM, without a password."""
    trust_file: Path | None = None
    """The trust document that `GET /v1/trust` shows to those who verify receipts."""
    bus_log: Path | None = None
    """The log of nats-server, in which it says what it refuses to its users; without it, these refusals are in no audit
    record. Of several gateways, one reads it."""
    rate_per_s: int = Field(default=500, ge=1, le=100_000)
    """Requests of one tenant in a second; twice as many may come at once."""
    failed_logins_per_min: int = Field(default=60, ge=1, le=100_000)
    """Logins of one address that may fail in a minute; further ones are refused until it has passed."""
    max_connections: int = Field(default=4_000, ge=10, le=100_000)
    """Open connections; further ones are closed at once."""
    head_s: float = Field(default=10, gt=0, le=600)
    """The longest time until the head of a request is complete, in seconds; the same again for its body."""
    proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies that may say, by `X-Forwarded-Proto`, how a client came; none by default."""
    webhook_private_hosts: tuple[str, ...] = ()
    """Hosts that webhooks may be sent to although their addresses are private; also the only ones with plain `http`."""

    bucket_keys: str = ""
    """Folder with the keys of tenants' buckets, `TENANT/NAME.toml`; without it, results go to no bucket."""

    name: str = Field(default="", max_length=200)
    """Names it among the gateways of a bus, each of which needs its own; by default host and port."""
    webhook_lease_s: float = Field(default=10, ge=1, le=600)
    """How long after its last heartbeat other gateways deliver for its webhooks, in seconds."""

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> Settings:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together: set both or none")
        return self
