"""A program of Amazon Braket as a job: its price, its results with their errors, its charge. Run it while `qb up` runs.

With Braket's SDK installed, `device.run` takes its circuits; this is the text that it writes for one.
"""

from queuebit_braket import QueuebitDevice

PROGRAM = """OPENQASM 3.0;
qubit[2] q;
h q[0];
cnot q[0], q[1];
#pragma braket result expectation z(q[0]) @ z(q[1])
#pragma braket result variance x(q[0])
#pragma braket result probability all
"""

with QueuebitDevice(max_cost="0.50") as device, device.tracker() as tracker:
    cheapest = device.estimate(PROGRAM, shots=1000)[0]
    print("costs at most", cheapest["cost"], "on", cheapest["backend"])
    task = device.run(PROGRAM, shots=1000)
    result = task.result()
    for asked, value in zip(result.item.results or (), result.values, strict=True):
        print(f"{asked.of}: {value}")
    print("job", task.id, "cost", tracker.simulator_tasks_cost(), "receipt", task.job.receipt().leaf_index)
