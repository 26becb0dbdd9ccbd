"""What compile options do to a circuit that lies on its device: folding, twirling and dynamical decoupling.

They follow one another in this order after the layout, so that no optimisation removes what they add, and the copies
of a circuit have one layout.
"""

from __future__ import annotations

from math import pi

from qiskit import QuantumCircuit
from qiskit.circuit import Gate, pauli_twirl_2q_gates
from qiskit.circuit.library import RZGate, XGate
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.exceptions import TranspilerError
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDynamicalDecoupling

from queuebit_quantum.calibration import Calibration
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.compile_options import CompileOptions
from queuebit_quantum.errors import DoesNotFit

__all__ = ["FOLDED", "apply_options", "fold", "measured_errors", "require_plain"]

FOLDED = frozenset({"cx", "cz", "ecr"})
"""Two-qubit gates of devices that are their own inverse: applied an odd number of times, they are themselves."""

_X, _Z = XGate(), RZGate(pi)
_SEQUENCES: dict[str, tuple[list[Gate], list[float] | None]] = {
    "xx": ([_X, _X], None),
    "xy4": ([_X, _X, _Z, _X, _X, _Z], [1 / 8, 1 / 4, 0, 1 / 4, 1 / 4, 0, 1 / 8]),
}
"""Pulses and the shares of the idle time before, between and after them; None: equal, with half at both ends. Y is X
and then a turn by π about z, which takes no time (Maudsley 1986, doi:10.1016/0022-2364(86)90160-5)."""

_NOT_PLAIN = frozenset({"assignment", "conditional", "loop", "timing", "while_loop"})
"""Features of circuits whose operations have no fixed times or places."""


def require_plain(circuit: Circuit, options: CompileOptions, backend: str) -> None:
    """Check that options can be applied to a circuit.

    Raises:
        DoesNotFit: the circuit has verbatim boxes, or conditions or loops that an option does not know.
    """
    if circuit.verbatim and options.as_json():
        raise DoesNotFit(f"{backend}: the gates of a verbatim box run as they are: leave out the box or the options")
    later = sorted(options.features - {"optimization_level"})
    if later and (found := sorted(circuit.features & _NOT_PLAIN)):
        text = f"the circuit has {', '.join(found)}, and {', '.join(later)} needs a circuit without it"
        raise DoesNotFit(f"{backend}: {text}: leave out the option, or write the circuit without it")


def apply_options(
    on_device: QuantumCircuit, target: Target, options: CompileOptions, seed: int, backend: str
) -> QuantumCircuit:
    """The circuit with folded gates, twirled, and with pulses in its idle times, as far as the options say so.

    Args:
        on_device: a circuit on all qubits of the device, in its gates.
        target: of the device.
        options: of the circuit.
        seed: of the compilation; the seed of the Pauli gates follows from it.
        backend: its name, for errors.

    Raises:
        DoesNotFit: a gate cannot be folded, or idle times cannot be filled.
    """
    if options.folding > 1:
        on_device = fold(on_device, options.folding, backend)
    if options.copy_number is not None:
        on_device = pauli_twirl_2q_gates(on_device, seed=options.twirling_seed(seed), target=target)
    if options.dynamical_decoupling is not None:
        on_device = _decoupled(on_device, target, options.dynamical_decoupling, backend)
    return on_device


def fold(circuit: QuantumCircuit, times: int, backend: str) -> QuantumCircuit:
    """Apply each two-qubit gate `times` times in a row, an odd number.

    This is local unitary folding, G -> G (G⁻¹ G)ⁿ, of gates that are their own inverse (Giurgica-Tiron et al. 2020,
    arXiv:2005.10921, section II; the method `fold_all` of mitiq without single-qubit gates).

    Raises:
        DoesNotFit: a gate on several qubits is none of `FOLDED`.
    """
    folded = circuit.copy_empty_like()
    for step in circuit.data:
        is_wide = len(step.qubits) > 1 and step.operation.name != "barrier"
        if is_wide and step.operation.name not in FOLDED:
            text = f"zne/1 repeats {', '.join(sorted(FOLDED))}, and the compiled circuit has `{step.operation.name}`"
            raise DoesNotFit(f"{backend}: {text}: leave out zne/1, or choose another backend")
        for _ in range(times if is_wide else 1):
            folded.append(step.operation, step.qubits, step.clbits, copy=False)
    return folded


def measured_errors(on_device: QuantumCircuit, calibration: Calibration) -> tuple[float, ...]:
    """The readout error of each classical bit, first bit first: that of the qubit measured last into it.

    0.0 for bits that are not measured, and where the calibration has no value.
    """
    errors = [0.0] * on_device.num_clbits
    for step in on_device.data:
        if step.operation.name == "measure":
            qubit, bit = on_device.find_bit(step.qubits[0]).index, on_device.find_bit(step.clbits[0]).index
            errors[bit] = calibration.qubits[qubit].readout_error or 0.0
    return tuple(errors)


def _decoupled(on_device: QuantumCircuit, target: Target, sequence: str, backend: str) -> QuantumCircuit:
    pulses, spacing = _SEQUENCES[sequence]
    passes = PassManager(
        [
            ALAPScheduleAnalysis(target=target),
            PadDynamicalDecoupling(target=target, dd_sequence=pulses, spacing=spacing),
        ]
    )
    try:
        return passes.run(on_device)
    except TranspilerError as failure:
        raise DoesNotFit(f"{backend}: idle times cannot be filled with {sequence}: {failure.message}") from failure
