"""Use cases with the log in memory: conflicts, crashes, repeats."""

from __future__ import annotations

import asyncio
import json

import pytest

from queuebit_broker.answers import Answers
from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.eligibility import Tariff
from queuebit_broker.profiles import AT_ONCE, Profiles
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountHeld, AccountReleased, AccountSettled, Settlement
from queuebit_contracts.backend import BackendRegistered
from queuebit_contracts.job import Cancellation, GateShots, JobAccepted, JobCancelled, JobRejected
from queuebit_contracts.query import CircuitError, ProfileAnswer, ProfileRequest, Question
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import Malformed, Money, Superseded, Unavailable, digest, digest_of
from queuebit_planning.fidelity import OPERATIONS
from queuebit_planning.limits import TRANSIENT
from queuebit_pricing import parse
from queuebit_runtime.payloads import describe

from .broker_office import Cancel, Office


async def test_a_good_job_is_held_for_and_accepted(office: Office) -> None:
    await office.open()
    delivery = await office.submit(label="bell.qasm", backend="torino")
    await office.deliver(delivery)
    assert office.names() == ["submitted", "held", "accepted"]
    accepted = office.log.events(JobAccepted)[0]
    assert accepted.data.hold == office.log.events(AccountHeld)[0].data.amount == Amount(amount="3.20")
    assert [it.hold for it in accepted.data.candidates] == ["3.20"]
    assert accepted.data.candidates[0].qpu_us == 2_000_000
    assert (accepted.data.user, accepted.data.share, accepted.data.shots) == ("ann", 3, 1000)
    content = {key: value for key, value in json.loads(delivery["body"])["data"].items() if key != "proof"}
    assert accepted.provenanceid == office.log.events(AccountHeld)[0].provenanceid == digest_of(content)
    assert 0 <= accepted.data.seed < 2**53
    assert accepted.data.submission == delivery["sequence"]
    assert accepted.data.program == delivery["event"].data.circuit


@pytest.mark.parametrize(("inline", "size", "carried"), [(True, 200, True), (True, 201, False), (False, 900, True)])
async def test_a_program_is_carried_where_it_is_small_or_stored(
    office: Office, monkeypatch: pytest.MonkeyPatch, inline: bool, size: int, carried: bool
) -> None:
    monkeypatch.setattr("queuebit_broker.events.MAX_CARRIED_BYTES", 200)
    source = "//" + "x" * (size - 2)
    circuit = {"digest": digest(source.encode()), "size": size, "media_type": "text/x-openqasm"}
    await office.open()
    await office.deliver(await office.submit(circuit={**circuit, "inline": source} if inline else circuit))
    assert (office.log.events(JobAccepted)[0].data.program is not None) is carried


async def test_a_refusal_names_the_request_whatever_its_sender_claims(office: Office) -> None:
    await office.open()
    delivery = await office.submit(after_signing={"shots": 7})
    claimed = delivery["event"].model_copy(update={"provenanceid": "sha256:" + "0" * 64})
    await office.deliver({**delivery, "event": claimed})
    content = {key: value for key, value in json.loads(delivery["body"])["data"].items() if key != "proof"}
    assert office.reasons() == ["bad_proof"]
    assert office.log.events(JobRejected)[0].provenanceid == digest_of(content)


async def test_a_requested_seed_is_kept(office: Office) -> None:
    await office.open()
    await office.deliver(await office.submit(seed=7))
    assert office.log.events(JobAccepted)[0].data.seed == 7


async def test_a_refusal_holds_nothing_and_tells_everything(office: Office) -> None:
    await office.open(budget="0")
    office.executors.error = CircuitError(code="syntax", message="what is this", line=1, column=1)
    await office.deliver(await office.submit(purpose="", shots=0))
    assert office.names() == ["submitted", "rejected"]
    assert office.reasons() == ["missing_metadata", "bad_shots", "syntax"]


async def test_the_next_decision_sees_a_hold_before_the_view_does(office: Office) -> None:
    await office.open(budget="5")
    for key in ("k1", "k2"):
        await office.deliver(await office.submit(key=key, backend="torino"))
    assert office.names() == ["submitted", "held", "accepted", "submitted", "rejected"]
    assert office.reasons() == ["budget_exceeded"]


async def test_active_jobs_count_before_the_view_knows_them(office: Office) -> None:
    await office.open()
    for key in ("k1", "k2", "k3"):
        await office.deliver(await office.submit(key=key, backend="aer"))
    assert office.reasons() == ["too_many_active_jobs"]
    await office.catch_up()
    assert office.world.others_active("acme", "another") == 2
    await office.log.append(cancelled_by_someone(office))
    await office.catch_up()
    assert office.world.others_active("acme", "another") == 1


def cancelled_by_someone(office: Office) -> JobCancelled:
    accepted = office.log.events(JobAccepted)[0].data
    data = Cancellation(tenant="acme", job=accepted.job, by="ann", submitted_at=accepted.submitted_at)
    return JobCancelled(source="t", data=data)


async def test_a_crash_between_hold_and_acceptance_is_completed_by_redelivery(office: Office) -> None:
    await office.open()
    delivery = await office.submit(backend="torino")
    await office.crash(delivery, before=JobAccepted)
    office.restart()
    await office.catch_up()
    await office.deliver(delivery, redelivered=True)
    assert office.names() == ["submitted", "held", "accepted"]
    await office.catch_up()
    assert office.world.account("acme", "main").available("USD") == Money.of("6.80")


async def test_a_view_that_has_not_seen_the_hold_of_a_crashed_broker_waits_for_it(office: Office) -> None:
    await office.open()
    delivery = await office.submit(backend="torino")
    await office.crash(delivery, before=JobAccepted)
    office.restart()  # and nothing read yet but the opening
    await office.follower.reached(6)
    await office.deliver(delivery, redelivered=True)
    assert office.names() == ["submitted", "held", "accepted"]


async def test_a_price_that_rose_meanwhile_is_paid_from_the_existing_hold_or_not_at_all(office: Office) -> None:
    await office.open()
    delivery = await office.submit(backend="torino")
    await office.crash(delivery, before=JobAccepted)
    office.restart()
    await office.catch_up()
    office.executors.qpu_us["torino"] = 3_000_000
    await office.deliver(delivery, redelivered=True)
    assert office.names() == ["submitted", "held", "rejected", "released"]
    assert office.reasons() == ["budget_exceeded"]
    await office.catch_up()
    assert office.world.account("acme", "main").available("USD") == Money.of(10)


async def test_a_crash_between_refusal_and_release_gives_the_money_back_later(office: Office) -> None:
    await office.open()
    delivery = await office.submit(backend="torino")
    await office.crash(delivery, before=JobAccepted)
    office.restart()
    await office.catch_up()
    office.executors.qpu_us["torino"] = 3_000_000
    await office.crash(delivery, before=AccountReleased, redelivered=True)
    with pytest.raises(Superseded):
        await office.deliver(delivery, redelivered=True)
    assert office.names() == ["submitted", "held", "rejected", "released"]


async def test_a_job_cancelled_while_it_was_decided_gives_its_hold_back(
    office: Office, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.open()
    delivery = await office.submit()
    ask = office.executors.profile

    async def slow(stack: str, request: ProfileRequest) -> ProfileAnswer:
        with_job = cancel(delivery["event"].data.job)
        if "cancelled" not in office.names():
            await CancelJobs(office.log, office.follower, office.world)(**with_job)
        return await ask(stack, request)

    monkeypatch.setattr(office.executors, "profile", slow)
    with pytest.raises(Superseded):
        await office.deliver(delivery)
    assert office.names() == ["submitted", "cancelled", "held", "released"]
    await office.catch_up()
    assert office.world.account("acme", "main").available("USD") == Money.of(10)
    assert office.world.others_active("acme", "another") == 0
    with pytest.raises(Superseded):
        await office.deliver(delivery, redelivered=True)
    assert office.names() == ["submitted", "cancelled", "held", "released"]


async def test_redelivery_of_a_decided_job_changes_nothing(office: Office) -> None:
    await office.open()
    good, bad = await office.submit(), await office.submit(key="k2", purpose="")
    for delivery in (good, bad):
        await office.deliver(delivery)
        with pytest.raises(Superseded):
            await office.deliver(delivery, redelivered=True)
    assert office.names() == ["submitted", "submitted", "held", "accepted", "rejected"]


async def test_an_unannounced_second_delivery_changes_nothing(office: Office) -> None:
    await office.open()
    delivery = await office.submit()
    await office.deliver(delivery)
    await office.deliver(delivery)
    assert office.names() == ["submitted", "held", "accepted"]


async def test_the_log_is_asked_which_message_is_first_unless_the_delivery_says_so(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.open()
    asked, first = list[str](), office.log.first

    async def counted(history: subjects.Aggregate) -> int:
        asked.append(history.prefix)
        return await first(history)

    monkeypatch.setattr(office.log, "first", counted)
    known, unknown = await office.submit(), await office.submit(key="k2")
    await office.admit(**known, redelivered=False, first=True)
    assert asked == []
    await office.admit(**unknown, redelivered=False, first=False)
    assert asked == [f"qb.job.acme.{unknown['event'].data.job}"]
    assert office.names() == ["submitted", "submitted", "held", "accepted", "held", "accepted"]
    with pytest.raises(Superseded):
        await office.admit(**known, redelivered=True, first=True)


async def test_a_job_submitted_again_after_it_was_settled_never_holds_again(office: Office) -> None:
    await office.open()
    delivery = await office.submit(backend="aer")
    await office.deliver(delivery)
    hold, nothing = Amount(amount="0.01"), Amount(amount="0")
    settlement = Settlement(
        tenant="acme", account="main", job=delivery["event"].data.job, held=hold, settled=hold, released=nothing
    )
    await office.log.append(AccountSettled(source="t", data=settlement))
    await office.catch_up()
    again = await office.submit(backend="aer", event_id="again")
    with pytest.raises(Superseded):
        await office.deliver(again)
    await office.catch_up()
    assert office.names().count("held") == 1
    assert office.world.account("acme", "main").available("USD") == Money.of("9.99")
    assert office.world.account("acme", "main").holds == {}


async def test_two_brokers_racing_for_the_last_money_hold_it_once(office: Office) -> None:
    await office.open(budget="3.20")
    other = World()
    other.directory = office.world.directory
    lagging = type(office.follower)(office.log, other)
    await lagging.reached(len(office.log.stored))
    second = office.another_broker(other, lagging)
    await office.deliver(await office.submit(backend="torino"))
    await second(**await office.submit(key="k2", backend="torino"), redelivered=False)
    assert office.names() == ["submitted", "held", "accepted", "submitted", "rejected"]


async def test_a_job_waits_visibly_while_no_one_answers(office: Office) -> None:
    await office.open()
    office.executors.silent = {"aer", "cirq", "ibm"}
    delivery = await office.submit()
    with pytest.raises(Unavailable, match="aer, cirq"):
        await office.deliver(delivery)
    office.executors.silent.clear()
    await office.deliver(delivery, redelivered=True)
    assert office.names() == ["submitted", "held", "accepted"]


async def test_profiles_are_asked_once_a_circuit_tenant_and_calibration(office: Office) -> None:
    await office.open()
    await office.deliver(await office.submit(backend="aer"))
    await office.deliver(await office.submit(key="k2", backend="aer"))
    assert len(office.executors.asked) == 1
    aer = office.log.events(BackendRegistered)[0]
    await office.log.append(BackendRegistered(source="t", data=aer.data))
    await office.catch_up()
    await office.deliver(await office.submit(key="k3", backend="aer"))
    assert len(office.executors.asked) == 2


async def test_a_subject_that_names_no_job_is_malformed(office: Office) -> None:
    await office.open()
    delivery = await office.submit()
    with pytest.raises(Malformed):
        await office.deliver({**delivery, "subject": "qb.job.acme.NOT A NAME.submitted"})


async def test_a_submission_under_another_tenants_subject_is_refused_there(office: Office) -> None:
    await office.open()
    delivery = await office.submit()
    await office.deliver({**delivery, "subject": "qb.job.evil.jx.submitted", "sequence": 0})
    rejected = office.log.events(JobRejected)[0]
    assert (rejected.data.tenant, rejected.data.job) == ("evil", "jx")


async def test_who_waits_is_reported_why_and_counts_as_active(office: Office) -> None:
    await office.open()
    office.executors.silent = {"aer", "cirq", "ibm"}
    answers = Answers(office.world, Profiles(office.executors, office.world), office.tariff, office.clock, 1000)
    waiting = [await office.submit(key=f"w{number}", backend="aer") for number in range(2)]
    for delivery in waiting:
        with pytest.raises(Unavailable):
            await office.deliver(delivery)
    first = waiting[0]["event"].data.job
    rows = (await answers.admission("acme", Question(job=first))).rows
    assert [row["job"] for row in rows] == [first]
    assert "aer" in str(rows[0]["reason"])
    assert (await answers.admission("evil", Question())).rows == ()
    office.executors.silent = set()
    await office.deliver(await office.submit(key="k3", backend="aer"))
    assert office.reasons() == ["too_many_active_jobs"]
    await office.deliver(waiting[0], redelivered=True)
    assert len((await answers.admission("acme", Question())).rows) == 1


async def test_equal_circuits_at_once_are_profiled_once(office: Office) -> None:
    await office.open()
    deliveries = [await office.submit(key=f"k{number}", backend="aer") for number in range(2)]
    await asyncio.gather(*map(office.deliver, deliveries))
    assert len(office.executors.asked) == 1
    assert len(office.log.events(JobAccepted)) == 2


async def test_executors_are_asked_about_a_few_circuits_of_a_tenant_at_once(office: Office) -> None:
    await office.open()
    profiles, done = Profiles(office.executors, office.world), asyncio.Event()
    at_once: list[int] = []

    async def slow(stack: str, request: ProfileRequest) -> ProfileAnswer:
        at_once.append(len(at_once))
        await done.wait()
        return office.executors.answer(request.backends)

    office.executors.profile = slow  # type: ignore[method-assign]  # the test's own executors
    circuits = [describe(f"// {number}".encode(), "text/x-openqasm") for number in range(AT_ONCE + 4)]
    asking = [asyncio.ensure_future(profiles.of("acme", it, 1, {"aer": ["aer"]})) for it in circuits]
    other = asyncio.ensure_future(profiles.of("evil", circuits[0], 1, {"aer": ["aer"]}))
    while len(at_once) < AT_ONCE + 1:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(at_once) == AT_ONCE + 1, "those of one tenant, and the one of the other"
    done.set()
    assert all(it.profile for it in await asyncio.gather(*asking, other))
    assert len(at_once) == len(circuits) + 1


async def test_a_circuit_that_was_seen_inside_an_event_is_not_taken_to_be_in_the_payload_store(office: Office) -> None:
    await office.open()
    await office.deliver(await office.submit(backend="aer"))
    office.executors.error = CircuitError(code="payload_missing", message="it is not there", line=None, column=None)
    seen = office.executors.asked[0][1].circuit.model_dump(exclude={"inline"})
    await office.deliver(await office.submit(key="k2", backend="aer", circuit=seen))
    assert office.reasons() == ["payload_missing"]


async def test_a_candidate_carries_what_its_esp_follows_from(office: Office) -> None:
    await office.open()
    operations = describe(b'[["cx",[0,1],1]]', OPERATIONS)
    office.executors.operations["torino"] = operations
    office.executors.calibration["torino"] = digest_of("a calibration")
    await office.deliver(await office.submit(backend="torino"))
    (candidate,) = office.log.events(JobAccepted)[0].data.candidates
    assert (candidate.operations, candidate.calibration) == (operations, digest_of("a calibration"))


@pytest.fixture
def gate_office(book_text: str) -> Office:
    by_gates = 'per_gate_2q = "0.001"\nminimum = { amount = "0.1", rule = "base" }'
    return Office(tariff=Tariff(parse(book_text.replace('per_second = { amount = "1.60" }', by_gates))))


async def test_a_price_by_the_gate_holds_for_the_gates_of_the_compiled_circuit(gate_office: Office) -> None:
    await gate_office.open()
    counted = GateShots(gates_1q=500, gates_2q=200, measurements=300)
    gate_office.executors.gates = {"torino": counted, "aer": counted}
    await gate_office.deliver(await gate_office.submit(key="k1", backend="torino"))
    await gate_office.deliver(await gate_office.submit(key="k2", backend="aer"))
    (device,), (simulator,) = (it.data.candidates for it in gate_office.log.events(JobAccepted))
    assert (device.hold, device.gate_shots) == ("0.30", counted)
    assert simulator.gate_shots is None


@pytest.mark.parametrize(("tasks", "hold"), [(None, "0.30"), (1, "0.30"), (7, "2.10")])
async def test_a_hold_pays_for_each_task_that_the_vendor_may_bill(book_text: str, tasks: int | None, hold: str) -> None:
    by_tasks = 'per_task = "0.30"'
    office = Office(tariff=Tariff(parse(book_text.replace('per_second = { amount = "1.60" }', by_tasks))))
    await office.open()
    office.executors.tasks = {} if tasks is None else {"torino": tasks}
    await office.deliver(await office.submit(backend="torino"))
    (candidate,) = office.log.events(JobAccepted)[0].data.candidates
    assert (candidate.hold, candidate.tasks) == (hold, tasks)


async def test_a_price_that_does_not_depend_on_tasks_says_nothing_of_them(office: Office) -> None:
    await office.open()
    office.executors.tasks = {"torino": 7}
    await office.deliver(await office.submit(backend="torino"))
    (candidate,) = office.log.events(JobAccepted)[0].data.candidates
    assert candidate.tasks is None


async def test_gates_that_are_not_counted_are_not_free(gate_office: Office) -> None:
    await gate_office.open()
    await gate_office.deliver(await gate_office.submit(backend="torino"))
    assert gate_office.reasons() == ["unpriced"]


@pytest.mark.parametrize("code", sorted(TRANSIENT))
async def test_what_failed_by_chance_is_asked_again(office: Office, code: str) -> None:
    await office.open()
    office.executors.unfit["aer"] = Reason(code=code, text="too slow today")
    for key in ("k1", "k2"):
        await office.deliver(await office.submit(key=key, backend="aer"))
        office.executors.unfit = {}
    assert len(office.executors.asked) == 2
    assert len(office.log.events(JobRejected)) == len(office.log.events(JobAccepted)) == 1


async def test_a_job_that_would_never_end_is_refused(office: Office) -> None:
    await office.open()
    office.executors.qpu_us["torino"] = 3 * 10**15
    await office.deliver(await office.submit(backend="torino"))
    assert office.reasons() == ["too_long"]
