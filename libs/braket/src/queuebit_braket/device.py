"""A device of Braket's form that runs programs as jobs of Queuebit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from queuebit import Batch, Client, InvalidInput, Item, Table
from queuebit.series import JobSeries
from queuebit_braket.programs import Program, program_of
from queuebit_braket.tasks import QueuebitTask, QueuebitTaskBatch
from queuebit_braket.tracking import Tracker

__all__ = ["QueuebitDevice"]

_USUAL_SHOTS = 1_000


class QueuebitDevice(JobSeries):
    """Runs circuits of Amazon Braket's SDK, and OpenQASM 3 as Braket reads it, on Queuebit."""

    def __init__(
        self,
        backend: str | None = None,
        *,
        client: Client | None = None,
        project: str | None = None,
        purpose: str = "interactive",
        max_cost: Any = None,
        seed: int | None = None,
        tags: Sequence[str] = (),
        key: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Create a device; it connects when first used.

        Args:
            backend: where to run; default: the cheapest that fits, of the project's default kind.
            client: an open client; default: one with the default credential, which `close()` closes.
            project: the project that pays; default: the credential's project.
            purpose: required text about the use.
            max_cost: refuse each job that could cost more, as for `Client.submit`.
            seed: seed of simulations; default: derived from the job's id.
            tags: names for the bill.
            key: the jobs of this device get the keys `<key>/1`, `<key>/2` and so on: a script that runs again gets the
                results of its finished jobs, and pays once.
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
            seed=seed,
            tags=tags,
        )

    def __enter__(self) -> QueuebitDevice:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(
        self, program: object, shots: int = _USUAL_SHOTS, *, inputs: Mapping[str, float] | None = None
    ) -> QueuebitTask:
        """Hand in a program, and return its task at once.

        Args:
            program: a circuit of Braket's SDK, `braket.ir.openqasm.Program`, or OpenQASM 3 as text.
            shots: of each measurement basis: results that no common basis gives need several.
            inputs: values for its free parameters.
        """
        return self.run_batch([program], shots, inputs=inputs).tasks[0]

    def run_batch(
        self,
        programs: Sequence[object],
        shots: int = _USUAL_SHOTS,
        *,
        inputs: Mapping[str, float] | Sequence[Mapping[str, float]] | None = None,
    ) -> QueuebitTaskBatch:
        """Hand in several programs as one job; arguments are as for `run`, and inputs may be given for each program."""
        if not programs:
            return QueuebitTaskBatch(())
        read = _read(programs, shots, inputs)
        job = self._submit(_job_of(read), shots)
        return QueuebitTaskBatch([QueuebitTask(job, *it, shots, self.timeout) for it in enumerate(read)])

    def estimate(
        self, program: object, shots: int = _USUAL_SHOTS, *, inputs: Mapping[str, float] | None = None
    ) -> Table:
        """What `run` would cost and reach: a row for each backend, or for the backend of this device."""
        return self._plan(_job_of(_read([program], shots, inputs)), shots)

    def tracker(self) -> Tracker:
        """A context whose tasks' costs are added up: `with device.tracker() as tracker: …`."""
        return Tracker(self, self._is_simulator)

    def _is_simulator(self, backend: str) -> bool:
        return self._client.device(backend).kind == "simulator"


def _read(
    programs: Sequence[object], shots: int, inputs: Mapping[str, float] | Sequence[Mapping[str, float]] | None
) -> list[Program]:
    if shots == 0:
        raise InvalidInput("backends return measured shots, and no exact results: ask for at least 1")
    each = [inputs] * len(programs) if inputs is None or isinstance(inputs, Mapping) else inputs
    if len(each) != len(programs):
        raise InvalidInput(f"{len(programs)} programs and {len(each)} sets of inputs are given: give one for each")
    return list(map(program_of, programs, each))


def _job_of(programs: Sequence[Program]) -> object:
    """A single circuit if it can be one, which is the smaller request."""
    if len(programs) == 1 and not programs[0].inputs:
        return programs[0].source
    return Batch([Item(it.source, it.inputs) for it in programs])
