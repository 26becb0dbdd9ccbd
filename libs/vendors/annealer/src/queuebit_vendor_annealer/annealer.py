"""Simulated annealing of quadratic problems; it runs in the executor's child processes, and reaches no vendor."""

from __future__ import annotations

from importlib.metadata import version

from dimod import BinaryQuadraticModel
from dwave.samplers import SimulatedAnnealingSampler

from queuebit_kernel import digest_of
from queuebit_quantum import (
    Circuit,
    Compiled,
    Description,
    DoesNotFit,
    InProcess,
    Method,
    Outcome,
    WorkItem,
    require_fit,
    result_keys,
)
from queuebit_quantum.quadratic import FEATURE, Quadratic

__all__ = ["Annealer"]

_SWEEPS = 1000
"""Passes over all variables in a read, while the temperature falls."""

_VARIABLES = 2_000

_UPDATE_NS = 25
"""Upper bound of the time of one variable or coupling in a sweep, on one core."""


class Annealer(InProcess):
    """Simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983); each shot is an independent read from a random state.

    The counts are the assignments that the reads end in; bit i is variable i, and the rightmost is the first.
    """

    def __init__(self) -> None:
        super().__init__()
        self._compiler = f"dwave-samplers {version('dwave-samplers')}"
        self.description = Description(
            id="local-annealer",
            vendor="D-Wave (classical)",
            kind="simulator",
            num_qubits=_VARIABLES,
            basis_gates=(),
            max_shots=10_000,
            target_digest=digest_of({"backend": "local-annealer", "compiler": self._compiler, "sweeps": _SWEEPS}),
            features=frozenset({FEATURE}),
        )

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        """Take a quadratic problem as it is; raises `DoesNotFit` for a circuit of gates."""
        require_fit(self.description, circuit)
        problem = circuit.problem
        if problem is None:
            raise DoesNotFit(
                "local-annealer: it runs quadratic problems (QUBO) only, and no gates: choose another backend"
            )
        parts = problem.variables + 2 * len(problem.quadratic)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler=self._compiler,
            seed=seed,
            two_qubit_gates=0,
            depth=0,
            program=problem,
            registers=circuit.registers,
            physical_qubits=circuit.touched,
            methods=(
                Method("annealing", 10**7 + 2_000 * parts, 10**5 + _SWEEPS * parts * _UPDATE_NS, 200 * parts + 10**6),
            ),
        )

    def run(self, item: WorkItem) -> Outcome:
        """Anneal once for each shot."""
        problem: Quadratic = item.compiled.program
        model = BinaryQuadraticModel(
            dict.fromkeys(range(problem.variables), 0.0) | dict(problem.linear),
            {(one, other): factor for one, other, factor in problem.quadratic},
            problem.offset,
            "BINARY",
        )
        sampler = SimulatedAnnealingSampler()  # type: ignore[no-untyped-call]  # the SDK has no types
        found = sampler.sample(model, num_reads=item.shots, num_sweeps=_SWEEPS, seed=item.seed % 2**32)
        places = {name: at for at, name in enumerate(found.variables)}
        order = [places[it] for it in reversed(range(problem.variables))]
        reads = ["".join("1" if row[it] else "0" for it in order) for row in found.record.sample]
        counts: dict[int, int] = {}
        for bits in reads:
            counts[int(bits, 2)] = counts.get(int(bits, 2), 0) + 1
        return Outcome(result_keys(counts, item.compiled.registers), memory=tuple(reads) if item.memory else None)
