"""The way in: backends, and jobs by their id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from qiskit.providers.exceptions import QiskitBackendNotFoundError

from queuebit import Client, Credential, Job, NotFound, Session, Transport
from queuebit.records import ENDS
from queuebit_qiskit.backend import QueuebitBackend
from queuebit_qiskit.errors import as_qiskit_errors
from queuebit_qiskit.jobs import CircuitJob, PrimitiveJob
from queuebit_qiskit.notes import notes_in
from queuebit_qiskit.options import Options
from queuebit_qiskit.submitting import Request

__all__ = ["QueuebitService"]

_RECENT = 1_000
"""Jobs of the tenant that `least_busy` looks at."""


class QueuebitService:
    """A user's backends and jobs. Connects when first used; use it as a context, or call `close()` at the end."""

    def __init__(
        self,
        credential: Credential | Path | str | None = None,
        *,
        home: Path | str | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Create a service.

        Args:
            credential: the user's credential, or its file; default: as for `queuebit.Client`.
            home: the stack's folder; default: `QUEUEBIT_HOME`, else `~/.queuebit`.
            transport: the connection to the bus; tests pass their own.
        """
        self.client = Client(credential, home=home, transport=transport)
        """Queuebit's own client: plans, charges, budgets."""

    def __enter__(self) -> QueuebitService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; jobs continue."""
        self.client.close()

    def backends(
        self,
        *,
        simulator: bool | None = None,
        min_num_qubits: int | None = None,
        filters: Callable[[QueuebitBackend], bool] | None = None,
        operational: bool | None = None,
    ) -> list[QueuebitBackend]:
        """The backends, by name.

        Args:
            simulator: only ideal simulators, or only devices, real and emulated.
            min_num_qubits: only backends with as many qubits.
            filters: only those for which it returns True.
            operational: as in services of IBM. All backends are, so that False finds none.
        """
        if operational is False:
            return []
        names = [
            str(row["backend"])
            for row in self.client.backends()
            if simulator in (None, row["kind"] == "simulator") and int(str(row["qubits"])) >= (min_num_qubits or 0)
        ]
        found = map(self.backend, sorted(names))
        return [it for it in found if filters is None or filters(it)]

    def backend(self, name: str) -> QueuebitBackend:
        """A backend with its newest calibration.

        Raises:
            QiskitBackendNotFoundError: there is no such backend.
        """
        try:
            return QueuebitBackend(self, self.client.device(name))
        except NotFound as error:
            raise QiskitBackendNotFoundError(str(error)) from error

    def least_busy(
        self,
        *,
        simulator: bool | None = None,
        min_num_qubits: int | None = None,
        filters: Callable[[QueuebitBackend], bool] | None = None,
        operational: bool | None = None,
    ) -> QueuebitBackend:
        """The backend with the fewest unfinished jobs of your tenant; among equals the first by name.

        The platform does not show the jobs of other tenants, so that a backend can be busier than it seems. A job that
        names no backend is placed by the scheduler, which sees all of them.

        Raises:
            QiskitBackendNotFoundError: no backend has these properties.
        """
        found = self.backends(
            simulator=simulator, min_num_qubits=min_num_qubits, filters=filters, operational=operational
        )
        if not found:
            raise QiskitBackendNotFoundError("no backend has these properties: service.backends() lists backends")
        waiting = [row["backend"] for row in self.client.jobs(limit=_RECENT) if row["state"] not in ENDS]
        return min(found, key=lambda it: waiting.count(it.name))

    def job(self, job_id: str) -> PrimitiveJob | CircuitJob:
        """A job by its id, from any process: its result has the registers and shapes of the call that submitted it.

        Raises:
            NotFound: there is no such job, or it was not submitted from Qiskit.
        """
        job = self.client.job(job_id)
        kind, notes = notes_in(job_id, job.annotations())
        backend = job.status().backend
        if kind == "circuits":
            return CircuitJob(self, job, backend, notes)
        return PrimitiveJob(self, job, backend, kind, notes)

    def jobs(self, limit: int = 10) -> list[PrimitiveJob | CircuitJob]:
        """The newest jobs among the last 1,000 that were submitted from Qiskit."""
        found: list[PrimitiveJob | CircuitJob] = []
        for row in self.client.jobs(limit=_RECENT):
            if len(found) == limit:
                break
            try:
                found.append(self.job(str(row["job"])))
            except NotFound:
                continue
        return found

    def submit(
        self, backend: QueuebitBackend, request: Request, options: Options, session: Session | None = None
    ) -> Job:
        """Send a request as one job, of a session if there is one; raises as `queuebit.Client.submit`."""
        send = self.client.submit if session is None else session.submit
        with as_qiskit_errors():
            return send(request.program(), backend=backend.name, **request.arguments(options))
