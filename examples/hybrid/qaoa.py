# /// script
# dependencies = ["queuebit"]
# ///
"""QAOA: the largest cut of a ring of five nodes with a chord, from a grid of angles that run together.

`python -m examples.hybrid.qaoa`; run it again, or with a finer grid: what ran before is not paid again.
Or have the platform run it: `qb hybrid run examples/hybrid/qaoa.py --param points=5 --follow`.
"""

from math import pi

from queuebit import Client, Item, hybrid

NODES = 5
EDGES = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (0, 2)]
HEAD = """
OPENQASM 3.0;
include "stdgates.inc";
input float[64] gamma;
input float[64] beta;
qubit[5] q;
bit[5] c;
h q;
"""
CIRCUIT = "".join(
    [
        HEAD,
        *(f"cx q[{a}], q[{b}];\nrz(gamma) q[{b}];\ncx q[{a}], q[{b}];\n" for a, b in EDGES),
        "rx(beta) q;\nc = measure q;\n",
    ]
)


def cut_of(bits: str) -> int:
    """The edges between the two sides; the rightmost bit is node 0."""
    return sum(bits[-1 - first] != bits[-1 - second] for first, second in EDGES)


def main(client: Client, points: int = 4, shots: int = 500) -> int:
    """Return the size of the best cut among the ten most frequent outcomes at the best angles."""
    grid = [(pi * i / points, pi * j / points) for i in range(1, points) for j in range(1, points)]
    circuits = [Item(CIRCUIT, {"gamma": gamma, "beta": beta}) for gamma, beta in grid]
    with client.session(name="qaoa", max_cost="1.00") as session:
        found = session.map(circuits, key="qaoa", shots=shots, seed=1)
    results = found.results()
    means = [sum(cut_of(bits) * n for bits, n in it.counts.items()) / shots for it in results]
    best = max(range(len(grid)), key=means.__getitem__)
    likely = sorted(results[best].counts, key=results[best].counts.__getitem__, reverse=True)[:10]
    cut = max(likely, key=cut_of)
    print(f"cut {cut} with {cut_of(cut)} of {len(EDGES)} edges; {len(found)} jobs for {found.charged}")
    return cut_of(cut)


if __name__ == "__main__":
    given = hybrid.parameters(points=4, shots=500)
    with Client() as opened:
        hybrid.save_result({"cut": main(opened, **given)})
