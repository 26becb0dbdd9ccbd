"""Replaying and comparing jobs on a platform in this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from queuebit import AsyncClient, Batch, InvalidInput, Item, NotFound, Refused, Unreachable, replays
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import Cancellation, Expiry, JobCancelled, JobExpired
from queuebit_contracts.subjects import job as aggregate
from queuebit_contracts.wire import Reason
from queuebit_kernel import digest
from queuebit_runtime.payloads import describe
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
TILTED = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; ry(1.0) q[0]; cx q[0], q[1]; c = measure q;'
LONG = BELL + "\n//" + "x" * 20_000
"""A circuit that lies in the payload store."""


def platform(**options: Any) -> LocalPlatform:
    found = LocalPlatform(**options)
    found.answers["backends"] = [{"backend": "aer"}, {"backend": "cirq"}]
    return found


async def test_a_replay_has_the_seed_and_the_backend_of_the_first_job() -> None:
    local = platform()
    async with AsyncClient(local_credential(), transport=local) as client:
        job = await client.submit(BELL, shots=300, seed=7, tags=["chemistry"], label="bell", priority=2)
        found = await client.replay(job.id, key="k")
        again = local.submissions[-1].data
        assert (found.verdict, found.changed, found.text) == (
            "reproduced", (), "the counts are equal, outcome by outcome",
        )  # fmt: skip
        assert (found.one, found.other) == (job.id, again.job)
        assert (again.rerun_of, again.label) == (job.id, f"replay of {job.id}")
        assert (again.seed, again.backend, again.shots, again.tags, again.priority, again.fallback) == (
            7, "aer", 300, ("chemistry",), 2, False,
        )  # fmt: skip
        await client.replay(job.id, key="k")
        assert len(local.submissions) == 2, "the same key is the same replay"
        await client.replay(job.id)
        assert len(local.submissions) == 3, "without a key each replay is a job of its own"


NOW, BEFORE, FIRST = (digest(it) for it in (b"now", b"before", b"first"))


def calibrations(*known: str) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    """Answers with these calibrations, the newest first, as pages of one."""
    snapshots = [describe(it.encode(), "application/json").model_dump() for it in known]
    rows: list[dict[str, Any]] = [
        {"sequence": 9 - number, "digest": it, "snapshot": snapshot}
        for number, (it, snapshot) in enumerate(zip(known, snapshots, strict=True))
    ]

    async def ask(question: str, *, backend: str, limit: int, before: int | None) -> list[dict[str, Any]]:
        assert (question, backend) == ("calibrations", "torino")
        return [it for it in rows if before is None or it["sequence"] < before][:limit]

    return ask


@pytest.mark.parametrize(
    ("ran_under", "known", "pinned"),
    [(NOW, (NOW, BEFORE), False), (BEFORE, (NOW, BEFORE), True), (FIRST, (NOW, BEFORE, FIRST), True),
     (FIRST, (NOW, BEFORE), False), (None, (NOW,), False), (BEFORE, (), False)],
)  # fmt: skip
async def test_a_replay_asks_for_the_calibration_of_the_first_job_if_the_log_has_it(
    monkeypatch: pytest.MonkeyPatch, ran_under: str | None, known: tuple[str, ...], pinned: bool
) -> None:
    monkeypatch.setattr(replays, "_PAGE", 1)
    done = SimpleNamespace(calibration=ran_under, backend="torino")
    it = cast("replays.Ran", SimpleNamespace(done=done))  # all that is read
    found, note = await replays.earlier_calibration(it, calibrations(*known))
    assert note == ""
    assert (found is not None) == pinned
    assert found is None or found.digest == digest(str(ran_under).encode())


async def test_without_an_answer_a_replay_runs_under_the_present_calibration_and_says_so() -> None:
    async def ask(*_: object, **__: object) -> list[dict[str, Any]]:
        raise Unreachable("no service answers")

    it = cast("replays.Ran", SimpleNamespace(done=SimpleNamespace(calibration=FIRST, backend="torino")))
    found, note = await replays.earlier_calibration(it, ask)
    assert found is None
    assert note == "the calibration of the first job could not be asked for: no service answers"


async def test_another_seed_is_consistent_and_another_circuit_is_not() -> None:
    async with AsyncClient(local_credential(), transport=platform()) as client:
        one = await client.submit(BELL, shots=2000, seed=1)
        other = await client.submit(BELL, shots=1000, seed=2)
        tilted = await client.submit(TILTED, shots=2000, seed=3)
        found = await client.compare(one.id, other.id)
        assert (found.verdict, found.changed) == ("consistent", ("shots", "seed"))
        assert found.text == "shot noise explains all differences; not the same: shots, seed"
        found = await client.compare(one.id, tilted.id)
        assert found.verdict == "drifted"
        assert "circuit" in found.changed
        assert (await client.compare(one.id, tilted.id, floor=0.99)).verdict == "different"


async def test_a_program_is_compared_item_by_item() -> None:
    async with AsyncClient(local_credential(), transport=platform()) as client:
        job = await client.submit(Batch([Item(BELL), Item(TILTED)]), shots=500, seed=5)
        found = await client.replay(job.id)
        assert (found.verdict, found.finding.items) == ("reproduced", 2)
        single = await client.submit(BELL, shots=500)
        with pytest.raises(InvalidInput, match="2 and 1 items"):
            await client.compare(job.id, single.id)


async def test_a_result_without_counts_is_refused_before_anything_is_paid() -> None:
    local = platform()
    async with AsyncClient(local_credential(), transport=local) as client:
        circuit = BELL.replace(" c = measure q;", "").replace(" bit[2] c;", "")
        job = await client.submit(circuit, shots=100, observables=["ZZ"])
        with pytest.raises(InvalidInput, match="has no counts"):
            await client.replay(job.id)
        assert len(local.submissions) == 1


async def test_what_is_gone_is_said() -> None:
    local = platform()
    async with AsyncClient(local_credential(), transport=local) as client:
        with pytest.raises(NotFound, match="acme has no job"):
            await client.replay("jofanothertenant")
        job = await client.submit(LONG, shots=10)
        local.answers["backends"] = [{"backend": "cirq"}]
        with pytest.raises(NotFound, match="ran on aer, which is gone: name one of cirq with `--backend`"):
            await client.replay(job.id)
        with pytest.raises(NotFound, match="other is not registered here"):
            await client.replay(job.id, backend="other")
        local.answers["backends"] = [{"backend": "aer"}]
        local._chunks.clear()
        local_request = local.request

        async def without_payloads(subject: str, *args: Any, **options: Any) -> Any:
            if "KV_PAYLOADS" in subject:
                raise NotFound("it is not stored")
            return await local_request(subject, *args, **options)

        local.request = without_payloads  # type: ignore[method-assign]  # the store lost it
        with pytest.raises(NotFound, match=r"the circuit of job .* is gone, so it cannot be run again"):
            await client.replay(job.id)


async def test_a_refused_replay_has_the_reasons() -> None:
    local = platform()
    async with AsyncClient(local_credential(), transport=local) as client:
        job = await client.submit(BELL, shots=10)
        local._refuse = (Reason(code="budget_exceeded", text="no money is left"),)
        with pytest.raises(Refused, match="no money is left"):
            await client.replay(job.id)
        refused = local.submissions[-1].data.job
        with pytest.raises(InvalidInput, match=f"job {refused} is rejected, so it has no result"):
            await client.replay(refused)


@pytest.mark.parametrize("state", ["cancelled", "expired"])
async def test_a_job_that_ended_without_a_result_is_refused(state: str) -> None:
    local = platform()
    async with AsyncClient(local_credential(), transport=local) as client:
        job = await client.submit(BELL, shots=10)
        place = aggregate("acme", job.id)
        _, body = local._log.pop(place.event("completed"))
        done = decode(body).data  # type: ignore[union-attr]  # it is a completion
        known = {"tenant": "acme", "job": job.id, "submitted_at": done.submitted_at, "accepted_at": done.accepted_at}
        if state == "cancelled":
            local._append(JobCancelled(source="qb/broker", data=Cancellation(**known, by="ann")))
        else:
            late = Expiry(**known, project="p", deadline=done.started_at, reason=Reason(code="late", text="too late"))
            local._append(JobExpired(source="qb/scheduler", data=late))
        with pytest.raises(InvalidInput, match=f"is {state}, so it has no result to compare: `qb job rerun"):
            await client.replay(job.id)


@pytest.mark.parametrize("options", [{"alpha": 0.0}, {"floor": 1.0}])
async def test_limits_are_between_0_and_1(options: dict[str, float]) -> None:
    async with AsyncClient(local_credential(), transport=platform()) as client:
        job = await client.submit(BELL, shots=10)
        with pytest.raises(InvalidInput, match="give a number between 0 and 1"):
            await client.compare(job.id, job.id, **options)
