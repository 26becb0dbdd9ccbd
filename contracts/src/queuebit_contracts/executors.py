"""Durables and permissions of an executor, derived from the catalogue, its stack and its backends.

Stacks are plugins, which no file of this repository lists. An installation knows which it has; `with_executors` adds
them to the topology that is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import TypeAdapter

from queuebit_contracts.alerts import AlertFired, AlertResolved
from queuebit_contracts.fleet import BackendDegraded, BackendIsolated, BackendReadmitted
from queuebit_contracts.job import JobCancelled, JobPlaced
from queuebit_contracts.subjects import USAGE_REQUEST, alive, profile
from queuebit_contracts.topology import Durable, Party, Topology
from queuebit_contracts.wildcards import appended_by, every
from queuebit_kernel import require_token

__all__ = ["MAX_ACK_PENDING", "ROLE", "Clash", "durable_of", "executor_of", "parse_stacks", "with_executors"]

ROLE: Final = "executor"
"""The name of all executors in the catalogue."""

MAX_ACK_PENDING: Final = 64
"""Placements of one backend that its executors have in hand, those included whose usage is not final yet."""


_STACKS: Final[TypeAdapter[dict[str, tuple[str, ...]]]] = TypeAdapter(dict[str, tuple[str, ...]])


class Clash(ValueError):
    """Two stacks claim the same backend, or backends whose durables would have the same name."""


def executor_of(stack: str) -> str:
    """The name on the bus of the service that runs a stack."""
    return f"{ROLE}-{require_token(stack, 'stack')}"


def durable_of(stack: str, backend: str) -> str:
    """The durable that delivers the placements of one backend.

    What the backend's name repeats of its stack is left out: `executor-aer`, `executor-ibm-torino`.
    """
    require_token(backend, "backend")
    own = "" if backend == stack else f"-{backend.removeprefix(f'emulated-{stack}-')}"
    return executor_of(stack) + own


def with_executors(base: Topology, stacks: Mapping[str, Sequence[str]]) -> Topology:
    """Return the topology with the executors of these stacks; `stacks` has the ids of the backends of each.

    Raises:
        Clash: two of them cannot be served side by side.
        InvalidId: a name cannot be one token of a subject.
    """
    service, durable, owner = dict(base.service), dict(base.durable), dict[str, str]()
    for stack, backends in stacks.items():
        service[executor_of(stack)] = _party(stack, backends)
        for backend in backends:
            name = durable_of(stack, backend)
            if backend in owner or name in durable:
                raise Clash(_refusal(stack, backend, owner.get(backend), durable))
            owner[backend] = stack
            filters = (every(JobPlaced, backend=backend),)
            durable[name] = Durable(service=executor_of(stack), filters=filters, max_ack_pending=MAX_ACK_PENDING)
    return base.model_copy(update={"service": service, "durable": durable})


def parse_stacks(body: bytes) -> dict[str, tuple[str, ...]]:
    """Read which backends each stack offers: a JSON object of arrays.

    Raises:
        pydantic.ValidationError: it is something else.
    """
    return _STACKS.validate_json(body)


def _refusal(stack: str, backend: str, other: str | None, durable: Mapping[str, Durable]) -> str:
    """Why a backend of a stack cannot be served: the stack `other` has it, or another backend has its durable."""
    if other is not None:
        taken = f"the stack {other} already offers a backend {backend}"
    else:
        name = durable_of(stack, backend)
        taken = f"{durable[name].service} already has the durable {name}"
    return f"the stack {stack} cannot offer the backend {backend}, because {taken}: offer only one of them"


def _party(stack: str, backends: Sequence[str]) -> Party:
    """Its facts, as the catalogue assigns them, and the questions that are addressed to it."""
    return Party(
        appends=tuple(appended_by(ROLE)),
        follows=(every(JobCancelled),),
        view=(
            every(AlertFired),
            every(AlertResolved),
            every(BackendIsolated),
            every(BackendReadmitted),
            every(BackendDegraded),
        ),
        answers=(profile(stack), USAGE_REQUEST, *map(alive, backends)),
        payloads="write",
    )
