"""A plugin with one simulator: it samples the exact state vector of circuits that measure only at the end."""

from __future__ import annotations

from queuebit_kernel import digest_of
from queuebit_quantum import (
    Circuit,
    Compiled,
    Description,
    InProcess,
    Method,
    Outcome,
    Stack,
    WorkItem,
    require_fit,
    result_keys,
)

ID, QUBITS = "local-statevector", 12


class StateVector(InProcess):
    """A simulator that runs in the executor's child processes."""

    def __init__(self) -> None:
        super().__init__()
        self.description = Description(
            id=ID,
            vendor="Example",
            kind="simulator",
            num_qubits=QUBITS,
            basis_gates=("h", "x", "cx", "rz"),
            max_shots=100_000,
            target_digest=digest_of({"backend": ID, "version": 1}),
        )

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        """Check that the circuit fits, and give upper bounds of its time and memory."""
        require_fit(self.description, circuit)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler=f"{ID} 1.0",
            seed=seed,
            two_qubit_gates=circuit.two_qubit_gates,
            depth=circuit.depth,
            program=circuit,
            registers=circuit.registers,
            physical_qubits=circuit.touched,
            methods=(Method("statevector", 10**7 + 10**5 * sum(circuit.gates.values()), 2_000, 16 << QUBITS),),
        )

    def run(self, item: WorkItem) -> Outcome:
        """Sample the probabilities of the final state."""
        import numpy as np
        from qiskit.quantum_info import Statevector

        from queuebit_quantum.physical import remove_delays

        program = remove_delays(item.compiled.program.quantum_circuit)
        bare, wires = program.copy_empty_like(), {}
        for step in program.data:
            if step.operation.name == "measure":
                wires[program.find_bit(step.clbits[0]).index] = program.find_bit(step.qubits[0]).index
            else:
                bare.append(step)
        chances = Statevector.from_instruction(bare).probabilities()
        drawn = np.random.default_rng(item.seed).multinomial(item.shots, chances / chances.sum())
        counts: dict[int, int] = {}
        for state in drawn.nonzero()[0]:
            value = sum((int(state) >> qubit & 1) << clbit for clbit, qubit in wires.items())
            counts[value] = counts.get(value, 0) + int(drawn[state])
        return Outcome(result_keys(counts, item.compiled.registers))


stack = Stack({ID: StateVector})
