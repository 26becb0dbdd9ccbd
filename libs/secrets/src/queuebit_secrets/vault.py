"""Reads one field of what Vault stores at a path, and asks Vault other things, with its own client."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["VaultAway", "VaultRefuses", "ask_vault", "vault_secret"]

_ANSWER_S = 10
"""Seconds that Vault may take to answer."""


class VaultRefuses(ValueError):
    """The secret cannot be read as it is named; the text says what to correct, and contains no secret."""


class VaultAway(OSError):
    """Vault does not answer; the same call may succeed later."""


def vault_secret(place: str, environment: Mapping[str, str]) -> str:
    """Read a secret.

    Args:
        place: a path and a field, such as `secret/data/ionq#api_key` (version 2 of the key-value engine) or
            `kv/ionq#api_key` (version 1).
        environment: Vault's own variables: `VAULT_ADDR`, `VAULT_TOKEN` or `VAULT_TOKEN_FILE`, `VAULT_NAMESPACE` and
            `VAULT_CACERT`.

    Raises:
        VaultRefuses: a variable is wrong, Vault's client is not installed, or there is no such secret.
        VaultAway: Vault does not answer.
    """
    path, separator, field = place.partition("#")
    if not (path and separator and field):
        raise VaultRefuses(f"it is {place!r}, and must be PATH#FIELD, such as secret/data/ionq#api_key")
    data = _data(path.strip("/"), environment)
    inner = data.get("data")
    fields = inner if isinstance(inner, dict) and "metadata" in data else data  # version 2 of the engine, or version 1
    value = fields.get(field)
    if not isinstance(value, str):
        raise VaultRefuses(f"{path} in Vault has no text in the field {field}")
    return value


def _data(path: str, environment: Mapping[str, str]) -> dict[str, object]:
    """What Vault stores at a path."""
    answer = ask_vault(environment, f"read {path}", lambda client: client.read(path))
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        place = f"Vault at {environment.get('VAULT_ADDR')}"
        raise VaultRefuses(f"{place} has nothing at {path}: check the path (version 2 has /data/ in it)")
    return data


def ask_vault(environment: Mapping[str, str], what: str, ask: Callable[[Any], object]) -> object:
    """Call Vault's client, and return its answer.

    Args:
        environment: as for `vault_secret`.
        what: the request in words, such as `read secret/data/ionq`, for errors.
        ask: calls the client, which is an `hvac.Client`; that has no types.

    Raises:
        VaultRefuses: a variable is wrong, Vault's client is not installed, or Vault refuses the request.
        VaultAway: Vault does not answer.
    """
    try:
        import hvac
        import requests
    except ImportError as error:
        raise VaultRefuses("Vault needs its client: pip install 'queuebit-secrets[vault]'") from error
    address, token = _address(environment), _token(environment)
    with requests.Session() as session:
        client = hvac.Client(
            url=address,
            token=token,
            namespace=environment.get("VAULT_NAMESPACE"),
            verify=environment.get("VAULT_CACERT", True),
            timeout=_ANSWER_S,
            session=session,
            allow_redirects=False,  # the token would follow to any host
        )
        try:
            answer = ask(client)
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized) as error:
            raise VaultRefuses(f"Vault at {address} refuses to {what}: check its token and policy") from error
        except (hvac.exceptions.InvalidRequest, hvac.exceptions.InvalidPath) as error:
            reason = str(error).replace(token, "***")[:200]
            raise VaultRefuses(f"Vault at {address} cannot {what}: {reason}") from error
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            raise VaultAway(f"Vault at {address} does not answer: {type(error).__name__}") from error
    if isinstance(answer, requests.Response) and answer.is_redirect:
        raise VaultRefuses(f"Vault at {address} redirects to another address: set the address of the active node")
    return answer


def _address(environment: Mapping[str, str]) -> str:
    address = environment.get("VAULT_ADDR", "")
    url = urlsplit(address)
    if url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.hostname or "")):
        return address
    raise VaultRefuses(f"VAULT_ADDR is {address!r}, and must be an https address, or http on this machine")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token(environment: Mapping[str, str]) -> str:
    if token := environment.get("VAULT_TOKEN", "").strip():
        return token
    if not (path := environment.get("VAULT_TOKEN_FILE")):
        raise VaultRefuses("Vault needs a token: set VAULT_TOKEN_FILE, or VAULT_TOKEN")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise VaultRefuses(f"the file {path}, which VAULT_TOKEN_FILE names, cannot be read: {reason}") from error
