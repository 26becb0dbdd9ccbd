"""Decrypts the blocks of nats-server's store, which `qb recover` reads itself.

With `cipher: aes`, each block has a file with its key beside it (`key_files`). The block is encrypted by AES-256-CTR
from its first byte, with the nonce of that file. Like the format of the blocks, this is internal to the server.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from queuebit_stack.recovery.key_files import NONCE_BYTES, open_key

__all__ = ["BlockCipher"]


class BlockCipher:
    """Reads blocks, encrypted or not."""

    def __init__(self, store_key: str = "") -> None:
        self._key = store_key

    def read(self, block: Path) -> bytes:
        """The records of a block; nothing if its key is damaged, because then all of it is lost."""
        content, sealed = block.read_bytes(), block.with_suffix(".key")
        if not sealed.exists():
            return content
        try:
            return self._applied(block, sealed.read_bytes(), content)
        except (InvalidTag, ValueError):
            return b""

    def write(self, block: Path, content: bytes) -> None:
        """Replace the content of a block, under the key that it has."""
        sealed = block.with_suffix(".key")
        block.write_bytes(self._applied(block, sealed.read_bytes(), content) if sealed.exists() else content)

    def _applied(self, block: Path, sealed: bytes, content: bytes) -> bytes:
        """Encrypt or decrypt, which is the same."""
        account, stream = block.parents[3].name, block.parents[1].name
        key, nonce = open_key(self._key, account, f"{stream}:{block.stem}", sealed), sealed[:NONCE_BYTES]
        encryptor = Cipher(AES(key), CTR(nonce)).encryptor()
        return encryptor.update(content) + encryptor.finalize()
