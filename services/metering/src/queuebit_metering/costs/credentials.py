"""Where a credential of `costs.toml` is: in a variable, in a file that only its owner can read, or in Vault."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from queuebit_runtime.secrets import read_secret
from queuebit_secrets import vault_secret

__all__ = ["WAYS", "Credential", "Vault", "credential_of"]

WAYS = ("file", "variable", "vault")
"""A key `key` is written as `key_file`, `key_variable` or `key_vault`."""


class Vault(BaseModel):
    """How Vault is reached."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    token_file: Path
    namespace: str | None = None
    ca_file: Path | None = None

    def environment(self) -> Mapping[str, str]:
        """The variables of Vault's own client."""
        found = {"VAULT_ADDR": self.address, "VAULT_TOKEN": read_secret(self.token_file)}
        if self.namespace is not None:
            found["VAULT_NAMESPACE"] = self.namespace
        if self.ca_file is not None:
            found["VAULT_CACERT"] = str(self.ca_file)
        return found


class Credential(BaseModel):
    """One secret. It is read for each use, and kept nowhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = None
    variable: str | None = None
    """A variable of metering's environment."""
    vault: str | None = None
    """`PATH#FIELD`, such as `secret/data/ionq#api_key`."""
    store: Vault | None = None
    """The section `[vault]` of the file."""

    @model_validator(mode="after")
    def _is_one(self) -> Credential:
        if sum(getattr(self, it) is not None for it in WAYS) != 1:
            raise ValueError("needs one of _file, _variable and _vault")
        if self.vault is not None and self.store is None:
            raise ValueError("is in Vault, and the file has no section [vault] with address and token_file")
        return self

    @field_validator("vault")
    @classmethod
    def _names_a_field(cls, place: str | None) -> str | None:
        if place is not None and not all(place.partition("#")):
            raise ValueError("must be PATH#FIELD, such as secret/data/ionq#api_key")
        return place

    async def read(self) -> str:
        """The secret.

        Raises:
            OSError: it cannot be read, other accounts can read its file, or Vault does not answer.
            ValueError: it is not set, or not one line.
        """
        return await asyncio.to_thread(self._read)

    def _read(self) -> str:
        if self.file is not None:
            return read_secret(self.file)
        if self.vault is not None and self.store is not None:
            return _line(vault_secret(self.vault, self.store.environment()), self.vault)
        return _line(os.environ.get(self.variable or "", ""), f"the variable {self.variable}")


def _line(value: str, source: str) -> str:
    found = value.strip()
    if not found or not found.isprintable():
        raise ValueError(f"{source} is not set to one line, the secret")
    return found


def credential_of(values: Mapping[str, object], name: str, store: object) -> dict[str, object] | None:
    """What a section says of a credential; None if it says nothing."""
    found = {way: values[f"{name}_{way}"] for way in WAYS if f"{name}_{way}" in values}
    return {**found, "store": store} if found else None
