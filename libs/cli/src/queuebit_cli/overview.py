"""How every process of a stack is, seen from outside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from queuebit_cli.probe import Look, get_json, look
from queuebit_cli.roster import NATS
from queuebit_cli.stack import Stack

__all__ = ["COLUMNS", "backlog", "overview", "row"]

COLUMNS = ("service", "pid", "listens", "healthy", "ready", "behind", "restarts")


def overview(stack: Stack) -> list[dict[str, object]]:
    """A row for each process, in the order of start."""
    names = list(stack.processes)
    with ThreadPoolExecutor(len(names) or 1) as pool:
        looks = list(pool.map(lambda name: _look(stack, name), names))
        waiting = backlog(stack)
    return [row(stack, name, seen, waiting.get(name, 0)) for name, seen in zip(names, looks, strict=True)]


def row(stack: Stack, name: str, seen: Look, waiting: int) -> dict[str, object]:
    """What is told about one process."""
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


def backlog(stack: Stack) -> dict[str, int]:
    """Messages that wait for each service in its durables."""
    from queuebit_contracts.topology import topology

    try:
        state: Any = get_json(stack.ports.get("nats-monitor", 0), "/jsz?consumers=1")  # the server's own document
        streams = [it for account in state.get("account_details", ()) for it in account.get("stream_detail", ())]
    except (OSError, ValueError):
        return {}
    waiting: dict[str, int] = {}
    for stream in streams:
        for consumer in stream.get("consumer_detail") or ():
            if (duty := topology().durable.get(consumer["name"])) is not None:
                left = int(consumer.get("num_pending", 0)) + int(consumer.get("num_ack_pending", 0))
                waiting[duty.service] = waiting.get(duty.service, 0) + left
    return waiting


def _look(stack: Stack, name: str) -> Look:
    identity = stack.processes[name].identity
    if identity is None:
        return Look(reason="not running")
    port = stack.ports.get("nats-monitor" if name == NATS else name, 0)
    seen = look(port, "/healthz" if name == NATS else "/readyz")
    if not seen.answered and identity.halted:
        return Look(reason=f"halted: kill -CONT {identity.pid} lets it go on")
    return seen
