"""Corrects a flipped bit in the middle of a circuit, with conditions. `python -m examples.qiskit.repetition_code`."""

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from queuebit_qiskit import QueuebitService, SamplerV2


def code(flipped: int) -> QuantumCircuit:
    """Encode 1 in three qubits, flip one of them, measure the syndrome, correct, and measure the data."""
    data, ancilla = QuantumRegister(3, "data"), QuantumRegister(2, "ancilla")
    syndrome, read = ClassicalRegister(2, "syndrome"), ClassicalRegister(3, "read")
    circuit = QuantumCircuit(data, ancilla, syndrome, read, name=f"flip {flipped}")
    circuit.x(data)
    circuit.x(data[flipped])
    circuit.barrier()
    for number in range(2):
        circuit.cx(data[number], ancilla[number])
        circuit.cx(data[number + 1], ancilla[number])
        circuit.measure(ancilla[number], syndrome[number])
    for value, qubit in ((1, 0), (3, 1), (2, 2)):
        with circuit.if_test((syndrome, value)):
            circuit.x(data[qubit])
    circuit.measure(data, read)
    return circuit


def main(backend_name: str = "aer") -> list[float]:
    """Return for each flipped qubit the share of shots that read 111 after the correction."""
    with QueuebitService() as service:
        job = SamplerV2(service.backend(backend_name), {"seed": 1}).run(
            [code(flipped) for flipped in range(3)], shots=500
        )
        shares = [it.data.read.get_counts().get("111", 0) / 500 for it in job.result()]
    print(f"corrected: {', '.join(f'{share:.1%}' for share in shares)}")
    return shares


if __name__ == "__main__":
    main()
