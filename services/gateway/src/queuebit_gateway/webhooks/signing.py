"""The gateway's keys for webhooks. All follow from the seed with which it logs in to the bus: nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping

from queuebit_contracts.webhook import public_text, secret_of, secret_text, signed_headers
from queuebit_gateway.webhooks.records import Webhook
from queuebit_kernel.base64url import from_base64url, to_base64url
from queuebit_runtime.keys import key_bytes, public_key, seed_of, sign_bytes

__all__ = ["Signing"]


class Signing:
    """Signs requests to endpoints: with the secret of the endpoint, and with the gateway's key pair."""

    def __init__(self, seed: str) -> None:
        self._root = secret_of(seed.encode(), "root")
        self._seed = seed_of(secret_of(self._root, "signing"))
        self._public = key_bytes(public_key(self._seed))

    def secret(self, webhook: Webhook) -> str:
        """The secret of an endpoint, as its receiver writes it."""
        return secret_text(self._secret(webhook, webhook.secret))

    @property
    def public(self) -> str:
        """The public key, as receivers write it."""
        return public_text(self._public)

    @property
    def jwk(self) -> Mapping[str, str]:
        """The public key as a JSON Web Key (RFC 8037)."""
        x = to_base64url(self._public)
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "x": x}

    def headers(self, webhook: Webhook, identifier: str, at: int, body: bytes) -> Mapping[str, str]:
        """The headers of a request to an endpoint; for a while after a rotation, both secrets sign."""
        numbers = [webhook.secret]
        if webhook.former_until is not None and at < webhook.former_until:
            numbers.append(webhook.secret - 1)
        return signed_headers(identifier, at, body, [self._secret(webhook, it) for it in numbers], self._sign)

    def _secret(self, webhook: Webhook, number: int) -> bytes:
        names = (webhook.tenant, webhook.id)
        return secret_of(self._root, *names) if number == 1 else secret_of(self._root, *names, str(number))

    def _sign(self, content: bytes) -> bytes:
        return from_base64url(sign_bytes(self._seed, content))
