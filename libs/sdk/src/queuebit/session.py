"""Sessions: jobs that share priority on a backend, and the most that they may cost together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from queuebit.amounts import money_of
from queuebit.errors import InvalidInput, NotFound, QueuebitError
from queuebit.inputs import plain_name
from queuebit.mapping import Mapped, Progress, map_circuits
from queuebit.session_requests import SessionCost, SessionTerms, closing, cost_of, opening, terms_of
from queuebit.submission import tags_of
from queuebit_contracts.session import session_id

if TYPE_CHECKING:
    from queuebit.amounts import Amount
    from queuebit.client import AsyncClient
    from queuebit.job import AsyncJob

__all__ = ["AsyncSession"]


class AsyncSession:
    """Jobs that belong together, as `async with client.session(...) as session`.

    Entering the block opens the session; so does the first job, without a block. Leaving the block closes it. A program
    that ends without that leaves it open until it is idle for `max_idle` seconds, or `max_age` old.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        backend: str | None = None,
        max_cost: Amount | None = None,
        name: str | None = None,
        max_idle: int | None = None,
        max_age: int | None = None,
        project: str | None = None,
        key: str | None = None,
    ) -> None:
        key = token_hex(12) if key is None else key
        self.id = session_id(client.credential.tenant, key)
        """Its id. Another program with the same key and arguments has the same session."""
        self.name = self.id if name is None else plain_name("session", name)
        """The tag of its jobs."""
        self.backend = backend
        self.max_cost = None if max_cost is None else money_of(max_cost)
        self.terms: SessionTerms | None = None
        """What the platform opened; None before."""
        self._client = client
        self._request = partial(
            opening,
            client.credential,
            key=key,
            project=project,
            label=name or "",
            backend=backend,
            max_cost=max_cost,
            max_idle=max_idle,
            max_age=max_age,
        )
        self._project = project
        self._turn = asyncio.Lock()
        self._closed = False
        """Takes no more jobs."""
        self._ended = False
        """The platform has closed it at the request of this object."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            with suppress(QueuebitError):  # the error of the block says more; the session closes when it is idle
                await self.close()

    async def quote(self) -> SessionTerms:
        """What the session would be, with the price of its idle time; opens nothing.

        Raises:
            Refused: it would not be opened, with every reason.
        """
        return terms_of(await self._client._access.open_session(self._request(dry_run=True)))

    async def open(self) -> SessionTerms:
        """Open it, unless it is open, and hold `max_cost`.

        Raises:
            InvalidInput: it is closed.
            Refused: for all reasons, such as that the account has less than `max_cost` left.
            Unreachable: the broker does not answer.
        """
        async with self._turn:
            if self.terms is None and not self._closed:
                self.terms = terms_of(await self._client._access.open_session(self._request()))
                self._closed = self.terms.closed is not None
            if self._closed or self.terms is None:
                why = f" ({self.terms.closed})" if self.terms and self.terms.closed else ""
                raise InvalidInput(f"session {self.name} is closed{why}: open a new one")
            return self.terms

    async def close(self) -> None:
        """Close it: what of `max_cost` no job uses goes back. Jobs that are submitted continue.

        Raises:
            Unreachable: the broker does not answer; the session closes when it is idle.
        """
        self._closed = True
        if self.terms is not None and self.terms.closed is None and not self._ended:
            await self._client._access.close_session(closing(self._client.credential, self.id))
            self._ended = True

    async def submit(self, circuit: object, **options: Any) -> AsyncJob:
        """Submit a job of the session; the arguments are those of `AsyncClient.submit`.

        The platform refuses it if it could cost more than is left, also if other programs submit to the session.

        Raises:
            InvalidInput: the session is closed, or the job cannot be sent.
            Refused: the session cannot be opened.
        """
        await self.open()
        tags = [*tags_of(options.pop("tags", ())), self.name]
        project = options.pop("project", None) or self._project
        options = {"backend": self.backend, **options, "project": project, "tags": tags}
        return await self._client.submit(circuit, **options, session=self.id)

    async def map(
        self,
        circuits: Iterable[object],
        *,
        concurrency: int = 16,
        key: str | None = None,
        timeout: float | None = None,
        report: Callable[[Progress], None] | None = None,
        **options: Any,
    ) -> Mapped:
        """As `AsyncClient.map`, with jobs of the session."""
        return await map_circuits(self.submit, circuits, concurrency, key, timeout, report, options)

    async def cost(self) -> SessionCost:
        """What it costs so far, as the platform counts it; after its end for a day.

        Raises:
            NotFound: it was never opened, or closed more than a day ago.
            Unreachable: the broker does not answer.
        """
        rows = await self._client.sessions(session=self.id)
        if not rows:
            raise NotFound(f"session {self.id} is not open, and did not close today: see its jobs with their tag")
        return cost_of(rows[0])
