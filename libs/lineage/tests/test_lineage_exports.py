"""Each export is read by a library of others, or valid by its schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.serde import Serde
from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity
from provenova_core.hashing import compute_run_hash, counts_hash
from rocrate.rocrate import ROCrate

from queuebit_lineage import NoExport, graph_of, openlineage_events, prov_json, qlprov_run, ro_crate
from queuebit_lineage.ro_crate import METADATA

from .statements import predicate

STATEMENTS = [predicate("j1"), predicate("j2", rerun_of="j1", calibration=None), predicate("j3", state="failed")]
COUNTS = {"00": 496, "11": 504}


def test_prov_reads_the_document_and_writes_it_again() -> None:
    text = json.dumps(prov_json(graph_of(STATEMENTS)))
    document = ProvDocument.deserialize(content=text, format="json")
    again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    assert document == again
    assert len([*document.get_records(ProvActivity)]) == 3
    assert {str(it.identifier) for it in document.get_records(ProvAgent)} == {
        "user:acme/ann", "tenant:acme", "backend:aer",
    }  # fmt: skip
    job = next(it for it in document.get_records(ProvActivity) if str(it.identifier) == "job:j1")
    assert isinstance(job, ProvActivity)
    assert job.get_startTime() == datetime(2026, 11, 20, 9, 0, 1, tzinfo=UTC)
    assert any(str(it.identifier) == "data:molecules@2026-11" for it in document.get_records(ProvEntity))
    notation = document.get_provn()
    for relation in ("used", "wasGeneratedBy", "wasDerivedFrom", "wasAssociatedWith", "actedOnBehalfOf"):
        assert f"{relation}(" in notation
    assert "wasInformedBy(job:j2, job:j1)" in notation


def test_rocrate_reads_the_crate(tmp_path: Path) -> None:
    receipts = {"j1.receipt.json": "application/json"}
    document = ro_crate(graph_of(STATEMENTS), "lineage of j1", "2026-11-30", receipts)
    (tmp_path / METADATA).write_text(json.dumps(document))
    (tmp_path / "j1.receipt.json").write_text("{}")
    crate = ROCrate(tmp_path)
    assert (crate.name, crate.root_dataset["conformsTo"].id) == (
        "lineage of j1",
        "https://w3id.org/ro/wfrun/process/0.5",
    )
    assert [it.id for it in crate.data_entities] == ["j1.receipt.json"]
    action = crate.dereference("#job-j1")
    assert action.type == "CreateAction"
    assert action["instrument"][0]["name"] == "backend aer"
    assert action["agent"][0].type == "Person"
    assert len(action["object"]) == 4
    assert action["result"][0]["sha256"] == "5" * 63 + "1"
    assert crate.dereference("#job-j3")["actionStatus"] == "http://schema.org/FailedActionStatus"
    named = {it["@id"] for it in document["@graph"]}
    assert len(named) == len(document["@graph"]), "each id is described once"


@pytest.mark.parametrize(("number", "end"), [(0, "COMPLETE"), (2, "FAIL")])
def test_openlineage_reads_the_events(number: int, end: str) -> None:
    begun, ended = openlineage_events(STATEMENTS[number])
    assert (begun["eventType"], ended["eventType"]) == ("START", end)
    assert begun["run"]["runId"] == ended["run"]["runId"]
    for it in (begun, ended):
        event = RunEvent(
            eventTime=it["eventTime"],
            producer=it["producer"],
            eventType=RunState(it["eventType"]),
            run=Run(it["run"]["runId"]),
            job=Job(**it["job"]),
            inputs=[InputDataset(**each) for each in it["inputs"]],
            outputs=[OutputDataset(**each) for each in it.get("outputs", ())],
        )
        written = json.loads(Serde.to_json(event))
        for name in ("eventTime", "eventType", "producer", "schemaURL"):
            assert written[name] == it[name], name
        assert written["run"]["runId"] == it["run"]["runId"]
        assert [each["name"] for each in written["inputs"]] == [each["name"] for each in it["inputs"]]
    facet = ended["run"]["facets"]["queuebit_record"]
    assert facet["_producer"].startswith("https://")
    assert "salt" not in facet


@pytest.mark.parametrize("number", [0, 1], ids=["a device", "a simulator without calibration"])
def test_qlprov_is_valid_and_its_hash_is_that_of_provenova(number: int) -> None:
    schema = json.loads((files("provenova_core") / "schemas/qlprov/run_1_0.json").read_text())
    found = qlprov_run(STATEMENTS[number], [COUNTS], vendor="qiskit", kind="simulator")
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(found)
    leaves: dict[str, Any] = found["merkle"]["leaves"]
    assert (found["run_hash"], found["merkle"]["inputs_root"], leaves) == compute_run_hash(
        schema_version="qlprov/run/1.0",
        circuit_sha256=leaves["circuit"],
        compilation_sha256=leaves["compilation"],
        backend_identity=leaves["backend"],
        calibration_sha256=leaves["calibration"],
        shots=1000,
        seed_simulator=7,
        seed_transpiler=11,
        execution_params={},
        result_counts_hashes=[counts_hash(COUNTS, 1000)],
    )


def test_qlprov_has_no_place_for_a_job_without_counts() -> None:
    with pytest.raises(NoExport, match="j3 has none"):
        qlprov_run(STATEMENTS[2], [COUNTS], vendor="v", kind="qpu")
    with pytest.raises(NoExport):
        qlprov_run(STATEMENTS[0], [], vendor="v", kind="qpu")
