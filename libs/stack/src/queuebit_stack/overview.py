"""The health of every process of a stack, as seen from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_stack import nats_server
from queuebit_stack.home import Home
from queuebit_stack.probe import Look, look
from queuebit_stack.process_specs import NATS, service_of
from queuebit_stack.stack import Stack

if TYPE_CHECKING:
    from queuebit_stack.supervisor import Supervisor

__all__ = ["COLUMNS", "columns", "inside", "overview", "remarks", "sealing_trouble"]

COLUMNS = ("service", "pid", "listens", "healthy", "ready", "behind", "restarts")


def overview(home: Home, stack: Stack) -> list[dict[str, object]]:
    """A row for each process, in the order of start."""
    names = list(stack.processes)
    with ThreadPoolExecutor(len(names) or 1) as pool:
        looks = list(pool.map(lambda name: _look(home, stack, name), names))
    backlog = nats_server.backlog(home.seed_file("system"), stack.ports.get(NATS, 0))
    return [_row(home, stack, name, seen, backlog) for name, seen in zip(names, looks, strict=True)]


def inside(supervisor: Supervisor) -> list[dict[str, object]]:
    """A row for each process, as its supervisor sees it."""
    return [
        {
            "service": child.spec.name,
            "pid": child.identity.pid if child.identity else None,
            "listens": child.spec.listens,
            "ready": child.seen.ready,
            "restarts": child.restarts or None,
            "state": child.reason or child.seen.reason or (f"{child.seen.behind} behind" if child.seen.behind else ""),
        }
        for child in supervisor.children
    ]


def columns(rows: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """The columns of a table of these processes; with the role of each, if one is a standby."""
    return (*COLUMNS, "role") if any(row["role"] == "standby" for row in rows) else COLUMNS


def remarks(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Why processes are not ready, and why they were restarted."""
    found = []
    for row in rows:
        again = f"restarted because it {row['last_end']}" if row["restarts"] and row["last_end"] else ""
        now = str(row["reason"])
        if why := "; ".join(filter(None, (now, again if now != row["last_end"] else ""))):
            found.append(f"{row['service']}: {why}")
    return found


def sealing_trouble(root: Path) -> str | None:
    """Why no receipts are issued now, if the stack in this folder says so."""
    stack = Stack.load(home) if (home := Home(root)).initialised else None
    if stack is None or "provenance" not in stack.processes:
        return None
    reason = stack.processes["provenance"].reason or look(stack.ports["provenance"]).reason
    return f"for its receipt: {reason}" if reason else None


def _row(home: Home, stack: Stack, name: str, seen: Look, backlog: Mapping[str, int]) -> dict[str, object]:
    process = stack.processes[name]
    return {
        "service": name,
        "pid": process.pid,
        "listens": stack.listens.get(name, ""),
        "healthy": seen.healthy,
        "ready": seen.ready,
        "behind": _behind(home, name, seen, backlog),
        "restarts": process.restarts,
        "role": {True: "leader", False: "standby", None: ""}[seen.leads],
        "reason": process.reason or seen.reason,
        "last_end": process.last_end,
    }


def _behind(home: Home, service: str, seen: Look, backlog: Mapping[str, int]) -> int:
    """Messages that wait for a service: in its consumers and its view; the server counts a silent service's view."""
    from queuebit_contracts.topology import view_consumers
    from queuebit_stack.stacks import home_topology

    service = service_of(service)
    waiting = sum(backlog.get(name, 0) for name in home_topology(home).durables_of(service))
    if seen.answered:
        return waiting + seen.behind
    return waiting + max(backlog.get(name, 0) for name in view_consumers(service))


def _look(home: Home, stack: Stack, name: str) -> Look:
    identity = stack.processes[name].identity
    if identity is None:
        return Look(reason="not running")
    port = stack.ports.get(name, 0)
    seen = nats_server.health(home.seed_file("system"), port) if name == NATS else look(port)
    if not seen.answered and identity.stopped:
        return Look(reason=f"stopped by a signal: kill -CONT {identity.pid} resumes it")
    return seen
