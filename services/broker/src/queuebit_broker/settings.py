"""What the broker reads from its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from queuebit_planning.limits import MAX_SOURCE_BYTES

__all__ = ["Settings"]


def _names(given: object) -> object:
    return tuple(it.strip() for it in given.split(",") if it.strip()) if isinstance(given, str) else given


class Settings(BaseSettings):
    """Everything but the bus."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_BROKER_", frozen=True, extra="forbid")

    tenants_file: Path | None = None
    """Tenants to begin with while the log has none. Afterwards the facts count, and it is not read again."""
    price_book: Path
    """Prices; read once, so that a new book takes a restart."""
    profile_timeout_s: float = Field(default=10, gt=0, le=120)
    """How long a stack may be silent about a circuit: longer than its executors try to read and compile one."""
    max_source_bytes: int = Field(default=MAX_SOURCE_BYTES, ge=1, le=MAX_SOURCE_BYTES)
    """The largest circuit source; no executor parses a larger one than the default."""
    writes_per_s: int = Field(default=500, ge=1, le=100_000)
    """Messages a second that each tenant may write: submissions, cancel requests, and payloads by pieces of 4 KiB."""
    private_issuer_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = ()
    """Hosts of token issuers that may have private addresses, separated by commas; of others, only public addresses
    are asked for keys."""
    protection: Path | None = None
    """The rules of data protection, read once; absent, or without the file: none."""
    login_seed_file: Path | None = None
    """The account key that grants logins to the bus with tokens; without it there are none."""
    failed_logins_per_min: int = Field(default=60, ge=1, le=100_000)
    """Logins with tokens of one address that may fail in a minute; further ones are refused until it has passed."""
    staff_tenant: str = Field(default="", pattern="^([a-z0-9][a-z0-9-]{0,63})?$")
    """The operator's own tenant, whose users have on the platform what their roles permit there; empty: none has."""
    workers: int = Field(default=64, ge=1, le=64)
    """Submissions of one tenant that are decided concurrently."""
