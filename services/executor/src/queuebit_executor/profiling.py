"""Questions about circuits: parsed and compiled once, remembered by digest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from queuebit_contracts.query import BackendEstimate, CircuitError, ProfileAnswer, ProfileRequest
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Estimate, Offer, Profiled, Refused
from queuebit_executor.policy import quoted
from queuebit_executor.ports import Circuits
from queuebit_kernel import digest
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["AnswerProfile"]

REMEMBERED = 10_000
"""Circuits, and estimates, that are kept; about a kilobyte each."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Recent(Generic[_K, _V]):
    """The latest of what was asked for."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[_K, _V] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: _K, value: _V) -> None:
        self._kept[key] = value
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)


class _Compilation(NamedTuple):
    circuit: str
    backend: str
    target: str


class AnswerProfile:
    """Say what a circuit needs and what it would take on each backend, or what is wrong with it."""

    def __init__(self, payloads: PayloadStore, circuits: Circuits, offers: Sequence[Offer], memory_mb: int) -> None:
        self._payloads = payloads
        self._circuits = circuits
        self._offers = {offer.backend: offer for offer in offers}
        self._memory_mb = memory_mb
        self._seen: _Recent[tuple[str, str], Profiled | CircuitError] = _Recent(REMEMBERED)
        self._estimates: _Recent[_Compilation, Estimate] = _Recent(REMEMBERED)

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

    async def __call__(self, request: ProfileRequest) -> ProfileAnswer:
        """Answer.

        Raises:
            Unavailable: the payload store or the children cannot say now; asking again may help.
        """
        if (known := self.remembered(request)) is not None:
            return known
        try:
            source = await self._payloads.get(request.tenant, request.circuit)
        except Missing as missing:
            return _refusal(missing.code, str(missing))
        match await self._circuits.profile(source, self._missing(request)):
            case Refused(error=error, lasting=lasting):
                if lasting:
                    self._seen.put((request.tenant, request.circuit.digest), error)
                return ProfileAnswer(error=error)
            case Profiled() as found:
                self._seen.put((request.tenant, request.circuit.digest), found)
                for estimate in found.estimates:
                    self._estimates.put(self._key(request, estimate.backend), estimate)
                return self._answer(request, found)

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
        estimate = self._estimates.get(self._key(request, backend)) if offer else None
        if offer is None or estimate is None:
            return BackendEstimate(
                backend=backend, unfit=Reason(code="unknown_backend", text=f"{backend} is not run here")
            )
        return quoted(estimate, offer, found, request.shots, self._memory_mb)


def _refusal(code: str, message: str) -> ProfileAnswer:
    return ProfileAnswer(error=CircuitError(code=code, message=message))
