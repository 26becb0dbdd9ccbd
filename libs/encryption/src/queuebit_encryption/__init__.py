"""Contents encrypted for their tenant, and the keys of tenants."""

from queuebit_encryption.algorithms import PROFILES, Algorithm
from queuebit_encryption.contents import Context, decrypt, encrypt, is_encrypted, key_id_of
from queuebit_encryption.errors import BadCiphertext
from queuebit_encryption.keys import PrivateKey, PublicKey, unwrap, wrap

__all__ = [
    "PROFILES",
    "Algorithm",
    "BadCiphertext",
    "Context",
    "PrivateKey",
    "PublicKey",
    "decrypt",
    "encrypt",
    "is_encrypted",
    "key_id_of",
    "unwrap",
    "wrap",
]
