"""A sampler whose jobs run in this process."""

from collections.abc import Iterator

import pytest

from queuebit import Client, Credential
from queuebit_cirq import QueuebitSampler
from queuebit_runtime.keys import new_seed
from queuebit_testing.local_platform import LocalPlatform


@pytest.fixture
def platform() -> LocalPlatform:
    return LocalPlatform()


@pytest.fixture
def client(platform: LocalPlatform) -> Iterator[Client]:
    credential = Credential("nats://nowhere", "acme", "ann", new_seed(), "p")
    with Client(credential, transport=platform) as client:
        yield client


@pytest.fixture
def sampler(client: Client) -> Iterator[QueuebitSampler]:
    with QueuebitSampler(client) as sampler:
        yield sampler
