"""A device whose jobs run in this process."""

from collections.abc import Iterator

import pytest

from queuebit import Client
from queuebit_braket import QueuebitDevice
from queuebit_testing.local_platform import LocalPlatform, local_credential


@pytest.fixture
def platform() -> LocalPlatform:
    return LocalPlatform()


@pytest.fixture
def client(platform: LocalPlatform) -> Iterator[Client]:
    with Client(local_credential(), transport=platform) as client:
        yield client


@pytest.fixture
def device(client: Client) -> Iterator[QueuebitDevice]:
    with QueuebitDevice(client=client) as device:
        yield device
