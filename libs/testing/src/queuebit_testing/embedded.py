"""The whole embedded stack for a test: real processes under their supervisor, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["EmbeddedStack"]


class EmbeddedStack:
    """A stack on free ports. Use it as `with EmbeddedStack(folder) as stack`; it is ended, and its data stay."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __enter__(self) -> EmbeddedStack:
        self.qb("up", "--detach", "--ports", "auto")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.qb("down")

    def qb(self, *words: str, accept: tuple[int, ...] = (0,), timeout: float = 120) -> str:
        """Run a command and return what it printed.

        Raises:
            RuntimeError: its exit code is none of `accept`.
        """
        argv = [sys.executable, "-m", "queuebit_cli", *words, "--home", str(self.home)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode not in accept:
            raise RuntimeError(f"qb {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def ask(self, *words: str, accept: tuple[int, ...] = (0,), timeout: float = 120) -> Any:  # any JSON
        """Run a command with `--json` and return the document."""
        return json.loads(self.qb(*words, "--json", accept=accept, timeout=timeout))

    def pid(self, name: str) -> int | None:
        """The process of a service now; none while it waits to be started again."""
        found: int | None = json.loads((self.home / "stack.json").read_text())["processes"][name]["pid"]
        return found

    def names(self) -> list[str]:
        """Every process that the supervisor keeps running."""
        return list(json.loads((self.home / "stack.json").read_text())["processes"])

    def kill(self, name: str) -> bool:
        """End a process as a crash would; say whether there was one to end."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def until(self, ready: bool, seconds: float = 60) -> list[dict[str, Any]]:
        """Wait until all services are ready, or until one is not; return what `qb status` says of each."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.ask("status", accept=(0, 4))
            if status["ready"] is ready:
                return list(status["services"])
            if time.monotonic() > deadline:
                raise TimeoutError(f"the stack is {'not' if ready else 'still'} ready after {seconds:g} s: {status}")
