"""The document `probes`: what is refused, with its line and what to write instead; and what a change of it is."""

from __future__ import annotations

import pytest

from queuebit_documents.errors import BadDocuments
from queuebit_gitops.documents import Source, normal, parse, read
from queuebit_gitops.kinds import KINDS
from queuebit_gitops.plan import World, plan_of

GOOD = """\
at_once = 2

[probe.ghz]
circuit = "ghz"
backends = ["aer"]
floor = 0.95
"""


def problems(text: str) -> list[str]:
    try:
        normal(KINDS["probes"], [parse(Source("probes", "probes.toml", text))])
    except BadDocuments as error:
        return [str(it) for it in error.problems]
    return []


def test_a_good_one_is_taken_with_its_defaults() -> None:
    document = normal(KINDS["probes"], [parse(Source("probes", "probes.toml", GOOD))])
    assert (document["at_once"], document["reruns"]["per_day"]) == (2, 0)
    assert (document["probe"]["ghz"]["every_minutes"], document["probe"]["ghz"]["max_cost"]) == (60, "0.10")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"ghz"', '"gzh"', "there is no reference circuit gzh: use one of readout, ghz, mirror"),
        ('circuit = "ghz"', 'circuit = "ghz"\nqubits = 1', "ghz has 2 to 64 qubits, not 1"),
        ('circuit = "ghz"', "", "give either circuit or file"),
        ('circuit = "ghz"', 'file = "own.qasm"', "give against"),
        ("floor", "flor", "probe.ghz.flor is not a key here: did you mean floor"),
    ],
)
def test_a_bad_one_is_refused_with_its_place(old: str, new: str, says: str) -> None:
    (problem,) = problems(GOOD.replace(old, new, 1))
    assert problem.startswith("probes.toml:")
    assert says in problem


def test_a_probe_is_an_object_of_the_plan_and_the_prober_reads_it_when_it_starts() -> None:
    before = {"probes": KINDS["probes"].normal({"probe": {}})}
    wanted = {kind: it.document for kind, it in read([Source("probes", "probes.toml", GOOD)]).items()}
    plan = plan_of(World(before), wanted, prune=False)
    found = {(it.kind, it.name): it.action for it in plan.changes}
    assert found[("probes", "probe.ghz")] == "create"
    assert KINDS["probes"].restart == ("prober",)
