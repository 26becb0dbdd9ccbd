"""What the warehouse reads from its environment."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_runtime.secrets import read_secret
from queuebit_warehouse.errors import CannotStart

__all__ = ["Settings", "read_password"]


class Settings(BaseSettings):
    """Everything the warehouse reads from its environment; the password is only ever in a file."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_WAREHOUSE_", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """Where to listen. Loopback unless it is set: the interface is not encrypted."""
    port: int = Field(default=8123, ge=0, le=65535)
    """0 takes a free port and logs which."""
    listen_fd: int | None = Field(default=None, ge=3)
    """A descriptor of a socket that listens already, inherited from the parent process; instead of host and port."""
    data_dir: Path
    """The folder that only this process may open."""
    user: str = Field(default="queuebit", min_length=1)
    password_file: Path
    """One line; readable by its owner only."""
    analyst: str = Field(default="analyst", min_length=1)
    analyst_password_file: Path | None = None
    """The password of a user who reads everything and writes nothing; without it there is no such user."""
    tenants_file: Path | None = None
    """Whose users may read their tenant's rows; without it no tenant's user may."""
    max_memory_mb: int = Field(default=1024, ge=64, le=1 << 20)
    """How much memory one query may take; a query may ask for less or more by `max_memory_usage`."""
    max_body_mb: int = Field(default=256, ge=1, le=1 << 16)
    """The largest request body, as it travels."""
    workers: int = Field(default=8, ge=1, le=64)
    """How many queries run at once, a quarter of them of one reader at most; sixteen times as many may wait."""
    max_unauthenticated: int = Field(default=64, ge=4, le=10_000)
    """Connections that have not logged in; one more ends the one of them that has waited longest."""
    head_s: float = Field(default=10, gt=0, le=600)
    """How long the head of a request may take to arrive."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_password(path: Path) -> str:
    """Return the password.

    Raises:
        CannotStart: the file is missing, empty, or readable by others than its owner.
    """
    try:
        return read_secret(path)
    except (OSError, ValueError) as error:
        raise CannotStart(f"cannot read the password file: {error}", 78) from error
