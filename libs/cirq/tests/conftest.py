"""A sampler whose jobs run in this process."""

from collections.abc import Iterator

import pytest

from queuebit import Client
from queuebit_cirq import QueuebitSampler


@pytest.fixture
def sampler(client: Client) -> Iterator[QueuebitSampler]:
    with QueuebitSampler(client) as sampler:
        yield sampler
