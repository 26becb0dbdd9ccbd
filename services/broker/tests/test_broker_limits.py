"""Hard limits of a job, its project and its tenant at admission."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from queuebit_broker.answers import Answers
from queuebit_broker.policy import Admit, Decision, Refuse, admit
from queuebit_broker.profiles import Profiles
from queuebit_broker.snapshot import Snapshot
from queuebit_contracts.backend import Registration
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import JobAccepted, JobLimits
from queuebit_contracts.query import Question
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Payload
from queuebit_kernel import FixedClock, digest, rfc3339

from .broker_office import BELL, TENANTS, Ask, Office

NOW = FixedClock().now()
REGIONS = {"aer": "eu-central-1", "cirq": "us-east-1", "torino": "us-east-1"}


@pytest.fixture
def world(snapshot: Snapshot) -> Snapshot:
    """Three backends in two regions; torino is expected to succeed with 0.91 and to take two seconds."""
    backends = {name: it.model_copy(update={"region": REGIONS[name]}) for name, it in dict(snapshot.backends).items()}
    estimates = {**snapshot.profiled.estimates}
    estimates["torino"] = estimates["torino"].model_copy(update={"esp_ppm": 912_345})
    return replace(snapshot, backends=backends, profiled=replace(snapshot.profiled, estimates=estimates))


def declared(world: Snapshot, *, of_tenant: dict[str, Any] | None = None, **of_main: Any) -> Snapshot:
    """The world in which the tenant, and its project main, have these limits."""
    document = parse_tenants(TENANTS)
    acme = document.tenant["acme"]
    project = {**acme.project, "main": acme.project["main"].model_copy(update=of_main)}
    changed = acme.model_copy(update={**(of_tenant or {}), "project": project})
    directory = Directory(document.model_copy(update={"tenant": {**document.tenant, "acme": changed}}))
    return replace(world, directory=directory)


def candidates(decision: Decision) -> list[str]:
    assert isinstance(decision, Admit), decision
    return [it.backend for it in decision.candidates]


def reasons(decision: Decision) -> dict[str, str]:
    assert isinstance(decision, Refuse), decision
    return {it.code: it.text for it in decision.reasons}


def limits(**given: Any) -> dict[str, Any]:
    return {"limits": JobLimits(**given).model_dump(mode="json", exclude_none=True)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, ["aer", "cirq"], id="without limits: the default kind"),
        pytest.param({"backends": ("cirq", "torino")}, ["cirq", "torino"], id="one of several, also of other kinds"),
        pytest.param({"regions": ("eu-central-1",)}, ["aer"], id="a region"),
        pytest.param({"vendors": ("google", "ibm")}, ["cirq"], id="vendors do not change the default kind"),
        pytest.param({"min_esp_ppm": 999_999}, ["aer", "cirq"], id="ideal simulators have every fidelity"),
        pytest.param({"backends": ("aer", "torino"), "min_esp_ppm": 912_346}, ["aer"], id="a minimum fidelity"),
        pytest.param({"backends": ("torino",), "min_esp_ppm": 912_345}, ["torino"], id="reached exactly"),
        pytest.param({"backends": ("aer", "torino"), "deadline": NOW + timedelta(seconds=1)}, ["aer"], id="a deadline"),
    ],
)
def test_limits_leave_the_backends_that_have_everything(
    ask: Ask, world: Snapshot, given: dict[str, Any], expected: list[str]
) -> None:
    decision = admit(ask(**(limits(**given) if given else {})), world)
    assert sorted(candidates(decision)) == expected
    assert isinstance(decision, Admit)
    assert decision.limits == (JobLimits(**given) if given else None)


@pytest.mark.parametrize(
    ("given", "changes", "expected"),
    [
        ({"min_esp_ppm": 0}, {}, {"bad_limit": "a minimum fidelity of 0 means nothing"}),
        ({"min_esp_ppm": -1}, {}, {"bad_limit": "give one above 0, at most 1"}),
        ({"min_esp_ppm": 1_000_001}, {}, {"bad_limit": "1.000001 means nothing"}),
        ({"deadline": NOW}, {}, {"deadline_passed": "if your clock says something else, set it"}),
        ({"backends": ()}, {}, {"bad_limit": "the list of allowed backends is empty"}),
        ({"backends": ("torin",)}, {}, {"unknown_backend": "did you mean torino?"}),
        ({"vendors": ("imb",)}, {}, {"unknown_vendor": "did you mean ibm?"}),
        ({"regions": ("mars",)}, {}, {"unknown_region": "there is eu-central-1, us-east-1"}),
        ({"backends": ("aer",)}, {"backend": "torino"}, {"contradictory_limits": "the job is for torino"}),
        ({"backends": ("torino",)}, {"project": "sim"}, {"contradictory_limits": "project sim only aer or cirq"}),
    ],
)
def test_values_that_mean_nothing_and_contradictions_are_explained(
    ask: Ask, world: Snapshot, given: dict[str, Any], changes: dict[str, Any], expected: dict[str, str]
) -> None:
    found = reasons(admit(ask(**limits(**given), **changes), world))
    assert [*found] == [*expected]
    assert all(text in found[code] for code, text in expected.items())


def test_an_impossible_demand_names_the_last_limit_and_the_nearest_plan(ask: Ask, world: Snapshot) -> None:
    given = limits(backends=("torino",), min_esp_ppm=950_000)
    found = reasons(admit(ask(**given), world))
    assert [*found] == ["impossible_limits"]
    assert "the minimum fidelity takes the last away, torino" in found["impossible_limits"]
    assert "lower the minimum fidelity to 0.9123, and it can run on torino" in found["impossible_limits"]


def test_a_cost_that_only_together_with_another_limit_leaves_nothing_is_said_once(ask: Ask, world: Snapshot) -> None:
    cheap = {"max_cost": {"amount": "0.01"}, **limits(backends=("aer", "torino"), vendors=("ibm",))}
    found = reasons(admit(ask(**cheap), world))
    assert [*found] == ["impossible_limits"]
    assert "the maximum cost takes the last away, torino" in found["impossible_limits"]


def test_defaults_of_a_project_give_way_to_the_job_and_its_lists_do_not(ask: Ask, world: Snapshot) -> None:
    strict = declared(world, min_fidelity="0.95", deadline_s=3600, regions=("us-east-1",))
    decision = admit(ask(**limits(backends=("aer", "torino"), min_esp_ppm=900_000)), strict)
    assert candidates(decision) == ["torino"]
    assert isinstance(decision, Admit)
    assert decision.limits == JobLimits(
        backends=("aer", "torino"),
        regions=("us-east-1",),
        min_esp_ppm=900_000,
        deadline=NOW + timedelta(hours=1),
    )
    assert "lower the minimum fidelity" in reasons(admit(ask(backend="torino"), strict))["impossible_limits"]
    assert [*reasons(admit(ask(**limits(regions=("eu-central-1",))), strict))] == ["contradictory_limits"]


def test_data_stay_in_the_regions_of_the_tenant_on_a_fallback_too(ask: Ask, world: Snapshot) -> None:
    at_home = declared(world, of_tenant={"regions": ("eu-central-1",)}, fallback=("torino", "cirq"))
    decision = admit(ask(backend="aer"), at_home)
    assert isinstance(decision, Admit)
    assert decision.stand_ins is not None
    assert decision.stand_ins.candidates == ()
    assert [it.code for it in decision.stand_ins.excluded] == ["data_residency", "data_residency"]
    assert decision.limits == JobLimits(regions=("eu-central-1",))
    refused = reasons(admit(ask(backend="torino"), at_home))["impossible_limits"]
    assert "the residency of the tenant's data takes the last away" in refused


def test_data_go_to_the_vendors_of_the_tenant_alone_on_a_fallback_too(ask: Ask, world: Snapshot) -> None:
    trusted = declared(world, of_tenant={"vendors": ("ibm",)}, fallback=("cirq",))
    decision = admit(ask(backend="torino"), trusted)
    assert isinstance(decision, Admit)
    assert decision.stand_ins is not None
    assert [it.code for it in decision.stand_ins.excluded] == ["data_residency"]
    assert decision.limits == JobLimits(vendors=("ibm",))
    refused = reasons(admit(ask(backend="aer"), trusted))["impossible_limits"]
    assert "the list of vendors that may have the tenant's data takes the last away" in refused
    assert [*reasons(admit(ask(**limits(vendors=("google",))), trusted))] == ["contradictory_limits"]


def test_a_backend_without_a_region_is_in_none(ask: Ask, world: Snapshot) -> None:
    unknown = {name: it.model_copy(update={"region": None}) for name, it in world.backends.items()}
    found = reasons(admit(ask(**limits(regions=("us-east-1",))), replace(world, backends=unknown | {
        "torino": world.backends["torino"],
    })))  # fmt: skip
    assert "backend" in found["impossible_limits"]
    assert "not known" in found["impossible_limits"]


def test_a_fallback_obeys_the_minimum_fidelity(ask: Ask, world: Snapshot) -> None:
    falling = declared(world, fallback=("torino",), min_fidelity="0.95")
    decision = admit(ask(backend="aer"), falling)
    assert isinstance(decision, Admit)
    assert decision.stand_ins is not None
    assert [it.code for it in decision.stand_ins.excluded] == ["fidelity_too_low"]


async def test_the_acceptance_has_the_limits_in_force(office: Office) -> None:
    await office.open()
    await office.deliver(await office.submit(**limits(backends=("cirq", "aer"), deadline=NOW + timedelta(hours=2))))
    (accepted,) = office.log.events(JobAccepted)
    assert accepted.data.limits == JobLimits(backends=("cirq", "aer"), deadline=NOW + timedelta(hours=2))
    assert sorted(it.backend for it in accepted.data.candidates) == ["aer", "cirq"]


async def test_a_plan_shows_why_each_backend_is_excluded_and_what_is_nearest(office: Office) -> None:
    await office.open()
    office.executors.esp_ppm["torino"] = 912_345
    answers = Answers(office.world, Profiles(office.executors, office.world), office.tariff, office.clock, 1000)
    circuit = Payload(digest=digest(BELL.encode()), size=len(BELL), media_type="text/x-openqasm", inline=BELL)
    demanded = JobLimits(vendors=("ibm",), min_esp_ppm=950_000)
    answer = await answers.plan("acme", Question(circuit=circuit, shots=100, project="main", limits=demanded))
    assert answer.error is None
    found = {str(it["backend"]): it["reason"] for it in answer.rows}
    assert found == {
        "aer": "is of qiskit, and allowed is ibm",
        "cirq": "is of google, and allowed is ibm",
        "torino": "has an expected fidelity of 0.9123, and at least 0.95 is demanded",
    }
    assert answer.advice is not None
    assert "the minimum fidelity takes the last away, torino" in answer.advice.text
    past = await answers.plan("acme", Question(circuit=circuit, shots=1, limits=JobLimits(deadline=NOW)))
    assert past.error is not None
    assert past.error.code == "deadline_passed"
    assert rfc3339(NOW)[:10] in past.error.text


def test_registrations_of_earlier_executors_have_no_region() -> None:
    row = {"backend": "a", "stack": "s", "vendor": "v", "kind": "qpu", "qubits": 1, "max_shots": 1}
    assert Registration.model_validate(row).region is None
