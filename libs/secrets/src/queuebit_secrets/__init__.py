"""Secrets from HashiCorp Vault, and the master key of a deployment."""

from queuebit_secrets.master import (
    VARIABLES,
    MasterKey,
    MasterKeyUnusable,
    default_file,
    make_master_key,
    read_master_key,
)
from queuebit_secrets.vault import VaultAway, VaultRefuses, ask_vault, vault_secret

__all__ = [
    "VARIABLES",
    "MasterKey",
    "MasterKeyUnusable",
    "VaultAway",
    "VaultRefuses",
    "ask_vault",
    "default_file",
    "make_master_key",
    "read_master_key",
    "vault_secret",
]
