"""Old jobs that are run again: which one, and what its second result says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from queuebit import AsyncClient
from queuebit_contracts.probe_documents import Reruns
from queuebit_contracts.wire import Reason
from queuebit_kernel import digest
from queuebit_probes.document import parse_probes
from queuebit_probes.reruns import OldJob, old_job, run_again
from queuebit_probes.verdicts import Verdict
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

BELL = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n'
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def row(**changed: object) -> dict[str, object]:
    known = {
        "tenant": "beta", "job": "j1", "backend": "aer", "source": BELL, "circuit": digest(BELL.encode()),
        "shots": 1000, "counts": '{"00":500,"11":500}',
    }  # fmt: skip
    return known | changed


def again(platform: LocalPlatform, *, repeated: int = 1, document: Reruns | None = None, **changed: object) -> Verdict:
    it = old_job([row(**changed)])
    assert it is not None

    async def found() -> Verdict:
        async with AsyncClient(local_credential(), transport=platform) as client:
            for _ in range(repeated):
                verdict = await run_again(client, document or Reruns(per_day=1), it, "rerun/7/acme/j1")
            return verdict

    return asyncio.run(found())


def test_a_result_that_is_as_it_was_passes_and_a_repeat_is_the_same_job() -> None:
    platform = LocalPlatform()
    found = again(platform, repeated=2)
    assert (found.state, found.good) == ("passed", True)
    (asked,) = platform.submissions
    assert (asked.data.shots, asked.data.backend, asked.data.tags) == (1000, "aer", ("probe",))
    assert asked.data.tenant == "acme", "that of the credential pays, not the owner of the old job"


def test_another_result_is_found_and_one_within_shot_noise_is_not() -> None:
    assert again(LocalPlatform(), counts='{"00":900,"11":100}').state == "below"
    assert again(LocalPlatform(), counts='{"01":1000}').state == "below"
    assert again(LocalPlatform(), counts='{"00":530,"11":470}').good


def test_a_run_has_no_more_shots_than_allowed_and_one_that_is_refused_for_its_cost_says_nothing() -> None:
    platform = LocalPlatform()
    again(platform, document=Reruns(per_day=1, max_shots=100))
    assert platform.submissions[0].data.shots == 100
    refused = LocalPlatform(refuse=[Reason(code="max_cost_exceeded", text="it could cost more")])
    assert again(refused).state == "skipped"


@pytest.mark.parametrize(
    "changed", [{"source": BELL + " "}, {"counts": "[1]"}, {"counts": '{"00":"x"}'}, {"counts": "null"}]
)
def test_a_row_that_is_not_what_was_accepted_is_passed_over(changed: dict[str, object]) -> None:
    assert old_job([row(**changed)]) is None
    found = old_job([row(**changed), row(job="j2")])
    assert isinstance(found, OldJob)
    assert found.job == "j2"


def test_a_document_under_which_no_job_is_old_enough_is_refused() -> None:
    with pytest.raises(ValueError, match="raise max_days"):
        parse_probes("[reruns]\nper_day = 4\nmin_hours = 24\nmax_days = 1\n")


def test_without_the_section_nothing_is_run_again_and_slots_follow_from_the_time() -> None:
    assert parse_probes("").reruns.per_day == 0
    document = parse_probes("[reruns]\nper_day = 4\n").reruns
    assert document.slot(NOON) == document.slot(NOON + timedelta(hours=5, minutes=59)) == int(NOON.timestamp())
    assert document.slot(NOON + timedelta(hours=6)) == document.slot(NOON) + 21_600
    assert document.chosen(["torino", "aer", "local-x", "cirq"]) == ["aer", "cirq", "local-x"]
