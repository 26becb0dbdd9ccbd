"""The children behind the port `Circuits`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from queuebit_contracts.query import CircuitError
from queuebit_executor.answers import Estimate, Offer, Offers, Profiled, Ran, Refused
from queuebit_executor.crew import Bench, Borrowed
from queuebit_executor.errors import Garbled
from queuebit_executor.frames import Broken, Frame
from queuebit_executor.nursery import Nursery
from queuebit_executor.policy import run_limit_s, slots_of
from queuebit_executor.ports import Asker
from queuebit_runtime.tasks import Tasks

__all__ = ["ChildCircuits", "ChildWorker"]

_A = TypeVar("_A", bound=BaseModel)
_BY_CHANCE = frozenset({"profile_timeout", "run_timeout", "out_of_memory", "crashed"})


class ChildCircuits:
    """One child to profile, and for each backend as many to run as it has slots."""

    def __init__(
        self, nursery: Nursery, tasks: Tasks, *, slots: int, profile_seconds: float, run_seconds: float
    ) -> None:
        self.nursery = nursery
        self._tasks = tasks
        self._slots = slots
        self._run_seconds = run_seconds
        self._profilers = Bench("profile", 1, profile_seconds, nursery, tasks)
        self.runners: dict[str, Bench] = {}
        self._offers: dict[str, Offer] = {}

    async def open(self) -> tuple[Offer, ...]:
        """Start everything, wait until the SDK is loaded, and describe the backends."""
        await self.nursery.open()
        self._tasks.spawn(self.nursery.watch(), "watch over the children")
        await self._profilers.open()
        described = await self._profilers.ask({"op": "describe", "backends": [*self.nursery.backends]}, _as(Offers))
        if isinstance(described, Refused):
            raise Garbled(f"the backends could not be described: {described.error.message}")
        for offer in described.offers:
            bench = Bench("run", slots_of(offer, self._slots), self._run_seconds, self.nursery, self._tasks)
            self.runners[offer.backend], self._offers[offer.backend] = bench, offer
            await bench.open()
        return described.offers

    async def close(self) -> None:
        """End all children."""
        await self.nursery.close()

    def trouble(self) -> str | None:
        """What keeps circuits from being run, if anything does."""
        return "the process that holds the SDK has ended" if self.nursery.lost else None

    def detail(self) -> dict[str, str | int]:
        """For the health page."""
        idle = sum(bench.idle for bench in self.runners.values())
        return {"idle_runners": idle, "idle_profilers": self._profilers.idle}

    async def calibration(self, backend: str) -> bytes:
        found = await self._profilers.ask({"op": "calibration", "backend": backend}, _body)
        if isinstance(found, Refused):
            raise Garbled(f"the calibration of {backend} could not be read: {found.error.message}")
        return found

    async def profile(self, source: bytes, asker: Asker) -> Profiled | Refused:
        ask = {"op": "profile"}
        return await self._profilers.ask(ask, _as(Profiled), source, line=asker.tenant, begin_by=asker.begin_by)

    async def estimate(self, source: bytes, backend: str, asker: Asker) -> Estimate | Refused:
        ask = {"op": "estimate", "backend": backend}
        return await self._profilers.ask(ask, _as(Estimate), source, line=asker.tenant, begin_by=asker.begin_by)

    @asynccontextmanager
    async def worker(self, backend: str) -> AsyncIterator[ChildWorker]:
        async with self.runners[backend].borrow() as child:
            yield ChildWorker(self._offers[backend], child, self._run_seconds)


class ChildWorker:
    """A child that runs one circuit."""

    def __init__(self, offer: Offer, child: Borrowed, most_s: float) -> None:
        self._offer = offer
        self._child = child
        self._most_s = most_s

    async def run(self, source: bytes, shots: int, seed: int, budget_us: int) -> Ran | Refused:
        ask = {"op": "run", "backend": self._offer.backend, "shots": shots, "seed": seed, "budget_us": budget_us}
        return await self._child.ask(ask, _ran, source, run_limit_s(self._offer, budget_us, self._most_s))


def _ran(frame: Frame) -> Ran | Refused:
    head, counts = frame
    return _as(Ran)(({**head, "counts": counts}, b""))


def _body(frame: Frame) -> bytes | Refused:
    head, body = frame
    return _refusal(head["error"]) if "error" in head else body


def _as(model: type[_A]) -> Callable[[Frame], _A | Refused]:
    def read(frame: Frame) -> _A | Refused:
        head, _ = frame
        return _refusal(head["error"]) if "error" in head else _valid(model, head)

    return read


def _refusal(told: Any) -> Refused:  # plain JSON
    error = _valid(CircuitError, told)
    return _valid(Refused, {"error": error, "lasting": error.code not in _BY_CHANCE, "used_us": told.get("used_us", 0)})


def _valid(model: type[_A], told: Any) -> _A:  # plain JSON
    try:
        return model.model_validate(told)
    except ValidationError as error:
        raise Broken(f"a child's answer makes no sense: {error!s:.300}") from error
