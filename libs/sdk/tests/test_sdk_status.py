"""The status of a job whose history holds events that this version does not know."""

from __future__ import annotations

import json
from pathlib import Path

import queuebit_contracts
from queuebit.documents import counts_document
from queuebit.log_client import Entry
from queuebit.results import result_of
from queuebit.status import status_of
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    JobAccepted,
    JobCompleted,
    JobStarted,
    JobSubmitted,
    JobWithdrawn,
    Start,
)
from queuebit_contracts.program import PROGRAM
from queuebit_contracts.wire import UnknownEvent
from queuebit_testing.build import accepted, submitted

EXAMPLES = Path(queuebit_contracts.__file__).parents[2] / "examples"
WITHDRAWN = EXAMPLES / "qb.job.withdrawn.v1/below-its-least-fidelity.json"


def test_an_event_of_an_unknown_type_changes_nothing() -> None:
    asked, known = submitted(), [Entry(submitted(), 1), Entry(accepted(), 2)]
    later = UnknownEvent("qb.job.praised.v1", "qb.job.acme.j1.praised", b'{"type": "qb.job.praised.v1"}')
    assert status_of(asked.data, [*known, Entry(later, 3)]) == status_of(asked.data, known)


def test_a_job_that_was_taken_from_its_backend_waits_again_and_says_why() -> None:
    asked, data = submitted(), json.loads(WITHDRAWN.read_text())["data"]
    started = JobStarted(
        source="qb/test", data=Start(tenant="acme", job=data["job"], backend="manila", attempt=1, executor="e")
    )
    withdrawn = JobWithdrawn(source="qb/scheduler", data=data)
    events: list[AnyEvent] = [asked, accepted(), started, withdrawn]
    status = status_of(asked.data, [Entry(it, number) for number, it in enumerate(events, 1)])
    assert (status.state, status.backend) == ("accepted", None)
    assert "the job demands 0.9" in status.steps[-1].detail


def test_a_job_of_several_items_says_how_many_and_all_their_shots() -> None:
    asked, decided = submitted(), accepted()
    circuit = asked.data.circuit.model_copy(update={"media_type": PROGRAM})
    program = asked.model_copy(update={"data": asked.data.model_copy(update={"circuit": circuit})})
    profile = decided.data.profile.model_copy(update={"items": 3, "shots": 6_000})
    agreed = decided.model_copy(update={"data": decided.data.model_copy(update={"profile": profile})})

    def steps(*events: JobSubmitted | JobAccepted) -> list[str]:
        return [it.detail for it in status_of(asked.data, [Entry(it, n) for n, it in enumerate(events, 1)]).steps]

    first, second = steps(program, agreed)
    assert first.startswith("1000 shots for each item on ")
    assert second.endswith("held; 3 items, 6,000 shots together")
    one, held = steps(asked, decided)
    assert one.startswith("1000 shots on ")
    assert held.endswith("held")


def test_a_job_says_its_workload_class() -> None:
    asked = submitted()
    batch = asked.model_copy(update={"data": asked.data.model_copy(update={"workload_class": "batch"})})
    (step,) = status_of(asked.data, [Entry(batch, 1)]).steps
    assert step.detail.endswith(f"project {asked.data.project}, class batch")


def test_a_job_that_shared_a_device_says_beside_how_many_and_never_whose() -> None:
    asked = submitted()
    done = JobCompleted.model_validate_json(
        (EXAMPLES / "qb.job.completed.v1/bell-on-a-shared-device.json").read_bytes()
    )
    events: list[AnyEvent] = [asked, accepted(), done]
    steps = status_of(asked.data, [Entry(it, number) for number, it in enumerate(events, 1)]).steps
    assert steps[-1].detail == "beside 2 other circuits, on qubits 57, 58"
    result = result_of(done.data, b'{"00":503,"11":497}')
    assert counts_document(result)["shared"] == {"circuits": 3, "region": [57, 58]}
