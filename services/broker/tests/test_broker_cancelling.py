"""Who may end whose job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.errors import Forbidden
from queuebit_contracts.job import JobCancelled
from queuebit_kernel import Stale, Superseded

from .broker_office import Cancel, Office


@pytest.mark.parametrize(
    ("by", "allowed"), [("ann", True), ("boss", True), ("bob", False), ("vic", False), ("eve", False)]
)
async def test_members_cancel_their_own_jobs_and_admins_anybodys(
    office: Office, cancel: Cancel, by: str, allowed: bool
) -> None:
    await office.open()
    delivery = await office.submit()
    await office.deliver(delivery)
    request = cancel(delivery["event"].data.job, by=by)
    if allowed:
        await CancelJobs(office.log, office.follower, office.world)(**request)
        assert office.log.events(JobCancelled)[0].data.by == by
    else:
        with pytest.raises(Forbidden):
            await CancelJobs(office.log, office.follower, office.world)(**request)
        assert "cancelled" not in office.names()


async def test_a_job_is_cancelled_once_and_never_after_its_end(office: Office, cancel: Cancel) -> None:
    await office.open()
    delivery = await office.submit()
    request = cancel(delivery["event"].data.job)
    handler = CancelJobs(office.log, office.follower, office.world)
    await handler(**request)
    with pytest.raises(Superseded):
        await handler(**request)
    with pytest.raises(Superseded):
        await handler(**cancel("jnowhere"))
    assert office.names().count("cancelled") == 1


async def test_a_forged_cancel_request_is_refused(office: Office, cancel: Cancel) -> None:
    await office.open()
    delivery = await office.submit()
    request = cancel("jother", job=delivery["event"].data.job)
    request["subject"] = f"qb.command.acme.{delivery['event'].data.job}.cancel"
    with pytest.raises(Forbidden):
        await CancelJobs(office.log, office.follower, office.world)(**request)


async def test_cancelling_gives_up_after_a_bounded_number_of_conflicts(
    office: Office, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.open()
    delivery = await office.submit()

    async def busy(*_: object, **__: object) -> int:
        newest = office.log.stored[-1]
        office.log.stored.append(replace(newest, sequence=newest.sequence + 1))
        raise Stale("again")

    monkeypatch.setattr(office.log, "append", busy)
    with pytest.raises(Stale, match="8 times"):
        await CancelJobs(office.log, office.follower, office.world)(**cancel(delivery["event"].data.job))
