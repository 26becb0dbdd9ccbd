"""The key files of nats-server's store, and how they are encrypted with another store key.

With `cipher: aes`, each stream, each consumer and each block has a file with a key of its own: a nonce of 16 bytes, and
the key, encrypted by AES-256-GCM with that nonce under HMAC-SHA256(store key, account, name). The name is `STREAM`,
`STREAM.CONSUMER` or `STREAM:BLOCK`. What is stored is encrypted with these keys; so another store key needs no other
file. This is internal to the server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from queuebit_stack.files import write_private

__all__ = ["NONCE_BYTES", "WrongStoreKey", "open_key", "replace_store_key"]

NONCE_BYTES: Final = 16
_META, _BLOCKS, _CONSUMERS = "meta.key", "msgs", "obs"


class WrongStoreKey(ValueError):
    """A key file opens with neither key."""


def open_key(store_key: str, account: str, name: str, sealed: bytes) -> bytes:
    """The key in a key file.

    Raises:
        InvalidTag: it is encrypted with another store key, or damaged.
        ValueError: it is too short.
    """
    return _wrapper(store_key, account, name).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)


def replace_store_key(store: Path, former: str, new: str) -> None:
    """Encrypt all key files of a store whose server is down with another store key.

    Each file is replaced in one step, and one that has the new key already stays, so that a run that was killed is
    repeated. The nonce stays: the blocks use it too, and each store key encrypts one key with it.

    Raises:
        WrongStoreKey: a file opens with neither; those before it have the new key.
    """
    for path, account, name in _key_files(store):
        sealed = path.read_bytes()
        try:
            key = open_key(former, account, name, sealed)
        except (InvalidTag, ValueError):
            _require_open(path, new, account, name, sealed)
            continue
        nonce = sealed[:NONCE_BYTES]
        write_private(path, nonce + _wrapper(new, account, name).encrypt(nonce, key, None))
    os.sync()


def _require_open(path: Path, store_key: str, account: str, name: str, sealed: bytes) -> None:
    try:
        open_key(store_key, account, name, sealed)
    except (InvalidTag, ValueError) as error:
        raise WrongStoreKey(f"{path} is damaged, or encrypted with a third key") from error


def _key_files(store: Path) -> Iterator[tuple[Path, str, str]]:
    """All key files, with the account and the name under which each is encrypted."""
    for stream in sorted(store.glob("jetstream/*/streams/*")):
        account = stream.parents[1].name
        for path in sorted(stream.glob(_META)):
            yield path, account, stream.name
        for path in sorted(stream.glob(f"{_CONSUMERS}/*/{_META}")):
            yield path, account, f"{stream.name}.{path.parent.name}"
        for path in sorted(stream.glob(f"{_BLOCKS}/*.key")):
            yield path, account, f"{stream.name}:{path.stem}"


def _wrapper(store_key: str, account: str, name: str) -> AESGCM:
    mac = HMAC(store_key.encode(), SHA256())
    mac.update(f"{account}{name}".encode())
    return AESGCM(mac.finalize())
