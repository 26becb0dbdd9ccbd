"""A sampler of Cirq that runs circuits as jobs of Queuebit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import cirq
import duet
import sympy

from queuebit import Batch, Client, InvalidInput, Item, Job, Result, Table
from queuebit.series import MOST_INPUTS, JobSeries, counts_of, with_usual_shots
from queuebit_cirq.errors import NotExported
from queuebit_cirq.exporting import Export, export
from queuebit_cirq.results import ResultDict, result_of

__all__ = ["QueuebitSampler"]


@dataclass(frozen=True, slots=True)
class _Run:
    """One circuit with values for its inputs."""

    exported: Export
    params: cirq.ParamResolver
    values: dict[str, float]
    shots: int


class QueuebitSampler(JobSeries, cirq.Sampler):
    """Runs circuits of Cirq on Queuebit.

    Each call is one job: a sweep and a batch are its items. A result has its job, as `result.job`.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        backend: str | None = None,
        project: str | None = None,
        purpose: str = "interactive",
        max_cost: Any = None,
        min_fidelity: float | None = None,
        deadline: datetime | timedelta | None = None,
        vendors: Sequence[str] = (),
        regions: Sequence[str] = (),
        seed: int | None = None,
        tags: Sequence[str] = (),
        key: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Create a sampler; it connects when first used.

        Args:
            client: an open client; default: one with the default credential, which `close()` closes.
            backend: where to run; default: the cheapest that fits, of the project's default kind.
            project: the project that pays; default: the credential's project.
            purpose: required text about the use.
            max_cost: refuse each job that could cost more, as for `Client.submit`.
            min_fidelity: as for `Client.submit`.
            deadline: as for `Client.submit`; a duration begins with each call.
            vendors: as for `Client.submit`.
            regions: as for `Client.submit`.
            seed: seed of simulations; default: derived from the job's id.
            tags: names for the bill.
            key: the calls of this sampler get the keys `<key>/1`, `<key>/2` and so on: a script that runs again gets
                the results of its finished jobs, and pays once.
            timeout: seconds to wait for each result; default: no limit. The job continues.
        """
        super().__init__(
            client,
            backend=backend,
            key=key,
            timeout=timeout,
            project=project,
            purpose=purpose,
            max_cost=max_cost,
            min_fidelity=min_fidelity,
            deadline=deadline,
            vendors=vendors,
            regions=regions,
            seed=seed,
            tags=tags,
        )

    def __enter__(self) -> QueuebitSampler:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def estimate(self, program: cirq.AbstractCircuit, params: cirq.Sweepable = None, repetitions: int = 1) -> Table:
        """What `run_sweep` would cost and reach: a row for each backend, or for the backend of this sampler."""
        runs = _runs(program, params, repetitions)
        return self._plan(_program(runs), repetitions) if runs else Table()

    async def run_sweep_async(
        self, program: cirq.AbstractCircuit, params: cirq.Sweepable, repetitions: int = 1
    ) -> Sequence[ResultDict]:
        """Run a circuit for each set of parameters, as one job."""
        return await self._results(_runs(program, params, repetitions))

    async def run_batch_async(
        self,
        programs: Sequence[cirq.AbstractCircuit],
        params_list: Sequence[cirq.Sweepable] | None = None,
        repetitions: int | Sequence[int] = 1,
    ) -> Sequence[Sequence[ResultDict]]:
        """Run several circuits, each with its sweep and number of repetitions, as one job."""
        sweeps, counts = self._normalize_batch_args(programs, params_list, repetitions)
        runs = [_runs(*it) for it in zip(programs, sweeps, counts, strict=True)]
        results = iter(await self._results([run for mine in runs for run in mine]))
        return [[next(results) for _ in mine] for mine in runs]

    # Cirq's own forms of these return Cirq's type.

    def run(
        self,
        program: cirq.AbstractCircuit,
        param_resolver: cirq.ParamResolverOrSimilarType = None,
        repetitions: int = 1,
    ) -> ResultDict:
        """Run a circuit once, as one job."""
        return self.run_sweep(program, param_resolver, repetitions)[0]

    def run_sweep(
        self, program: cirq.AbstractCircuit, params: cirq.Sweepable, repetitions: int = 1
    ) -> Sequence[ResultDict]:
        """Run a circuit for each set of parameters, as one job."""
        return duet.run(self.run_sweep_async, program, params, repetitions)

    def run_batch(
        self,
        programs: Sequence[cirq.AbstractCircuit],
        params_list: Sequence[cirq.Sweepable] | None = None,
        repetitions: int | Sequence[int] = 1,
    ) -> Sequence[Sequence[ResultDict]]:
        """Run several circuits, each with its sweep and number of repetitions, as one job."""
        return duet.run(self.run_batch_async, programs, params_list, repetitions)

    async def _results(self, runs: Sequence[_Run]) -> list[ResultDict]:
        if not runs:
            return []
        job = self._send(runs)
        result: Result = await duet.AwaitableFuture.wrap(job.future(self.timeout))
        return [_read(job, result, number, run) for number, run in enumerate(runs)]

    def _send(self, runs: Sequence[_Run]) -> Job:
        if not all(run.exported.registers for run in runs):
            raise InvalidInput("the circuit measures nothing: add measurements, such as cirq.measure(*qubits, key='m')")
        if any(isinstance(run.shots, int) and run.shots < 1 for run in runs):
            raise InvalidInput("a circuit without repetitions measures nothing: ask for at least 1")
        single = len(runs) == 1 and not runs[0].values  # a single circuit is the smaller request
        circuit = runs[0].exported.source if single else _program(runs)
        return self._submit(circuit, runs[0].shots)


def _program(runs: Sequence[_Run]) -> Batch:
    items = [Item(run.exported.source, run.values, shots=run.shots) for run in runs]
    return Batch(with_usual_shots(items, runs[0].shots))


def _runs(program: cirq.AbstractCircuit, params: cirq.Sweepable, shots: int) -> list[_Run]:
    """The runs of a sweep: of one circuit with inputs if it can have them, else of a circuit for each."""
    resolvers = list(cirq.to_resolvers(params))
    try:
        exported = export(program) if len(cirq.parameter_names(program)) <= MOST_INPUTS else None
    except NotExported:
        exported = None
    if exported is None:
        return [_bound(program, resolver, shots) for resolver in resolvers]
    runs = []
    for resolver in resolvers:
        values = {name: _value(resolver.value_of(symbol)) for symbol, name in exported.inputs.items()}
        plain = {name: value for name, value in values.items() if value is not None}
        complete = len(plain) == len(values)
        runs.append(_Run(exported, resolver, plain, shots) if complete else _bound(program, resolver, shots))
    return runs


def _bound(program: cirq.AbstractCircuit, resolver: cirq.ParamResolver, shots: int) -> _Run:
    bound = cirq.resolve_parameters(program, resolver)
    if names := sorted(cirq.parameter_names(bound)):
        raise InvalidInput(f"the circuit has parameters without values ({', '.join(names)}): give them in params")
    return _Run(export(bound), resolver, {}, shots)


def _value(value: Any) -> float | None:  # any kind of number, or an expression
    """A value of an input; None for what is not a real number."""
    if isinstance(value, sympy.Basic) and not value.is_real:
        return None
    return float(value) if complex(value).imag == 0 else None


def _read(job: Job, result: Result, number: int, run: _Run) -> ResultDict:
    values = ", ".join(f"{name}={value}" for name, value in run.params.param_dict.items())
    counts = counts_of(result, number, f"item {number}" + (f" ({values})" if values else ""))
    found = result_of(run.exported, run.params, counts, f"{job.id}/{number}")
    found.job, found.backend = job, result.backend
    return found
