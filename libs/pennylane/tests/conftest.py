"""A device whose jobs run in this process."""

from collections.abc import Callable, Iterator
from typing import Any

import pennylane as qml
import pytest

from queuebit import Client
from queuebit_pennylane import QueuebitDevice
from queuebit_testing.local_platform import LocalPlatform, local_credential


@pytest.fixture
def platform() -> LocalPlatform:
    return LocalPlatform()


@pytest.fixture
def client(platform: LocalPlatform) -> Iterator[Client]:
    with Client(local_credential(), transport=platform) as client:
        yield client


@pytest.fixture
def device(client: Client) -> Callable[..., QueuebitDevice]:
    """Make a device as PennyLane does, by its name."""

    def make(wires: Any = None, **options: Any) -> QueuebitDevice:  # as `qml.device`
        found = qml.device("queuebit", wires=wires, client=client, **options)
        assert isinstance(found, QueuebitDevice)
        return found

    return make
