"""Queries about what a job runs: a circuit, or a program of several items."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from weakref import WeakValueDictionary

from queuebit_contracts.program import CIRCUITS, PROGRAM
from queuebit_contracts.query import BackendEstimate, CircuitError, ProfileAnswer, ProfileRequest
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Described, Profiled
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.circuit_profiles import CircuitProfiles
from queuebit_executor.policy import Allowance, quoted
from queuebit_executor.ports import Asker, Circuits
from queuebit_executor.program_profiling import ProgramProfiles
from queuebit_kernel import Clock, digest
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["AnswerProfile"]


class AnswerProfile:
    """Say what a circuit or a program needs and what it would take on each backend, or what is wrong with it."""

    def __init__(
        self,
        payloads: PayloadStore,
        circuits: Circuits,
        offers: Sequence[Described],
        clock: Clock,
        allowance: Allowance,
    ) -> None:
        self._payloads = payloads
        self._offers = {offer.backend: offer for offer in offers}
        self._allowance = allowance
        self._profiles = CircuitProfiles(payloads, circuits, self._offers, clock)
        self._programs = ProgramProfiles(payloads, self._profiles, self._offers, clock, allowance)
        self._busy: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def remembered(self, request: ProfileRequest) -> ProfileAnswer | None:
        """The answer, if it needs no child."""
        circuit = request.circuit
        if circuit.inline is not None and digest(circuit.inline.encode()) != circuit.digest:
            return _refusal("digest", f"the source does not have the digest {circuit.digest}: send it again")
        if circuit.media_type == PROGRAM:
            return self._programs.remembered(request)
        if circuit.media_type not in CIRCUITS:
            known = f"send a circuit as {' or '.join(sorted(CIRCUITS))}, or a program as {PROGRAM}"
            return _refusal("media_type", f"{circuit.media_type:.80} is not supported: {known}")
        match self._profiles.profile(request.tenant, circuit.digest):
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
            asker = Asker(request.tenant, begin_by)
            if request.circuit.media_type == PROGRAM:
                return await self._programs(request, asker)
            try:
                circuit = BoundCircuit(await self._payloads.get(request.tenant, request.circuit))
            except Missing as missing:
                return _refusal(missing.code, str(missing))
            found = await self._profiles.read(circuit, asker)
            if isinstance(found, CircuitError):
                return ProfileAnswer(error=found)
            for backend in self._missing(request):
                await self._profiles.compile(circuit, backend, asker)
            return self._answer(request, found)

    def offer(self, described: Described) -> None:
        """Estimate for the current calibration of a backend; compiles circuits again if it changed."""
        self._offers[described.backend] = described

    def _missing(self, request: ProfileRequest) -> list[str]:
        asked, about = request.backends or self._offers, (request.tenant, request.circuit.digest)
        return [it for it in asked if it in self._offers and self._profiles.compiled(*about, it) is None]

    def _answer(self, request: ProfileRequest, found: Profiled) -> ProfileAnswer:
        estimates = tuple(self._estimate(request, backend) for backend in request.backends or self._offers)
        return ProfileAnswer(profile=found.profile, estimates=estimates)

    def _estimate(self, request: ProfileRequest, backend: str) -> BackendEstimate:
        offer = self._offers.get(backend)
        compiled = self._profiles.compiled(request.tenant, request.circuit.digest, backend) if offer else None
        if offer is None or compiled is None:
            return BackendEstimate(
                backend=backend, unfit=Reason(code="unknown_backend", text=f"this executor has no backend {backend}")
            )
        return quoted(compiled.estimate, offer, request.shots, self._allowance, compiled.operations)


def _refusal(code: str, message: str) -> ProfileAnswer:
    return ProfileAnswer(error=CircuitError(code=code, message=message))
