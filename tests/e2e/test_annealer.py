"""A quadratic problem is a job as any other, on a backend that runs no circuits."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from queuebit import Client, JobFailed, Refused
from queuebit.credentials import find
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180, func_only=True)]

PLUGIN = '''
"""A stack that tries all assignments: what an annealer does, for few variables."""

from itertools import product

from queuebit_kernel import digest_of
from queuebit_quantum import Compiled, Description, DoesNotFit, InProcess, Method, Outcome, Stack, require_fit


class Exhaustive(InProcess):
    description = Description(
        id="local-exhaustive", vendor="Test", kind="simulator", num_qubits=10, basis_gates=(), max_shots=1000,
        target_digest=digest_of({"version": 1}), features=frozenset({"qubo"}),
    )

    def compile(self, circuit, seed):
        require_fit(self.description, circuit)
        if circuit.problem is None:
            raise DoesNotFit("local-exhaustive runs quadratic problems only")
        return Compiled(
            circuit_digest=circuit.digest, target_digest=self.description.target_digest, compiler="exhaustive 1",
            seed=seed, two_qubit_gates=0, depth=0, program=circuit.problem, registers=circuit.registers,
            methods=(Method("exhaustive", 10**7, 1000, 10**6),),
        )

    def run(self, item):
        problem = item.compiled.program

        def value(bits):
            own = sum(factor * bits[at] for at, factor in problem.linear)
            return own + sum(factor * bits[i] * bits[j] for i, j, factor in problem.quadratic)

        best = min(product((0, 1), repeat=problem.variables), key=value)
        return Outcome({"".join(map(str, reversed(best))): item.shots})


stack = Stack({"local-exhaustive": Exhaustive})
'''


def install(folder: Path) -> None:
    """Write a package as `pip install` does."""
    (folder / "queuebit_exhaustive.py").write_text(PLUGIN)
    described = folder / "queuebit_exhaustive-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: queuebit-exhaustive\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[queuebit.backends]\nexhaustive = queuebit_exhaustive:stack\n")


def until(condition: Callable[[], bool]) -> None:
    while not condition():  # the test's own time limit ends this
        time.sleep(0.1)


def test_a_problem_is_admitted_priced_run_and_proven(second: EmbeddedStack, circuits: Path, tmp_path: Path) -> None:
    problem = tmp_path / "problem.qubo"
    problem.write_text('{"qubo": "v1", "variables": 3, "linear": [[0, -3], [2, -4]], "quadratic": [[0, 1, 5]]}')
    (refused,) = second.submit(str(problem), accept=(3,))
    assert {it["code"] for it in refused["reasons"]} == {"unsupported_feature"}, "no backend here runs problems"

    assert second.plugins is not None
    install(second.plugins)
    until(lambda: "executor-exhaustive" in second.names())
    second.until(ready=True)
    (done,) = second.submit(str(problem), "--shots", "20")
    assert (done["state"], done["backend"], done["counts"]) == ("completed", "local-exhaustive", {"101": 20})
    assert float(done["charge"]["amount"]) > 0
    second.qb("receipt", "verify", done["job"])

    with Client(find(second.home, "demo")) as client:
        run = client.template("qubo", method="anneal", terms=[[0, 0, -3], [0, 1, 5], [2, 2, -4]], shots=20)
        assert run.result(60).values["bits"] == "101"
        with pytest.raises((Refused, JobFailed)):
            client.submit(circuits / "bell.qasm", backend="local-exhaustive").result(60)

    for path in second.plugins.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    until(lambda: "executor-exhaustive" not in second.names())
