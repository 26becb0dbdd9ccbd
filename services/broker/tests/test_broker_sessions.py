"""Sessions: opened once with the hold of their cap, closed once with its end; and what their jobs may hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from queuebit_broker.answers import Answers
from queuebit_broker.eligibility import Tariff
from queuebit_broker.profiles import Profiles
from queuebit_broker.session_rows import session_row
from queuebit_contracts.account import AccountHeld, AccountReleased, Hold, Release
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import JobAccepted, JobRejected
from queuebit_contracts.query import Question
from queuebit_contracts.session import (
    OpenSession,
    Session,
    SessionClosed,
    SessionOpened,
    budget_of,
    idle_hold_of,
    request_of,
    signed_part,
)
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money, job_id
from queuebit_pricing import parse

from .broker_office import Office, closing, opening


@pytest.fixture
async def rich(office: Office, tenants_text: str) -> Office:
    """An office in which many jobs may be active; a job on aer costs a cent, and one on torino 3.20."""
    await office.open()
    office.world.directory = Directory(parse_tenants(tenants_text.replace("max_active_jobs = 2\n", "")))
    return office


async def opened(office: Office, **changes: Any) -> Session:
    answer = await office.sessions.open("acme", opening(**changes))
    assert answer.session is not None, answer.errors
    return answer.session


async def codes(office: Office, request: OpenSession, tenant: str = "acme") -> list[str]:
    return [it.code for it in (await office.sessions.open(tenant, request)).errors]


async def job(office: Office, key: str, session: Session | None, /, **changes: Any) -> None:
    if session is not None:
        changes = {"session": session.session, **changes}
    await office.deliver(await office.submit(key=key, **{"backend": "aer", **changes}))


async def begin(office: Office, session: Session, amount: str) -> None:
    """A job of the session is held at the time of the clock."""
    data = Hold(
        tenant="acme", account="main", job="j1", amount=Amount(amount=amount), budgets=(budget_of(session.session),)
    )
    await office.log.append(AccountHeld(source="t", time=office.clock.now(), data=data))
    await office.catch_up()


def free(office: Office, account: str = "main") -> Decimal:
    amount: Decimal = office.world.account("acme", account).available("USD").amount
    return amount


async def test_opening_holds_the_cap_in_the_same_batch(rich: Office) -> None:
    session = await opened(rich)
    assert rich.names() == ["held", "opened"]
    (held,) = rich.log.events(AccountHeld)
    assert (held.data.job, held.data.purpose, held.data.amount.amount) == (session.session, "session", "1.00")
    assert free(rich) == 9
    assert (session.user, session.max_idle_s) == ("ann", 300)
    assert (session.expires_at - session.opened_at).total_seconds() == session.max_age_s
    assert signed_part(request_of(session)) == signed_part(opening())


async def test_the_same_request_again_has_the_same_answer_also_after_the_end(rich: Office) -> None:
    first = await opened(rich)
    assert await opened(rich) == first
    await rich.sessions.close("acme", closing(first.session))
    again = await rich.sessions.open("acme", opening())
    assert (again.session, again.closed and again.closed.reason) == (first, "asked")
    rich.restart()
    await rich.catch_up()
    assert (await rich.sessions.open("acme", opening())).session == first
    assert rich.names() == ["held", "opened", "released", "closed"]


async def test_a_key_is_one_session_of_one_user(rich: Office) -> None:
    await opened(rich)
    assert await codes(rich, opening(cap="2.00")) == ["session_key_used"]
    assert await codes(rich, opening(by="bob")) == ["session_key_used"]
    assert len(rich.log.events(SessionOpened)) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"cap": "10.01"}, ["budget_exceeded"], id="more than the account has"),
        pytest.param({"cap": "0"}, ["bad_cap"], id="nothing"),
        pytest.param({"cap": "-1"}, ["bad_cap"], id="less than nothing"),
        pytest.param({"project": "euro"}, ["currency_mismatch"], id="another currency"),
        pytest.param({"project": "mian"}, ["unknown_project"], id="no project"),
        pytest.param({"backend": "moon"}, ["unknown_backend"], id="no backend"),
        pytest.param({"project": "sim", "backend": "torino"}, ["backend_not_allowed"], id="a backend not allowed"),
        pytest.param({"backend": "torino", "cap": None}, ["cap_required"], id="priced idle time without a cap"),
        pytest.param({"by": "vic"}, ["role_forbids"], id="a viewer"),
        pytest.param({"by": "eve"}, ["bad_proof"], id="a stranger"),
    ],
)
async def test_a_session_is_refused_with_a_reason_and_holds_nothing(
    rich: Office, changes: dict[str, Any], expected: list[str]
) -> None:
    assert await codes(rich, opening(**changes)) == expected
    assert rich.names() == []


async def test_a_request_that_was_changed_after_signing_is_refused(rich: Office) -> None:
    forged = opening().model_copy(update={"max_age_s": 86_400})
    assert await codes(rich, forged) == ["bad_proof"]
    assert "bad_proof" in await codes(rich, opening(), tenant="evil")
    assert "bad_proof" in await codes(rich, opening(session="sother"))


async def test_a_dry_run_shows_the_price_of_idle_time_and_opens_nothing(rich: Office) -> None:
    quoted = await opened(rich, backend="torino", cap="5", dry_run=True)
    assert quoted.idle_price is not None
    assert quoted.idle_price.amount == "0.001"
    assert rich.names() == []


async def test_jobs_hold_out_of_the_cap_and_not_out_of_the_rest_of_the_account(rich: Office) -> None:
    session = await opened(rich, cap="9.99")
    await job(rich, "k1", session)
    (acceptance,) = rich.log.events(JobAccepted)
    assert (acceptance.data.session, acceptance.data.budgets) == (session.session, (budget_of(session.session),))
    assert free(rich) == Decimal("0.01"), "the cap has reserved the hold"
    await job(rich, "k2", None)
    await job(rich, "k3", None)
    assert rich.reasons() == ["budget_exceeded"], "the account has nothing beside the cap"
    await job(rich, "k4", session)
    assert len(rich.log.events(JobAccepted)) == 3


async def test_a_job_that_does_not_fit_in_the_cap_is_refused_although_the_account_could_pay(rich: Office) -> None:
    session = await opened(rich, cap="0.02")
    for number in range(3):
        await job(rich, f"k{number}", session)
    assert rich.reasons() == ["session_cap"]
    assert len(rich.log.events(JobAccepted)) == 2
    await rich.log.append(AccountReleased(source="t", data=_release("k0")))
    await rich.catch_up()
    await job(rich, "k4", session)
    assert len(rich.log.events(JobAccepted)) == 3, "what a job did not need is there for the next one"


def _release(key: str) -> Release:
    return Release(tenant="acme", account="main", job=job_id("acme", key), amount=Amount(amount="0.01"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"by": "bob"}, ["foreign_session"], id="another user"),
        pytest.param({"project": "sim"}, ["foreign_session"], id="another project"),
        pytest.param({"backend": "cirq"}, ["session_backend"], id="another backend"),
        pytest.param({"session": "snone"}, ["unknown_session"], id="no such session"),
    ],
)
async def test_a_job_that_does_not_belong_to_the_session_is_refused(
    rich: Office, changes: dict[str, Any], expected: list[str]
) -> None:
    session = await opened(rich, backend="aer")
    await job(rich, "k1", session, **changes)
    assert rich.reasons() == expected


async def test_a_job_that_names_no_backend_runs_where_its_session_does(rich: Office) -> None:
    session = await opened(rich, backend="torino", cap="5")
    await job(rich, "k1", session, backend=None)
    await job(rich, "k2", await opened(rich, key="any"), backend=None)
    of_session, of_none = rich.log.events(JobAccepted)
    assert [it.backend for it in of_session.data.candidates] == ["torino"]
    assert "torino" not in [it.backend for it in of_none.data.candidates]


async def test_closing_gives_back_what_no_job_uses_at_once_and_jobs_keep_their_holds(rich: Office) -> None:
    session = await opened(rich)
    await job(rich, "k1", session)
    answer = await rich.sessions.close("acme", closing(session.session))
    assert answer.closed is not None
    assert (answer.closed.reason, answer.closed.by) == ("asked", "ann")
    await rich.catch_up()
    assert free(rich) == Decimal("9.99")
    await job(rich, "k2", session)
    assert rich.reasons() == ["session_closed"]
    again = await rich.sessions.close("acme", closing(session.session))
    assert again.closed == answer.closed
    assert len(rich.log.events(SessionClosed)) == 1


async def test_a_job_that_was_submitted_before_the_end_of_its_session_is_its_job(rich: Office) -> None:
    session = await opened(rich, cap="0.02")
    waiting = [await rich.submit(key=f"k{it}", backend="aer", session=session.session) for it in range(3)]
    await rich.sessions.close("acme", closing(session.session))
    for it in waiting:
        await rich.deliver(it)
    assert [it.data.session for it in rich.log.events(JobAccepted)] == [session.session] * 2
    assert rich.reasons() == ["session_cap"], "the cap holds also after the end"
    await rich.catch_up()
    assert free(rich) == Decimal("9.98")
    rich.restart()
    await rich.catch_up()
    await job(rich, "k4", session)
    assert [it.code for it in rich.log.events(JobRejected)[1].data.reasons] == ["session_closed", "session_cap"]


async def test_after_the_end_of_a_session_its_account_must_have_the_money(rich: Office) -> None:
    session = await opened(rich, cap="9.99")
    waiting = await rich.submit(key="k1", backend="aer", session=session.session)
    await rich.sessions.close("acme", closing(session.session))
    await opened(rich, key="another", cap="10.00")
    await rich.deliver(waiting)
    assert rich.reasons() == ["budget_exceeded"]


async def test_only_its_user_and_admins_close_a_session(rich: Office) -> None:
    session = (await opened(rich)).session
    for by, code in (("bob", "role_forbids"), ("vic", "role_forbids"), ("eve", "role_forbids")):
        assert [it.code for it in (await rich.sessions.close("acme", closing(session, by=by))).errors] == [code]
    assert [it.code for it in (await rich.sessions.close("acme", closing("snone"))).errors] == ["unknown_session"]
    assert (await rich.sessions.close("acme", closing(session, by="boss"))).closed is not None


async def test_a_submission_under_the_name_of_a_session_gives_nothing_back(rich: Office) -> None:
    """A rejected job gives its hold back, and the hold of a session lies under the session's name."""
    session = await opened(rich)
    for name in (session.session, idle_hold_of(session.session)):
        await rich.deliver(await rich.submit(key="k1", job=name))
    assert len(rich.log.events(JobRejected)) == 2
    assert rich.log.events(AccountReleased) == []
    assert free(rich) == 9


async def test_it_closes_when_it_is_idle_for_long_old_or_spent(rich: Office) -> None:
    await opened(rich, key="idle", max_idle_s=60)
    await opened(rich, key="old", max_idle_s=600, max_age_s=120)
    busy = await opened(rich, key="busy", max_idle_s=60, max_age_s=600)
    await job(rich, "k1", busy)
    rich.clock.advance(59)
    await rich.sessions.close_due()
    assert rich.log.events(SessionClosed) == []
    rich.clock.advance(1)
    await rich.sessions.close_due()
    rich.clock.advance(60)
    await rich.sessions.close_due()
    ends = [it.data for it in rich.log.events(SessionClosed)]
    assert [(it.reason, it.idle_s) for it in ends] == [("idle", 60), ("age", 120)]
    rich.clock.advance(480)
    await rich.sessions.close_due()
    assert rich.log.events(SessionClosed)[-1].data.reason == "age", "a job that runs does not keep it open for ever"


async def test_idle_time_is_held_out_of_the_cap_at_the_end(rich: Office) -> None:
    session = await opened(rich, backend="torino", cap="4", max_idle_s=600)
    rich.clock.advance(90)
    await begin(rich, session, "3.20")
    rich.clock.advance(30)
    await rich.sessions.close("acme", closing(session.session))
    assert rich.names() == ["held", "opened", "held", "held", "released", "closed"]
    (end,) = rich.log.events(SessionClosed)
    hold = rich.log.events(AccountHeld)[-1].data
    assert end.data.idle_hold is not None
    assert (end.data.idle_s, end.data.idle_hold.amount) == (90, "0.09")
    assert (hold.job, hold.purpose, hold.amount.amount) == (idle_hold_of(session.session), "idle", "0.09")
    assert hold.budgets == (budget_of(session.session),)
    assert free(rich) == Decimal("6.71")


async def test_each_second_of_a_session_may_have_a_price_with_or_without_a_job(rich: Office, book_text: str) -> None:
    rich.tariff = Tariff(parse(book_text.replace("per_session_idle_second", "per_session_second")))
    rich.admit = rich.another_broker(rich.world, rich.follower)  # which also has sessions by this price book
    session = await opened(rich, backend="torino", cap="4", max_idle_s=600)
    assert session.wall_clock is True
    rich.clock.advance(40)
    await begin(rich, session, "3.20")
    rich.clock.advance(50)
    await rich.sessions.close("acme", closing(session.session))
    (end,) = rich.log.events(SessionClosed)
    assert (end.data.wall_s, end.data.idle_s) == (90, 40)
    assert end.data.idle_hold is not None
    assert end.data.idle_hold.amount == "0.09"


async def test_idle_time_never_costs_more_than_the_cap_has_left_and_whole_seconds_are_billed(rich: Office) -> None:
    session = await opened(rich, backend="torino", cap="3.2505", max_idle_s=600)
    rich.clock.advance(90)
    await begin(rich, session, "3.20")
    await rich.sessions.close("acme", closing(session.session))
    (end,) = rich.log.events(SessionClosed)
    assert (end.data.idle_s, end.data.idle_hold and end.data.idle_hold.amount) == (90, "0.05")


async def test_a_job_may_not_take_what_idle_time_has_cost(rich: Office) -> None:
    session = await opened(rich, backend="torino", cap="3.21", max_idle_s=600)
    rich.clock.advance(11)
    await job(rich, "k1", session, backend="torino")
    assert rich.reasons() == ["session_cap"]


async def test_a_spent_session_closes(rich: Office) -> None:
    await opened(rich, backend="torino", cap="0.05", max_idle_s=600)
    rich.clock.advance(49)
    await rich.sessions.close_due()
    assert rich.log.events(SessionClosed) == []
    rich.clock.advance(1)
    await rich.sessions.close_due()
    (end,) = rich.log.events(SessionClosed)
    assert (end.data.reason, end.data.idle_hold and end.data.idle_hold.amount) == ("spent", "0.05")


async def test_the_cap_counts_against_budgets_once(rich: Office, tenants_text: str) -> None:
    text = tenants_text.replace("max_active_jobs = 2\n", "") + '[tenant.acme.budget."user:ann"]\namount = "1.00"\n'
    rich.world.directory = Directory(parse_tenants(text))
    session = await opened(rich, cap="0.99")

    def left() -> Decimal:
        amount: Decimal = (Money.of(1) - rich.world.accounts.committed("acme", "user:ann", "USD").total).amount
        return amount

    assert left() == Decimal("0.01")
    await job(rich, "k1", session)
    assert left() == Decimal("0.01"), "the cap has reserved it"
    assert rich.log.events(JobAccepted)[0].data.budgets == ("user:ann", budget_of(session.session))
    await rich.sessions.close("acme", closing(session.session))
    await rich.catch_up()
    assert left() == Decimal("0.99")
    assert await codes(rich, opening(key="s2", cap="1.00")) == ["budget_exceeded"]


async def test_a_session_without_a_cap_holds_nothing_and_counts_its_jobs(rich: Office) -> None:
    session = await opened(rich, cap=None)
    await job(rich, "k1", session)
    assert free(rich) == Decimal("9.99")
    answers = Answers(rich.world, Profiles(rich.executors, rich.world), rich.tariff, rich.clock, 1000)
    (row,) = (await answers.sessions("acme", Question())).rows
    assert (row["state"], row["held"], row["left"], row["jobs"], row["active"]) == ("open", "0.01", None, 1, 1)
    await rich.sessions.close("acme", closing(session.session))
    await rich.catch_up()
    assert rich.log.events(AccountReleased) == []


async def test_a_row_says_what_is_left(rich: Office) -> None:
    session = await opened(rich, backend="torino", cap="5", label="scan")
    await begin(rich, session, "3.20")
    rich.clock.advance(10)
    answers = Answers(rich.world, Profiles(rich.executors, rich.world), rich.tariff, rich.clock, 1000)
    (row,) = (await answers.sessions("acme", Question(session=session.session))).rows
    assert (row["cap"], row["held"], row["charged"], row["idle_price"]) == ("5.00", "3.20", "0.00", "0.001")
    assert Decimal(str(row["left"])) == Decimal("1.80") - Decimal(str(row["idle_cost"]))
    assert (await answers.sessions("evil", Question())).rows == ()


async def test_the_amounts_of_a_session_without_a_cap_are_in_the_currency_of_the_prices(rich: Office) -> None:
    session = (await opened(rich, cap=None)).session
    known = rich.world.sessions.find("acme", session)
    assert known is not None
    row = session_row(rich.world, known, rich.clock.now(), "EUR")
    assert (row["currency"], row["held"], row["charged"]) == ("EUR", "0.00", "0.00")
