"""Keys that a device or a service keeps: it signs, and its private key never leaves it.

A key is named by one reference, such as `pkcs11:token=queuebit;object=heads?module-path=…` or `vault:transit/heads`.
"""

from queuebit_proof.devices.kept_key import KeptKey, public_key_of
from queuebit_proof.devices.signers_file import Signers, read_signers

__all__ = ["KeptKey", "Signers", "public_key_of", "read_signers"]
