"""Credentials of vendors: from an environment variable, a file, or HashiCorp Vault.

A plugin reads a secret when it builds its client, and keeps it in the client alone: not in an attribute that a `repr`
shows, and not in an event, a log or an argument of a process.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from queuebit_quantum.errors import NotReachable, VendorCredentials

__all__ = ["redacted", "secret"]

_SHORTEST = 6
"""A shorter text is not removed from messages: it could be part of a word."""

_VAULT_S = 10
"""Seconds that Vault may take to answer."""

_read: set[str] = set()
"""The secrets that this process has read, so that `redacted` finds them."""


def secret(name: str, default: str | None = None) -> str:
    """Read a secret by the name of its variable, such as `IONQ_API_KEY`.

    The first of these counts:

    1. the variable itself,
    2. `IONQ_API_KEY_FILE`: the path of a file with the secret; white space around it is removed,
    3. `IONQ_API_KEY_VAULT`: a path and a field in Vault, such as `secret/data/ionq#api_key` (version 2 of the key-value
       engine) or `kv/ionq#api_key` (version 1). Vault's own variables apply: `VAULT_ADDR`, `VAULT_TOKEN` or
       `VAULT_TOKEN_FILE`, `VAULT_NAMESPACE` and `VAULT_CACERT`. Needs `pip install queuebit-quantum[vault]`.

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
    path, separator, field = place.partition("#")
    if not (path and separator and field):
        raise VendorCredentials(f"{variable} is {place!r}, and must be PATH#FIELD, such as secret/data/ionq#api_key")
    data = _vault_data(path.strip("/"), environment)
    inner = data.get("data")
    fields = inner if isinstance(inner, dict) and "metadata" in data else data  # version 2 of the engine, or version 1
    value = fields.get(field)
    if not isinstance(value, str):
        raise VendorCredentials(f"{path} in Vault has no text in the field {field}: check {variable}")
    return value


def _vault_data(path: str, environment: Mapping[str, str]) -> dict[str, object]:
    """What Vault stores at a path."""
    try:
        import hvac
        import requests
    except ImportError as error:
        raise VendorCredentials("Vault needs its client: pip install 'queuebit-quantum[vault]'") from error
    address = _vault_address(environment)
    with requests.Session() as session:
        client = hvac.Client(
            url=address,
            token=_vault_token(environment),
            namespace=environment.get("VAULT_NAMESPACE"),
            verify=environment.get("VAULT_CACERT", True),
            timeout=_VAULT_S,
            session=session,
        )
        try:
            answer = client.read(path)
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized) as error:
            raise VendorCredentials(f"Vault at {address} refuses to read {path}: check its token and policy") from error
        except hvac.exceptions.InvalidRequest as error:
            raise VendorCredentials(f"Vault at {address} cannot read {path}: {redacted(str(error))[:200]}") from error
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            raise NotReachable(f"Vault at {address} does not answer: {type(error).__name__}") from error
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise VendorCredentials(
            f"Vault at {address} has nothing at {path}: check the path (version 2 has /data/ in it)"
        )
    return data


def _vault_address(environment: Mapping[str, str]) -> str:
    address = environment.get("VAULT_ADDR", "")
    url = urlsplit(address)
    if url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.hostname or "")):
        return address
    raise VendorCredentials(f"VAULT_ADDR is {address!r}, and must be an https address, or http on this machine")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _vault_token(environment: Mapping[str, str]) -> str:
    if token := environment.get("VAULT_TOKEN", "").strip():
        found = token
    elif path := environment.get("VAULT_TOKEN_FILE"):
        found = _file("VAULT_TOKEN_FILE", path).strip()
    else:
        raise VendorCredentials("Vault needs a token: set VAULT_TOKEN_FILE, or VAULT_TOKEN")
    _read.add(found)
    return found
