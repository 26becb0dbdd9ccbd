"""The children behind the port `Circuits`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from queuebit_contracts.query import CircuitError
from queuebit_executor.answers import Offer, Offers, Profiled, Ran, Refused
from queuebit_executor.crew import Bench
from queuebit_executor.errors import Garbled
from queuebit_executor.nursery import Nursery
from queuebit_runtime.tasks import Tasks

__all__ = ["ChildCircuits"]

_A = TypeVar("_A", bound=BaseModel)
_BY_CHANCE = frozenset({"profile_timeout", "run_timeout", "out_of_memory", "crashed"})


class ChildCircuits:
    """One child to profile and some to run."""

    def __init__(
        self, nursery: Nursery, tasks: Tasks, *, slots: int, profile_seconds: float, run_seconds: float
    ) -> None:
        self.nursery = nursery
        self._tasks = tasks
        self._profilers = Bench("profile", 1, profile_seconds, nursery, tasks)
        self.runners = Bench("run", slots, run_seconds, nursery, tasks)

    async def open(self) -> None:
        """Start everything and wait until the SDK is loaded."""
        await self.nursery.open()
        self._tasks.spawn(self.nursery.watch(), "watch over the children")
        await self._profilers.open()
        await self.runners.open()

    async def close(self) -> None:
        """End all children."""
        await self.nursery.close()

    def trouble(self) -> str | None:
        """What keeps circuits from being run, if anything does."""
        return "the process that holds the SDK has ended" if self.nursery.lost else None

    def detail(self) -> dict[str, str | int]:
        """For the health page."""
        return {"idle_runners": self.runners.idle, "idle_profilers": self._profilers.idle}

    async def offers(self) -> tuple[Offer, ...]:
        head, _ = await self._profilers.ask({"op": "describe", "backends": list(self.nursery.backends)})
        return _read(Offers, head).offers

    async def calibration(self, backend: str) -> bytes:
        head, body = await self._profilers.ask({"op": "calibration", "backend": backend})
        if "error" in head:
            raise Garbled(f"the calibration of {backend} could not be read: {head['error']}")
        return body

    async def profile(self, source: bytes, backends: Sequence[str]) -> Profiled | Refused:
        head, _ = await self._profilers.ask({"op": "profile", "backends": list(backends)}, source)
        return _refusal(head) or _read(Profiled, head)

    async def run(self, source: bytes, backend: str, shots: int, seed: int, budget_us: int) -> Ran | Refused:
        ask = {"op": "run", "backend": backend, "shots": shots, "seed": seed, "budget_us": budget_us}
        head, counts = await self.runners.ask(ask, source)
        return _refusal(head) or _read(Ran, {**head, "counts": counts})


def _refusal(head: Mapping[str, Any]) -> Refused | None:  # plain JSON
    if "error" not in head:
        return None
    error = _read(CircuitError, head["error"])
    return Refused(error=error, lasting=error.code not in _BY_CHANCE)


def _read(model: type[_A], head: Any) -> _A:  # plain JSON
    try:
        return model.model_validate(head)
    except ValidationError as error:
        raise Garbled(f"a child's answer makes no sense: {error!s:.300}") from error
