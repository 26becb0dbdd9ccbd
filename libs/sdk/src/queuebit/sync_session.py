"""Sessions for programs without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from queuebit.loop import Loop
from queuebit.session import AsyncSession
from queuebit.session_requests import SessionCost, SessionTerms
from queuebit.sync import Job

if TYPE_CHECKING:
    from queuebit.mapping import Mapped, Progress

__all__ = ["Session"]


class Session:
    """Jobs that belong together. Use it as `with client.session(...) as session`."""

    def __init__(self, session: AsyncSession, loop: Loop) -> None:
        self.id, self.name, self.backend, self.max_cost = session.id, session.name, session.backend, session.max_cost
        self._session = session
        self._loop = loop

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._session.__aexit__(kind, error, trace))

    @property
    def terms(self) -> SessionTerms | None:
        """What the platform opened; None before."""
        return self._session.terms

    def quote(self) -> SessionTerms:
        """What the session would be, with the price of its idle time; opens nothing."""
        return self._loop.run(self._session.quote())

    def open(self) -> SessionTerms:
        """Open it, unless it is open, and hold `max_cost`."""
        return self._loop.run(self._session.open())

    def close(self) -> None:
        """Close it: what of `max_cost` no job uses goes back. Jobs that are submitted continue."""
        self._loop.run(self._session.close())

    def submit(self, circuit: object, **options: Any) -> Job:
        """Submit a job of the session; the arguments are those of `Client.submit`."""
        return Job(self._loop.run(self._session.submit(circuit, **options)), self._loop)

    def map(
        self,
        circuits: Iterable[object],
        *,
        concurrency: int = 16,
        key: str | None = None,
        timeout: float | None = None,
        report: Callable[[Progress], None] | None = None,
        **options: Any,
    ) -> Mapped:
        """As `Client.map`, with jobs of the session."""
        work = self._session.map(circuits, concurrency=concurrency, key=key, timeout=timeout, report=report, **options)
        return self._loop.run(work)

    def cost(self) -> SessionCost:
        """What it costs so far, as the platform counts it; after its end for a day."""
        return self._loop.run(self._session.cost())
