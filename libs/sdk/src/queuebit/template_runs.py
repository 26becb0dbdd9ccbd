"""Runs of templates: submits the programs of a ready workload, and says what their results mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from queuebit.errors import InvalidInput, JobFailed, NotFound, Reason
from queuebit.inputs import one_line
from queuebit.keys import KeySpace, active_keys, keyed
from queuebit.programs import Batch, Item
from queuebit_kernel import new_key

if TYPE_CHECKING:
    from queuebit.amounts import Amount
    from queuebit.client import AsyncClient
    from queuebit.job import AsyncJob
    from queuebit.records import ItemResult, Result, Table
    from queuebit_kernel import Money
    from queuebit_templates import Measured, Program, Reading, Template

__all__ = ["AsyncTemplateRun", "RunOptions", "template_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Where and how the jobs of a template run, as for `Client.submit`."""

    backend: str | None = None
    max_cost: Amount | None = None
    """Of all jobs together. A run that continues after an error has a new session for the jobs that are left, whose cap
    is the same."""
    project: str | None = None
    key: str | None = None
    tags: Sequence[str] = ()


def template_run(client: AsyncClient, name: str, values: Mapping[str, Any], options: RunOptions) -> AsyncTemplateRun:
    """A template with values for its parameters.

    Raises:
        NotFound: no installed template has this name.
        InvalidInput: a value is unknown or out of bounds, with all faults; or the template cannot be loaded.
    """
    from queuebit_templates import BadParameters, BrokenTemplate, UnknownTemplate, find, validated

    try:
        template = find(name)
        return AsyncTemplateRun(client, template, validated(template, values), options)
    except UnknownTemplate as error:
        raise NotFound(f"{error}: see `qb template list`") from None
    except (BadParameters, BrokenTemplate) as error:
        raise InvalidInput(f"{error}: see `qb template show {name}`") from None


class AsyncTemplateRun:
    """A template with its parameters, as `client.template(...)` returns it; it has sent nothing yet."""

    def __init__(
        self,
        client: AsyncClient,
        template: Template[Any],  # each template has parameters of its own type
        parameters: Any,  # of the template's type
        options: RunOptions,
    ) -> None:
        self.name = template.name
        self.parameters: dict[str, object] = parameters.model_dump(mode="json")
        """Every parameter, with its default where none was given."""
        self.most_jobs = template.jobs(parameters)
        """The most jobs that it submits; all have the size of the first."""
        self.jobs: list[AsyncJob] = []
        """The jobs that it has submitted."""
        self._client, self._options = client, options
        self._template, self._given = template, parameters
        self._reading: Reading | None = None
        self._key = None if options.key is None else one_line("key", options.key, 128)
        self._own_key = new_key()
        """Without a key, for a second call of `result` after an error: it finds the jobs of the first."""

    @property
    def program(self) -> Program:
        """The first program that it submits."""
        return self._template.first(self._given)

    async def plan(self) -> Table:
        """Cost and expected quality of its first job on each backend, without running it; raises as `Client.plan`."""
        program = self.program
        return await self._client.plan(_circuit(program), shots=program.shots, project=self._options.project)

    async def result(self, timeout: float | None = None, report: Callable[[int, int], None] | None = None) -> Reading:
        """Submit its jobs one after another, and say what their results mean.

        A second call returns the same. After an error, it continues: jobs that have a result are not submitted again.

        Args:
            timeout: seconds to wait for each job; a job continues after that.
            report: called when a job was submitted, with its number from 1 and the most jobs that there are.

        Raises:
            Refused: a job was rejected; `reasons` holds all of them.
            JobFailed: a job, or an item of one, failed or was cancelled.
            StillRunning: a job did not end in time; call again.
        """
        if self._reading is None:
            keys = active_keys() if self._key is None else None
            with keyed(keys or KeySpace(f"template\n{self.name}\n{self._key or self._own_key}")):
                async with self._submitting() as submit:
                    self._reading = await self._run(submit, timeout, report)
        return self._reading

    async def charge(self, timeout: float | None = 10.0) -> Money | None:
        """Wait for the bills of its jobs, and return their sum; None before the first job.

        Raises:
            StillRunning: a bill is not there after `timeout` seconds.
        """
        total: Money | None = None
        for job in self.jobs:
            charge = await job.charge(timeout)
            total = charge if total is None else total + charge
        return total

    async def _run(
        self,
        submit: Callable[..., Awaitable[AsyncJob]],
        timeout: float | None,
        report: Callable[[int, int], None] | None,
    ) -> Reading:
        self.jobs.clear()
        steps = self._template.steps(self._given)
        program = next(steps)
        while True:
            job = await self._submitted(submit, program)
            if report is not None:
                report(len(self.jobs), self.most_jobs)
            measured = _measured(await job.result(timeout))
            try:
                program = steps.send(measured)
            except StopIteration as end:
                reading: Reading = end.value
                return reading

    async def _submitted(self, submit: Callable[..., Awaitable[AsyncJob]], program: Program) -> AsyncJob:
        options = self._options
        cap = {} if self._is_session else {"max_cost": options.max_cost}
        job = await submit(
            _circuit(program),
            shots=program.shots,
            backend=options.backend,
            project=options.project,
            tags=options.tags,
            label=f"template {self.name}",
            **cap,
        )
        self.jobs.append(job)
        return job

    @property
    def _is_session(self) -> bool:
        """Several jobs with a common limit are a session, whose cap is held before the first."""
        return self._options.max_cost is not None and self.most_jobs > 1

    @asynccontextmanager
    async def _submitting(self) -> AsyncIterator[Callable[..., Awaitable[AsyncJob]]]:
        options = self._options
        if not self._is_session:
            yield self._client.submit
            return
        session = self._client.session(
            backend=options.backend, max_cost=options.max_cost, project=options.project, name=f"template-{self.name}"
        )
        async with session:
            yield session.submit


def _circuit(program: Program) -> object:
    """What is submitted for a program: a single circuit that is only counted runs on every backend."""
    items = [Item(it.source, it.parameters, it.observables, it.shots) for it in program.items]
    if len(items) == 1 and not (program.memory or items[0].parameters or items[0].observables or items[0].shots):
        return items[0].circuit
    return Batch(items, ("memory",) if program.memory else ("counts",))


def _measured(result: Result) -> list[Measured]:
    return [_of_item(result.job, it) for it in result.items]


def _of_item(job: str, item: ItemResult) -> Measured:
    from queuebit_templates import Estimate, Measured

    if item.state != "completed":
        reason = item.reason or Reason("failed", "it has no result")
        raise JobFailed(job, Reason(reason.code, f"item {item.number}: {reason.text}"))
    expectations = tuple(Estimate(it.value, it.stderr) for it in item.expectations or ())
    return Measured(item.counts or {}, item.memory or (), expectations)
