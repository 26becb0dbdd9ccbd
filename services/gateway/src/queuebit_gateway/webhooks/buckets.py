"""Writes results of completed jobs to buckets of tenants. The tenant names the bucket, the operator keeps its keys."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Final

from queuebit.errors import QueuebitError
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import Completion, JobCompleted
from queuebit_gateway.webhooks.records import Outcome, Webhook
from queuebit_gateway.webhooks.s3 import Keys, signed
from queuebit_kernel import Clock, InvalidId, require_token
from queuebit_runtime.addresses import BadTarget
from queuebit_runtime.aws_signature import object_url
from queuebit_runtime.outbound import Outbound
from queuebit_runtime.retries import Verdict, retry_after_s

__all__ = ["KIND", "SCHEME", "BucketKeys", "Buckets", "ResultOf", "require_bucket"]

SCHEME: Final = "s3://"
KIND: Final = "job.completed"
"""The only type of event that has a result."""

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?")
_TYPE: Final = "application/json"
_ERROR: Final = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")
_ANSWER_BYTES: Final = 16_384

ResultOf = Callable[[str, Completion], Awaitable[Mapping[str, object]]]
"""The result of a completed job of a tenant, as `GET /v1/jobs/{job}/result` answers."""


class BucketKeys:
    """The keys of buckets: a folder of the operator with a file `TENANT/NAME.toml` for each. Read for each use."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def of(self, tenant: str, name: str) -> Keys:
        """The keys of a tenant with a name.

        Raises:
            BadTarget: there are none, or the file cannot be read; the text does not have its content.
        """
        if self._folder is None:
            raise BadTarget("this gateway writes to no buckets: the operator sets QUEUEBIT_GATEWAY_BUCKET_KEYS")
        try:
            require_token(name, "name of keys")
            read = tomllib.loads((self._folder / tenant / f"{name}.toml").read_text(encoding="utf-8"))
            return Keys(**{key: _plain(value) for key, value in read.items()})
        except InvalidId as error:
            raise BadTarget(str(error)) from error
        except FileNotFoundError as error:
            raise BadTarget(f"the operator has no keys {name!r} for {tenant}: ask for them") from error
        except (OSError, ValueError, TypeError) as error:
            needs = (
                "endpoint, region, access_key_id and secret_access_key; it may have session_token, bucket and folder"
            )
            raise BadTarget(
                f"the operator's keys {name!r} of {tenant} cannot be read: the file needs {needs}"
            ) from error


def require_bucket(url: str) -> tuple[str, str]:
    """Read `s3://BUCKET/PREFIX`; return bucket and prefix.

    Raises:
        BadTarget: it is no such address.
    """
    bucket, _, path = url.removeprefix(SCHEME).partition("/")
    prefix = path.strip("/")
    if not (url.startswith(SCHEME) and len(prefix) <= 200 and _BUCKET.fullmatch(bucket) and _PREFIX.fullmatch(prefix)):
        raise BadTarget(
            "a bucket is like s3://acme-results/queuebit: its name has 3 to 63 lower-case letters, digits, `.` and "
            "`-`, and the folder letters, digits, `.`, `_` and `-`"
        )
    return bucket, prefix


class Buckets:
    """Stores results. The same job has the same object, so that a repeated try changes nothing."""

    def __init__(self, keys: BucketKeys, outbound: Outbound, result_of: ResultOf, clock: Clock) -> None:
        self._keys = keys
        self._outbound = outbound
        self._result_of = result_of
        self._clock = clock

    def check(self, tenant: str, url: str, keys: str) -> None:
        """Raise `BadTarget` if nothing could be written there."""
        bucket, prefix = require_bucket(url)
        found = self._keys.of(tenant, keys)
        _require_allowed(found, bucket, prefix)
        self._outbound.rules.target(found.endpoint)

    async def store(self, webhook: Webhook, body: bytes) -> Outcome:
        """Store the result that an event of the log announces; of any other event, the event itself."""
        event = decode(body)
        bucket, prefix = require_bucket(webhook.url)
        content, name = body, "test.json"
        if isinstance(event, JobCompleted):
            name = f"{event.data.job}/result.json"
            try:
                result = await self._result_of(webhook.tenant, event.data)
            except (QueuebitError, ValueError, LookupError) as error:
                return Outcome(verdict=Verdict.FAILED, error=f"the result cannot be read: {error}"[:300])
            content = json.dumps(result, separators=(",", ":")).encode()
        return await self._put(webhook, bucket, prefix, name, content)

    async def _put(self, webhook: Webhook, bucket: str, prefix: str, name: str, content: bytes) -> Outcome:
        begun, key = monotonic(), f"{prefix}/{name}".lstrip("/")
        try:
            keys = self._keys.of(webhook.tenant, webhook.keys)
            _require_allowed(keys, bucket, prefix)
            url = object_url(keys.endpoint, bucket, key)
            headers = signed(keys, "PUT", url, content, self._clock.now(), _TYPE)
            answer = await self._outbound.send("PUT", url, headers, content, most=_ANSWER_BYTES, owner=webhook.tenant)
        except (BadTarget, OSError) as error:
            return Outcome(verdict=Verdict.FAILED, error=str(error)[:300], took_ms=_ms(begun))
        location, status = f"{SCHEME}{bucket}/{key}", answer.status
        if 200 <= status < 300:
            return Outcome(verdict=Verdict.DELIVERED, status=status, took_ms=_ms(begun), location=location)
        code = found[1].decode() if (found := _ERROR.search(answer.body)) else "no reason"
        wait = retry_after_s(answer.headers.get("retry-after"), self._clock.now())
        why = f"{location} was not written: {code}"
        return Outcome(verdict=Verdict.FAILED, status=status, error=why, retry_after_s=wait, took_ms=_ms(begun))


def _require_allowed(keys: Keys, bucket: str, prefix: str) -> None:
    """Raise `BadTarget` unless the operator's file allows the bucket and the folder."""
    folder = keys.folder.strip("/")
    if keys.bucket not in ("", bucket) or (folder and not f"{prefix}/".startswith(f"{folder}/")):
        allowed = f"{SCHEME}{keys.bucket or 'BUCKET'}/{folder}".rstrip("/")
        raise BadTarget(f"the operator's keys are for {allowed} only: write below it, or ask for other keys")


def _plain(value: object) -> str:
    """A value that can stand in a header; raises `ValueError` if it cannot, without quoting it."""
    if not (isinstance(value, str) and value.isascii() and value.isprintable()):
        raise ValueError("a value is no printable text")
    return value


def _ms(begun: float) -> int:
    return int((monotonic() - begun) * 1000)
