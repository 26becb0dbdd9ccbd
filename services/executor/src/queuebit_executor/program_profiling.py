"""Answers profile requests for programs, with estimates from representative circuits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from queuebit_contracts.program import CIRCUITS, BadProgram, Program, read_program
from queuebit_contracts.query import BackendEstimate, CircuitError, ProfileAnswer, ProfileRequest
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Declared, Described, Profiled
from queuebit_executor.circuit_profiles import A_WHILE_S, CircuitProfiles
from queuebit_executor.policy import Allowance
from queuebit_executor.ports import Asker
from queuebit_executor.program_outline import (
    Group,
    Share,
    TooManyStructures,
    circuits_of,
    faults,
    groups,
    total_estimate,
    total_profile,
    with_results,
)
from queuebit_executor.remote_parts import billed_tasks
from queuebit_executor.ttl_cache import TtlCache
from queuebit_kernel import Clock, Unavailable
from queuebit_planning.limits import TRANSIENT
from queuebit_quantum import shots_of_copy
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["MAX_PROGRAM_BYTES", "ProgramProfiles", "read_sources"]

_REMEMBERED = 1_000
"""Programs in the cache. An outline has about a hundred bytes per representative circuit."""

MAX_PROGRAM_BYTES = 16 << 20
"""The most source bytes of all circuits of one program: profile and run keep them in memory."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A group of items, with the digests of its representative circuits."""

    item: int
    runs: int
    circuits: tuple[str, ...]
    shots: int | None
    twirling: int | None
    folding: int


@dataclass(frozen=True, slots=True)
class _Outline:
    circuits: tuple[int, ...]
    """Of each item."""
    shots: tuple[int | None, ...]
    """Of each item, for each basis; None: those of the submission."""
    parts: tuple[_Part, ...]

    def tasks(self, offer: Described, shots: int) -> int | None:
        """The most tasks that a vendor bills, in a submission with this number of shots; None where the job is one."""
        twirling = self.parts[0].twirling
        return billed_tasks(offer, self.circuits, [shots_of_copy(it or shots, twirling) for it in self.shots])


class _Refusal(Exception):
    """A circuit of the program, or its parameters, cannot be run."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProgramProfiles:
    """Profiles and estimates of programs. `CircuitProfiles` caches the answers of children."""

    def __init__(
        self,
        payloads: PayloadStore,
        profiles: CircuitProfiles,
        offers: Mapping[str, Described],
        clock: Clock,
        allowance: Allowance,
    ) -> None:
        self._payloads = payloads
        self._profiles = profiles
        self._offers = offers
        self._allowance = allowance
        self._outlines: TtlCache[tuple[str, str], _Outline | CircuitError] = TtlCache(_REMEMBERED, clock)

    def remembered(self, request: ProfileRequest) -> ProfileAnswer | None:
        """Return the answer if it needs neither the payload store nor a child; otherwise None."""
        match self._outlines.get((request.tenant, request.circuit.digest)):
            case CircuitError() as error:
                return ProfileAnswer(error=error)
            case _Outline() as outline:
                return self._answer(request, outline)
        return None

    async def __call__(self, request: ProfileRequest, asker: Asker) -> ProfileAnswer:
        """Answer a request; raises `Unavailable` as `AnswerProfile`. A repeated request uses the cached results."""
        key = request.tenant, request.circuit.digest
        try:
            outline: _Outline | CircuitError = await self._outline(request, asker)
        except Missing as missing:
            return ProfileAnswer(error=CircuitError(code=missing.code, message=str(missing)))
        except (BadProgram, _Refusal) as refusal:
            code = refusal.code if isinstance(refusal, _Refusal) else "bad_program"
            outline = CircuitError(code=code, message=str(refusal))
        transient = isinstance(outline, CircuitError) and outline.code in TRANSIENT
        self._outlines.put(key, outline, A_WHILE_S if transient else inf)
        answer = self.remembered(request)
        if answer is None:
            raise Unavailable(
                "too many circuits were profiled at the same time, and cached answers were dropped: try again"
            )
        return answer

    async def _outline(self, request: ProfileRequest, asker: Asker) -> _Outline:
        program = read_program(await self._payloads.get(request.tenant, request.circuit))
        sources = await read_sources(self._payloads, request.tenant, program)
        declared = await self._declared(sources, asker)
        inputs = {number: it.inputs for number, it in declared.items()}
        if found := faults(program, inputs):
            raise _Refusal("parameter", str(BadProgram(found)))
        program = with_results(program, {number: it.observables for number, it in declared.items()})
        try:
            chosen = await asyncio.to_thread(groups, program, sources, inputs)  # takes seconds for many observables
        except TooManyStructures as error:
            raise _Refusal("too_many_structures", str(error)) from error
        parts = [await self._part(request, group, asker) for group in chosen]
        circuits = tuple(await asyncio.to_thread(circuits_of, program))
        return _Outline(circuits, tuple(it.shots for it in program.items), tuple(parts))

    async def _declared(self, sources: Mapping[int, bytes], asker: Asker) -> dict[int, Declared]:
        declared: dict[int, Declared] = {}
        for number, source in sources.items():
            found = await self._profiles.declared(source, asker)
            if isinstance(found, CircuitError):
                raise _Refusal(found.code, f"circuit {number}: {found.sentence}")
            declared[number] = found
        return declared

    async def _part(self, request: ProfileRequest, group: Group, asker: Asker) -> _Part:
        """Profile and compile the representatives of a group; skips those that fail, and raises if all fail."""
        readable, error = [], None
        for circuit in group.circuits:
            found = await self._profiles.read(circuit, asker)
            if isinstance(found, CircuitError):
                error = error or found
                continue
            readable.append(circuit.digest)
            for backend in request.backends or self._offers:
                if backend in self._offers:
                    await self._profiles.compile(circuit, backend, asker)
        if not readable and error is not None:
            raise _Refusal(error.code, f"item {group.item}: {error.sentence}")
        return _Part(group.item, group.runs, tuple(readable), group.shots, group.twirling, group.folding)

    def _answer(self, request: ProfileRequest, outline: _Outline) -> ProfileAnswer | None:
        shares = []
        for part in outline.parts:
            found = [self._profiles.profile(request.tenant, circuit) for circuit in part.circuits]
            profiles = tuple(it.profile for it in found if isinstance(it, Profiled))
            if len(profiles) < len(part.circuits):
                return None
            shares.append(
                Share(part.item, part.runs, profiles, shots=part.shots, twirling=part.twirling, folding=part.folding)
            )
        estimates = []
        for backend in request.backends or self._offers:
            estimate = self._estimate(request, outline, shares, backend)
            if estimate is None:
                return None
            estimates.append(estimate)
        profile = total_profile(shares, len(outline.circuits), request.shots)
        return ProfileAnswer(profile=profile, estimates=tuple(estimates))

    def _estimate(
        self, request: ProfileRequest, outline: _Outline, shares: Sequence[Share], backend: str
    ) -> BackendEstimate | None:
        offer = self._offers.get(backend)
        if offer is None:
            unknown = Reason(code="unknown_backend", text=f"this executor has no backend {backend}")
            return BackendEstimate(backend=backend, unfit=unknown)
        compiled = []
        for part, share in zip(outline.parts, shares, strict=True):
            known = [self._profiles.compiled(request.tenant, circuit, backend) for circuit in part.circuits]
            estimates = tuple(it.estimate for it in known if it is not None)
            if len(estimates) < len(known):
                return None
            compiled.append(replace(share, estimates=estimates))
        total = total_estimate(compiled, offer, request.shots, self._allowance, outline.circuits)
        tasks = None if total.unfit else outline.tasks(offer, request.shots)
        return total if tasks is None else total.model_copy(update={"tasks": tasks})


async def read_sources(payloads: PayloadStore, tenant: str, program: Program) -> dict[int, bytes]:
    """Fetch the circuits that the items use, by number.

    Raises:
        Missing: the payload store does not have a circuit.
        BadProgram: a circuit has an unsupported media type, or the circuits are too large together.
    """
    used = sorted({item.circuit for item in program.items})
    foreign = [number for number in used if program.circuits[number].media_type not in CIRCUITS]
    if foreign:
        kinds = ((number, program.circuits[number].media_type) for number in foreign)
        known = " or ".join(sorted(CIRCUITS))
        raise BadProgram([f"circuit {number}: {kind:.80} is not supported: send {known}" for number, kind in kinds])
    size = sum(program.circuits[number].size for number in used)
    if size > MAX_PROGRAM_BYTES:
        raise BadProgram([f"its circuits have {size:,} bytes, more than {MAX_PROGRAM_BYTES:,}: split it into jobs"])
    return {number: await payloads.get(tenant, program.circuits[number]) for number in used}
