"""`qb replay` and `qb compare` on a platform in this process."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from queuebit import AsyncClient
from queuebit_cli import connecting
from queuebit_cli.main import main
from queuebit_contracts.job import JobCompleted
from queuebit_kernel import digest
from queuebit_proof import JobRecord
from queuebit_testing.local_platform import LocalPlatform, local_credential
from queuebit_testing.receipts import NOW, issued_for, new_ring

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
FLAT = BELL.replace("cx q[0], q[1]", "h q[1]")


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> LocalPlatform:
    found = LocalPlatform()
    found.answers["backends"] = [{"backend": "aer"}]
    monkeypatch.setattr(connecting, "client_of", lambda _: AsyncClient(local_credential(), transport=found))
    return found


async def submitted(local: LocalPlatform, *circuits: str) -> list[str]:
    async with AsyncClient(local_credential(), transport=local) as client:
        jobs = [(await client.submit(it, shots=1000, seed=3)).id for it in circuits]
    local.answers["jobs"] = [{"job": it} for it in jobs]
    return jobs


def test_a_replay_says_what_it_is_and_what_it_found(local: LocalPlatform, capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = asyncio.run(submitted(local, BELL))
    assert main(["replay", job, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    again = local.submissions[-1].data
    assert (found["verdict"], found["one"], found["other"], found["same"]) == ("reproduced", job, again.job, True)
    assert again.rerun_of == job
    assert main(["replay", job]) == 0
    assert "reproduced" in capsys.readouterr().out


def test_jobs_that_differ_are_exit_code_1(local: LocalPlatform, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = asyncio.run(submitted(local, BELL, FLAT))
    assert main(["compare", one, other]) == 1
    shown = capsys.readouterr().out
    assert "different" in shown
    assert "not the same: circuit" in shown
    assert "1,000 and 1,000 shots" in shown
    assert main(["compare", one, "--floor", "0.1", other, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["shots"]) == ("drifted", [1000, 1000])
    assert [it["name"] for it in found["conditions"] if not it["same"]] == ["circuit"]


def test_a_job_of_another_tenant_does_not_exist(local: LocalPlatform, capsys: pytest.CaptureFixture[str]) -> None:
    local.answers["jobs"] = []
    assert main(["replay", "jaaaaaaaaaaaaaaaaaaaa"]) == 2
    assert "jaaaaaaaaaaaaaaaaaaaa" in capsys.readouterr().err
    assert not local.submissions


@pytest.fixture
def receipt(local: LocalPlatform, tmp_path: Path) -> tuple[str, list[str]]:
    """A job, and the command that replays it from a receipt."""
    (job,) = asyncio.run(submitted(local, BELL))
    return job, written(tmp_path, job, result_of(local))


def result_of(local: LocalPlatform) -> str:
    from queuebit_contracts.catalog import decode

    done = next(decode(body) for subject, (_, body) in local._log.items() if subject.endswith(".completed"))
    assert isinstance(done, JobCompleted)
    return done.data.result.digest


def written(folder: Path, job: str, result: str | None) -> list[str]:
    ring = new_ring(folder)
    record = JobRecord(
        tenant="acme",
        project="p",
        job=job,
        outcome="completed" if result else "cancelled",
        request_digest=digest(b"request"),
        result_digest=result,
        software="queuebit",
        submitted_at=NOW,
        finished_at=NOW,
    )
    path, trust = folder / "receipt.json", folder / "trust.json"
    path.write_bytes(issued_for(ring, record)[job])
    trust.write_bytes(ring.trust.to_bytes())
    return ["replay", str(path), "--trust", str(trust), "--json"]


def test_a_receipt_is_verified_and_replayed(receipt: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    job, words = receipt
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["one"] == job


def test_a_receipt_that_states_another_result_runs_nothing(
    local: LocalPlatform, receipt: tuple[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job, words = receipt
    (tmp_path / "log2").mkdir()
    assert main(written(tmp_path / "log2", job, digest(b"other"))) == 2
    assert "the receipt states the result" in capsys.readouterr().err
    assert main(written(tmp_path / "log2", job, None)) == 2
    assert "without a result" in capsys.readouterr().err
    path = Path(words[1])
    path.write_bytes(path.read_bytes().replace(b'"leaf_index":0', b'"leaf_index":1'))
    assert main(words) == 1
    assert "is not verified, so nothing was run" in capsys.readouterr().err
    assert len(local.submissions) == 1
