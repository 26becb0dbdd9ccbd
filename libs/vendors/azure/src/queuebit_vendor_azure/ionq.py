"""IonQ: compiled circuits as its JSON, and what its histograms mean.

Formats: the recordings of Microsoft (`tests/vendors/azure/shapes`), and `azure.quantum.qiskit` of the SDK, which needs
further packages and is not used here. IonQ measures all qubits at the end; a result has no shots, only shares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from azure.quantum.target import IonQ
from qiskit import QuantumCircuit

from queuebit_quantum import Outcome, result_keys
from queuebit_quantum.shares import drawn, rounded
from queuebit_quantum.vendor_faults import VendorFailed
from queuebit_vendor_azure.provider import Errors, Provider, Sent

__all__ = ["counted", "ionq", "written"]

_NAMES = {"sdg": "si", "tdg": "ti", "sx": "v", "sxdg": "vi"}
"""IonQ's names of gates, where they differ from Qiskit's."""
_GATES = ("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "rx", "ry", "rz", "cx", "swap")
_QUBITS = {"ionq.simulator": 29, "ionq.qpu.aria-1": 25}
_QUBITS_OF_FORTE = 35
"""As Azure's SDK has them."""
_MAX_SHOTS = 10_000
"""As Azure's SDK has it for the devices."""


def ionq(target: str) -> Provider:
    """One of IonQ's targets."""
    simulated = target == "ionq.simulator"
    return Provider(
        vendor="IonQ",
        target=IonQ,
        gates=_GATES,
        qubits=_QUBITS.get(target, _QUBITS_OF_FORTE),
        max_shots=_MAX_SHOTS,
        emulated=simulated,
        features=frozenset(),
        errors=Errors(one=0.0, two=0.0, measured=0.0) if simulated else Errors(one=2e-4, two=5e-3, measured=4e-3),
        layer_s=0.0 if simulated else 1e-3,
        written=written,
        read=partial(counted, exact=simulated),
    )


def written(program: QuantumCircuit) -> str:
    """Return a compiled circuit as IonQ's JSON."""
    steps = [*_steps(program)]
    return json.dumps({"gateset": "qis", "qubits": program.num_qubits, "circuit": steps})


def counted(found: Mapping[str, Any], sent: Sent, *, exact: bool) -> Outcome:  # plain JSON
    """The outcome of a circuit.

    Args:
        found: `histogram` has a share for each outcome, a decimal integer whose bit n is qubit n.
        sent: what was sent with the job.
        exact: whether the shares are the probabilities of an ideal simulation; shots are then drawn from them.

    Raises:
        VendorFailed: the result has another form.
    """
    histogram = found.get("histogram")
    try:
        shares = {int(value): float(share) for value, share in dict(histogram or {}).items()}
    except (TypeError, ValueError) as error:
        raise VendorFailed(f"Azure Quantum has a histogram in an unknown form: {error!s:.100}") from None
    if not shares or any(not 0 <= it <= 1.000001 for it in shares.values()) or abs(sum(shares.values()) - 1) > 0.01:
        raise VendorFailed(f"Azure Quantum has {len(shares)} shares, whose sum is {sum(shares.values()):.6g}")
    taken = drawn(shares, sent.shots, sent.job) if exact else rounded(shares, sent.shots)
    counts: dict[int, int] = {}
    for value, count in taken.items():
        bits = sum((value >> qubit & 1) << bit for bit, qubit in enumerate(sent.measured) if qubit is not None)
        counts[bits] = counts.get(bits, 0) + count
    return Outcome(result_keys(counts, sent.registers))


def _steps(program: QuantumCircuit) -> Iterator[dict[str, Any]]:  # plain JSON
    for it in program.data:
        on = [program.find_bit(qubit).index for qubit in it.qubits]
        match it.operation.name:
            case "barrier" | "measure":
                continue
            case "cx":
                yield {"gate": "x", "targets": on[1:], "controls": on[:1]}
            case name:
                angle = {"rotation": float(it.operation.params[0])} if it.operation.params else {}
                yield {"gate": _NAMES.get(name, name), "targets": on, **angle}
