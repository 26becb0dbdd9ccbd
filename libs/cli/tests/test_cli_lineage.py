"""`qb lineage` on a platform in this process, and from a receipt."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rocrate.rocrate import ROCrate

from queuebit import AsyncClient
from queuebit_cli import connecting
from queuebit_cli.main import main
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import JobCompleted, JobSealed, Seal
from queuebit_kernel import digest
from queuebit_proof import SALT_BYTES, JobRecord, build_statement
from queuebit_testing.local_platform import LocalPlatform, local_credential
from queuebit_testing.receipts import NOW, issued_for, new_ring

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
CIRCUIT, CALIBRATION = digest(BELL.encode()), digest(b"calibration")


def record(job: str, result: str, **known: object) -> JobRecord:
    return JobRecord(
        tenant="acme",
        project="p",
        job=job,
        actor="ann",
        outcome="completed",
        request_digest=digest(b"request"),
        result_digest=result,
        circuit_digest=CIRCUIT,
        calibration_digest=CALIBRATION,
        backend="aer",
        shots=100,
        software="queuebit",
        submitted_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        **known,  # type: ignore[arg-type]  # what differs
    )


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two sealed jobs of one circuit; the second repeats the first."""
    local = LocalPlatform()
    monkeypatch.setattr(connecting, "client_of", lambda _: AsyncClient(local_credential(), transport=local))

    async def submitted() -> list[str]:
        async with AsyncClient(local_credential(), transport=local) as client:
            return [(await client.submit(BELL, shots=100, seed=it)).id for it in (1, 2)]

    found = asyncio.run(submitted())
    done = [decode(body) for subject, (_, body) in local._log.items() if subject.endswith(".completed")]
    results = [it.data.result.digest for it in done if isinstance(it, JobCompleted)]
    for number, (job, result) in enumerate(zip(found, results, strict=True)):
        text = build_statement(record(job, result, rerun_of=found[0] if number else None), salt=bytes(SALT_BYTES))
        place = Seal(tenant="acme", job=job, statement=digest(text), text=text.decode(), leaf_index=number, tree_size=2)
        local._append(JobSealed(source="qb/provenance", data=place))
    local.answers["jobs"] = [{"job": it} for it in reversed(found)]
    return found


def test_a_job_is_shown_with_what_led_to_it(
    jobs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "lineage.svg"
    assert main(["lineage", "latest", "--svg", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"job {jobs[1]}: completed")
    assert f"repeats job {jobs[0]}" in shown
    assert "used calibration" in shown
    assert ET.parse(picture).getroot().tag.endswith("svg")


@pytest.mark.parametrize("name", [CIRCUIT, CIRCUIT[:16], CALIBRATION, "backend:aer"])
def test_a_circuit_and_a_calibration_have_the_jobs_that_used_them(
    jobs: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lineage", name, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {it["label"] for it in found["nodes"] if it["kind"] == "job"} == set(jobs)


def test_each_format_is_written(jobs: list[str], tmp_path: Path) -> None:
    for name in ("prov-json", "openlineage", "qlprov"):
        assert main(["lineage", jobs[0], "--format", name, "--output", str(tmp_path / name)]) == 0
    assert json.loads((tmp_path / "prov-json").read_text())["activity"].keys() == {f"job:{it}" for it in jobs}
    events = [json.loads(line) for line in (tmp_path / "openlineage").read_text().splitlines()]
    assert [it["eventType"] for it in events] == ["START", "COMPLETE"] * 2
    run = json.loads((tmp_path / "qlprov").read_text())
    assert (run["run_id"], run["backend"]["vendor"], sum(run["results"][0]["distribution"].values())) == (
        jobs[0], "Qiskit", pytest.approx(1.0),
    )  # fmt: skip
    assert main(["lineage", jobs[0], "--format", "ro-crate", "--output", str(tmp_path / "crate")]) == 0
    assert ROCrate(tmp_path / "crate").dereference("lineage.svg")["encodingFormat"] == "image/svg+xml"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["other"], "no job here names other"),
        ([CIRCUIT, "--format", "qlprov", "--output", "x"], "qlprov describes one run"),
        (["latest", "--format", "qlprov"], "--format and --output belong together"),
        (["latest", "--svg", "/no/such/folder/x.svg"], "/no/such/folder"),
    ],
)
def test_what_cannot_be_shown_is_said(
    jobs: list[str], words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(SystemExit):
        assert main(["lineage", *words]) == 2
    assert why in capsys.readouterr().err


def test_a_receipt_has_its_lineage_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = new_ring(tmp_path)
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    receipt.write_bytes(issued_for(ring, record("j1", digest(b"result")))["j1"])
    trust.write_bytes(ring.trust.to_bytes())
    words = ["lineage", str(receipt), "--trust", str(trust)]
    assert main([*words, "--format", "ro-crate", "--output", str(tmp_path / "crate")]) == 0
    assert capsys.readouterr().out.startswith("job j1: completed")
    assert (tmp_path / "crate" / "receipt.json").read_bytes() == receipt.read_bytes()
    receipt.write_bytes(receipt.read_bytes().replace(b'"leaf_index":0', b'"leaf_index":1'))
    assert main(words) == 1
    assert "is not verified" in capsys.readouterr().err
