"""Signs requests to S3 and what speaks its protocol: AWS Signature Version 4, in headers.

Source: "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk" in the API
reference of Amazon S3.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

__all__ = ["Keys", "object_url", "signed"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """Where a bucket is, and what opens it."""

    endpoint: str
    """As in `https://s3.eu-north-1.amazonaws.com`; the bucket is the first part of the path."""
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def object_url(endpoint: str, bucket: str, key: str) -> str:
    """The address of an object."""
    return f"{endpoint.rstrip('/')}/{quote(f'{bucket}/{key}', safe='/-_.~')}"


def signed(keys: Keys, method: str, url: str, body: bytes, now: datetime, content_type: str) -> Mapping[str, str]:
    """The headers of a request.

    Args:
        keys: of the bucket.
        method: of the request.
        url: as `object_url` writes it, without a query.
        body: of the request.
        now: aware; S3 refuses what is more than 15 minutes off.
        content_type: of the body.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    parts, digest = urlsplit(url), hashlib.sha256(body).hexdigest()
    host = parts.netloc.lower().removesuffix({"https": ":443", "http": ":80"}[parts.scheme])  # as it is sent
    headers = {"content-type": content_type, "x-amz-content-sha256": digest, "x-amz-date": moment}
    if keys.session_token:
        headers["x-amz-security-token"] = keys.session_token
    names = sorted([*headers, "host"])
    lines = [f"{name}:{host if name == 'host' else headers[name]}" for name in names]
    request = "\n".join([method, parts.path, "", *lines, "", ";".join(names), digest])
    scope = f"{moment[:8]}/{keys.region}/s3/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={keys.access_key_id}/{scope}"
    headers["authorization"] = f"{_ALGORITHM} {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return headers
