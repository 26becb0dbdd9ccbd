"""The settings of the warehouse."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_runtime.secrets import read_secret
from queuebit_warehouse.errors import CannotStart

__all__ = ["Settings", "read_password"]


class Settings(BaseSettings):
    """The settings of the warehouse, from its environment. Passwords are in files."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_WAREHOUSE_", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """The address to listen on. Loopback by default, because the interface is not encrypted."""
    port: int = Field(default=8123, ge=0, le=65535)
    """0 takes a free port and logs it."""
    listen_fd: int | None = Field(default=None, ge=3)
    """The descriptor of a listening socket from the parent process; replaces host and port."""
    data_dir: Path
    """The folder of the store; only one process may use it."""
    user: str = Field(default="queuebit", min_length=1)
    password_file: Path
    """The file with the writer's password: one line, readable by its owner only."""
    analyst: str = Field(default="analyst", min_length=1)
    analyst_password_file: Path | None = None
    """The file with the password of the analyst, who reads all rows and writes nothing; None: no analyst."""
    tenants_file: Path | None = None
    """The file of tenants; their users may read their tenant's rows. None: no tenants' users."""
    finance_file: Path | None = None
    """The file of finance logins, who read the rows of some tenants; it may be missing. None: no finance logins."""
    max_memory_mb: int = Field(default=1024, ge=64, le=1 << 20)
    """Memory of one query; a query can ask for less or more with `max_memory_usage`."""
    max_body_mb: int = Field(default=256, ge=1, le=1 << 16)
    """The largest request body, before decompression."""
    workers: int = Field(default=8, ge=1, le=64)
    """Queries that run at the same time, at most a quarter of them from one reader; sixteen times as many may wait."""
    max_unauthenticated: int = Field(default=64, ge=4, le=10_000)
    """The most connections without a login; one more closes the oldest of them."""
    head_s: float = Field(default=10, gt=0, le=600)
    """The longest time until the head of a request is complete, in seconds."""

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
