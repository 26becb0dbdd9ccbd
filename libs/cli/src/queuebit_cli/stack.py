"""What a supervisor writes down about its stack, for everyone who asks while it runs or after it died."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.files import read_json, write_private
from queuebit_cli.home import Home
from queuebit_cli.process import Identity, end

__all__ = ["CONTAINERS", "Running", "Stack", "in_order", "take_down", "wait_until"]

CONTAINERS = "containers"
"""The state of a stack that a container engine runs."""
_ORDERLY_S = 40.0


@dataclass(frozen=True, slots=True)
class Running:
    """One process as last seen by the supervisor."""

    pid: int | None = None
    start: int | None = None
    restarts: int = 0
    reason: str = ""
    """Why it ended the last time, while it is waiting to be started again."""

    @classmethod
    def of(cls, identity: Identity | None, restarts: int = 0, reason: str = "") -> Running:
        if identity is None:
            return cls(restarts=restarts, reason=reason)
        return cls(identity.pid, identity.start, restarts, reason)

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

    def save(self, home: Home) -> None:
        """Put it in place, whole."""
        write_private(home.stack_file, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, home: Home) -> Stack | None:
        """The last one that was saved."""
        found = read_json(home.stack_file)
        if found is None:
            return None
        processes = {name: Running(**it) for name, it in found["processes"].items()}
        return cls(found["state"], found["ports"], found["listens"], Running(**found["supervisor"]), processes)

    @property
    def supervised(self) -> bool:
        """Whether the supervisor lives."""
        return (identity := self.supervisor.identity) is not None and identity.alive

    @property
    def left(self) -> dict[str, Identity]:
        """Processes of this stack that live."""
        found = {name: it.identity for name, it in self.processes.items()}
        return {name: identity for name, identity in found.items() if identity is not None and identity.alive}


def take_down(home: Home, stack: Stack) -> list[str]:
    """End exactly what the stack started, services first, the bus last; return the names of what was running.

    A living supervisor does it itself; after one that died, what it left behind is ended here.

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
    """Who is ended together: services, then the warehouse, then the bus that all of them need."""
    last = ("warehouse", "nats-server")
    services = [identity for name, identity in processes.items() if name not in last]
    return [services, *([processes[name]] for name in last if name in processes)]


def wait_until(home: Home, seconds: float) -> Stack:
    """The stack once it is up, or the last that was seen of it."""
    deadline = time.monotonic() + seconds
    while True:
        stack = Stack.load(home)
        if stack is not None and (stack.state != "starting" or time.monotonic() > deadline):
            return stack
        time.sleep(0.05)
