"""The file that says which new keys a device keeps; all others are made and kept in the file of keys.

[statement]
ed25519 = "pkcs11:token=queuebit;object=statements?module-path=/usr/lib/…/module.so&pin-source=file:/run/secrets/pin"

[checkpoint]
ed25519 = "vault:transit/heads"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from queuebit_proof.algorithms import Algorithm
from queuebit_proof.errors import KeysUnsafe
from queuebit_proof.profiles import Purpose

__all__ = ["Signers", "read_signers"]

Signers = Mapping[tuple[Purpose, Algorithm], str]
"""References of keys, by their use."""


def read_signers(path: Path) -> dict[tuple[Purpose, Algorithm], str]:
    """Read the file.

    Raises:
        KeysUnsafe: it cannot be read, or breaks its rules.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeysUnsafe(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeysUnsafe(f"{path} is not TOML: {error}") from error
    found = {}
    for purpose, keys in document.items():
        if not isinstance(keys, dict):
            raise KeysUnsafe(f"{path}: {purpose} must be a table: [statement] or [checkpoint]")
        for algorithm, reference in keys.items():
            try:
                use = Purpose(purpose), Algorithm(algorithm)
            except ValueError as error:
                raise KeysUnsafe(f"{path}: {purpose}.{algorithm} is no key of a log: {error}") from error
            if not isinstance(reference, str):
                raise KeysUnsafe(f"{path}: {purpose}.{algorithm} must be a reference, such as vault:transit/NAME")
            found[use] = reference
    return found
