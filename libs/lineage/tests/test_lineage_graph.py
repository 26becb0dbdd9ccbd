"""The graph of statements, as text and as a picture."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from queuebit_lineage import Unclear, find, graph_of, svg, tree

from .statements import CALIBRATION, CIRCUIT, predicate

GRAPH = graph_of(
    [
        predicate("j1"),
        predicate("j2", circuit=CIRCUIT.replace("c", "d"), version=8, rerun_of="j1"),
        predicate("j3", calibration=None, version=None, state="failed"),
    ]
)


def test_a_job_is_next_to_all_that_led_to_it() -> None:
    found = {(it.relation, it.target.partition(":")[0]) for it in GRAPH.edges if it.source == "job:j1"}
    assert found == {
        ("used", "circuit"), ("used", "data"), ("used", "compiled"), ("used", "calibration"), ("associated", "user"),
        ("associated", "backend"),
    }  # fmt: skip
    assert [it.source for it in GRAPH.edges if it.target == "job:j1" and it.relation == "generated"]
    assert [it.target for it in GRAPH.edges if it.source == "job:j2" and it.relation == "informed"] == ["job:j1"]


def test_around_a_name_are_the_jobs_of_its_versions() -> None:
    part = GRAPH.around(find(GRAPH, "ansatz").id)
    assert {it.id for it in part.of("version")} == {"version:ansatz@7", "version:ansatz@8"}
    assert {it.label for it in part.of("job")} == {"j1", "j2", "j3"}, "j3 ran the circuit of version 7"
    assert {it.label for it in GRAPH.around("version:ansatz@8").of("job")} == {"j2"}


def test_around_a_calibration_are_the_jobs_that_it_touched() -> None:
    part = GRAPH.around(find(GRAPH, CALIBRATION[:20]).id)
    assert {it.label for it in part.of("job")} == {"j1", "j2"}


def test_around_a_job_is_the_one_that_it_repeats() -> None:
    assert {it.label for it in GRAPH.around("job:j2").of("job")} == {"j1", "j2"}
    assert {it.label for it in GRAPH.around("job:j3").of("job")} == {"j3"}


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("j1", "job:j1"),
        ("aer", "backend:aer"),
        ("ansatz@7", "version:ansatz@7"),
        ("molecules@2026-11", "data:molecules@2026-11"),
        (CIRCUIT, f"circuit:{CIRCUIT[7:]}"),
        (CIRCUIT[:15], f"circuit:{CIRCUIT[7:]}"),
        ("acme/ann", "user:acme/ann"),
    ],
)
def test_names_and_prefixes_are_understood(name: str, id_: str) -> None:
    assert find(GRAPH, name).id == id_


def test_what_is_unclear_is_said() -> None:
    with pytest.raises(Unclear, match="no job here names other"):
        find(GRAPH, "other")
    alike = graph_of([predicate("j1", circuit="sha256:" + "c" * 64, calibration="sha256:" + "c" * 63 + "d")])
    with pytest.raises(Unclear, match=r"can be circuit:c+, calibration:c+d: give one of them"):
        find(alike, "cccccccc")


def test_the_newest_statement_of_a_job_counts() -> None:
    first, second = predicate("j1"), predicate("j1", purpose="corrected") | {"revision": 1}
    for order in ([first, second], [second, first]):
        assert graph_of(order).nodes["job:j1"].facts["purpose"] == "corrected"


def test_a_tree_shows_each_thing_once() -> None:
    lines = tree(GRAPH.around("job:j1"), "job:j1")
    assert lines[0].startswith("job j1: completed, ground state of H2, 1000 shots, seed 7")
    text = "\n".join(lines)
    assert "by user ann" in text
    assert "is version ansatz v7" in text
    assert "gave result" in text
    assert text.count("calibration") == 1


def test_a_picture_is_one_document_with_every_box() -> None:
    hostile = graph_of([predicate("j1", purpose="<script>alert(1)</script>\x00")])
    root = ET.fromstring(svg(hostile, "a & b"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    boxes = root.findall("{http://www.w3.org/2000/svg}g")
    assert len(boxes) == len(hostile.nodes)
    assert not [it for it in root.iter() if it.tag.endswith("script")]
    places = [(box[1].get("x"), box[1].get("y")) for box in boxes]
    assert len(set(places)) == len(places), "no box covers another"
