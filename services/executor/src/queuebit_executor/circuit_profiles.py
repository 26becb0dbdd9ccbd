"""Circuits parsed and compiled once, remembered by digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from queuebit_contracts.query import CircuitError
from queuebit_contracts.topology import COMPILED
from queuebit_contracts.wire import Payload, Reason
from queuebit_executor.answers import Declared, Described, Estimate, Profiled, Refused
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.ports import Asker, Circuits
from queuebit_executor.ttl_cache import TtlCache
from queuebit_kernel import Clock, digest
from queuebit_planning.fidelity import OPERATIONS
from queuebit_runtime.payloads import PayloadStore, describe

__all__ = ["A_WHILE_S", "CircuitProfiles", "Compiled"]

_REMEMBERED = 10_000
"""Circuits, and estimates, that are kept; about a kilobyte each."""

_INLINE = 4096
"""Bytes of operations that an answer carries itself: it names several backends, and an event has a limit."""

A_WHILE_S = 300.0
"""How long a circuit that took too long, or killed its child, is not tried again."""


class _Compilation(NamedTuple):
    tenant: str
    circuit: str
    backend: str
    target: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """A circuit compiled for one backend."""

    estimate: Estimate
    operations: Payload | None = None
    """Its operations, where a new calibration changes its ESP."""


class CircuitProfiles:
    """What children found out about circuits.

    Reading one and compiling it for each backend are steps of their own: one that takes too long costs only itself, and
    what a question found out before its asker gave up is there for the next. All of it is remembered for its tenant: a
    digest alone must not open the circuit of another, and the time of an answer must not say what another has asked.
    """

    def __init__(
        self, payloads: PayloadStore, circuits: Circuits, offers: Mapping[str, Described], clock: Clock
    ) -> None:
        self._payloads = payloads
        self._circuits = circuits
        self._offers = offers
        self._declared: TtlCache[tuple[str, str], Declared | CircuitError] = TtlCache(_REMEMBERED, clock)
        self._profiles: TtlCache[tuple[str, str], Profiled | CircuitError] = TtlCache(_REMEMBERED, clock)
        self._estimates: TtlCache[_Compilation, Compiled] = TtlCache(_REMEMBERED, clock)

    def profile(self, tenant: str, circuit: str) -> Profiled | CircuitError | None:
        """What is remembered of a circuit, by its digest."""
        return self._profiles.get((tenant, circuit))

    def compiled(self, tenant: str, circuit: str, backend: str) -> Compiled | None:
        """What is remembered of a circuit on a backend of this stack."""
        return self._estimates.get(self._key(tenant, circuit, backend))

    async def declared(self, source: bytes, asker: Asker) -> Declared | CircuitError:
        """What a circuit leaves open, and what it asks for."""
        key = asker.tenant, digest(source)
        if (known := self._declared.get(key)) is not None:
            return known
        found = await self._circuits.inputs(source, asker)
        answer = found.error if isinstance(found, Refused) else found
        self._declared.put(key, answer, _seconds(found) if isinstance(found, Refused) else inf)
        return answer

    async def read(self, circuit: BoundCircuit, asker: Asker) -> Profiled | CircuitError:
        """Parse a circuit, unless that is known."""
        key = asker.tenant, circuit.digest
        if (known := self._profiles.get(key)) is not None:
            return known
        found = await self._circuits.profile(circuit, asker)
        if isinstance(found, Refused):
            self._profiles.put(key, found.error, _seconds(found))
            return found.error
        self._profiles.put(key, found)
        return found

    async def compile(self, circuit: BoundCircuit, backend: str, asker: Asker) -> None:
        """Compile a circuit for a backend, unless that is known."""
        key = self._key(asker.tenant, circuit.digest, backend)
        if self._estimates.get(key) is not None:
            return
        found = await self._circuits.estimate(circuit, backend, asker)
        if isinstance(found, Refused):
            unfit = Reason(code=found.error.code, text=f"{backend}: {found.error.message}")
            self._estimates.put(key, Compiled(Estimate(backend=backend, unfit=unfit)), _seconds(found))
        else:
            operations = await self._operations(found)
            self._estimates.put(key, Compiled(found.model_copy(update={"operations": ""}), operations))

    async def _operations(self, found: Estimate) -> Payload | None:
        """Keep the operations of a device's compiled circuit where the scheduler finds them."""
        content = found.operations.encode()
        if not content:
            return None
        if len(content) <= _INLINE:
            return describe(content, OPERATIONS)
        return await self._payloads.store(COMPILED, content, OPERATIONS)

    def _key(self, tenant: str, circuit: str, backend: str) -> _Compilation:
        return _Compilation(tenant, circuit, backend, self._offers[backend].target)


def _seconds(refused: Refused) -> float:
    return inf if refused.lasting else A_WHILE_S
