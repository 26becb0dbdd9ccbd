"""A sampler whose jobs run in this process."""

from collections.abc import Iterator

import pytest

from queuebit import Client
from queuebit_cirq import QueuebitSampler
from queuebit_testing.local_platform import LocalPlatform, local_credential


@pytest.fixture
def platform() -> LocalPlatform:
    return LocalPlatform()


@pytest.fixture
def client(platform: LocalPlatform) -> Iterator[Client]:
    with Client(local_credential(), transport=platform) as client:
        yield client


@pytest.fixture
def sampler(client: Client) -> Iterator[QueuebitSampler]:
    with QueuebitSampler(client) as sampler:
        yield sampler
