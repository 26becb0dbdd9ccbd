"""The fallback of a project at admission: which backends may stand in, what is held, and when a job falls back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from queuebit_broker.accounts import OpenHold
from queuebit_broker.budgets import Budgets
from queuebit_broker.policy import Admit, Wait, admit, to_profile
from queuebit_broker.snapshot import Snapshot
from queuebit_broker.state import Profiled, World
from queuebit_contracts.backend import BackendInterrupted, BackendRestored, Interruption, Restoration
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import JobAccepted
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money, Unavailable

from .broker_office import TENANTS, Ask, Office

AFTER_S = 300


def with_rule(*fallback: str, backends: Sequence[str] = ()) -> Directory:
    """The office's tenants, where project `main` has a fallback."""
    document = parse_tenants(TENANTS)
    acme = document.tenant["acme"]
    rule = {"fallback": fallback, "backends": tuple(backends), "fallback_after_s": AFTER_S}
    main = acme.project["main"].model_copy(update=rule)
    changed = acme.model_copy(update={"project": {**acme.project, "main": main}})
    return Directory(document.model_copy(update={"tenant": {**document.tenant, "acme": changed}}))


def world(snapshot: Snapshot, *fallback: str, **changes: Any) -> Snapshot:
    return replace(snapshot, directory=with_rule(*fallback), **changes)


def silent(snapshot: Snapshot, *names: str) -> Profiled:
    """What is known of the circuit while some backends do not answer."""
    estimates = {name: it for name, it in snapshot.profiled.estimates.items() if name not in names}
    return replace(snapshot.profiled, estimates=estimates)


def out(snapshot: Snapshot, name: str, for_s: int) -> Snapshot:
    """The backend has been out of service for some time, and its executor does not answer."""
    since = snapshot.now - timedelta(seconds=for_s)
    return replace(snapshot, profiled=silent(snapshot, name), interrupted={name: since})


def admitted(ask: Ask, snapshot: Snapshot, **changes: Any) -> Admit:
    decision = admit(ask(**{"backend": "torino"} | changes), snapshot)
    assert isinstance(decision, Admit), decision
    return decision


def names(decision: Admit) -> tuple[list[str], list[str] | None]:
    others = decision.stand_ins
    stand_ins = None if others is None else [it.backend for it in others.candidates]
    return [it.backend for it in decision.candidates], stand_ins


def test_without_a_rule_a_job_has_none(ask: Ask, snapshot: Snapshot) -> None:
    assert names(admitted(ask, snapshot)) == (["torino"], None)


def test_the_rule_adds_its_backends_in_its_order_but_not_those_that_the_job_asks_for(
    ask: Ask, snapshot: Snapshot
) -> None:
    assert names(admitted(ask, world(snapshot, "cirq", "aer"))) == (["torino"], ["cirq", "aer"])
    assert names(admitted(ask, world(snapshot, "aer", "torino"), backend=None)) == (["aer", "cirq"], ["torino"])
    assert admitted(ask, world(snapshot, "aer"), backend="aer").stand_ins is None


def test_a_backend_of_a_kind_that_no_job_gets_by_default_can_stand_in(ask: Ask, snapshot: Snapshot) -> None:
    """Such as registered answers of classical computations."""
    classical = snapshot.backends["cirq"].model_copy(update={"kind": "classical"})
    here = world(snapshot, "cirq", backends={**snapshot.backends, "cirq": classical})
    assert names(admitted(ask, here)) == (["torino"], ["cirq"])
    assert names(admitted(ask, here, backend=None)) == (["aer"], ["cirq"])


def test_a_job_can_refuse_a_fallback(ask: Ask, snapshot: Snapshot) -> None:
    assert admitted(ask, world(snapshot, "aer"), fallback=False).stand_ins is None
    assert names(admitted(ask, world(snapshot, "aer"), fallback=True)) == (["torino"], ["aer"])


def test_the_hold_covers_the_fallback(ask: Ask, snapshot: Snapshot) -> None:
    cheap = admitted(ask, world(snapshot), backend="aer")
    covered = admitted(ask, world(snapshot, "torino"), backend="aer")
    assert covered.stand_ins is not None
    assert covered.hold == covered.stand_ins.candidates[0].cost > cheap.hold


@pytest.mark.parametrize(
    ("changes", "limits", "text"),
    [
        pytest.param({"max_cost": {"amount": "0.05"}}, {}, "more than its limit", id="its own limit"),
        pytest.param({}, {"available": Money.of("0.05")}, "more than its limit, its account", id="its account"),
        pytest.param({}, {"budgets": Budgets({"tenant": Money.of("0.05")})}, "or a budget has left", id="a budget"),
        pytest.param(
            {}, {"budgets": Budgets({"vendor:ibm": Money.of("0.05")})}, "or a budget has left", id="a vendor's budget"
        ),
        pytest.param(
            {},
            {"budgets": Budgets({"vendor:ibm": Money.of(9)})},
            "torino counts against another vendor's budget than aer",
            id="another vendor's budget",
        ),
        pytest.param(
            {},
            {"existing_hold": OpenHold(Money.of("0.05"), ())},
            "more than its limit",
            id="a hold from an earlier try",
        ),
    ],
)
def test_a_backend_that_cannot_be_paid_is_left_out_with_a_reason_and_the_job_is_admitted(
    ask: Ask, snapshot: Snapshot, changes: dict[str, Any], limits: dict[str, Any], text: str
) -> None:
    decision = admitted(ask, world(snapshot, "torino", **limits), backend="aer", **changes)
    assert names(decision) == (["aer"], [])
    assert decision.stand_ins is not None
    [reason] = decision.stand_ins.excluded
    assert text in reason.text


def test_a_backend_that_cannot_run_the_job_is_left_out_with_its_reason(ask: Ask, snapshot: Snapshot) -> None:
    unfit = Reason(code="not_supported", text="no such gate")
    estimates = {**snapshot.profiled.estimates}
    estimates["cirq"] = estimates["cirq"].model_copy(update={"unfit": unfit})
    del estimates["aer"]
    here = world(snapshot, "cirq", "aer", "nowhere", profiled=replace(snapshot.profiled, estimates=estimates))
    others = admitted(ask, here).stand_ins
    assert others is not None
    assert [it.text for it in others.excluded] == [
        "cirq cannot run it: no such gate",
        "aer did not answer when the job was admitted",
        "nowhere has not registered",
    ]


def test_a_backend_that_the_project_may_not_use_stands_in_for_nothing(ask: Ask, snapshot: Snapshot) -> None:
    """A document cannot say this; facts of another version can."""
    here = replace(snapshot, directory=with_rule("aer", backends=("torino",)))
    assert names(admitted(ask, here)) == (["torino"], [])


def test_a_job_whose_backend_is_out_of_service_for_long_enough_falls_back_at_its_admission(
    ask: Ask, snapshot: Snapshot
) -> None:
    decision = admitted(ask, out(world(snapshot, "cirq", "aer"), "torino", AFTER_S))
    assert names(decision) == (["cirq", "aer"], ["cirq", "aer"])
    assert decision.stand_ins is not None
    assert decision.stand_ins.decided is not None
    assert decision.stand_ins.decided.instead_of == ("torino",)
    assert decision.hold == max(it.cost for it in decision.candidates)


def test_until_then_it_waits_and_says_how_long(ask: Ask, snapshot: Snapshot) -> None:
    waits = admit(ask(backend="torino"), out(world(snapshot, "aer"), "torino", AFTER_S - 1))
    assert isinstance(waits, Wait)
    moment = snapshot.now + timedelta(seconds=1)
    assert waits.text.endswith(f"; from {moment:%Y-%m-%d %H:%M:%S} UTC on it may run on aer instead")
    unknown = admit(ask(backend="torino"), world(snapshot, "aer", profiled=silent(snapshot, "torino")))
    assert isinstance(unknown, Wait)
    assert "instead" not in unknown.text, "no fact says that it is out of service"
    refuses = admit(ask(backend="torino", fallback=False), out(world(snapshot, "aer"), "torino", AFTER_S))
    assert isinstance(refuses, Wait)


def test_it_waits_with_the_reason_where_the_fallback_cannot_help(ask: Ask, snapshot: Snapshot) -> None:
    here = replace(out(world(snapshot, "aer"), "torino", AFTER_S), profiled=silent(snapshot, "torino", "aer"))
    waits = admit(ask(backend="torino"), here)
    assert isinstance(waits, Wait)
    assert waits.text.endswith("not on its fallback: aer did not answer when the job was admitted")


@pytest.mark.parametrize("held", [(), ("vendor:qiskit",)])
def test_a_hold_from_an_earlier_try_pays_no_other_vendor(ask: Ask, snapshot: Snapshot, held: tuple[str, ...]) -> None:
    budgets = Budgets({"vendor:ibm": Money.of("0.05"), **dict.fromkeys(held, Money.of(9))})
    earlier = OpenHold(Money.of(9), held)
    here = replace(out(world(snapshot, "torino"), "aer", AFTER_S), existing_hold=earlier, budgets=budgets)
    waits = admit(ask(backend="aer"), here)
    assert isinstance(waits, Wait)
    assert "torino counts against another vendor's budget" in waits.text
    same = replace(here, existing_hold=OpenHold(Money.of(9), ("vendor:ibm",)))
    assert names(admitted(ask, same, backend="aer")) == (["torino"], ["torino"])


def test_one_of_several_that_is_only_silent_keeps_the_job_waiting(ask: Ask, snapshot: Snapshot) -> None:
    here = out(world(snapshot, "torino"), "aer", AFTER_S)
    here = replace(here, profiled=silent(snapshot, "aer", "cirq"))
    assert isinstance(admit(ask(), here), Wait)
    both = replace(here, interrupted={**here.interrupted, "cirq": here.interrupted["aer"]})
    assert names(admitted(ask, both, backend=None)) == (["torino"], ["torino"])


def test_the_backends_of_the_rule_are_profiled_unless_they_are_out_of_service(ask: Ask, snapshot: Snapshot) -> None:
    here = with_rule("aer", "cirq"), snapshot.backends, snapshot.max_source_bytes
    _, stacks = to_profile(ask(backend="torino"), None, None, *here)
    assert stacks == {"ibm": ["torino"], "aer": ["aer"], "cirq": ["cirq"]}
    _, stacks = to_profile(ask(backend="torino"), None, None, *here, {"aer"})
    assert stacks == {"ibm": ["torino"], "cirq": ["cirq"]}


def test_what_is_out_of_service_is_folded_and_survives_a_restart(office: Office) -> None:
    since = office.clock.now()
    for name in ("aer", "cirq"):
        reason = Reason(code="no_answer", text="silent")
        data = Interruption(backend=name, since=since, reason=reason)
        office.world.take(BackendInterrupted(source="qb/scheduler", data=data), 1)
    back = Restoration(backend="cirq", interrupted_since=since, answers_since=since)
    office.world.take(BackendRestored(source="qb/scheduler", data=back), 2)
    frozen = office.world.freeze()
    assert frozen is not None
    again = World()
    again.thaw([*frozen()])()
    assert again.interrupted == office.world.interrupted == {"aer": since}


async def interrupted(office: Office, name: str, since: datetime) -> None:
    data = Interruption(backend=name, since=since, reason=Reason(code="no_answer", text="silent"))
    await office.log.append(BackendInterrupted(source="qb/scheduler", data=data))
    await office.catch_up()


async def test_the_acceptance_says_where_the_job_may_run_and_why(office: Office) -> None:
    await office.open()
    office.world.directory = with_rule("aer")
    await office.deliver(await office.submit(backend="torino", key="k1"))
    [first] = office.log.events(JobAccepted)
    rule = first.data.fallback
    assert rule is not None
    assert [it.backend for it in first.data.candidates] == ["torino"]
    assert (rule.after_s, [it.backend for it in rule.candidates], rule.decided) == (AFTER_S, ["aer"], None)
    assert first.data.fallback_places == {"aer": 1}

    office.executors.silent.add("ibm")
    since = office.clock.now()
    await interrupted(office, "torino", since)
    delivery = await office.submit(backend="torino", key="k2", shots=999)
    with pytest.raises(Unavailable, match="on it may run on aer instead"):
        await office.deliver(delivery)
    office.clock.advance(AFTER_S)
    await office.deliver(delivery, redelivered=True)
    second = office.log.events(JobAccepted)[-1]
    rule = second.data.fallback
    assert rule is not None
    assert rule.decided is not None
    assert (rule.decided.instead_of, rule.decided.since, rule.candidates) == (("torino",), since, ())
    assert [it.backend for it in second.data.everywhere] == ["aer"]
    assert second.data.fallback_places == {"aer": 1}
    assert second.data.hold.amount == second.data.candidates[0].hold
