"""A job that is run again: the same work, a job of its own, once."""

import pytest

from queuebit import AsyncClient, Credential, StillRunning
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import JobSubmitted
from queuebit_kernel import Money, job_id

from .fake_bus import BELL, FakeBus, runs


def submissions(bus: FakeBus) -> dict[str, JobSubmitted]:
    events = (decode(body) for _, body in bus.stored.values())
    return {it.data.job: it for it in events if isinstance(it, JobSubmitted)}


async def test_the_same_work_runs_again_once_and_names_the_first_job(ann: Credential) -> None:
    bus = FakeBus(runs)
    asked = {"shots": 7, "backend": "torino", "seed": 5, "tags": ("thesis",), "workload_class": "batch", "label": "b"}
    async with AsyncClient(ann, transport=bus) as client:
        wanted = {"max_cost": "1.50", "session": "s1", "fallback": False, "objective": "time", "priority": 2}
        job = await client.submit(BELL, **asked, **wanted)  # type: ignore[arg-type]  # as given
        await job.wait(timeout=20)
        again = await job.rerun()
        assert (await again.result(timeout=20)).counts == {"00": 480, "11": 520}
        assert (await job.rerun()).id == again.id == job_id("acme", f"rerun:{job.id}")
        third = await again.rerun(max_cost=Money.of(3))
        assert "runs" in (await again.status()).steps[0].detail
    sent = submissions(bus)
    assert [*sent] == [job.id, again.id, third.id]
    first, second, last = (sent[it].data for it in sent)
    own = {"job", "key", "proof", "session", "rerun_of", "max_cost"}
    assert first.model_dump(exclude=own) == second.model_dump(exclude=own) == last.model_dump(exclude=own)
    assert (second.objective, second.priority) == ("time", 2)
    assert (second.rerun_of, second.session, last.rerun_of) == (job.id, None, again.id)
    assert first.max_cost == second.max_cost
    assert last.max_cost is not None
    assert last.max_cost.amount == "3.00"


async def test_a_job_that_has_not_ended_is_not_run_again(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        with pytest.raises(StillRunning, match="is submitted: wait for its end, then run it again"):
            await job.rerun()
    assert len(bus.stored) == 1
