"""The client of one notebook: its connection, its jobs and what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from traitlets import TraitError

from queuebit import AsyncClient, AsyncJob, InvalidInput, Money, QueuebitError, Result, Status
from queuebit.keys import KeySpace, keyed
from queuebit.loop import Loop
from queuebit_jupyter.jobs import NotebookJob
from queuebit_jupyter.ledger import Ledger
from queuebit_jupyter.offers import Asked, read_offers
from queuebit_jupyter.views import View, meter_view
from queuebit_jupyter.widgets import BackendPicker, CostMeter

__all__ = ["Session"]

_BILL_S = 5.0
"""How long a notebook with a cap waits for the bills of earlier jobs."""


class Session:
    """Submits the cells of a notebook. The connection opens with the first cell, and its key stays in the kernel."""

    def __init__(self, client: AsyncClient | None = None) -> None:
        self._client = client
        self._loop = Loop()
        self._followed: set[asyncio.Task[None]] = set()
        self._jobs: dict[str, AsyncJob] = {}
        self.ledger = Ledger()
        self.meter = CostMeter(view=meter_view(self.ledger))
        self.picker = BackendPicker()
        self._asked: Asked | None = None
        self._maps: dict[str, View] = {}

    def submit(
        self,
        source: str,
        *,
        shots: int,
        backend: str | None = None,
        project: str | None = None,
        max_cost: Money | None = None,
        run: int = 1,
    ) -> NotebookJob:
        """Submit OpenQASM; the same content of the same user, and the same `run`, is the same job.

        A job that ended without a result is not found again: the cell then submits another one. Without `backend` it
        runs where the picker says.
        """
        self._asked = Asked(source, shots, project)
        backend = backend or self.picker.choice or None
        if self.ledger.cap is not None:
            self._read_bills()
        most = self.ledger.limit(max_cost)

        async def send() -> tuple[AsyncJob, Status, Result | None]:
            client = self._connected()
            with keyed(KeySpace(f"jupyter {client.credential.tenant}/{client.credential.user} {run}")):
                job = await client.submit(source, shots=shots, backend=backend, project=project, max_cost=most)
            status = await job.status()
            return job, status, await job.result() if status.state == "completed" else None

        job, status, result = self._loop.run(send())
        self._jobs[job.id] = job
        self.ledger.add(job.id, most)
        self._note(status)
        shown = NotebookJob(job, self._loop, status, result)
        self._start(shown.follow(self._note))
        return shown

    def offers(self, asked: Asked | None = None, use: str | None = None) -> BackendPicker:
        """Show which backends fit a circuit, by default that of the newest cell.

        Args:
            asked: the circuit.
            use: the backend of cells without one; empty leaves the choice to Queuebit, None keeps it.

        Raises:
            InvalidInput: there is no such backend.
            Refused: the platform cannot read the circuit.
        """
        asked = self._asked = asked or self._asked

        async def ask() -> View:
            return await read_offers(self._connected(), asked, self._maps)

        self.picker.view = self._loop.run(ask())
        if use is not None:
            try:
                self.picker.choice = use
            except TraitError as error:
                raise InvalidInput(str(error)) from error
        return self.picker

    def limit(self, cap: Money | None) -> None:
        """Set the cap of the notebook; None removes it."""
        self.ledger.cap = cap
        self.meter.show(meter_view(self.ledger))

    def close(self) -> None:
        """Close the connection; jobs continue."""
        for task in self._followed:
            task.cancel()
        if self._client is not None:
            self._loop.run(self._client.close())
        self._loop.close()

    def _connected(self) -> AsyncClient:
        """The client; called on its loop."""
        self._client = self._client or AsyncClient()
        return self._client

    def _read_bills(self) -> None:
        for name in self.ledger.unbilled:
            job = self._jobs[name]
            with suppress(QueuebitError):
                self._loop.run(job.charge(_BILL_S))
            self._note(self._loop.run(job.status()))

    def _note(self, status: Status) -> None:
        self.ledger.note(status)
        self.meter.show(meter_view(self.ledger))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        """Run work on the kernel's loop; a shell without one shows the card as it is."""
        try:
            task = asyncio.get_running_loop().create_task(work)
        except RuntimeError:
            work.close()
            return
        self._followed.add(task)
        task.add_done_callback(self._followed.discard)
