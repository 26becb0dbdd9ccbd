"""The file `stack.json`, in which the supervisor records the state of its stack for other commands."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import read_json, write_private
from queuebit_stack.home import Home
from queuebit_stack.locks import holder
from queuebit_stack.place import Place
from queuebit_stack.process import Identity, end

__all__ = ["CONTAINERS", "Running", "Stack", "in_order", "running_stack", "take_down"]

CONTAINERS = "containers"
"""The state of a stack that a container engine runs."""
_BUS = "nats-server"
_ORDERLY_S = 40.0
_REWRITTEN_S = 5.0
"""How long a supervisor may take to replace a damaged file."""


@dataclass(frozen=True, slots=True)
class Running:
    """One process as last seen by the supervisor."""

    pid: int | None = None
    start: int | None = None
    restarts: int = 0
    reason: str = ""
    """Why it ended the last time, while it waits for its restart."""
    last_end: str = ""
    """How it ended the last time; kept after the restart."""

    @classmethod
    def of(cls, identity: Identity | None, restarts: int = 0, reason: str = "", last_end: str = "") -> Running:
        pid, start = (None, None) if identity is None else (identity.pid, identity.start)
        return cls(pid, start, restarts, reason, last_end)

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Running:  # JSON of any version: unknown fields are ignored
        pid, start = (None if fields[name] is None else int(fields[name]) for name in ("pid", "start"))
        return cls(pid, start, int(fields["restarts"]), str(fields["reason"]), str(fields.get("last_end", "")))

    @property
    def identity(self) -> Identity | None:
        return None if self.pid is None or self.start is None else Identity(self.pid, self.start)


@dataclass(frozen=True, slots=True)
class Stack:
    """The file `stack.json`."""

    state: str
    """`starting`, `up`, `stopping` or `down`; or `containers`."""
    ports: dict[str, int]
    listens: dict[str, str]
    supervisor: Running = Running()
    processes: dict[str, Running] = field(default_factory=dict)
    place: Place | None = None
    """The home it was written in; older versions have none."""

    def save(self, home: Home) -> None:
        """Write it to the home in one step."""
        here = replace(self, place=Place.of(home.root))
        write_private(home.stack_file, json.dumps(asdict(here), indent=1) + "\n")
        targets = json.dumps(self.scrape_targets(), indent=1) + "\n"
        if not home.scrape_file.exists() or home.scrape_file.read_text() != targets:
            write_private(home.scrape_file, targets)

    def scrape_targets(self) -> list[dict[str, object]]:
        """What Prometheus's `file_sd_configs` reads: the health port of each process, which has its metrics.

        nats-server is not among them: it has no such port.
        """
        ports = {name: self.ports[name] for name in sorted(self.processes) if name in self.ports and name != _BUS}
        return [{"targets": [f"127.0.0.1:{port}"], "labels": {"process": name}} for name, port in ports.items()]

    @classmethod
    def load(cls, home: Home) -> Stack | None:
        """Read the file; None if it is missing or damaged. Waits for a running supervisor to replace a damaged file.

        Raises:
            Stop: the running supervisor does not replace it in time.
        """
        deadline = time.monotonic() + _REWRITTEN_S
        while (stack := _read(home)) is None and (who := holder(home.lock_file)) not in (None, os.getpid()):
            if time.monotonic() > deadline:
                raise Stop(
                    Exit.UNREACHABLE,
                    f"{home.stack_file} cannot be read, and process {who}, which runs the stack, does not replace "
                    f"it: end that process, then {home.command('up')}",
                )
            time.sleep(0.05)
        if stack is None or stack.place is None:
            return stack
        here = Place.of(home.root)
        if stack.place.same_folder(here) and stack.place.boot == here.boot:
            return stack
        return replace(
            stack, supervisor=Running(), processes={}
        )  # the processes belong to another home, or to an earlier boot

    def original(self, home: Home) -> Place | None:
        """The home that this one is a copy of, if that still exists."""
        place = self.place
        if place is None or place.same_folder(Place.of(home.root)) or not place.still_there:
            return None
        return place

    @property
    def supervised(self) -> bool:
        """Whether the supervisor runs."""
        return (identity := self.supervisor.identity) is not None and identity.alive

    @property
    def left(self) -> dict[str, Identity]:
        """Running processes of this stack."""
        found = {name: it.identity for name, it in self.processes.items()}
        return {name: identity for name, identity in found.items() if identity is not None and identity.alive}

    @property
    def in_containers(self) -> bool:
        """Whether a container engine runs it."""
        return self.state == CONTAINERS

    @property
    def overview_command(self) -> str:
        """The command that shows its processes."""
        return "`docker compose ps`" if self.in_containers else "`qb status`"


def running_stack(home: Home) -> Stack:
    """The stack of a home that runs according to its files.

    Raises:
        Stop: it is down, or was never started here.
    """
    home.require()
    stack = Stack.load(home)
    if stack is None or not (stack.in_containers or stack.supervised or stack.left):
        raise Stop(Exit.UNREACHABLE, f"the stack in {home.root} is down: start it with {home.command('up')}")
    return stack


def take_down(home: Home, stack: Stack) -> list[str]:
    """End exactly what the stack started, services first, the bus last; return the names of what was running.

    A running supervisor does this itself; after a killed supervisor, the remaining processes are ended here.

    Raises:
        Stop: something could not be ended.
    """
    running = list(stack.left)
    supervisor = stack.supervisor.identity
    if supervisor is not None and supervisor.alive:
        end([supervisor], _ORDERLY_S)
        stack = Stack.load(home) or stack
    for group in in_order(stack.left):
        end(group)
    if left := stack.left:
        raise Stop(Exit.UNREACHABLE, f"still running: {', '.join(left)}; look at them with ps, then run qb down again")
    Stack("down", stack.ports, stack.listens).save(home)
    return running


def in_order(processes: dict[str, Identity]) -> list[list[Identity]]:
    """Groups of processes in order of their end: services, then the warehouse, then the bus that all need."""
    last = ("warehouse", "nats-server")
    services = [identity for name, identity in processes.items() if name not in last]
    return [services, *([processes[name]] for name in last if name in processes)]


def _read(home: Home) -> Stack | None:
    if (found := read_json(home.stack_file)) is None:
        return None
    try:
        return Stack(
            str(found["state"]),
            {name: int(port) for name, port in found["ports"].items()},
            {name: str(address) for name, address in found["listens"].items()},
            Running.read(found["supervisor"]),
            {name: Running.read(it) for name, it in found["processes"].items()},
            None if found.get("place") is None else Place.read(found["place"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
