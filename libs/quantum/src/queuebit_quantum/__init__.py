"""Circuits, calibrations and emulated devices. Uses no message bus.

Importing this package loads no quantum SDK; `parse` loads Qiskit, and opening a backend loads its stack.
"""

from queuebit_planning.timing import Method
from queuebit_quantum.backends import (
    Backend,
    BilledTask,
    Compiled,
    Description,
    Failed,
    Measure,
    Outcome,
    Progress,
    WorkItem,
    WorkResult,
    require_fit,
    result_keys,
)
from queuebit_quantum.calibration import Calibration
from queuebit_quantum.canonical import canonical_digest, joined_digest
from queuebit_quantum.catalog import Stack, installed_stacks, known_backends, load_stack, open_backend, stack_of
from queuebit_quantum.circuits import Circuit, asked_results, inputs, parse
from queuebit_quantum.compile_options import CompileOptions, read_options, with_options
from queuebit_quantum.errors import (
    BrokenStack,
    CircuitError,
    DoesNotFit,
    NotReachable,
    UnknownBackend,
    UnknownHandle,
)
from queuebit_quantum.fidelity import hellinger_fidelity, ideal_distribution, total_variation
from queuebit_quantum.in_process import InProcess, prepare, warm_up
from queuebit_quantum.limits import Limits
from queuebit_quantum.observables import Basis, bases, expectation, label, measured_in, shares
from queuebit_quantum.parameters import Input, Parameters, bound_digest, parameter_faults, representatives
from queuebit_quantum.parsed import read_circuit, read_compiled, write_circuit, write_compiled
from queuebit_quantum.post_processing import MeasuredRun, merged_counts, post_process, shots_of_copy, variants
from queuebit_quantum.profile import Profile, profile, simulation_bytes
from queuebit_quantum.results import ResultType, measured_results, observables_of

__all__ = [
    "Backend",
    "Basis",
    "BilledTask",
    "BrokenStack",
    "Calibration",
    "Circuit",
    "CircuitError",
    "CompileOptions",
    "Compiled",
    "Description",
    "DoesNotFit",
    "Failed",
    "InProcess",
    "Input",
    "Limits",
    "Measure",
    "MeasuredRun",
    "Method",
    "NotReachable",
    "Outcome",
    "Parameters",
    "Profile",
    "Progress",
    "ResultType",
    "Stack",
    "UnknownBackend",
    "UnknownHandle",
    "WorkItem",
    "WorkResult",
    "asked_results",
    "bases",
    "bound_digest",
    "canonical_digest",
    "expectation",
    "hellinger_fidelity",
    "ideal_distribution",
    "inputs",
    "installed_stacks",
    "joined_digest",
    "known_backends",
    "label",
    "load_stack",
    "measured_in",
    "measured_results",
    "merged_counts",
    "observables_of",
    "open_backend",
    "parameter_faults",
    "parse",
    "post_process",
    "prepare",
    "profile",
    "read_circuit",
    "read_compiled",
    "read_options",
    "representatives",
    "require_fit",
    "result_keys",
    "shares",
    "shots_of_copy",
    "simulation_bytes",
    "stack_of",
    "total_variation",
    "variants",
    "warm_up",
    "with_options",
    "write_circuit",
    "write_compiled",
]
