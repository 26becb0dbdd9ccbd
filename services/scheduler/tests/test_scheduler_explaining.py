"""Explanations for tenants: of their own jobs, from what was kept."""

import asyncio
import json

import pytest

from queuebit_contracts.job import JobPlaced
from queuebit_contracts.query import Answer, Question
from queuebit_runtime.payloads import Missing
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduling.reasons import unavailable
from queuebit_testing.build import submitted

from .conftest import World


def ask(world: World, tenant: str, job: str | None) -> Answer:
    return asyncio.run(ExplainJob(world.log, world.decisions)(tenant, Question(job=job)))


def test_each_placement_of_a_job_is_explained_in_its_order(world: World) -> None:
    world.happens(world.registered("aer"), world.registered("cirq"))
    world.happens(world.accepted("j1", backends=("aer", "cirq")), world.accepted("secret", "rival"))
    world.cycle()
    world.fold()
    world.state.silence({"aer": world.clock.now()}, world.clock.now())
    world.cycle()
    world.fold()
    first, second = ask(world, "acme", "j1").rows
    assert (first["backend"], first["rule"], second["backend"], second["rule"]) == ("aer", "name", "cirq", "only")
    reasons = {it["backend"]: it["reason"] for it in json.loads(json.dumps(second["backends"]))}
    assert reasons == {"cirq": "", "aer": unavailable(world.state.backends()["aer"])}
    assert "rival" not in str(first)
    assert "secret" not in str(first)


@pytest.mark.parametrize(
    ("tenant", "job", "code"),
    [("acme", None, "bad_question"), ("acme", "j9", "not_found"), ("rival", "j1", "not_found")],
)
def test_a_tenant_is_refused_what_is_not_its_own(world: World, tenant: str, job: str | None, code: str) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    world.cycle()
    error = ask(world, tenant, job).error
    assert error is not None
    assert error.code == code


def test_a_job_without_a_place_says_where_to_ask(world: World) -> None:
    again = submitted("k1")
    world.happens(again)
    error = ask(world, "acme", again.data.job).error
    assert error is not None
    assert error.code == "not_placed"
    assert f"qb job show {again.data.job}" in error.text


async def _lost(decision: object) -> bytes:
    raise Missing("no content")


def _without(world: World, **changes: object) -> None:
    """Change what the log says of the placement."""
    stored = world.log.stored.pop()
    assert isinstance(stored.event, JobPlaced)
    event = stored.event.model_copy(update={"data": stored.event.data.model_copy(update=changes)})
    asyncio.run(world.log.append(event))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"decision": None}, "did not keep what it decided from"),
        ({"job": "j2"}, "the recomputed decision differs from this placement"),
        ({}, "no content"),
    ],
)
def test_what_cannot_be_explained_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], why: str
) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    world.cycle()
    _without(world, **changes)
    if not changes:
        monkeypatch.setattr(world.decisions, "read", _lost)
    [row] = ask(world, "acme", str(changes.get("job", "j1"))).rows
    assert why in str(row["unexplained"])
