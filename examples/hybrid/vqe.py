# /// script
# dependencies = ["queuebit"]
# ///
"""VQE that survives a crash: the ground state of a model of H2 by exact minimisation of one angle after another.

`python -m examples.hybrid.vqe`; stop it at any time and run it again: it pays for no evaluation twice.
Or have the platform run it: `qb hybrid run examples/hybrid/vqe.py --param rounds=3 --follow`.
"""

from math import atan2, pi

from queuebit import Client, Sweep, Workflow, hybrid

ANSATZ = """
OPENQASM 3.0;
include "stdgates.inc";
input float[64] a;
input float[64] b;
qubit[2] q;
ry(a) q[0];
ry(b) q[1];
cx q[0], q[1];
"""
OFFSET = -0.3324
HAMILTONIAN = {"ZI": -0.3980, "IZ": 0.3980, "ZZ": -0.0113, "XX": 0.1810}
GROUND = -1.1374
"""The exact energy, of the offset and the lowest eigenvalue."""


def main(client: Client, workflow: Workflow, rounds: int = 2, shots: int = 4000) -> float:
    """Return the lowest energy that was found."""

    @workflow.step
    def energies(points: list[list[float]]) -> list[float]:
        bindings = [{"a": a, "b": b} for a, b in points]
        job = client.submit(Sweep(ANSATZ, bindings, [HAMILTONIAN]), shots=shots, seed=7, tags=[workflow.name])
        print("submitted", job.id, flush=True)
        items = job.result().items
        return [OFFSET + it.expectations[0].value for it in items if it.expectations]

    angles, lowest = [2.0, 2.0], 0.0
    for turn in range(2 * rounds):
        which = turn % 2
        points = [[*angles[:which], angles[which] + shift, *angles[which + 1 :]] for shift in (0, pi / 2, -pi / 2)]
        here, above, below = energies(points)  # the energy is a sine of each angle: three values give its minimum
        angles[which] -= pi / 2 + atan2(2 * here - above - below, above - below)
        angles[which] = (angles[which] + pi) % (2 * pi) - pi
        (lowest,) = energies([angles])
        hybrid.log_metric("energy", lowest, step=turn)
        print(f"energy {lowest:.4f} at {angles[0]:.3f}, {angles[1]:.3f}", flush=True)
    return lowest


if __name__ == "__main__":
    given = hybrid.parameters(rounds=2, shots=4000)
    with Client() as opened:
        hybrid.save_result({"energy": main(opened, Workflow("h2"), **given)})
