"""A device of PennyLane that runs tapes as jobs of Queuebit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pennylane as qml
from numpy.typing import NDArray
from pennylane.devices.preprocess import decompose, validate_measurements
from pennylane.tape import QuantumScript, QuantumScriptBatch
from pennylane.transforms import broadcast_expand, defer_measurements, split_non_commuting

from queuebit import Batch, Client, Item, Job, Result, Table
from queuebit.series import JobSeries, counts_of, with_usual_shots
from queuebit_pennylane.preprocessing import can_be_sampled, require_shots, sampled, with_wires
from queuebit_pennylane.tapes import Export, export, samples_of

__all__ = ["QueuebitDevice"]


class QueuebitDevice(JobSeries, qml.devices.Device):  # type: ignore[misc]  # PennyLane has no types
    """Runs circuits of PennyLane on Queuebit: `qml.device("queuebit", wires=2, backend="aer")`.

    Each batch of tapes is one job: a Jacobian by parameter shift is one job, and so are the groups of a Hamiltonian.
    """

    config_filepath = str(Path(__file__).parent / "capabilities.toml")

    def __init__(
        self,
        wires: Any = None,  # a number, or labels
        shots: Any = None,  # as PennyLane's
        *,
        client: Client | None = None,
        backend: str | None = None,
        project: str | None = None,
        purpose: str = "interactive",
        max_cost: Any = None,  # as for `Client.submit`
        seed: int | None = None,
        tags: Sequence[str] = (),
        key: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Create a device; it connects when first used.

        Args:
            wires: their number or labels; default: any.
            shots: prefer `qml.set_shots(qnode, 1000)`: PennyLane deprecated the shots of devices.
            client: an open client; default: one with the default credential, which `close()` closes.
            backend: where to run; default: the cheapest that fits, of the project's default kind.
            project: the project that pays; default: the credential's project.
            purpose: required text about the use.
            max_cost: refuse each job that could cost more.
            seed: seed of simulations; default: derived from the job's id.
            tags: names for the bill.
            key: the batches of this device get the keys `<key>/1`, `<key>/2` and so on: a script that runs again gets
                the results of its finished jobs, and pays once.
            timeout: seconds to wait for each result; default: no limit. The job continues.
        """
        qml.devices.Device.__init__(self, wires=wires, shots=shots)
        options = {"project": project, "purpose": purpose, "max_cost": max_cost, "seed": seed, "tags": tags}
        JobSeries.__init__(self, client, backend=backend, key=key, timeout=timeout, **options)

    @property
    def name(self) -> str:
        """The name for `qml.device`."""
        return "queuebit"

    def estimate(self, qnode: qml.QNode, *args: Any, **kwargs: Any) -> Table:  # arguments of the QNode
        """What a call of a QNode would cost and reach: a row for each backend, or for the backend of this device."""
        tapes, _ = qml.workflow.construct_batch(qnode, level="device")(*args, **kwargs)
        return self._plan(_program(self._exported(tapes), tapes), tapes[0].shots.total_shots)

    def preprocess_transforms(self, execution_config: qml.devices.ExecutionConfig | None = None) -> qml.CompilePipeline:
        """Make tapes of gates of the device and samples of wires."""
        del execution_config
        program = qml.CompilePipeline()
        program.add_transform(require_shots)
        program.add_transform(with_wires, self.wires, self.name)
        program.add_transform(defer_measurements, allow_postselect=False)
        program.add_transform(validate_measurements, sample_measurements=can_be_sampled, name=self.name)
        program.add_transform(split_non_commuting)
        program.add_transform(sampled)
        program.add_transform(
            decompose,
            target_gates=self.capabilities.gate_set(),
            stopping_condition=self.capabilities.supports_operation,
            skip_initial_state_prep=False,
            name=self.name,
        )
        program.add_transform(broadcast_expand)
        return program

    def execute(
        self,
        circuits: QuantumScript | QuantumScriptBatch,
        execution_config: qml.devices.ExecutionConfig | None = None,
    ) -> Any:  # PennyLane's nested results
        """Run tapes as one job, and return the samples of each.

        Raises:
            Refused: the platform refused the job; `reasons` holds all of them.
            JobFailed: a tape failed; the text names it.
        """
        del execution_config
        tapes = (circuits,) if isinstance(circuits, QuantumScript) else tuple(circuits)
        if not tapes:
            return ()
        exported = self._exported(tapes)
        circuit = exported[0].source if len(tapes) == 1 else _program(exported, tapes)
        job = self._submit(circuit, tapes[0].shots.total_shots)
        result = job.result(self.timeout)
        results = tuple(_read(result, number, *it) for number, it in enumerate(zip(exported, tapes, strict=True)))
        self._track(job, tapes, results)
        return results[0] if isinstance(circuits, QuantumScript) else results

    def _exported(self, tapes: Sequence[QuantumScript]) -> list[Export]:
        return [export(tape, self.wires, inputs=len(tapes) > 1) for tape in tapes]

    def _track(self, job: Job, tapes: Sequence[QuantumScript], results: Sequence[Any]) -> None:
        if not self.tracker.active:
            return
        self.tracker.update(batches=1, jobs=1, job_id=job.id)
        self.tracker.record()
        for tape, result in zip(tapes, results, strict=True):
            resources = tape.specs["resources"]
            self.tracker.update(executions=1, shots=tape.shots.total_shots, results=result, resources=resources)
            self.tracker.record()


def _program(exported: Sequence[Export], tapes: Sequence[QuantumScript]) -> Batch:
    """Tapes as the items of a job that has the shots of the first."""
    shots = [it.shots.total_shots for it in tapes]
    items = [Item(it.source, it.values, shots=mine) for it, mine in zip(exported, shots, strict=True)]
    return Batch(with_usual_shots(items, shots[0]))


def _read(
    result: Result, number: int, exported: Export, tape: QuantumScript
) -> NDArray[Any] | tuple[NDArray[Any], ...]:
    counts = counts_of(result, number, f"tape {number}")
    samples = samples_of(exported, [*tape.measurements[0].wires], counts, f"{result.job}/{number}")
    parts = tuple(samples[start:end] for start, end in tape.shots.bins())
    return parts if tape.shots.has_partitioned_shots else samples
