"""Signs requests to services of AWS, and to what speaks their protocol: AWS Signature Version 4, in headers.

Source: "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk" in the API
reference of Amazon S3; other services differ in their name alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

__all__ = ["AwsKeys", "object_url", "sign"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """What a request is signed with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    region: str = "us-east-1"


def object_url(endpoint: str, bucket: str, key: str) -> str:
    """The address of an object in S3, as it is signed: the bucket is the first part of the path."""
    return f"{endpoint.rstrip('/')}/{quote(f'{bucket}/{key}', safe='/-_.~')}"


def sign(
    keys: AwsKeys, service: str, method: str, url: str, body: bytes, now: datetime, headers: Mapping[str, str]
) -> dict[str, str]:
    """The headers of a request, with its signature.

    Args:
        keys: of the account.
        service: the service's name in the signature, such as `s3`.
        method: of the request.
        url: its address, encoded as it is sent, without a query.
        body: of the request.
        now: aware; AWS refuses what is more than 15 minutes off.
        headers: further ones, which are signed too; their names are in lower case.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    parts, digest = urlsplit(url), hashlib.sha256(body).hexdigest()
    host = parts.netloc.lower().removesuffix({"https": ":443", "http": ":80"}[parts.scheme])  # as it is sent
    found = {**headers, "x-amz-content-sha256": digest, "x-amz-date": moment}
    if keys.session_token:
        found["x-amz-security-token"] = keys.session_token
    names = sorted([*found, "host"])
    lines = [f"{name}:{host if name == 'host' else found[name]}" for name in names]
    request = "\n".join([method, parts.path, "", *lines, "", ";".join(names), digest])
    scope = f"{moment[:8]}/{keys.region}/{service}/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={keys.access_key_id}/{scope}"
    found["authorization"] = f"{_ALGORITHM} {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return found
