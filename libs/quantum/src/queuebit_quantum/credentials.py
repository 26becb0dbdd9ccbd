"""Credentials of vendors: from an environment variable, a file, or HashiCorp Vault.

A plugin reads a secret when it builds its client, and keeps it in the client alone: not in an attribute that a `repr`
shows, and not in an event, a log or an argument of a process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from queuebit_quantum.errors import NotReachable, VendorCredentials
from queuebit_secrets import VaultAway, VaultRefuses, vault_secret

__all__ = ["redacted", "secret"]

_SHORTEST = 6
"""A shorter text is not removed from messages: it could be part of a word."""

_read: set[str] = set()
"""The secrets that this process has read, so that `redacted` finds them."""


def secret(name: str, default: str | None = None) -> str:
    """Read a secret by the name of its variable, such as `IONQ_API_KEY`.

    The first of these counts:

    1. the variable itself,
    2. `IONQ_API_KEY_FILE`: the path of a file with the secret; white space around it is removed,
    3. `IONQ_API_KEY_VAULT`: a path and a field in Vault, such as `secret/data/ionq#api_key` (version 2 of the key-value
       engine) or `kv/ionq#api_key` (version 1). Vault's own variables apply: `VAULT_ADDR`, `VAULT_TOKEN` or
       `VAULT_TOKEN_FILE`, `VAULT_NAMESPACE` and `VAULT_CACERT`. Needs `pip install queuebit-secrets[vault]`.

    `environment` in backends.toml passes these variables to a plugin. A secret belongs in a file or in Vault, not in
    backends.toml.

    Raises:
        VendorCredentials: the secret is not set, empty, or cannot be read. The text says what to set.
        NotReachable: Vault does not answer.
    """
    found = _find(name, os.environ)
    if found is None:
        if default is not None:
            return default
        raise VendorCredentials(
            f"{name} is not set: set {name}_FILE to a file, or {name}_VAULT to PATH#FIELD in Vault, in `environment` "
            "of the stack in backends.toml"
        )
    value, source = found[0].strip(), found[1]
    if not value:
        raise VendorCredentials(f"{source} is empty: it must contain the secret {name}")
    _read.add(value)
    return value


def redacted(text: str) -> str:
    """Return the text with `***` for each secret that this process has read. Some vendors repeat a key in an error."""
    for value in sorted(_read, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, "***")
    return text


def _find(name: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The value and where it is from, for errors; None if no variable names it."""
    if (value := environment.get(name)) is not None:
        return value, name
    if (path := environment.get(f"{name}_FILE")) is not None:
        return _file(f"{name}_FILE", path), f"the file {path}"
    if (place := environment.get(f"{name}_VAULT")) is not None:
        return _vault(f"{name}_VAULT", place, environment), f"{place} in Vault"
    return None


def _file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise VendorCredentials(f"the file {path}, which {variable} names, cannot be read: {reason}") from error


def _vault(variable: str, place: str, environment: Mapping[str, str]) -> str:
    _keep_token(environment)
    try:
        return vault_secret(place, environment)
    except VaultRefuses as error:
        raise VendorCredentials(f"{variable}: {error}") from error
    except VaultAway as error:
        raise NotReachable(str(error)) from error


def _keep_token(environment: Mapping[str, str]) -> None:
    """Let `redacted` find Vault's token, if there is one."""
    token = environment.get("VAULT_TOKEN", "").strip()
    if not token and (path := environment.get("VAULT_TOKEN_FILE")):
        token = _file("VAULT_TOKEN_FILE", path).strip()
    if token:
        _read.add(token)
