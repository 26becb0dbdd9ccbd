"""The service of Amazon Braket and the bucket of its results, through the session of Amazon's SDK.

Variables: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` are secrets, as
`queuebit_quantum.credentials` reads them; without the first, boto3 finds credentials as it does everywhere, such as
those of a role. `AMZN_BRAKET_OUT_S3_BUCKET` names the bucket. `AWS_REGION` is the region of simulators.
`BRAKET_ENDPOINT` and `AWS_ENDPOINT_URL_S3` are Amazon's own variables for other addresses.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from braket.aws import AwsSession

from queuebit_quantum import NotReachable, UnknownHandle
from queuebit_quantum.credentials import secret
from queuebit_quantum.vendor_faults import (
    VendorCredentials,
    VendorFailed,
    VendorQuota,
    VendorRefused,
    http_fault,
    reaching,
    seconds_to_wait,
    vendor_text,
)

__all__ = ["Service", "asking"]

_VENDOR: Final = "Amazon Braket"
_LOGGERS: Final = ("botocore", "urllib3")
for _name in _LOGGERS:  # at level DEBUG they write whole requests and answers, session tokens among them
    logging.getLogger(_name).setLevel(logging.INFO)
_ONCE: Final = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)
"""The executor repeats calls, and knows how often: the client does not."""

_SIGNATURES: Final = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId"),
        *("InvalidClientTokenId", "InvalidSignatureException", "InvalidToken", "MissingAuthenticationToken"),
        *("NoSuchBucket", "SignatureDoesNotMatch", "UnrecognizedClientException"),
    }
)
"""Codes that mean the operator's credentials or bucket, with any status."""

_AGAIN: Final = frozenset({"DeviceOfflineException", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"})


class Service:
    """One region of the service. Each process has its own connections: those of before a fork are closed in a child."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._opened: tuple[int, AwsSession, Any] | None = None  # a boto3 client, which has no types

    @property
    def bucket(self) -> str:
        """The bucket of results; raises `VendorCredentials` if none is named."""
        if found := os.environ.get("AMZN_BRAKET_OUT_S3_BUCKET"):
            return found
        raise VendorCredentials(
            "AMZN_BRAKET_OUT_S3_BUCKET is not set: name the bucket for results, such as amazon-braket-acme, in "
            "`environment` of the stack in backends.toml"
        )

    @property
    def session(self) -> AwsSession:
        """Amazon's session of this process."""
        return self._open()[0]

    def create(self, request: Mapping[str, Any]) -> str:
        """Create a quantum task, or find the one that the client token has already created; return its ARN."""
        session = self.session
        with _reading():
            return str(session.create_quantum_task(**request))

    def device(self, arn: str) -> dict[str, Any]:
        """Return what `GetDevice` says."""
        session = self.session
        with _reading():
            found: dict[str, Any] = session.get_device(arn)
            return {name: found[name] for name in ("deviceCapabilities", "deviceType", "providerName")}

    def queued(self, arn: str) -> int | None:
        """Return how many quantum tasks wait for a device, those of hybrid jobs among them; None if Amazon says none.

        A queue of more than 4,000 is stated as `>4000`.
        """
        session = self.session
        with _reading():
            queues = session.get_device(arn).get("deviceQueueInfo") or ()
            sizes = [int(it["queueSize"].lstrip(">")) for it in queues if it["queue"] == "QUANTUM_TASKS_QUEUE"]
        return sum(sizes) if sizes else None

    def task(self, arn: str) -> dict[str, Any]:
        """Return what `GetQuantumTask` says; raises `UnknownHandle` if there is no such task."""
        client = self.session.braket_client
        try:
            with _reading():
                found: dict[str, Any] = client.get_quantum_task(quantumTaskArn=arn)
                status = found["status"]
        except ClientError as error:
            if _code(error) == "ResourceNotFoundException":
                raise UnknownHandle(f"Amazon Braket has no quantum task {arn[:120]!r}") from error
            raise
        if not isinstance(status, str):
            raise NotReachable(f"{_VENDOR} answered without the status of the task")
        return found

    def cancel(self, arn: str, token: str) -> None:
        """Cancel a quantum task; does nothing if it has ended or does not exist."""
        client = self.session.braket_client
        try:
            with _reading():
                client.cancel_quantum_task(quantumTaskArn=arn, clientToken=token)
        except ClientError as error:
            if _code(error) not in ("ConflictException", "ResourceNotFoundException"):
                raise

    def tasks(self, device: str, since: datetime) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the ARN and the tags of each quantum task of a device that was created since a time.

        The service filters by device and time (API reference, `SearchQuantumTasksFilter`), and not by tag.
        """
        filters = [
            {"name": "deviceArn", "operator": "EQUAL", "values": [device]},
            {"name": "createdAt", "operator": "GTE", "values": [since.strftime("%Y-%m-%dT%H:%M:%SZ")]},
        ]
        pages = self.session.braket_client.get_paginator("search_quantum_tasks").paginate(
            filters=filters, PaginationConfig={"PageSize": 100}
        )
        with _reading():
            for page in pages:
                for it in page["quantumTasks"]:
                    yield str(it["quantumTaskArn"]), it.get("tags") or {}

    def store(self, key: str, content: bytes) -> None:
        """Store an object in the bucket of results."""
        self._open()[1].put_object(Bucket=self.bucket, Key=key, Body=content)

    def read(self, bucket: str, key: str) -> str:
        """Read an object; raises `VendorFailed` if it does not exist."""
        try:
            body: bytes = self._open()[1].get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if _code(error) in ("NoSuchKey", "404"):
                raise VendorFailed(f"the bucket {bucket} has no {key}: it was removed, or never written") from error
            raise
        return body.decode()

    def _open(self) -> tuple[AwsSession, Any]:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), *_opened(self._region))
        return self._opened[1], self._opened[2]


@contextmanager
def _reading() -> Iterator[None]:
    """Raise `NotReachable` where an answer has another shape than Amazon documents, as one from a proxy."""
    try:
        yield
    except UnknownHandle:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotReachable(f"{_VENDOR} answered what is not in its documentation: {error!r:.100}") from error


@contextmanager
def asking() -> Iterator[None]:
    """Turn the errors of Amazon's SDK into the failures of `queuebit_quantum.vendor_faults`."""
    with reaching(_VENDOR, BotoCoreError):
        try:
            yield
        except UnknownHandle:
            raise
        except ClientError as error:
            raise _fault(error) from error
        except ParamValidationError as error:
            raise VendorFailed(f"Amazon's SDK does not send the request: {vendor_text(str(error))}") from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise VendorCredentials(
                f"{vendor_text(str(error))}: set AWS_ACCESS_KEY_ID_FILE and AWS_SECRET_ACCESS_KEY_FILE in "
                "`environment` of the stack in backends.toml"
            ) from error


def _opened(region: str) -> tuple[AwsSession, Any]:
    own: dict[str, str] = {}
    if key := secret("AWS_ACCESS_KEY_ID", ""):
        own = {"aws_access_key_id": key, "aws_secret_access_key": secret("AWS_SECRET_ACCESS_KEY")}
        if token := secret("AWS_SESSION_TOKEN", ""):
            own["aws_session_token"] = token
    boto = boto3.Session(region_name=region, **own)
    return AwsSession(boto_session=boto, config=_ONCE), boto.client("s3", config=_ONCE)


def _fault(error: ClientError) -> Exception:
    about, answer = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, status = _code(error), int(answer.get("HTTPStatusCode", 500))
    text = vendor_text(f"{_VENDOR} answered {code}: {about.get('Message') or 'without a message'}")
    if code in _AGAIN:
        return NotReachable(text, _wait(answer))
    if code in _SIGNATURES:
        return VendorCredentials(f"{text}. Check the credentials and the bucket of its stack in backends.toml")
    if code == "ServiceQuotaExceededException":
        return VendorQuota(text)
    if code == "ValidationException":
        return VendorRefused(text)
    return http_fault(_VENDOR, max(status, 300), f"{code}: {about.get('Message')}", answer.get("HTTPHeaders"))


def _wait(answer: Mapping[str, Any]) -> float | None:
    return seconds_to_wait((answer.get("HTTPHeaders") or {}).get("retry-after"))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
