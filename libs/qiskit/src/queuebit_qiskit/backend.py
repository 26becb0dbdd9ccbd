"""A backend for Qiskit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.providers import Options as QiskitOptions
from qiskit.transpiler import Target

from queuebit import InvalidInput
from queuebit.devices import Device
from queuebit_qiskit.jobs import CircuitJob
from queuebit_qiskit.options import Options
from queuebit_qiskit.results import circuit_items
from queuebit_qiskit.submitting import Request
from queuebit_qiskit.target import target_of

if TYPE_CHECKING:
    from queuebit_qiskit.service import QueuebitService

__all__ = ["QueuebitBackend"]

_MAX_CIRCUITS = 1_000
"""Different circuits of one job."""


class QueuebitBackend(BackendV2):  # type: ignore[misc]  # Qiskit has no types
    """A backend with the target of its newest calibration, as of when it was read: `refresh()` reads it again."""

    def __init__(self, service: QueuebitService, device: Device) -> None:
        super().__init__(provider=service, name=device.name, description=f"{device.vendor}, {device.kind}")
        self._service = service
        self._device = device
        self._target: Target | None = None

    def __repr__(self) -> str:
        return f"<QueuebitBackend {self.name}>"

    @property
    def target(self) -> Target:
        """Gates with errors and durations on ordered qubits, measurement, reset and supported control flow."""
        if self._target is None:
            self._target = target_of(self._device)
        return self._target

    @property
    def max_circuits(self) -> int:
        """Circuits of one `run`."""
        return _MAX_CIRCUITS

    @property
    def max_shots(self) -> int:
        """Shots of one run of a circuit."""
        return self._device.max_shots

    @property
    def simulator(self) -> bool:
        """Whether it is an ideal simulator; an emulated device is noisy, and is not."""
        return self._device.kind == "simulator"

    @property
    def calibration(self) -> str | None:
        """The digest of the calibration that the target is made of; `job.calibration` has that of a run."""
        return self._device.digest

    @property
    def calibrated_at(self) -> datetime | None:
        """When the device was calibrated."""
        return self._device.calibrated_at

    @property
    def snapshot(self) -> Mapping[str, Any] | None:
        """The calibration as plain JSON; None for ideal simulators."""
        return self._device.calibration

    @property
    def service(self) -> QueuebitService:
        """Where it comes from."""
        return self._service

    def configuration(self) -> SimpleNamespace:
        """A few properties as Qiskit's older backends had them: packages such as mthree read these."""
        return SimpleNamespace(
            backend_name=self.name,
            num_qubits=self._device.qubits,
            max_shots=self.max_shots,
            max_experiments=self.max_circuits,
            simulator=self.simulator,
        )

    def refresh(self) -> None:
        """Read the newest calibration; the target follows it."""
        self._device = self._service.client.device(self.name)
        self._target = self._coupling_map = None

    def native(self, compile_: str) -> Target | None:
        """The target that circuits must be compiled for already; None if the platform compiles them.

        Raises:
            InvalidInput: it is neither `auto` nor `none`, or the backend has no device qubits.
        """
        if compile_ == "auto":
            return None
        if compile_ != "none":
            raise InvalidInput(f"compile is {compile_!r:.40}: give 'auto' or 'none'")
        if self.simulator:
            raise InvalidInput(f"{self.name} is an ideal simulator, without qubits of a device: leave compile out")
        return self.target

    @classmethod
    def _default_options(cls) -> QiskitOptions:
        return QiskitOptions(
            shots=1000, memory=False, seed_simulator=None, max_cost=None, compile="auto", job_tags=None
        )

    def run(self, run_input: QuantumCircuit | Sequence[QuantumCircuit], **options: Any) -> CircuitJob:
        """Submit circuits as one job.

        Args:
            run_input: a circuit, or several, without free parameters.
            options: `shots`, `memory` (each shot in order), `seed_simulator`, `max_cost` and `compile` (as of
                `SamplerOptions`), `job_tags` (texts, shown as the job's label). One that is None is not set.

        Raises:
            InvalidInput: a circuit or an option cannot be sent; it is a `ValueError`.
        """
        given = {name: value for name, value in options.items() if value is not None}
        chosen = {**dict(self.options), **given}
        if unknown := chosen.keys() - dict(self.options).keys():
            raise AttributeError(f"{self.name} has no option {sorted(unknown)[0]!r}: it has {', '.join(self.options)}")
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else [*run_input]
        items, notes = circuit_items(circuits, chosen["shots"], self.native(chosen["compile"]))
        outputs = ("counts", "memory") if chosen["memory"] else ("counts",)
        request = Request("circuits", items, notes, ", ".join(chosen["job_tags"] or ()), outputs)
        asked = Options(max_cost=chosen["max_cost"], seed=chosen["seed_simulator"])
        return CircuitJob(self._service, self._service.submit(self, request, asked), self.name, notes)
