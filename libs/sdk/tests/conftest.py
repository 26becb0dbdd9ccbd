"""A user of the SDK whose server no test reaches."""

import pytest

from queuebit import Credential
from queuebit_runtime.keys import new_seed


@pytest.fixture
def ann() -> Credential:
    return Credential("nats://nowhere", "acme", "ann", new_seed(), "p")
