"""The ideal simulator: Qiskit Aer without noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager
from qiskit_aer import AerSimulator

from queuebit_kernel import digest_of
from queuebit_planning.limits import MAX_BUSY_US, SERIAL_QUBITS
from queuebit_planning.timing import quickest
from queuebit_quantum.backends import Compiled, Description, Outcome, WorkItem, require_fit, result_key, result_keys
from queuebit_quantum.circuits import Circuit, parse
from queuebit_quantum.compiling import COMPILER, CompileCache, does_nothing, rotations, same_steps, translate
from queuebit_quantum.distributions import MOST_QUBITS, Distributions
from queuebit_quantum.errors import DoesNotFit
from queuebit_quantum.in_process import InProcess
from queuebit_quantum.parsed import read_compiled, write_compiled
from queuebit_quantum.physical import coupling_gates, remove_delays
from queuebit_quantum.profile import is_clifford
from queuebit_quantum.structure import has_blocks
from queuebit_quantum.workload import ideal_methods

__all__ = ["Aer", "compile_for_aer", "run_on_aer"]

_MOST_QUBITS = 1_000
_OPTIMIZATION_LEVEL = 1
"""Unless a program chooses another."""

_SMALL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'

_USUAL_SHOTS = 1_000
"""The compiler takes the fastest method for this number of shots, so that the program does not depend on the shots."""


class Aer(InProcess):
    """Samples a circuit's exact distribution.

    Small circuits run on a state vector, large Clifford circuits on a stabiliser tableau. Large circuits with few
    two-qubit gates across each cut run as matrix product states, which are exact too. Idle qubits and delays are
    removed before the simulation.
    """

    id = "aer"

    def __init__(self) -> None:
        super().__init__()
        self.description = Description(
            id=self.id,
            vendor="Qiskit",
            kind="simulator",
            num_qubits=_MOST_QUBITS,
            basis_gates=tuple(sorted(_simulator("statevector").target.operation_names)),
            features=frozenset(
                {"assignment", "conditional", "loop", "mid_circuit_measurement", "reset", "timing", "verbatim"}
                | {"optimization_level"}
            ),
            max_shots=1_000_000,
            target_digest=digest_of({"backend": self.id, "aer": qiskit_aer.__version__}),
        )
        self._cache = CompileCache(COMPILER)
        self._template = lru_cache(maxsize=64)(self._compile_template)
        self._distributions = Distributions(_probabilities)
        _pass_manager("statevector", _OPTIMIZATION_LEVEL)

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self.description, circuit)
        return self._cache.get(circuit, self.description.target_digest, seed, lambda: self._compile(circuit, seed))

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        if circuit.template is not None:
            known, turned = self._template(circuit.template)
            if known is not None and not any(does_nothing(circuit.values[place]) for place in turned):
                program = known.program.assign_parameters(circuit.values)
                about = {"circuit_digest": circuit.digest, "seed": seed, "program": program}
                return replace(known, **about, template=known, values=circuit.values)
        return self._compile_alone(circuit, seed)

    def _compile_template(self, circuit: Circuit) -> tuple[Compiled | None, tuple[int, ...]]:
        """The template compiled, if that changes nothing, and its angles that must not be whole turns; else None."""
        bare = remove_delays(circuit.quantum_circuit)
        turned = rotations(bare)
        compiled = self._compile_alone(circuit, 0) if turned is not None else None
        if compiled is None or not same_steps(compiled.program, bare):
            return None, ()
        return compiled, turned or ()

    def _compile_alone(self, circuit: Circuit, seed: int) -> Compiled:
        bare, clifford, dynamic = remove_delays(circuit.quantum_circuit), is_clifford(circuit), circuit.dynamic
        found = quickest(ideal_methods(bare, clifford=clifford, dynamic=dynamic), _USUAL_SHOTS)
        if found.microseconds(1) > MAX_BUSY_US:
            raise DoesNotFit(
                f"aer: no method simulates it within a day: its {len(circuit.touched)} qubits may be too entangled: "
                "use fewer qubits, fewer gates between distant ones, or a device"
            )
        name = found.name
        level = circuit.options.optimization_level if circuit.options else None
        program = compile_for_aer(bare, name, level or _OPTIMIZATION_LEVEL)
        return self._compiled(circuit, seed, program, name, level)

    def _compiled(
        self, circuit: Circuit, seed: int, program: QuantumCircuit, method: str, level: int | None = None
    ) -> Compiled:
        """A circuit with the program that the compiler made of it for a method, at the level that was asked for."""
        methods = ideal_methods(program, clifford=is_clifford(circuit), dynamic=circuit.dynamic)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler=COMPILER,
            seed=seed,
            two_qubit_gates=coupling_gates(program),
            depth=program.depth(),
            physical_qubits=circuit.touched,
            program=program,
            registers=circuit.registers,
            methods=tuple(it for it in methods if it.name == method),
            options={} if level is None else {"optimization_level": level},
        )

    def warm_up(self) -> None:
        """Read and run a small circuit, as the first run of a fork does.

        It is not compiled: Qiskit's compiler starts threads, which no fork would have.
        """
        circuit = parse(_SMALL)
        compiled = self._compiled(circuit, 0, circuit.quantum_circuit, "statevector")
        read, _ = read_compiled.__wrapped__(write_compiled(compiled, circuit))
        Distributions(_probabilities).outcome(WorkItem(read, 1, seed=0))

    def prepare(self, items: Sequence[WorkItem]) -> None:
        """Compute the distributions of small circuits in one call of Aer, which has a fixed cost of its own."""
        self._distributions.prepare([it for it in items if _is_small(it.compiled)])

    def run(self, item: WorkItem) -> Outcome:
        if _is_small(item.compiled) and (drawn := self._distributions.outcome(item)) is not None:
            return drawn
        return run_on_aer(_simulator(item.compiled.methods[0].name), item)


def compile_for_aer(circuit: QuantumCircuit, method: str, level: int = _OPTIMIZATION_LEVEL) -> QuantumCircuit:
    """Translate a circuit into the gates that one of Aer's methods supports."""
    return translate(_pass_manager(method, level), circuit, Aer.id)


def run_on_aer(simulator: AerSimulator, item: WorkItem) -> Outcome:
    """Run a compiled circuit with the fastest of its methods.

    Shots are never split over threads, so that the same seed gives the same counts on any number of cores.

    Raises:
        RuntimeError: Aer did not finish, usually because it needs more memory.
    """
    compiled = item.compiled
    result = _executed(
        simulator,
        [compiled.program],
        shots=item.shots,
        memory=item.memory,
        seed_simulator=item.seed,
        max_parallel_shots=1,
        max_parallel_threads=1 if compiled.program.num_qubits <= SERIAL_QUBITS else 0,
        method=compiled.method(item.shots).name,
        mps_sample_measure_algorithm="mps_apply_measure",  # the other computes 2^n probabilities per shot
        enable_truncation=not has_blocks(compiled.program),  # breaks programs with the last measurement in a block
    )
    if not result.success:
        raise RuntimeError(f"Aer could not run the circuit: {result.status}")
    data, registers = result.data(0), compiled.registers
    outcomes = {int(key, 16): count for key, count in data["counts"].items()}
    memory = tuple(result_key(int(key, 16), registers) for key in data["memory"]) if item.memory else None
    return Outcome(result_keys(outcomes, registers), memory=memory)


def _executed(simulator: AerSimulator, programs: list[QuantumCircuit], **options: bool | float | str | None) -> Result:
    """As `simulator.run`, in this thread: to start another one takes longer than a small circuit."""
    return simulator._execute_circuits_job(programs, None, options, str(uuid4()))


def _is_small(compiled: Compiled) -> bool:
    """Whether shots may be drawn from the distribution of the state."""
    return compiled.methods[0].name == "statevector" and compiled.program.num_qubits <= MOST_QUBITS


def _probabilities(programs: list[QuantumCircuit]) -> list[npt.NDArray[np.float64]]:
    """Return what each program saves; raises as `run_on_aer`."""
    result = _executed(_simulator("statevector"), programs, shots=1, max_parallel_threads=1)
    if not result.success:
        raise RuntimeError(f"Aer could not run the circuit: {result.status}")
    return [np.asarray(result.data(place)["probabilities"]) for place in range(len(programs))]


@cache
def _simulator(method: str) -> AerSimulator:
    return AerSimulator(method=method)


@cache
def _pass_manager(method: str, level: int) -> PassManager:
    """Return a cached pass manager: to build one takes hundreds of times longer than to use it."""
    return generate_preset_pass_manager(optimization_level=level, target=_gates_of(method), seed_transpiler=0)


def _gates_of(method: str) -> Target:
    """Return Aer's target with our number of qubits. Aer's own number depends on the machine's memory, or is 63."""
    known, free = _simulator(method).target, Target(num_qubits=_MOST_QUBITS)
    for name in known.operation_names:
        free.add_instruction(known.operation_from_name(name), name=name)
    return free
