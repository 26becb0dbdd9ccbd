"""Ed25519 keys in the transit engine of Vault or OpenBao."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from queuebit_proof.devices.kept_key import require_own
from queuebit_proof.errors import KeysUnsafe, SignerAway
from queuebit_secrets import VaultAway, VaultRefuses, ask_vault

__all__ = ["TransitKey"]


class TransitKey:
    """One key of the engine, of which Vault may have several versions: a replaced version still signs for its time."""

    def __init__(self, mount: str, name: str) -> None:
        self._mount = mount
        self._name = name
        self._versions: dict[bytes, int] = {}
        self._newest = b""

    @classmethod
    def of(cls, path: str) -> TransitKey:
        """The key at a path, such as `transit/heads`.

        Raises:
            KeysUnsafe: it is no such path.
        """
        mount, _, name = path.strip("/").rpartition("/")
        if not mount or not name:
            raise KeysUnsafe(f"vault:{path} must be the mount of the engine and a name, such as vault:transit/heads")
        return cls(mount, name)

    def public(self) -> bytes:
        """The raw public key of the newest version."""
        self._read()
        return self._newest

    def sign(self, public: bytes, message: bytes) -> bytes:
        """Sign with the version that has this public key."""
        if public not in self._versions:
            self._read()
        if (version := self._versions.get(public)) is None:
            raise SignerAway(f"no version of {self._place} in Vault has the key in use: was it deleted or made again?")
        answer = self._ask(
            "sign with",
            lambda client: client.secrets.transit.sign_data(
                self._name, base64.b64encode(message).decode(), key_version=version, mount_point=self._mount
            ),
        )
        with self._understood():
            signature = base64.b64decode(str(answer["signature"]).rpartition(":")[2])
        return require_own(signature, public, message, f"vault:{self._place}")

    def _read(self) -> None:
        data = self._ask("read", lambda client: client.secrets.transit.read_key(self._name, mount_point=self._mount))
        if (kind := data.get("type")) != "ed25519":
            raise SignerAway(f"{self._place} in Vault is no ed25519 key, but {kind}")
        with self._understood():
            versions = {base64.b64decode(it["public_key"]): int(number) for number, it in data["keys"].items()}
            self._newest = max(versions, key=lambda it: versions[it])
            self._versions = versions

    @property
    def _place(self) -> str:
        return f"{self._mount}/{self._name}"

    def _ask(self, verb: str, ask: Any) -> dict[str, Any]:  # Vault's client has no types
        try:
            answer: Any = ask_vault(os.environ, f"{verb} {self._place}", ask)
        except (VaultRefuses, VaultAway) as error:
            raise SignerAway(str(error)) from error
        with self._understood():
            return dict(answer["data"])

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SignerAway(f"Vault's answer about {self._place} has an unknown form: {error!r}") from error
