"""The catalogue: each type once, with a subject that its own data fill, and the states of a job."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from queuebit_contracts.catalog import CATALOG, Entry
from queuebit_contracts.executors import ROLE
from queuebit_contracts.job import Ended, JobPlaced, JobStarted
from queuebit_contracts.lifecycle import STATES, TERMINAL
from queuebit_contracts.subjects import Address, covers, origin, parse, stored
from queuebit_contracts.topology import topology
from queuebit_contracts.wildcards import every

ENTRIES = [pytest.param(entry, id=name) for name, entry in CATALOG.items()]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_subject_is_filled_from_the_data_and_ends_in_the_name_of_the_type(entry: Entry) -> None:
    data = entry.event.model_fields["data"].annotation
    assert data is not None
    assert {*re.findall(r"\{(\w+)\}", "".join(entry.subjects))} <= {*data.model_fields}
    assert entry.type.split(".")[2] == entry.name == parse(entry.subject).event


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_state_is_the_name_of_the_event_of_a_job_that_makes_it(entry: Entry) -> None:
    again = {"withdrawn": "accepted"}
    assert entry.state in (None, again.get(entry.name, entry.name))
    assert entry.state is None or parse(entry.subject).noun == "job"
    assert entry.state is not None or not entry.terminal


def test_states_and_ends_are_those_of_the_catalogue() -> None:
    assert {*STATES} == {it.state for it in CATALOG.values()} - {None}
    assert {*TERMINAL} == {it.state for it in CATALOG.values() if it.terminal}
    assert {*get_args(Ended)} == {it.event for it in CATALOG.values() if it.terminal}


def test_who_appends_a_type_exists() -> None:
    services = {*topology().service, ROLE}
    assert {who for it in CATALOG.values() for who in it.appended_by} <= services | {"client"}


@pytest.mark.parametrize(
    ("subject", "address"),
    [
        ("qb.job.acme.j1.placed.aer", Address("job", "acme", "j1", "placed", ("aer",))),
        ("qb.account.acme.main.funded", Address("account", "acme", "main", "funded")),
        ("qb.account.acme.main.corrected.j1-2", Address("account", "acme", "main", "corrected", ("j1-2",))),
        ("qb.command.acme.j1.cancel", Address("command", "acme", "j1", "cancel")),
        ("qb.backend.aer.registered", Address("backend", "", "aer", "registered")),
        ("qb.proof.main.checkpointed", Address("proof", "", "main", "checkpointed")),
        ("qb.tenant.acme.user_defined.ann", Address("tenant", "acme", "", "user_defined", ("ann",))),
        ("qb.query.acme.jobs", Address("query", "acme", "", "jobs")),
        ("qb.dead.broker-submitted.7", Address("dead", "", "broker-submitted", "", ("7",))),
        ("qb.later.x.began", Address("later", "", "x", "began")),
        ("qb.job.acme", Address("job", "acme")),
        ("qb", Address("")),
        ("$KV.PAYLOADS.acme.x.0", Address("")),
        ("", Address("")),
    ],
)
def test_a_subject_is_taken_apart(subject: str, address: Address) -> None:
    assert parse(subject) == address


def test_a_wildcard_covers_all_events_of_a_type() -> None:
    assert every(JobStarted) == "qb.job.*.*.started"
    assert every(JobPlaced, backend="aer") == "qb.job.*.*.placed.aer"
    assert every(JobPlaced, tenant="acme") == "qb.job.acme.*.placed.*"


def test_the_subject_of_a_stored_event_is_that_of_the_event_and_what_the_log_publishes_to() -> None:
    republish, subject = topology().stream["LOG"].republish, "qb.job.acme.j1.placed.aer"
    assert republish is not None
    assert (covers(republish.source, subject), covers(republish.destination, stored(subject))) == (True, True)
    assert origin(stored(subject)) == subject
    assert parse(stored(subject))[1:] == parse(subject)[1:]
    for foreign in ("qb.account.acme.main.held", "qb.stored.acme.j1.placed.aer", subject.upper()):
        with pytest.raises(ValueError, match="does not begin with"):
            stored(foreign)
    with pytest.raises(ValueError, match="does not begin with"):
        origin(subject)
