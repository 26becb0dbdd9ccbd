"""Circuits, calibrations, emulated devices: pure, no bus.

Importing this package loads no quantum SDK; `parse` loads Qiskit, and opening a backend loads its stack.
"""

from queuebit_quantum.backends import Backend, Compiled, Description, Outcome
from queuebit_quantum.calibration import Calibration
from queuebit_quantum.catalog import STACKS, Stack, known_backends, open_backend, stack_of
from queuebit_quantum.circuits import Circuit, inputs, parse
from queuebit_quantum.errors import CircuitError, DoesNotFit, UnknownBackend
from queuebit_quantum.fidelity import hellinger_fidelity, ideal_distribution, total_variation
from queuebit_quantum.limits import Limits
from queuebit_quantum.observables import Basis, bases, expectation, measured_in, shares
from queuebit_quantum.parameters import Input, Parameters, parameter_faults, representatives
from queuebit_quantum.profile import Profile, profile, simulation_bytes
from queuebit_quantum.workload import Method, quickest

__all__ = [
    "STACKS",
    "Backend",
    "Basis",
    "Calibration",
    "Circuit",
    "CircuitError",
    "Compiled",
    "Description",
    "DoesNotFit",
    "Input",
    "Limits",
    "Method",
    "Outcome",
    "Parameters",
    "Profile",
    "Stack",
    "UnknownBackend",
    "bases",
    "expectation",
    "hellinger_fidelity",
    "ideal_distribution",
    "inputs",
    "known_backends",
    "measured_in",
    "open_backend",
    "parameter_faults",
    "parse",
    "profile",
    "quickest",
    "representatives",
    "shares",
    "simulation_bytes",
    "stack_of",
    "total_variation",
]
