"""Caches profiles from executors."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from queuebit_broker.ports import Executors
from queuebit_broker.state import Profiled, World
from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_contracts.wire import Payload
from queuebit_kernel import Unavailable
from queuebit_planning.limits import TRANSIENT
from queuebit_runtime.tenant_limiter import TenantLimiter

__all__ = ["AT_ONCE", "Profiles"]

AT_ONCE = 16
"""Circuits of one tenant that executors are asked about at once: what they cannot begin soon has no answer."""


class _Key(NamedTuple):
    """What an answer depends on."""

    tenant: str
    """A digest alone must not give access to another tenant's circuit."""
    media_type: str
    digest: str
    size: int
    inside: bool
    """Whether the event contains the circuit: then it need not be in the payload store."""
    shots: int
    versions: tuple[tuple[str, int], ...]
    """Of the backends."""


class Profiles:
    """Asks all stacks concurrently. An answer is cached until one of its backends changes, or it is evicted."""

    def __init__(self, executors: Executors, world: World, *, kept: int = 4096) -> None:
        self._executors = executors
        self._world = world
        self._kept = kept
        self._answers: OrderedDict[_Key, ProfileAnswer] = OrderedDict()
        self._asking: dict[_Key, asyncio.Future[ProfileAnswer | None]] = {}
        self._limiter = TenantLimiter(AT_ONCE)

    async def of(self, tenant: str, circuit: Payload, shots: int, stacks: Mapping[str, Sequence[str]]) -> Profiled:
        """Profile a circuit for these backends, by stack.

        A stack that does not answer leaves its backends without estimates. An error counts only if no stack could
        read the circuit: otherwise the stack is the cause.
        """
        keys = {stack: self._key(tenant, circuit, shots, backends) for stack, backends in stacks.items()}
        answers = [self._kept_answer(key) for key in keys.values()]
        if None in answers:
            asking = (self._asked(key, stack, circuit, stacks[stack]) for stack, key in keys.items())
            answers = await asyncio.gather(*asking)
        read = [it for it in answers if it is not None and it.profile is not None]
        if read:
            return Profiled(read[0].profile, {it.backend: it for answer in read for it in answer.estimates})
        return Profiled(error=next((it.error for it in answers if it is not None and it.error is not None), None))

    def _key(self, tenant: str, circuit: Payload, shots: int, backends: Sequence[str]) -> _Key:
        versions = tuple((it, self._world.backends[it].version) for it in backends)
        inside = circuit.inline is not None
        return _Key(tenant, circuit.media_type, circuit.digest, circuit.size, inside, shots, versions)

    def _kept_answer(self, key: _Key) -> ProfileAnswer | None:
        if (kept := self._answers.get(key)) is not None:
            self._answers.move_to_end(key)
        return kept

    async def _asked(self, key: _Key, stack: str, circuit: Payload, backends: Sequence[str]) -> ProfileAnswer | None:
        if (kept := self._kept_answer(key)) is not None:
            return kept
        if key not in self._asking:  # the same circuit submitted many times at once is profiled once
            request = ProfileRequest(tenant=key.tenant, circuit=circuit, shots=key.shots, backends=tuple(backends))
            self._asking[key] = asyncio.ensure_future(self._ask(key, stack, request))
        return await asyncio.shield(self._asking[key])

    async def _ask(self, key: _Key, stack: str, request: ProfileRequest) -> ProfileAnswer | None:
        try:
            async with self._limiter.turn(key.tenant, key.size):
                answer = await self._executors.profile(stack, request)
        except Unavailable:
            return None
        finally:
            del self._asking[key]
        if answer.profile is not None and not any(it.unfit and it.unfit.code in TRANSIENT for it in answer.estimates):
            self._answers[key] = answer
            while len(self._answers) > self._kept:
                self._answers.popitem(last=False)
        return answer
