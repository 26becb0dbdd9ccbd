"""What opens a bucket in S3 and what speaks its protocol, and signatures of requests to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from queuebit_runtime.aws_signature import AwsKeys, sign

__all__ = ["Keys", "signed"]


@dataclass(frozen=True, slots=True)
class Keys:
    """Where a bucket is, and what opens it."""

    endpoint: str
    """As in `https://s3.eu-north-1.amazonaws.com`; the bucket is the first part of the path."""
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    bucket: str = ""
    """The only bucket that they are for; empty: any that they open."""
    folder: str = ""
    """The only folder there, with those below it; empty: any."""


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
    opens = AwsKeys(keys.access_key_id, keys.secret_access_key, keys.session_token, keys.region)
    return sign(opens, "s3", method, url, body, now, {"content-type": content_type})
