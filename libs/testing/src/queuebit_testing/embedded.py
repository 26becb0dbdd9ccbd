"""The complete embedded stack for a test: real processes under their supervisor, in a separate folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import nats
from nats.aio.client import Client

from queuebit_contracts.topology import inbox_of
from queuebit_testing.forked import copies

__all__ = ["EmbeddedStack"]

_POLL_S = 0.2
"""Seconds between two looks at a stack that starts: each takes processor time, of which the start needs all."""
_PYTHON = 2
"""The words of a command line before its module: `python -m`."""
_COMMANDS = ("doctor", "jobs", "queries", "receipts", "sql", "stack", "submit", "tenancy", "tokens")
_IMPORTED = (
    *("queuebit_cli.main", *(f"queuebit_cli.commands.{it}" for it in _COMMANDS)),
    *("queuebit_stack.connection", "queuebit_stack.tenants_file", "queuebit_stack.overview", "queuebit_stack.start"),
    *("queuebit.client", "queuebit.nats_transport", "queuebit.program_files", "queuebit.job", "queuebit.receipts"),
    *("queuebit_runtime.harden", "queuebit_runtime.keys", "queuebit_runtime.payloads", "queuebit_proof"),
)
"""What most commands import."""


class EmbeddedStack:
    """A stack on free ports. Use `with EmbeddedStack(folder) as stack`; the end stops it and keeps its data."""

    def __init__(self, home: Path, plugins: Path | None = None) -> None:
        """Prepare the stack; entering the context starts it.

        Args:
            home: the folder of the stack.
            plugins: a folder for additional packages, which can be installed before the start or while the stack runs.
        """
        self.home = home
        self.plugins = plugins

    def __enter__(self) -> EmbeddedStack:
        self.qb("up", "--detach", "--ports", "auto")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.qb("down")

    def qb(self, *words: str, accept: tuple[int, ...] = (0,), timeout: float = 120) -> str:
        """Run a command and return its output.

        Raises:
            RuntimeError: its exit code is not in `accept`.
        """
        done = self.run(*words, timeout=timeout)
        if done.returncode not in accept:
            raise RuntimeError(f"qb {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def run(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with any exit code, in a copy of a process that has imported `qb`."""
        program, *arguments = self.argv(*words)[_PYTHON:]
        return copies(*_IMPORTED).run(program, *arguments, env=self._environment(), timeout=timeout)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **({"PYTHONPATH": str(self.plugins)} if self.plugins else {})}

    def argv(self, *words: str) -> list[str]:
        """Return the argument list of a command on this stack."""
        return [sys.executable, "-m", "queuebit_cli", *words, "--home", str(self.home)]

    def ask(self, *words: str, accept: tuple[int, ...] = (0,), timeout: float = 120) -> Any:  # any JSON
        """Run a command with `--json` and return the document."""
        return json.loads(self.qb(*words, "--json", accept=accept, timeout=timeout))

    def submit(self, *words: str, accept: tuple[int, ...] = (0,), timeout: float = 120) -> list[dict[str, Any]]:
        """Run `qb submit --wait` and return its document for each file."""
        output = self.qb("submit", *words, "--wait", "--json", accept=accept, timeout=timeout)
        return [json.loads(line) for line in output.splitlines()]

    async def connect(self, name: str, error_cb: Callable[[Exception], Awaitable[None]] | None = None) -> Client:
        """Connect to the message bus as a service, as `operator`, or as `<tenant>/<user>`."""
        tenant, _, user = name.rpartition("/")
        if tenant:
            seed = tomllib.loads((self.home / "credentials" / f"{tenant}-{user}.toml").read_text())["seed"]
        else:
            seed = (self.home / "secrets" / f"{user}.seed").read_text().strip()
        prefix = inbox_of(user, tenant or None).encode()
        return await nats.connect(
            self.listens("nats-server"), nkeys_seed_str=seed, inbox_prefix=prefix, error_cb=error_cb
        )

    def listens(self, name: str) -> str:
        """Return the address on which a process listens."""
        return str(json.loads((self.home / "stack.json").read_text())["listens"][name])

    def pid(self, name: str) -> int | None:
        """Return the process id of a service; None while it waits for its restart."""
        found: int | None = json.loads((self.home / "stack.json").read_text())["processes"][name]["pid"]
        return found

    def supervisor(self) -> int:
        """Return the process id of the supervisor."""
        return int(json.loads((self.home / "stack.json").read_text())["supervisor"]["pid"])

    def names(self) -> list[str]:
        """Return the names of all processes of the supervisor."""
        return list(json.loads((self.home / "stack.json").read_text())["processes"])

    def kill(self, name: str) -> bool:
        """Kill a process; return whether there was one."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def until(self, ready: bool, seconds: float = 60) -> list[dict[str, Any]]:
        """Wait until all services are ready, or until one is not; return the services in `qb status`."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.ask("status", accept=(0, 4))
            if status["ready"] is ready:
                return list(status["services"])
            if time.monotonic() > deadline:
                raise TimeoutError(f"the stack is {'not' if ready else 'still'} ready after {seconds:g} s: {status}")
            time.sleep(_POLL_S)
