"""One stack for all tests; each test has its own tenant."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.server import declared

NONSENSE = b'{"type": "qb.job.nonsense.v1", \xff'
PLACES = tuple(
    it.rpartition(".")[2] for queue in declared().durable.values() for it in queue.filters if ".placed." in it
)
WORDS = {
    "job": ("poison", "jpoison", ""),
    "command": ("poison", "jpoison"),
    "account": ("poison", "main", "jpoison"),
    "tenant": ("poison", "main"),
    "delegation": ("poison", "dpoison"),
    "session": ("poison", "spoison"),
    "hybrid": ("poison", "hpoison"),
    "bill": ("poison", "poison", "1"),
    "budget": ("poison", "poison"),
    "invoice": ("poison", "2099-01", "1"),
    "backend": ("aer", "poison"),
    "reservation": ("poison", "rpoison"),
    "access": ("poison", "gateway", "1"),
    "proof": ("main", "1"),
}
"""The values of the wildcards of a subject, by its noun; a placement has one value per backend."""
ANY_NOUN = ("poison", "1")

_number = itertools.count(1)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """The embedded stack, up, in an empty folder."""
    with EmbeddedStack(tmp_path_factory.mktemp("stack") / "home") as running:
        yield running


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory, stack: EmbeddedStack) -> Iterator[EmbeddedStack]:
    """A second stack, for tests that change it: malformed messages in the log, killed services, a restart."""
    del stack  # it is up already
    folder = tmp_path_factory.mktemp("second")
    (folder / "plugins").mkdir()
    with EmbeddedStack(folder / "home", folder / "plugins") as running:
        yield running


@pytest.fixture(scope="session")
def poisoned(second: EmbeddedStack) -> set[str]:
    """The subjects of the second stack with malformed messages: all that each user may write."""
    return asyncio.run(_poison(second))


@pytest.fixture
def tenant(stack: EmbeddedStack) -> str:
    """A tenant for one test, with a project `main`, an admin `me` and 100 USD."""
    name = f"team{next(_number)}"
    stack.qb("tenant", "add", name, "--budget", "100")
    return name


@pytest.fixture
def in_home(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code in this process finds the stack as that of a user: examples run here, without another start of Python."""
    monkeypatch.setenv("QUEUEBIT_HOME", str(stack.home))


@pytest.fixture(scope="session")
def circuits() -> Path:
    """The example circuits of the repository."""
    return Path(__file__).parents[2] / "examples" / "circuits"


async def _poison(stack: EmbeddedStack) -> set[str]:
    writers = {
        name: [it for pattern in party.appends for it in _subjects(pattern)]
        for name, party in declared().service.items()
    }
    for name, subjects in writers.items():
        client = await stack.connect(name)
        stream = client.jetstream(timeout=20)
        for subject in subjects:
            await stream.publish(subject, NONSENSE, stream="LOG")
        if name in declared().service:
            await stream.publish(f"qb.trace.{name}", NONSENSE, stream="TRACES")
        await client.close()
    return {subject for subjects in writers.values() for subject in subjects}


def _subjects(pattern: str) -> list[str]:
    """Return the subjects of a pattern of the topology."""
    words = iter(WORDS.get(pattern.split(".")[1], ANY_NOUN))
    tokens = [next(words) if token == "*" else token for token in pattern.split(".")]
    return [".".join([*tokens[:-1], it]) for it in PLACES] if tokens[-1] == "" else [".".join(tokens)]
