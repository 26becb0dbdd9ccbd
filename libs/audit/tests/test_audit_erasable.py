"""Which contents of a tenant can be erased: never those that other work needs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from queuebit_audit.erasable import Contents, Found, Scope
from queuebit_contracts.job import Cancellation, JobCancelled, JobRejected, JobSubmitted, Rejection
from queuebit_contracts.program import PROGRAM
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.tenant import CircuitDefined, CircuitDefinition
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import digest
from queuebit_testing.build import submitted

AT = datetime(2026, 11, 30, tzinfo=UTC)


def stored(text: str, media_type: str = "text/x-openqasm") -> Payload:
    return Payload(digest=digest(text.encode()), size=len(text), media_type=media_type)


class Log:
    """Jobs of acme in the order in which a test names them."""

    def __init__(self) -> None:
        self.contents = Contents("acme")
        self.held: dict[str, bytes] = {}
        self._sequence = 0

    def _take(self, event: JobSubmitted | JobRejected | JobCancelled | CircuitDefined) -> None:
        self._sequence += 1
        self.contents.take(event, subject_of(event), self._sequence)

    def job(self, key: str, circuit: Payload, *, user: str = "ann", ended: bool = True) -> str:
        event = submitted(key)
        data = event.data.model_copy(update={"circuit": circuit})
        self._take(event.model_copy(update={"data": data}))
        if ended:
            reasons = (Reason(code="x", text="x"),)
            said = Rejection(tenant="acme", project="main", job=data.job, reasons=reasons, submitted_at=AT, user=user)
            self._take(JobRejected(source="t", data=said))
        return data.job

    def circuit(self, payload: Payload, state: str) -> None:
        self._take(
            CircuitDefined(
                source="t",
                data=CircuitDefinition(
                    tenant="acme",
                    circuit="qaoa",
                    version=1,
                    digest=payload.digest,
                    size=payload.size,
                    media_type=payload.media_type,
                    owner="ann",
                    state=state,
                    by="ann",
                ),
            )
        )

    async def find(self, scope: Scope = Scope("acme")) -> Found:  # noqa: B008  # frozen
        async def read(payload: Payload) -> bytes | None:
            return self.held.get(payload.digest)

        return await self.contents.find(scope, read)


ONE, OTHER = stored("one"), stored("other")


async def test_contents_of_ended_jobs_are_found() -> None:
    log = Log()
    log.job("k1", ONE)
    log.job("k2", OTHER, user="bob")
    assert (await log.find()).erased == {ONE.digest: ONE, OTHER.digest: OTHER}
    assert [*(await log.find(Scope("acme", user="bob"))).erased] == [OTHER.digest]


async def test_a_content_that_other_work_needs_stays() -> None:
    log = Log()
    mine = log.job("k1", ONE)
    log.job("k2", ONE, user="bob")
    assert (await log.find(Scope("acme", jobs=(mine, "jwrong")))).unknown == ("jwrong",)
    found = await log.find(Scope("acme", jobs=(mine,)))
    assert found.erased == {}
    assert found.stays[0][0] == mine
    assert "is also of job" in found.stays[0][1]


async def test_work_that_has_not_ended_stays() -> None:
    log = Log()
    job = log.job("k1", ONE, ended=False)
    found = await log.find()
    assert found.erased == {}
    assert found.stays == [(job, "it has not ended: cancel it, or erase again later")]


@pytest.mark.parametrize(("state", "erased"), [("released", []), ("withdrawn", [ONE.digest])])
async def test_a_named_circuit_stays_until_it_is_withdrawn(state: str, erased: list[str]) -> None:
    log = Log()
    log.job("k1", ONE)
    log.circuit(ONE, "released")
    log.circuit(ONE, state)
    assert [*(await log.find()).erased] == erased


async def test_a_program_has_the_circuits_that_it_refers_to() -> None:
    log = Log()
    text = json.dumps({"circuits": [ONE.model_dump(mode="json", exclude_none=True)]})
    program = stored(text, PROGRAM)
    log.held[program.digest] = text.encode()
    log.job("k1", program)
    assert {*(await log.find()).erased} == {ONE.digest, program.digest}


async def test_contents_inside_events_are_counted_and_stay() -> None:
    log = Log()
    log.job("k1", ONE.model_copy(update={"inline": "one"}))
    found = await log.find()
    assert (found.erased, found.inside_events) == ({}, 1)


async def test_the_same_log_gives_the_same_requests_of_bounded_size() -> None:
    log = Log()
    for number in range(501):
        log.job(f"k{number}", stored(str(number)))
    first, second = [(await log.find()).erasures("request 17", "dpo") for _ in range(2)]
    assert [len(it.contents) for it in first] == [500, 1]
    assert first == second
    assert first[0].scope == "the tenant"


async def test_a_job_that_ended_in_another_way_has_ended() -> None:
    log = Log()
    job = log.job("k1", ONE, ended=False)
    said = Cancellation(tenant="acme", job=job, by="ann", reason="", submitted_at=AT)
    log.contents.take(JobCancelled(source="t", data=said), subject_of(JobCancelled(source="t", data=said)), 9)
    assert [*(await log.find()).erased] == [ONE.digest]
