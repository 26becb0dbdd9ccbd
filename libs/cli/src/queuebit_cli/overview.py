"""How every process of a stack is, seen from outside."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from queuebit_cli import nats_server
from queuebit_cli.home import Home
from queuebit_cli.probe import Look, look
from queuebit_cli.roster import NATS
from queuebit_cli.stack import Stack

__all__ = ["COLUMNS", "overview"]

COLUMNS = ("service", "pid", "listens", "healthy", "ready", "behind", "restarts")


def overview(home: Home, stack: Stack) -> list[dict[str, object]]:
    """A row for each process, in the order of start."""
    names = list(stack.processes)
    with ThreadPoolExecutor(len(names) or 1) as pool:
        looks = list(pool.map(lambda name: _look(home, stack, name), names))
    waiting = _waiting(home, stack)
    return [_row(stack, name, seen, waiting[name]) for name, seen in zip(names, looks, strict=True)]


def _row(stack: Stack, name: str, seen: Look, waiting: int) -> dict[str, object]:
    process = stack.processes[name]
    return {
        "service": name,
        "pid": process.pid,
        "listens": stack.listens.get(name, ""),
        "healthy": seen.healthy,
        "ready": seen.ready,
        "behind": seen.behind + waiting,
        "restarts": process.restarts,
        "reason": process.reason or seen.reason,
    }


def _waiting(home: Home, stack: Stack) -> Counter[str]:
    """Messages that wait for each service in its durables."""
    from queuebit_contracts.topology import topology

    waiting = Counter[str]()
    for name, count in nats_server.backlog(home.seed_file("system"), stack.ports.get(NATS, 0)).items():
        if (duty := topology().durable.get(name)) is not None:
            waiting[duty.service] += count
    return waiting


def _look(home: Home, stack: Stack, name: str) -> Look:
    identity = stack.processes[name].identity
    if identity is None:
        return Look(reason="not running")
    port = stack.ports.get(name, 0)
    seen = nats_server.health(home.seed_file("system"), port) if name == NATS else look(port)
    if not seen.answered and identity.halted:
        return Look(reason=f"halted: kill -CONT {identity.pid} lets it go on")
    return seen
