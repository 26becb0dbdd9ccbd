"""A notebook's session whose jobs run in this process."""

from collections.abc import Iterator

import pytest

from queuebit import AsyncClient
from queuebit_jupyter import Session
from queuebit_testing.local_platform import LocalPlatform, local_credential


@pytest.fixture
def session(platform: LocalPlatform) -> Iterator[Session]:
    session = Session(AsyncClient(local_credential(), transport=platform))
    yield session
    session.close()
