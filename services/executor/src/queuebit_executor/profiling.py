"""Queries about circuits: parsed and compiled once, remembered by digest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf
from typing import NamedTuple
from weakref import WeakValueDictionary

from queuebit_contracts.query import BackendEstimate, CircuitError, ProfileAnswer, ProfileRequest
from queuebit_contracts.topology import COMPILED
from queuebit_contracts.wire import Payload, Reason
from queuebit_executor.answers import Described, Estimate, Profiled, Refused
from queuebit_executor.policy import Allowance, quoted
from queuebit_executor.ports import Asker, Circuits
from queuebit_executor.ttl_cache import TtlCache
from queuebit_kernel import Clock, digest
from queuebit_planning.fidelity import OPERATIONS
from queuebit_runtime.payloads import Missing, PayloadStore, describe

__all__ = ["A_WHILE_S", "AnswerProfile"]

_REMEMBERED = 10_000
"""Circuits, and estimates, that are kept; about a kilobyte each."""

_INLINE = 4096
"""Bytes of operations that an answer carries itself: it names several backends, and an event has a limit."""

A_WHILE_S = 300.0
"""How long a circuit that took too long, or killed its child, is not tried again."""


class _Compilation(NamedTuple):
    circuit: str
    backend: str
    target: str


class _Compiled(NamedTuple):
    estimate: Estimate
    operations: Payload | None = None


class AnswerProfile:
    """Say what a circuit needs and what it would take on each backend, or what is wrong with it.

    Reading it and compiling it for each backend are steps of their own: one that takes too long costs only itself, and
    what a question found out before its asker gave up is there for the next.
    """

    def __init__(
        self,
        payloads: PayloadStore,
        circuits: Circuits,
        offers: Sequence[Described],
        clock: Clock,
        allowance: Allowance,
    ) -> None:
        self._payloads = payloads
        self._circuits = circuits
        self._offers = {offer.backend: offer for offer in offers}
        self._allowance = allowance
        self._seen: TtlCache[tuple[str, str], Profiled | CircuitError] = TtlCache(_REMEMBERED, clock)
        self._estimates: TtlCache[_Compilation, _Compiled] = TtlCache(_REMEMBERED, clock)
        self._busy: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def remembered(self, request: ProfileRequest) -> ProfileAnswer | None:
        """The answer, if it needs no child."""
        circuit = request.circuit
        if circuit.inline is not None and digest(circuit.inline.encode()) != circuit.digest:
            return _refusal("digest", f"the source does not have the digest {circuit.digest}: send it again")
        match self._seen.get((request.tenant, circuit.digest)):
            case CircuitError() as error:
                return ProfileAnswer(error=error)
            case Profiled() as found if not self._missing(request):
                return self._answer(request, found)
        return None

    async def __call__(self, request: ProfileRequest, begin_by: float | None = None) -> ProfileAnswer:
        """Answer; `begin_by` is when it is too late to begin a further step, on the event loop's clock.

        Raises:
            Unavailable: the payload store or the children cannot say now; asking again may help.
        """
        async with self._busy.setdefault((request.tenant, request.circuit.digest), asyncio.Lock()):
            if (known := self.remembered(request)) is not None:
                return known
            try:
                source = await self._payloads.get(request.tenant, request.circuit)
            except Missing as missing:
                return _refusal(missing.code, str(missing))
            asker = Asker(request.tenant, begin_by)
            found = await self._read(request, source, asker)
            if isinstance(found, CircuitError):
                return ProfileAnswer(error=found)
            for backend in self._missing(request):
                await self._compile(request, source, backend, asker)
            return self._answer(request, found)

    async def _read(self, request: ProfileRequest, source: bytes, asker: Asker) -> Profiled | CircuitError:
        circuit = (request.tenant, request.circuit.digest)
        if (known := self._seen.get(circuit)) is not None:
            return known
        found = await self._circuits.profile(source, asker)
        if isinstance(found, Refused):
            self._seen.put(circuit, found.error, _seconds(found))
            return found.error
        self._seen.put(circuit, found)
        return found

    async def _compile(self, request: ProfileRequest, source: bytes, backend: str, asker: Asker) -> None:
        found = await self._circuits.estimate(source, backend, asker)
        if isinstance(found, Refused):
            unfit = Reason(code=found.error.code, text=f"{backend}: {found.error.message}")
            self._estimates.put(
                self._key(request, backend), _Compiled(Estimate(backend=backend, unfit=unfit)), _seconds(found)
            )
        else:
            self._estimates.put(self._key(request, backend), _Compiled(found, await self._operations(found)))

    async def _operations(self, found: Estimate) -> Payload | None:
        """Keep the operations of a device's compiled circuit where the scheduler finds them."""
        content = found.operations.encode()
        if not content:
            return None
        if len(content) <= _INLINE:
            return describe(content, OPERATIONS)
        return await self._payloads.store(COMPILED, content, OPERATIONS)

    def _missing(self, request: ProfileRequest) -> list[str]:
        asked = request.backends or self._offers
        return [it for it in asked if it in self._offers and self._estimates.get(self._key(request, it)) is None]

    def _key(self, request: ProfileRequest, backend: str) -> _Compilation:
        return _Compilation(request.circuit.digest, backend, self._offers[backend].target)

    def _answer(self, request: ProfileRequest, found: Profiled) -> ProfileAnswer:
        estimates = tuple(self._estimate(request, found, backend) for backend in request.backends or self._offers)
        return ProfileAnswer(profile=found.profile, estimates=estimates)

    def _estimate(self, request: ProfileRequest, found: Profiled, backend: str) -> BackendEstimate:
        offer = self._offers.get(backend)
        compiled = self._estimates.get(self._key(request, backend)) if offer else None
        if offer is None or compiled is None:
            return BackendEstimate(
                backend=backend, unfit=Reason(code="unknown_backend", text=f"{backend} is not run here")
            )
        return quoted(compiled.estimate, offer, request.shots, self._allowance, compiled.operations)


def _seconds(refused: Refused) -> float:
    return inf if refused.lasting else A_WHILE_S


def _refusal(code: str, message: str) -> ProfileAnswer:
    return ProfileAnswer(error=CircuitError(code=code, message=message))
