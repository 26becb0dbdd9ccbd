"""Sessions: opened on entry, closed on exit, named in every job; what they cost is what the platform says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from queuebit import AsyncClient, Client, Credential, InvalidInput, Money, NotFound, Refused, Reply, SessionCost
from queuebit_contracts.session import CloseSession, OpenSession, Session, SessionAnswer, SessionEnd, signed_part
from queuebit_contracts.subjects import parse
from queuebit_contracts.wire import Amount, Reason
from queuebit_runtime.keys import verify_bytes

from .fake_bus import BELL, NOW, FakeBus, runs_and_bills, submitted_all

ROW = {
    "charged": "0.00",
    "held": "0.00",
    "left": None,
    "currency": "USD",
    "idle_cost": None,
    "idle_s": 0,
    "jobs": 0,
}


class SessionBus(FakeBus):
    """A broker that opens every session, on a backend whose idle seconds cost a tenth of a cent."""

    def __init__(self) -> None:
        super().__init__(runs_and_bills)
        self.opened: list[OpenSession] = []
        self.closed: list[str] = []
        self.refusal: Reason | None = None

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        it = parse(subject)
        if it.noun != "sessions":
            return await super().request(subject, body, headers, timeout=timeout)
        if it.event == "open":
            asked = OpenSession.model_validate_json(body)
            assert verify_bytes(asked.proof.key, signed_part(asked), asked.proof.signature)
            if self.refusal is not None:
                return _answer(SessionAnswer(errors=(self.refusal,)))
            self.opened.append(asked)
            return _answer(self._state(asked))
        closing = CloseSession.model_validate_json(body)
        assert verify_bytes(closing.proof.key, signed_part(closing), closing.proof.signature)
        self.closed.append(closing.session)
        return _answer(self._state(next(it for it in self.opened if it.session == closing.session)))

    def _state(self, asked: OpenSession) -> SessionAnswer:
        fields = {
            **asked.model_dump(),
            "user": "ann",
            "opened_at": NOW,
            "expires_at": NOW + timedelta(seconds=asked.max_age_s),
            "idle_price": Amount(amount="0.001") if asked.backend else None,
        }
        end = SessionEnd(
            tenant="acme", session=asked.session, project=asked.project, reason="asked", idle_s=0, closed_at=NOW
        )
        closed = asked.session in self.closed
        return SessionAnswer(session=Session.model_validate(fields), closed=end if closed else None)


def _answer(it: SessionAnswer) -> Reply:
    return Reply(it.model_dump_json(exclude_none=True).encode())


async def test_a_block_opens_and_closes_and_its_jobs_name_the_session(ann: Credential) -> None:
    bus = SessionBus()
    async with AsyncClient(ann, transport=bus) as client:
        async with client.session(backend="aer", name="h2", max_cost="2.50", max_idle=60, max_age=600) as session:
            await session.submit(BELL, tags=["mine"])
            await session.map([BELL])
            assert bus.closed == []
        (asked,) = bus.opened
        assert (asked.cap, asked.max_idle_s, asked.max_age_s, asked.label) == (Amount(amount="2.50"), 60, 600, "h2")
        assert [(it.tags, it.backend, it.session) for it in submitted_all(bus)] == [
            (("mine", "h2"), "aer", session.id),
            (("h2",), "aer", session.id),
        ]
        assert bus.closed == [session.id]
        with pytest.raises(InvalidInput, match="session h2 is closed"):
            await session.submit(BELL)


async def test_a_text_is_one_tag_of_a_job_of_a_session_too(ann: Credential) -> None:
    bus = SessionBus()
    async with AsyncClient(ann, transport=bus) as client, client.session(name="h2") as session:
        await session.submit(BELL, tags="mine")
    assert [it.tags for it in submitted_all(bus)] == [("mine", "h2")]


async def test_the_price_of_idle_time_is_shown_before_anything_is_opened(ann: Credential) -> None:
    bus = SessionBus()
    async with AsyncClient(ann, transport=bus) as client:
        quoted = await client.session(backend="aer", max_cost=1).quote()
        assert (quoted.idle_price, quoted.max_cost, quoted.max_idle) == (Money.of("0.001"), Money.of(1), 300)
        assert [it.dry_run for it in bus.opened] == [True]


async def test_without_a_block_the_first_job_opens_and_nothing_closes(ann: Credential) -> None:
    bus = SessionBus()
    async with AsyncClient(ann, transport=bus) as client:
        first, second = (client.session(key="scan") for _ in range(2))
        for session in (first, second):
            await session.submit(BELL)
        assert first.id == second.id == bus.opened[0].session
    assert bus.closed == []


async def test_a_session_that_closed_under_its_key_takes_no_jobs(ann: Credential) -> None:
    bus = SessionBus()
    async with AsyncClient(ann, transport=bus) as client:
        async with client.session(key="scan"):
            pass
        with pytest.raises(InvalidInput, match=r"is closed \(asked\)"):
            await client.session(key="scan").submit(BELL)


async def test_a_refusal_has_its_reasons_and_the_error_of_a_block_is_kept(ann: Credential) -> None:
    bus = SessionBus()
    async with AsyncClient(ann, transport=bus) as client:
        bus.refusal = Reason(code="budget_exceeded", text="project p has 1.00 USD left")
        with pytest.raises(Refused, match=r"has 1\.00 USD left"):
            await client.session(max_cost=5).open()
        bus.refusal = None
        with pytest.raises(ZeroDivisionError):
            async with client.session():
                raise ZeroDivisionError
        assert len(bus.closed) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [({"max_idle": 0}, "max_idle"), ({"max_age": 86_401}, "max_age"), ({"max_cost": "-1"}, "max_cost")],
)
async def test_what_cannot_be_sent_is_named(ann: Credential, given: dict[str, object], words: str) -> None:
    async with AsyncClient(ann, transport=SessionBus()) as client:
        with pytest.raises(InvalidInput, match=words):
            await client.session(**given).open()  # type: ignore[arg-type]  # wrong values are what is tested


async def test_a_job_that_another_session_paid_is_found_again(ann: Credential) -> None:
    bus = SessionBus()
    async with AsyncClient(ann, transport=bus) as client:
        for _ in range(2):
            async with client.session() as session:
                await session.map([BELL], key="scan")
    assert len({it.job for it in submitted_all(bus)}) == 1


def test_the_cost_is_what_the_platform_says(ann: Credential) -> None:
    bus = SessionBus()
    with Client(ann, transport=bus) as client, client.session(backend="aer", max_cost=2) as session:
        row = {**ROW, "session": session.id, "charged": "0.50", "held": "1.00", "left": "0.49", "idle_cost": "0.01"}
        bus.answers["sessions"] = {"rows": [{**row, "idle_s": 10, "jobs": 3}]}
        assert session.cost() == SessionCost(
            Money.of("0.50"), Money.of("1.00"), 3, left=Money.of("0.49"), idle=Money.of("0.01"), idle_s=10
        )
        bus.answers["sessions"] = {"rows": [{**ROW, "session": session.id}]}
        assert session.cost() == SessionCost(None, None, 0)
        bus.answers["sessions"] = {"rows": []}
        with pytest.raises(NotFound, match="did not close today"):
            session.cost()
        assert session.submit(BELL).result().counts["11"] == 520
    assert bus.closed == [session.id]
