"""A client that signs its requests as RFC 9421 says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from queuebit_kernel import SystemClock
from queuebit_runtime.keys import public_key, sign_bytes

__all__ = ["signed_headers"]


def signed_headers(
    seed: str, method: str, url: str, body: bytes = b"", *, created: float | None = None, covered: str = "@target-uri"
) -> Mapping[str, str]:
    """The headers that sign a request with a token."""
    at = int(SystemClock().now().timestamp() if created is None else created)
    names = ["@method", covered]
    values = {"@method": method, "@target-uri": url, "@path": urlsplit(url).path}
    headers: dict[str, str] = {}
    if body:
        headers["content-digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        names.append("content-digest")
    inner = " ".join(f'"{name}"' for name in names)
    parameters = f'({inner});created={at};expires={at + 300};keyid="{public_key(seed)}";alg="ed25519"'
    lines = [f'"{name}": {values.get(name) or headers[name]}' for name in names]
    base = "\n".join([*lines, f'"@signature-params": {parameters}'])
    signature = base64.urlsafe_b64decode(sign_bytes(seed, base.encode()) + "==")
    headers["signature-input"] = f"sig1={parameters}"
    headers["signature"] = f"sig1=:{base64.b64encode(signature).decode()}:"
    return headers
