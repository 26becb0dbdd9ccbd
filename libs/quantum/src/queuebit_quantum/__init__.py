"""Circuits, calibrations, emulated devices: pure, no bus.

Importing this package loads no quantum SDK; `parse` loads Qiskit, and opening a backend loads its stack.
"""

from queuebit_quantum.backends import Backend, Compiled, Description, Outcome
from queuebit_quantum.calibration import Calibration
from queuebit_quantum.catalog import STACKS, Stack, known_backends, open_backend, stack_of
from queuebit_quantum.circuits import Circuit, parse
from queuebit_quantum.errors import CircuitError, DoesNotFit, UnknownBackend
from queuebit_quantum.fidelity import hellinger_fidelity, ideal_distribution, total_variation
from queuebit_quantum.limits import Limits
from queuebit_quantum.profile import Profile, profile, simulation_bytes
from queuebit_quantum.workload import Method, quickest

__all__ = [
    "STACKS",
    "Backend",
    "Calibration",
    "Circuit",
    "CircuitError",
    "Compiled",
    "Description",
    "DoesNotFit",
    "Limits",
    "Method",
    "Outcome",
    "Profile",
    "Stack",
    "UnknownBackend",
    "hellinger_fidelity",
    "ideal_distribution",
    "known_backends",
    "open_backend",
    "parse",
    "profile",
    "quickest",
    "simulation_bytes",
    "stack_of",
    "total_variation",
]
