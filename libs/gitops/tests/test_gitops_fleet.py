"""The document `fleet`: what is refused, what a change of it is, and that what a table leaves out stays out."""

from __future__ import annotations

import tomllib

import pytest

from queuebit_documents.errors import BadDocuments
from queuebit_gitops.documents import Source, normal, parse, read
from queuebit_gitops.kinds import KINDS
from queuebit_gitops.plan import World, plan_of
from queuebit_gitops.writing import to_toml
from queuebit_isolation import parse_fleet

GOOD = """\
[limits]
two_qubit_error = 0.05
overdue_h = 48

[backend."emulated-*"]
overdue_h = 8760

[backend.lab-device]
isolate = false
"""


def problems(text: str) -> list[str]:
    try:
        normal(KINDS["fleet"], [parse(Source("fleet", "fleet.toml", text))])
    except BadDocuments as error:
        return [str(it) for it in error.problems]
    return []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("two_qubit_error", "two_qubit_eror", "limits.two_qubit_eror is not a key here: did you mean two_qubit_error"),
        ("0.05", "1.5", "limits.two_qubit_error must be less than or equal to 1"),
        ("isolate = false", "back_off_s = 600_000", "backend lab-device: most_back_off_s must not be less"),
        ("[backend.lab-device]", "[backend.Lab]", "backend.Lab"),
    ],
)
def test_a_bad_one_is_refused_with_its_place(old: str, new: str, says: str) -> None:
    (problem,) = problems(GOOD.replace(old, new, 1))
    assert says in problem


def test_a_plan_has_limits_and_backends_and_fleet_reads_them_when_it_starts() -> None:
    before = {"fleet": KINDS["fleet"].normal({})}
    wanted = {kind: it.document for kind, it in read([Source("fleet", "fleet.toml", GOOD)]).items()}
    plan = plan_of(World(before), wanted, prune=False)
    found = {it.name: it.action for it in plan.changes}
    assert found["backend.lab-device"] == "create"
    assert "change" in found.values(), "the limits of all backends"
    assert KINDS["fleet"].restart == ("fleet",)


def test_what_is_written_means_the_same_in_any_order() -> None:
    document = normal(KINDS["fleet"], [parse(Source("fleet", "fleet.toml", GOOD))])
    assert document["backend"]["lab-device"] == {"isolate": False}, "a limit that it leaves out is that of all backends"
    turned = {**document, "backend": dict(reversed(document["backend"].items()))}
    for text in (GOOD, to_toml(document), to_toml(turned)):
        fleet = parse_fleet(text)
        assert (fleet.of("lab-device").two_qubit_error, fleet.of("lab-device").isolate) == (0.05, False)
        assert (fleet.of("emulated-x").overdue_h, fleet.of("aer").overdue_h) == (8760, 48)
    assert tomllib.loads(to_toml(document)) == document
