"""The master key of a deployment: keys that encrypt stored data are derived from it, or encrypted by it."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from queuebit_secrets.vault import vault_secret

__all__ = ["VARIABLES", "MasterKey", "MasterKeyUnusable", "default_file", "make_master_key", "read_master_key"]

_FILE, _VALUE, _VAULT = "QUEUEBIT_MASTER_KEY_FILE", "QUEUEBIT_MASTER_KEY", "QUEUEBIT_MASTER_KEY_VAULT"

VARIABLES: Final = (_FILE, _VALUE, _VAULT)
"""Where the key is: a file, the variable itself, or a path and a field in Vault. At most one may be set."""

_BYTES: Final = 32


class MasterKeyUnusable(ValueError):
    """There is no usable master key; the text says what to correct, and contains no secret."""


class MasterKey:
    """256 random bits. The key itself encrypts nothing: each purpose has a key of its own."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _BYTES:
            raise MasterKeyUnusable(f"a master key has {_BYTES} bytes, and this one has {len(key)}")
        self._key = key

    def derive(self, purpose: str) -> bytes:
        """The key of 32 bytes for one purpose, by HKDF-SHA256 (RFC 5869)."""
        return HKDF(SHA256(), _BYTES, salt=None, info=f"queuebit/{purpose}/v1".encode()).derive(self._key)

    @property
    def fingerprint(self) -> str:
        """Names the key, and tells nothing about it."""
        return self.derive("fingerprint")[:8].hex()

    def __repr__(self) -> str:
        return f"MasterKey({self.fingerprint})"


def default_file(environment: Mapping[str, str]) -> Path:
    """Where the key of a user's own stacks is: outside of their folders, so that a copy of a folder has no key.

    Raises:
        MasterKeyUnusable: the user has no home directory.
    """
    folder = Path(environment.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():  # to be ignored, by the XDG Base Directory Specification
        try:
            folder = Path("~/.config").expanduser()
        except RuntimeError as error:
            named = ", ".join(VARIABLES)
            raise MasterKeyUnusable(
                f"there is no home directory for a master key: set HOME, or one of {named}"
            ) from error
    return folder / "queuebit" / "master.key"


def read_master_key(environment: Mapping[str, str]) -> MasterKey:
    """Read the key from the place that the environment names, or from the default file.

    Raises:
        MasterKeyUnusable: two places are named, or the file is missing, damaged, or readable by others, or there is no
            home directory for the default file.
        VaultRefuses: Vault does not have it.
        VaultAway: Vault does not answer.
    """
    named = [it for it in VARIABLES if environment.get(it)]
    if len(named) > 1:
        raise MasterKeyUnusable(f"{named[0]} and {named[1]} are both set: remove one")
    match named:
        case ["QUEUEBIT_MASTER_KEY"]:
            return _parsed(environment[_VALUE], f"the variable {_VALUE}")
        case ["QUEUEBIT_MASTER_KEY_VAULT"]:
            return _parsed(vault_secret(environment[_VAULT], environment), f"{environment[_VAULT]} in Vault")
        case _:
            path = Path(environment.get(_FILE) or default_file(environment))
            return _parsed(_content(path), str(path))


def make_master_key(path: Path) -> None:
    """Write a new key to a file that only its owner can read; an existing file stays as it is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # of two processes that make one, the second keeps the key of the first
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()


def _content(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise MasterKeyUnusable(f"{path} can be read by others: run `chmod 600 {path}`")
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise MasterKeyUnusable(f"the master key {path} cannot be read: {reason}") from error


def _parsed(text: str, place: str) -> MasterKey:
    try:
        return MasterKey(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, MasterKeyUnusable) as error:
        raise MasterKeyUnusable(
            f"{place} must be {_BYTES} bytes in base64, such as `openssl rand -base64 {_BYTES}` makes"
        ) from error
