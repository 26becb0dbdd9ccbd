"""One warehouse for all tests of views: each test, and each drawn example, has a tenant of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .scenario import scenario
from .warehouse import Warehouse


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse without events."""
    running = Warehouse(tmp_path_factory.mktemp("analytics"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The scenario, each row twice, as after a token that was forgotten."""
    running = Warehouse(tmp_path_factory.mktemp("scenario"))
    running.fill(scenario(), twice=True)
    yield running
    running.stop()
