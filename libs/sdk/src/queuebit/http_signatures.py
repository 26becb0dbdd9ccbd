"""Signs HTTP requests (RFC 9421) with the key of a credential, and their bodies by digest (RFC 9530)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from queuebit_kernel import from_base64url
from queuebit_runtime.keys import public_key, sign_bytes

__all__ = ["signature_headers"]

_LIFE_S = 120


def signature_headers(seed: str, method: str, host: str, target: str, body: bytes, created: int) -> Mapping[str, str]:
    """The headers that sign a request.

    They cover host, path and query, not the scheme, so that they hold behind a proxy that adds TLS.

    Args:
        seed: of the key.
        method: in capital letters.
        host: as in the header `Host`.
        target: path and query.
        body: of the request.
        created: seconds since 1970.
    """
    path, _, query = target.partition("?")
    covered = {"@method": method, "@authority": host.lower(), "@path": path, "@query": f"?{query}"}
    headers = dict[str, str]()
    if body:
        headers["content-digest"] = f"sha-256=:{_base64(hashlib.sha256(body).digest())}:"
        covered |= headers
    names = " ".join(f'"{name}"' for name in covered)
    parameters = f'({names});created={created};expires={created + _LIFE_S};keyid="{public_key(seed)}";alg="ed25519"'
    lines = [f'"{name}": {value}' for name, value in covered.items()]
    signed = "\n".join([*lines, f'"@signature-params": {parameters}'])
    headers["signature-input"] = f"queuebit={parameters}"
    headers["signature"] = f"queuebit=:{_base64(from_base64url(sign_bytes(seed, signed.encode())))}:"
    return headers


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
