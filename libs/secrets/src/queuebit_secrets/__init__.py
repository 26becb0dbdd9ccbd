"""Secrets from HashiCorp Vault."""

from queuebit_secrets.vault import VaultAway, VaultRefuses, vault_secret

__all__ = ["VaultAway", "VaultRefuses", "vault_secret"]
