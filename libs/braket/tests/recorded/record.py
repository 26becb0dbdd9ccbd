"""Writes the programs of this folder: `pip install amazon-braket-sdk` in an environment of its own, and run this file.

The SDK demands cloudpickle 2.2.1, and packages of this repository's environment demand a newer one.
"""

from pathlib import Path

import numpy as np
from braket.circuits import Circuit, FreeParameter, Observable
from braket.circuits.serialization import IRType

HERMITIAN = np.array([[1, 0.5 - 1j], [0.5 + 1j, -2]])
BASE = Circuit().h(0).cnot(0, 1).ry(2, FreeParameter("turn")).xy(1, 2, 0.4).iswap(0, 2).v(1)
SMALL = Circuit().ry(0, 0.7).cnot(0, 1).unitary(matrix=np.array([[0.6, 0.8], [0.8j, -0.6j]]), targets=[1])

CIRCUITS = {
    "measured": Circuit().x(2).ry(0, 0.6).cnot(0, 1).measure(0).measure(2).measure(1),
    "all_measured": Circuit().ry(0, 0.6).u(1, 0.1, 0.2, 0.3, control=0).gphase(0.3).ecr(0, 1).ms(0, 1, 0.1, 0.2, 0.3),
    "results": Circuit(BASE)
    .probability([2, 0])
    .expectation(Observable.Z() @ Observable.X(), target=[0, 1])
    .expectation(Observable.Y(), target=2)
    .variance(Observable.H(), target=1)
    .expectation(Observable.Hermitian(HERMITIAN), target=0),
    "each_qubit": Circuit(SMALL).expectation(Observable.Z()).sample(2.5 * Observable.Z(), target=1).probability(),
    "verbatim": Circuit().add_verbatim_box(Circuit().x(1).v(1).cnot(1, 2).rz(2, 0.0)),
    "states": Circuit().h(0).state_vector(),
    "noise": Circuit().h(0).depolarizing(0, 0.1).probability(),
}

if __name__ == "__main__":
    for name, circuit in CIRCUITS.items():
        text = circuit.to_ir(ir_type=IRType.OPENQASM).source
        Path(__file__).with_name(f"{name}.qasm").write_text(f"{text}\n", encoding="utf-8")
