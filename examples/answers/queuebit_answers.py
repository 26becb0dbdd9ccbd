"""A plugin that runs nothing: it samples answers that were registered for known circuits, as a fallback for devices."""

from __future__ import annotations

import json
from pathlib import Path

from queuebit_kernel import digest, digest_of
from queuebit_quantum import (
    Circuit,
    Compiled,
    Description,
    DoesNotFit,
    InProcess,
    Outcome,
    Stack,
    WorkItem,
    require_fit,
    result_keys,
)

ID = "local-answers"
ANSWERS = Path(__file__).with_name("answers.json")
"""By digest of the circuit: the share of each outcome, last bit first. Part of the package, which its children may
read."""

_TIME_S = 1e-6


class Answers(InProcess):
    """Answers of classical computations, by circuit. Any other circuit does not fit."""

    def __init__(self, file: Path = ANSWERS) -> None:
        super().__init__()
        content = file.read_bytes()
        self._answers: dict[str, dict[str, float]] = json.loads(content)
        self.description = Description(
            id=ID,
            vendor="Example",
            kind="classical",  # no project's default kind: only jobs that name it and fallbacks run here
            num_qubits=64,
            basis_gates=(),
            max_shots=100_000,
            target_digest=digest_of({"backend": ID, "answers": digest(content)}),
            overhead_s=_TIME_S,
        )

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        """Look the circuit up; raises `DoesNotFit` if nothing is registered for it."""
        require_fit(self.description, circuit)
        if circuit.digest not in self._answers:
            raise DoesNotFit(f"{ID}: no answer is registered for circuit {circuit.digest}")
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler=f"{ID} 1.0",
            seed=seed,
            two_qubit_gates=0,
            depth=0,
            program=None,
            registers=circuit.registers,
            overhead_s=_TIME_S,
        )

    def run(self, item: WorkItem) -> Outcome:
        """Sample the registered shares, so that the result has the shape of a run."""
        import numpy as np

        shares = self._answers[item.compiled.circuit_digest]
        drawn = np.random.default_rng(item.seed).multinomial(item.shots, [*shares.values()])
        counts = {int(bits, 2): int(count) for bits, count in zip(shares, drawn, strict=True) if count}
        return Outcome(result_keys(counts, item.compiled.registers))


stack = Stack({ID: Answers})
