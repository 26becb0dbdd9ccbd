"""A separate stack per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[EmbeddedStack]:
    """The embedded stack, up, in an empty folder."""
    with EmbeddedStack(tmp_path / "home") as running:
        yield running
