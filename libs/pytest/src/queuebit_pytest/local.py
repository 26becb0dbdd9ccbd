"""Simulators of this machine, and a stack for one session."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from queuebit import InvalidInput, Unreachable
from queuebit_ci.offline import OfflinePlatform

__all__ = ["Local", "running_stack"]

_QB = "queuebit_cli"


class Local:
    """Runs circuits in a child process; it starts with the first circuit, and is used for all others."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._platform: OfflinePlatform | None = None

    def __enter__(self) -> Local:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._platform is not None:
            self._loop.run_until_complete(self._platform.__aexit__(None, None, None))
        self._loop.close()

    def counts(
        self, circuit: object, *, shots: int = 1000, seed: int = 0, backend: str | None = None
    ) -> Mapping[str, int]:
        """The counts of a circuit.

        Args:
            circuit: as for `Client.submit`; a single circuit.
            shots: how often to run it.
            seed: of the simulation; the same seed gives the same counts.
            backend: a simulator or an emulated device; default: the ideal simulator `aer`.

        Raises:
            InvalidInput: it cannot run here.
        """
        self._platform = self._platform or OfflinePlatform()
        return self._loop.run_until_complete(self._platform.counts(circuit, shots, seed, backend))


@contextmanager
def running_stack(home: Path) -> Iterator[Path]:
    """Start a stack on free ports, and stop it at the end.

    Raises:
        InvalidInput: `qb` is not installed here.
        Unreachable: the stack did not start.
    """
    if find_spec(_QB) is None:
        raise InvalidInput("--qb-start needs the package queuebit-cli: install it, or name a stack with --qb-home")
    _qb(home, "up", "--detach", "--ports", "auto")
    try:
        yield home
    finally:
        _qb(home, "down")


def _qb(home: Path, *words: str) -> None:
    command = [sys.executable, "-m", _QB, *words, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unreachable(f"`qb {words[0]}` ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
