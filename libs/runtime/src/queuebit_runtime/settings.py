"""Settings that every service shares."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from queuebit_runtime.deployment import VARIABLE, deployment_in, secret_of
from queuebit_runtime.secrets import read_secret

__all__ = ["BusSettings"]


class BusSettings(BaseSettings):
    """Connection to the bus, and the health port.

    The deployment file that `QUEUEBIT_DEPLOYMENT` names gives what the variables do not.
    """

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_BUS_", frozen=True, extra="forbid")

    url: str = "nats://127.0.0.1:4222"
    """Address of nats-server; servers of a cluster are separated by commas."""
    ca_file: Path | None = None
    """CA certificate of the servers, for a bus with TLS."""
    seed_file: Path | None = None
    """File with the NKey seed of this service's own NATS user; readable only by its owner."""
    seed: str | None = None
    """Where that seed is, if not in `seed_file`: `file:`, `env:` or `vault:`; `{user}` is the name of the service."""
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65535)
    """Port of `/healthz` and `/readyz`; 0 takes any free one."""
    gate_fd: int | None = Field(default=None, ge=3)
    """A descriptor: the service connects once it has read one byte of it. Without one, it connects at once."""
    snapshots_dir: Path | None = None
    """Folder for snapshots of views. Without one, a start reads the log from the beginning."""

    @model_validator(mode="after")
    def _has_a_seed(self) -> Self:
        if self.seed_file is None and self.seed is None:
            raise ValueError(
                f"no seed is named: set QUEUEBIT_BUS_SEED_FILE, or {VARIABLE} to a file with credentials.seed"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the deployment file."""
        del dotenv_settings, file_secret_settings
        if (found := deployment_in(os.environ)) is None:
            return init_settings, env_settings
        said = {"url": ",".join(found.bus.urls), "ca_file": found.bus.ca_file, "seed": found.credentials.seed}
        return init_settings, env_settings, InitSettingsSource(settings_cls, {k: v for k, v in said.items() if v})

    def seed_of(self, user: str) -> str:
        """The seed of a service.

        Raises:
            OSError: its file cannot be read, or other accounts can read it too; or Vault does not answer.
            ValueError: there is none, or it is not one line.
        """
        return read_secret(self.seed_file) if self.seed_file else secret_of(self.seed or "", user)

    def seed_path(self, user: str) -> Path | None:
        """The file with the seed of a service; None if it is in no file."""
        if self.seed_file is None and self.seed and self.seed.startswith("file:"):
            return Path(self.seed.removeprefix("file:").replace("{user}", user))
        return self.seed_file
