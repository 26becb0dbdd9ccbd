"""How a webhook request is signed: Standard Webhooks 1.0, with a shared secret (`v1`) and with a key pair (`v1a`).

A request has a CloudEvents 1.0 document as its body, byte for byte as the log has it. A receiver checks either
signature: `v1` with the secret of its endpoint, or `v1a` with the gateway's public key, for which it needs no secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final

__all__ = ["CONTENT_TYPE", "message_id", "public_text", "secret_of", "secret_text", "signed_headers"]

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


def message_id(sequence: int, body: bytes) -> str:
    """The `webhook-id` of an event: the same for each try, and for each replay."""
    return f"msg_{sequence}_{hashlib.sha256(body).hexdigest()[:16]}"


def secret_of(root: bytes, *names: str) -> bytes:
    """A secret of 32 bytes that follows from a key and what it is for."""
    return hmac.digest(root, "\n".join(("queuebit webhook", *names)).encode(), "sha256")


def secret_text(secret: bytes) -> str:
    """A secret as receivers write it: `whsec_…`."""
    return "whsec_" + base64.b64encode(secret).decode()


def public_text(key: bytes) -> str:
    """A public key as receivers write it: `whpk_…`."""
    return "whpk_" + base64.b64encode(key).decode()


def signed_headers(
    identifier: str, at: int, body: bytes, secrets: Sequence[bytes], sign: Callable[[bytes], bytes] | None = None
) -> Mapping[str, str]:
    """The headers of a request.

    Args:
        identifier: the `webhook-id`; it contains no dot.
        at: when this try is made, in seconds since 1970. Receivers refuse what is older than five minutes.
        body: what is sent.
        secrets: the endpoint's: one, or two while receivers change from one to the other.
        sign: makes an Ed25519 signature; without it there is no `v1a`.
    """
    content = b".".join((identifier.encode(), str(at).encode(), body))
    signatures = ["v1," + base64.b64encode(hmac.digest(it, content, "sha256")).decode() for it in secrets]
    if sign is not None:
        signatures.append("v1a," + base64.b64encode(sign(content)).decode())
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": identifier,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }
