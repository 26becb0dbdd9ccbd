"""The same client for programs without an event loop: one thread runs a loop for all of its calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from queuebit.client import AsyncClient
from queuebit.credentials import Credential
from queuebit.loop import Loop
from queuebit.records import Receipt, Result, Row, Status, Step, Table
from queuebit.transport import Transport
from queuebit.waiting import WAITING
from queuebit_replay import ALPHA, FLOOR

if TYPE_CHECKING:
    from queuebit.amounts import Amount
    from queuebit.devices import Device
    from queuebit.events import LoggedEvent
    from queuebit.job import AsyncJob
    from queuebit.limits import Deadline, Probability
    from queuebit.lineage import Lineage
    from queuebit.mapping import Mapped, Progress
    from queuebit.named_circuits import NamedCircuit, StoredCircuit
    from queuebit.random_bits import RandomBits
    from queuebit.replays import Compared
    from queuebit.reservation_requests import Reservation
    from queuebit.sync_group import Group
    from queuebit.sync_hybrid import HybridJob
    from queuebit.sync_session import Session
    from queuebit.sync_template_runs import TemplateRun
    from queuebit_contracts.catalog import AnyEvent
    from queuebit_kernel import Money

__all__ = ["Client", "Job"]


class Job:
    """A handle of one job; calls block until they have an answer."""

    def __init__(self, job: AsyncJob, loop: Loop) -> None:
        self.id = job.id
        self._job = job
        self._loop = loop

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    def _repr_html_(self) -> str:
        return self._job._repr_html_()

    def status(self) -> Status:
        """The current status."""
        return self._loop.run(self._job.status())

    def wait(self, timeout: float | None = None) -> Status:
        """Wait for its end; raises `StillRunning` after `timeout` seconds."""
        return self._loop.run(self._job.wait(timeout))

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result.

        Args:
            timeout: seconds to wait at most; default: no limit.

        Raises:
            Refused: the job was rejected; `reasons` holds all of them.
            JobFailed: it failed or was cancelled.
            StillRunning: it did not end in `timeout` seconds.
        """
        return self._loop.run(self._job.result(timeout))

    def future(self, timeout: float | None = None) -> Future[Result]:
        """The result as a future, for programs that wait in a way of their own; raises what `result` raises."""
        return self._loop.start(self._job.result(timeout))

    def cancel(self, reason: str = "", timeout: float = 10.0) -> Status:
        """Request cancellation, wait for the end, and return the status; an ended job does not change.

        Args:
            reason: stored with the cancellation, up to 200 characters.
            timeout: seconds to wait for the end.

        Raises:
            Refused: the user's role does not permit it.
            StillRunning: the job belongs to another user, or did not end in time.
        """
        return self._loop.run(self._job.cancel(reason, timeout))

    def rerun(self, *, max_cost: Amount | None = None) -> Job:
        """Run the same work again, as a job of its own that names this one; a repeated call returns the same job.

        Args:
            max_cost: refuse it if it could cost more; default: that of this job.

        Raises:
            StillRunning: this job has not ended.
            Refused: the user's role does not permit it.
        """
        return Job(self._loop.run(self._job.rerun(max_cost=max_cost)), self._loop)

    def charge(self, timeout: float | None = 10.0) -> Money:
        """Wait for the bill, and return the newest charge; raises `StillRunning` after `timeout` seconds."""
        return self._loop.run(self._job.charge(timeout))

    def receipt(self, timeout: float | None = 10.0) -> Receipt:
        """Wait until the job is sealed, and return its receipt; raises `StillRunning` after `timeout` seconds."""
        return self._loop.run(self._job.receipt(timeout))

    def until(self, events: Collection[str], timeout: float | None = None) -> AnyEvent:
        """Wait for the first of some events, such as `("metered",)`, and return it."""
        return self._loop.run(self._job.until(events, timeout))

    def annotations(self) -> Mapping[str, object]:
        """The annotations of its program."""
        return self._loop.run(self._job.annotations())

    def steps(self) -> Iterator[Step]:
        """Its events, from the submission to the end."""
        return self._loop.each(self._job.steps())


class Client:
    """A user's view of the platform. Use it as `with Client() as client`."""

    def __init__(
        self,
        credential: Credential | Path | str | None = None,
        *,
        home: Path | str | None = None,
        url: str | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._client = AsyncClient(credential, home=home, url=url, transport=transport)
        self._loop = Loop()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def credential(self) -> Credential:
        """Who asks."""
        return self._client.credential

    def close(self) -> None:
        """Close the connection; jobs continue."""
        if not self._loop.closed:
            self._loop.run(self._client.close())
            self._loop.close()

    def submit(
        self,
        circuit: object,
        *,
        shots: int = 1000,
        backend: str | Sequence[str] | None = None,
        project: str | None = None,
        purpose: str = "interactive",
        key: str | None = None,
        max_cost: Amount | None = None,
        min_fidelity: Probability | None = None,
        deadline: Deadline | None = None,
        vendors: Sequence[str] = (),
        regions: Sequence[str] = (),
        seed: int | None = None,
        tags: Sequence[str] = (),
        workload_class: str | None = None,
        label: str | None = None,
        session: str | None = None,
        fallback: bool = True,
        alone: bool = False,
        spot: bool = False,
        objective: str | None = None,
        priority: int | None = None,
        reservation: str | None = None,
        parameters: Mapping[Any, Any] | None = None,
        observables: Sequence[object] = (),
        outputs: Sequence[str] | None = None,
        compilation: Mapping[str, Any] | None = None,
        post: Sequence[str] = (),
        reference: Mapping[str, float] | None = None,
        floor: float | None = None,
        data: Sequence[str] = (),
    ) -> Job:
        """Submit a job; its `result()` waits for the counts."""
        work = self._client.submit(
            circuit,
            shots=shots,
            backend=backend,
            project=project,
            purpose=purpose,
            key=key,
            max_cost=max_cost,
            min_fidelity=min_fidelity,
            deadline=deadline,
            vendors=vendors,
            regions=regions,
            seed=seed,
            tags=tags,
            workload_class=workload_class,
            label=label,
            session=session,
            fallback=fallback,
            alone=alone,
            spot=spot,
            objective=objective,
            priority=priority,
            reservation=reservation,
            parameters=parameters,
            observables=observables,
            outputs=outputs,
            compilation=compilation,
            post=post,
            reference=reference,
            floor=floor,
            data=data,
        )
        return Job(self._loop.run(work), self._loop)

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
        """Run each circuit as a job of its own."""
        work = self._client.map(circuits, concurrency=concurrency, key=key, timeout=timeout, report=report, **options)
        return self._loop.run(work)

    def session(
        self,
        *,
        backend: str | None = None,
        max_cost: Amount | None = None,
        name: str | None = None,
        max_idle: int | None = None,
        max_age: int | None = None,
        project: str | None = None,
        key: str | None = None,
    ) -> Session:
        """Jobs that belong together, with priority on a backend and the most that they may cost."""
        from queuebit.sync_session import Session

        session = self._client.session(
            backend=backend,
            max_cost=max_cost,
            name=name,
            max_idle=max_idle,
            max_age=max_age,
            project=project,
            key=key,
        )
        return Session(session, self._loop)

    def sessions(self, *, session: str | None = None, limit: int = 50) -> Table:
        """Sessions that are open, or closed within a day: what they cost, and what is left."""
        return self._loop.run(self._client.sessions(session=session, limit=limit))

    def reserve(
        self,
        backend: str,
        starts_at: datetime,
        ends_at: datetime | None = None,
        *,
        length: timedelta | None = None,
        project: str | None = None,
        users: Iterable[str] | None = None,
        name: str | None = None,
        max_idle: int | None = None,
        key: str | None = None,
        dry_run: bool = False,
    ) -> Reservation:
        """Book a slot of a backend, in which only jobs of the project run there; as `AsyncClient.reserve`."""
        work = self._client.reserve(
            backend,
            starts_at,
            ends_at,
            length=length,
            project=project,
            users=users,
            name=name,
            max_idle=max_idle,
            key=key,
            dry_run=dry_run,
        )
        return self._loop.run(work)

    def cancel_reservation(self, reservation: str) -> Reservation:
        """As `AsyncClient.cancel_reservation`."""
        return self._loop.run(self._client.cancel_reservation(reservation))

    def reservations(self, *, reservation: str | None = None, limit: int = 50) -> Table:
        """As `AsyncClient.reservations`."""
        return self._loop.run(self._client.reservations(reservation=reservation, limit=limit))

    def windows(self, *, backend: str | None = None, limit: int = 1000) -> Table:
        """As `AsyncClient.windows`."""
        return self._loop.run(self._client.windows(backend=backend, limit=limit))

    def run_hybrid(
        self,
        file: Path | str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_time: float = 600,
        max_cost: Amount | None = None,
        project: str | None = None,
        purpose: str = "interactive",
        label: str | None = None,
        key: str | None = None,
        retries: int = 0,
        tags: Sequence[str] = (),
    ) -> HybridJob:
        """Have the platform run a Python file beside its backends."""
        from queuebit.sync_hybrid import HybridJob

        work = self._client.run_hybrid(
            file,
            parameters,
            max_time=max_time,
            max_cost=max_cost,
            project=project,
            purpose=purpose,
            label=label,
            key=key,
            retries=retries,
            tags=tags,
        )
        return HybridJob(self._loop.run(work), self._loop)

    def template(
        self,
        name: str,
        *,
        backend: str | None = None,
        max_cost: Amount | None = None,
        project: str | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        **parameters: Any,
    ) -> TemplateRun:
        """A ready workload, such as `client.template("grover", marked="101").result()`."""
        from queuebit.sync_template_runs import TemplateRun

        run = self._client.template(
            name, backend=backend, max_cost=max_cost, project=project, key=key, tags=tags, **parameters
        )
        return TemplateRun(run, self._loop)

    def hybrid_jobs(self, *, project: str | None = None, limit: int = 50) -> Table:
        """The newest hybrid jobs of the tenant."""
        return self._loop.run(self._client.hybrid_jobs(project=project, limit=limit))

    def hybrid_job(self, hybrid: str) -> HybridJob:
        """A hybrid job by its id."""
        from queuebit.sync_hybrid import HybridJob

        return HybridJob(self._client.hybrid_job(hybrid), self._loop)

    def job(self, job: str) -> Job:
        """A job by its full id."""
        return Job(self._client.job(job), self._loop)

    def find(self, prefix: str) -> Job:
        """A job by its full id, a recent one by a prefix of its id, or the newest: `latest`."""
        return Job(self._loop.run(self._client.find(prefix)), self._loop)

    def random(
        self,
        bits: int,
        *,
        backend: str | None = None,
        qubits: int = 8,
        security: int = 64,
        project: str | None = None,
        max_cost: Amount | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        timeout: float | None = None,
    ) -> RandomBits:
        """Random bits from measured qubits; those of a simulator are pseudo-random, and say so."""
        work = self._client.random(
            bits,
            backend=backend,
            qubits=qubits,
            security=security,
            project=project,
            max_cost=max_cost,
            key=key,
            tags=tags,
            timeout=timeout,
        )
        return self._loop.run(work)

    def replay(
        self,
        job: str,
        *,
        backend: str | None = None,
        max_cost: Amount | None = None,
        key: str | None = None,
        timeout: float | None = None,
        alpha: float = ALPHA,
        floor: float = FLOOR,
    ) -> Compared:
        """Run a completed job again as it ran, and compare both results."""
        work = self._client.replay(
            job, backend=backend, max_cost=max_cost, key=key, timeout=timeout, alpha=alpha, floor=floor
        )
        return self._loop.run(work)

    def compare(self, one: str, other: str, *, alpha: float = ALPHA, floor: float = FLOOR) -> Compared:
        """Compare the results of two completed jobs."""
        return self._loop.run(self._client.compare(one, other, alpha=alpha, floor=floor))

    def circuits(self, *, limit: int = 1000) -> Table:
        """The named circuits of the tenant."""
        return self._loop.run(self._client.circuits(limit=limit))

    def circuit(self, name: str) -> NamedCircuit:
        """A named circuit of the tenant, to submit it."""
        return self._loop.run(self._client.circuit(name))

    def store_circuit(self, circuit: object) -> StoredCircuit:
        """Keep the source of a circuit in the payload store of the tenant."""
        return self._loop.run(self._client.store_circuit(circuit))

    def log_signature(self, envelope: bytes) -> str:
        """Make the statement of a signed file a leaf of the platform's log; return its proof."""
        return self._loop.run(self._client.log_signature(envelope))

    def lineage(self, name: str, *, limit: int = 200) -> Lineage:
        """What a job, circuit, calibration or data set has to do with others."""
        return self._loop.run(self._client.lineage(name, limit=limit))

    def jobs(
        self,
        *,
        project: str | None = None,
        tag: str | None = None,
        session: str | None = None,
        until: datetime | None = None,
        limit: int = 50,
    ) -> Table:
        """The newest jobs of the tenant."""
        return self._loop.run(self._client.jobs(project=project, tag=tag, session=session, until=until, limit=limit))

    def groups(self, *, project: str | None = None, days: int = 30, limit: int = 50) -> Table:
        """Tags and sessions of jobs, the newest first."""
        return self._loop.run(self._client.groups(project=project, days=days, limit=limit))

    def group(self, name: str, *, kind: str = "tag") -> Group:
        """The jobs with a tag, of a session or of a workflow."""
        from queuebit.sync_group import Group

        return Group(self._client.group(name, kind=kind), self._loop)

    def backends(self) -> Table:
        """The backends, with price and quality."""
        return self._loop.run(self._client.backends())

    def device(self, backend: str) -> Device:
        """A backend as its executor announced it."""
        return self._loop.run(self._client.device(backend))

    def plan(
        self,
        circuit: object,
        *,
        shots: int = 1000,
        project: str | None = None,
        compilation: Mapping[str, Any] | None = None,
        post: Sequence[str] = (),
        backend: str | Sequence[str] | None = None,
        max_cost: Amount | None = None,
        min_fidelity: Probability | None = None,
        deadline: Deadline | None = None,
        vendors: Sequence[str] = (),
        regions: Sequence[str] = (),
        spot: bool = False,
        reservation: str | None = None,
    ) -> Table:
        """Cost and expected quality of a job on each backend."""
        work = self._client.plan(
            circuit,
            shots=shots,
            project=project,
            compilation=compilation,
            post=post,
            backend=backend,
            max_cost=max_cost,
            min_fidelity=min_fidelity,
            deadline=deadline,
            vendors=vendors,
            regions=regions,
            spot=spot,
            reservation=reservation,
        )
        return self._loop.run(work)

    def backend_status(self) -> Table:
        """As `AsyncClient.backend_status`."""
        return self._loop.run(self._client.backend_status())

    def fidelities(self, *, limit: int = 1000) -> Table:
        """As `AsyncClient.fidelities`."""
        return self._loop.run(self._client.fidelities(limit=limit))

    def charges(self, *, project: str | None = None, limit: int = 50) -> Table:
        """Charges, newest first."""
        return self._loop.run(self._client.charges(project=project, limit=limit))

    def invoices(self, *, limit: int = 50) -> Table:
        """As `AsyncClient.invoices`."""
        return self._loop.run(self._client.invoices(limit=limit))

    def invoice(self, number: str) -> tuple[Row, bytes]:
        """As `AsyncClient.invoice`."""
        return self._loop.run(self._client.invoice(number))

    def export_charges(
        self,
        form: str = "csv",
        *,
        project: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[bytes]:
        """Every charge and correction as a file, piece by piece."""
        return self._loop.each(self._client.export_charges(form, project=project, since=since, until=until))

    def quotas(self, *, project: str | None = None) -> Table:
        """As `AsyncClient.quotas`."""
        return self._loop.run(self._client.quotas(project=project))

    def balances(self, *, project: str | None = None) -> Table:
        """What accounts and budgets have left."""
        return self._loop.run(self._client.balances(project=project))

    def slo(self) -> Table:
        """Service levels: objectives and measured values."""
        return self._loop.run(self._client.slo())

    def audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 200,
    ) -> Table:
        """As `AsyncClient.audit`."""
        asked = self._client.audit(action=action, actor=actor, since=since, until=until, limit=limit)
        return self._loop.run(asked)

    def inventory(self) -> Table:
        """As `AsyncClient.inventory`."""
        return self._loop.run(self._client.inventory())

    def canaries(self) -> Table:
        """The canary that started last with each flag of the tenant: its state, and the values of both arms."""
        return self._loop.run(self._client.canaries())

    def waiting(self, *, states: Iterable[str] = WAITING, job: str | None = None) -> dict[str, str]:
        """Why jobs wait, by job."""
        return self._loop.run(self._client.waiting(states=states, job=job))

    def follow_waiting(self, job: str) -> Iterator[str]:
        """Why a job waits, each time that changes, until the job ends."""
        return self._loop.each(self._client.follow_waiting(job))

    def explain(self, job: str) -> Table:
        """Why a job was placed where it was, placement by placement."""
        return self._loop.run(self._client.explain(job))

    def events(self, job: str | None = None) -> Iterator[LoggedEvent]:
        """Events of the tenant's jobs from now on."""
        return self._loop.each(self._client.events(job))


def _say_the_same(ours: type, theirs: type) -> None:
    """Give each method the docstring of its asynchronous counterpart."""
    for name, call in vars(ours).items():
        twin = getattr(theirs, name, None)
        if not name.startswith("_") and twin is not None and twin.__doc__:
            call.__doc__ = twin.__doc__


_say_the_same(Client, AsyncClient)
