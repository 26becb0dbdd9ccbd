"""A device whose jobs run in this process."""

from collections.abc import Iterator

import pytest

from queuebit import Client
from queuebit_braket import QueuebitDevice


@pytest.fixture
def device(client: Client) -> Iterator[QueuebitDevice]:
    with QueuebitDevice(client=client) as device:
        yield device
