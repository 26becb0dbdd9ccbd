"""A content, encrypted for its tenant.

The ciphertext begins with a header: `_MAGIC`, the number of the algorithm, and the id of the key. The output of HPKE in
base mode follows: the encapsulated key and the ciphertext of AES-256-GCM. The header and the context are the `info` of
HPKE, so that a ciphertext decrypts only where it was stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag

from queuebit_encryption.algorithms import SUITES, algorithm_of
from queuebit_encryption.errors import BadCiphertext
from queuebit_encryption.keys import KEY_ID_BYTES, PrivateKey, PublicKey
from queuebit_kernel import require_token

__all__ = ["Context", "decrypt", "encrypt", "is_encrypted", "key_id_of"]

_MAGIC: Final = b"\xffqbe"
"""No text in UTF-8 has the byte 255, so that no circuit in text begins so."""

_HEADER: Final = len(_MAGIC) + 1 + KEY_ID_BYTES
_PURPOSE: Final = b"queuebit/content/v1"


@dataclass(frozen=True, slots=True)
class Context:
    """Where a content belongs; the ciphertext does not decrypt in another place."""

    tenant: str
    digest: str
    """Of the whole content, before encryption."""
    chunk: int = 0

    def info(self, header: bytes) -> bytes:
        """The `info` of HPKE. The header has a fixed length and names have no line breaks, so that no two are equal."""
        where = f"{require_token(self.tenant, 'tenant')}\n{self.digest}\n{self.chunk}"
        return _PURPOSE + header + where.encode()


def encrypt(content: bytes, public: PublicKey, context: Context) -> bytes:
    """Encrypt a content; each call gives another ciphertext."""
    header = _MAGIC + bytes([public.algorithm]) + public.key_id
    return header + SUITES[public.algorithm].encrypt(content, public.native, info=context.info(header))


def decrypt(ciphertext: bytes, private: PrivateKey, context: Context) -> bytes:
    """The content.

    Raises:
        BadCiphertext: the key or the context is another one, or the ciphertext was changed or shortened.
    """
    key_id = key_id_of(ciphertext)
    header = ciphertext[:_HEADER]
    algorithm = algorithm_of(header[len(_MAGIC)])
    if (algorithm, key_id) != (private.algorithm, private.public.key_id):
        raise BadCiphertext(f"it is encrypted for key {key_id.hex()}, and this is {private.public.key_id.hex()}")
    try:
        return SUITES[algorithm].decrypt(ciphertext[_HEADER:], private.native, info=context.info(header))
    except InvalidTag as error:
        raise BadCiphertext("it was changed, or stored in another place than where it belongs") from error


def is_encrypted(stored: bytes) -> bool:
    """Whether a stored content begins as `encrypt` writes it."""
    return stored.startswith(_MAGIC)


def key_id_of(ciphertext: bytes) -> bytes:
    """The id of the key that it is encrypted for.

    Raises:
        BadCiphertext: it is no ciphertext.
    """
    if not is_encrypted(ciphertext) or len(ciphertext) < _HEADER:
        raise BadCiphertext("it has no header of an encrypted content")
    return ciphertext[_HEADER - KEY_ID_BYTES : _HEADER]
