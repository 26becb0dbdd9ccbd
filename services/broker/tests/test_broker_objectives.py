"""What a job or its project says for the scheduler: the objective, the weight of the project, and who may share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from queuebit_broker.policy import Admit, admit
from queuebit_broker.snapshot import Snapshot
from queuebit_contracts.directory import Directory
from queuebit_contracts.tenants import WorkloadClass, parse_tenants

from .broker_office import TENANTS, Ask


def with_project(snapshot: Snapshot, **changes: object) -> Snapshot:
    """The office's tenants, where project `main` is another one."""
    document = parse_tenants(TENANTS)
    acme = document.tenant["acme"]
    main = acme.project["main"].model_copy(update=changes)
    changed = acme.model_copy(update={"project": {**acme.project, "main": main}})
    return replace(
        snapshot, directory=Directory(document.model_copy(update={"tenant": {**document.tenant, "acme": changed}}))
    )


@pytest.mark.parametrize(
    ("of_project", "of_job", "expected"),
    [
        pytest.param("cost", None, None, id="none: absent is the lowest cost"),
        pytest.param("balanced", None, "balanced", id="that of the project"),
        pytest.param("balanced", "time", "time", id="the job's own comes first"),
        pytest.param("balanced", "cost", "cost", id="also the lowest cost"),
    ],
)
def test_the_job_comes_before_its_project(
    ask: Ask, snapshot: Snapshot, of_project: str, of_job: str | None, expected: str | None
) -> None:
    changes = {} if of_job is None else {"objective": of_job}
    decision = admit(ask(**changes), with_project(snapshot, objective=of_project))
    assert isinstance(decision, Admit), decision
    assert decision.objective == expected


@pytest.mark.parametrize(
    ("of_job", "expected"),
    [
        pytest.param({"workload_class": "batch"}, None, id="its class comes before its project"),
        pytest.param({"workload_class": "interactive"}, "time", id="each class has its own"),
        pytest.param({"workload_class": "sandbox"}, "balanced", id="a class without one"),
        pytest.param({"workload_class": "batch", "objective": "fidelity"}, "fidelity", id="its own comes first"),
    ],
)
def test_a_class_has_an_objective_of_its_own(
    ask: Ask, snapshot: Snapshot, of_job: dict[str, str], expected: str | None
) -> None:
    world = with_project(snapshot, objective="balanced")
    document = world.directory.document()
    classes = {"batch": WorkloadClass(objective="cost"), "interactive": WorkloadClass(objective="time")}
    acme = document.tenant["acme"].model_copy(update={"workload_class": classes})
    directory = Directory(document.model_copy(update={"tenant": {**document.tenant, "acme": acme}}))
    decision = admit(ask(**of_job), replace(world, directory=directory))
    assert isinstance(decision, Admit), decision
    assert decision.objective == expected


@pytest.mark.parametrize(("weight", "expected"), [(1, None), (3, 3)])
def test_the_weight_of_a_project_is_accepted_unless_it_is_one(
    ask: Ask, snapshot: Snapshot, weight: int, expected: int | None
) -> None:
    decision = admit(ask(), with_project(snapshot, weight=weight))
    assert isinstance(decision, Admit), decision
    assert decision.project_weight == expected


@pytest.mark.parametrize(
    ("of_project", "of_job", "expected"),
    [
        pytest.param("never", None, None, id="a project that does not allow it"),
        pytest.param("tenant", None, "tenant", id="with circuits of its tenant"),
        pytest.param("anyone", None, "anyone", id="with circuits of any tenant"),
        pytest.param("anyone", True, None, id="the job is to be alone"),
        pytest.param("never", False, None, id="a job allows nothing that its project does not"),
        pytest.param("friends", None, None, id="a word of a later version allows nothing"),
    ],
)
def test_a_device_is_shared_by_consent_of_the_project_and_the_job_only(
    ask: Ask, snapshot: Snapshot, of_project: str, of_job: bool | None, expected: str | None
) -> None:
    changes = {} if of_job is None else {"alone": of_job}
    decision = admit(ask(**changes), with_project(snapshot, shared_device=of_project))
    assert isinstance(decision, Admit), decision
    assert decision.shared_device == expected
