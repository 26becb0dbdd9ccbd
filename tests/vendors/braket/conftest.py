"""Starts the stub, and lets the SDK find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.vendors.braket.stub import BUCKET, BraketStub


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], BraketStub]]:
    """Start the service with one device, and let the SDK find it."""
    running: list[BraketStub] = []

    def start(device: str) -> BraketStub:
        stub = BraketStub(device)
        running.append(stub.__enter__())
        for name, value in {
            "AWS_ACCESS_KEY_ID": stub.key,
            "AWS_SECRET_ACCESS_KEY": stub.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "AMZN_BRAKET_OUT_S3_BUCKET": BUCKET,
            "BRAKET_ENDPOINT": stub.url,
            "AWS_ENDPOINT_URL_S3": stub.url,
        }.items():
            monkeypatch.setenv(name, value)
        return stub

    yield start
    for it in running:
        it.__exit__(None, None, None)
