"""One stack for all stories; each story has a tenant of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

_number = itertools.count(1)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """The embedded stack, up, in an empty folder."""
    with EmbeddedStack(tmp_path_factory.mktemp("stack") / "home") as running:
        yield running


@pytest.fixture
def tenant(stack: EmbeddedStack) -> str:
    """A tenant that nobody else uses, with a project `main`, an admin `me` and 100 USD."""
    name = f"team{next(_number)}"
    stack.qb("tenant", "add", name, "--budget", "100")
    return name


@pytest.fixture(scope="session")
def circuits() -> Path:
    """The circuits that a reader of the repository finds first."""
    return Path(__file__).parents[2] / "examples" / "circuits"
