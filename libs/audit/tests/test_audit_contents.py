"""Circuits and results in the payload store are verified there."""

from __future__ import annotations

import pytest

from queuebit_audit.contents import Reference, contents_are_kept, references, unreadable
from queuebit_audit.report import Verdict
from queuebit_contracts.backend import BackendCalibrated, Calibration
from queuebit_contracts.job import JobCompleted, JobSubmitted
from queuebit_contracts.wire import Payload
from queuebit_kernel import job_id
from queuebit_runtime.payloads import Missing, describe
from queuebit_testing.build import NOON

from .conftest import Recording

K1, K2, K3 = (job_id("acme", key) for key in ("k1", "k2", "k3"))
LARGE = [describe(letter * 20_000, "text/plain") for letter in (b"a", b"b", b"c", b"d")]


class Store:
    """Some payloads, by digest."""

    def __init__(self, *kept: Payload) -> None:
        self._kept = {it.digest for it in kept}

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        raise AssertionError("an audit stores nothing")

    store = put

    async def get(self, tenant: str, payload: Payload, *, limit: int = 0) -> bytes:
        if payload.digest not in self._kept:
            raise Missing(f"no content under {tenant}: submit it again")
        return b""


@pytest.fixture
def wanted(recording: Recording) -> list[Reference]:
    recording.alter(JobSubmitted, "k1", circuit=LARGE[0])
    recording.alter(JobCompleted, "k1", result=LARGE[1])
    recording.alter(JobCompleted, "k2", result=LARGE[2])
    recording.alter(JobSubmitted, "k3", circuit=LARGE[3])  # was rejected: no longer needed
    return references(recording.history())


async def _judged(store: Store, wanted: list[Reference]) -> Verdict:
    verdict = Verdict("I1", 5, "jobs")
    contents_are_kept(verdict, wanted, await unreadable(store, wanted))
    return verdict


async def test_contents_of_jobs_that_were_accepted_are_looked_for(wanted: list[Reference]) -> None:
    assert {(it.of, it.what) for it in wanted} == {(K1, "circuit"), (K1, "result"), (K2, "result")}
    assert (await _judged(Store(*LARGE[:3]), wanted)).holds


async def test_a_payload_store_that_lost_half_is_found_out(wanted: list[Reference]) -> None:
    verdict = await _judged(Store(LARGE[1]), wanted)
    assert {(it.subject, it.text) for it in verdict.findings} == {
        (f"acme/{K1}", "its circuit is lost: no content under acme"),
        (f"acme/{K2}", "its result is lost: no content under acme"),
    }


async def test_of_very_many_the_newest_are_read_and_a_note_says_so(wanted: list[Reference]) -> None:
    verdict = await _judged(Store(*LARGE[:3]), wanted * 1000)
    assert verdict.holds
    assert verdict.notes == [
        "of 3000 circuits, results and calibrations in the payload store the newest 2000 were read"
    ]


async def test_a_calibration_that_receipts_name_is_looked_for_as_the_platforms(recording: Recording) -> None:
    data = Calibration(backend="torino", calibrated_at=NOON, snapshot=LARGE[0], digest=LARGE[0].digest)
    recording.events.append(BackendCalibrated(source="qb/executor-ibm", data=data))
    wanted = references(recording.history())
    assert (await _judged(Store(LARGE[0]), wanted)).holds
    assert [it.subject for it in (await _judged(Store(), wanted)).findings] == ["queuebit/torino"]
