"""A device whose jobs run in this process."""

from collections.abc import Callable
from typing import Any

import pennylane as qml
import pytest

from queuebit import Client
from queuebit_pennylane import QueuebitDevice


@pytest.fixture
def device(client: Client) -> Callable[..., QueuebitDevice]:
    """Make a device as PennyLane does, by its name."""

    def make(wires: Any = None, **options: Any) -> QueuebitDevice:  # as `qml.device`
        found = qml.device("queuebit", wires=wires, client=client, **options)
        assert isinstance(found, QueuebitDevice)
        return found

    return make
