"""A sweep of Cirq as one job: what it costs before, what it measured, and its receipt. Run it while `qb up` runs."""

import cirq
import sympy

from queuebit_cirq import QueuebitSampler

qubits = cirq.LineQubit.range(2)
angle = sympy.Symbol("angle")
circuit = cirq.Circuit(cirq.ry(angle)(qubits[0]), cirq.CX(*qubits), cirq.measure(*qubits, key="both"))
sweep = cirq.Linspace("angle", 0, 3, 4)

with QueuebitSampler(max_cost="0.50") as sampler:
    cheapest = sampler.estimate(circuit, sweep, repetitions=1000)[0]
    print("costs at most", cheapest["cost"], "on", cheapest["backend"])
    results = sampler.run_sweep(circuit, sweep, repetitions=1000)
    for result in results:
        print(f"angle {result.params['angle']}:", dict(sorted(result.histogram(key="both").items())))
    print("job", *sampler.job_ids, "cost", sampler.charge(), "receipt", results[0].job.receipt().leaf_index)
