"""The stored form of a snapshot: canonical bytes that give the same decisions."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel import Malformed, canonical
from queuebit_scheduling import (
    POLICIES,
    POLICY,
    BackendCapacity,
    Candidate,
    CandidateGroup,
    Job,
    Served,
    Snapshot,
    Tenant,
    Window,
    decode,
    encode,
    micros,
    plan,
)
from queuebit_scheduling.schema import PUBLISHED, document
from queuebit_testing.snapshots import QUICK, snapshots

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
"""Snapshots with their placements. Only added, never changed."""


@QUICK
@given(snapshots())
def test_a_snapshot_round_trips_and_gives_the_same_decisions(given_: Snapshot) -> None:
    content = encode(given_)
    assert decode(content) == given_
    assert encode(decode(content)) == content
    assert plan(POLICY, decode(content)) == plan(POLICY, given_)


@QUICK
@given(snapshots())
def test_the_stored_form_is_canonical_json(given_: Snapshot) -> None:
    assert canonical(json.loads(encode(given_))) == encode(given_)


@QUICK
@given(snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_neither_bytes_nor_decisions(given_: Snapshot, random: object) -> None:
    def shuffled(rows: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(random.sample(rows, len(rows)))  # type: ignore[attr-defined]  # the strategy gives a Random

    other = Snapshot(
        given_.policy,
        given_.at_us,
        given_.limit,
        *(shuffled(it) for it in (given_.backends, given_.tenants, given_.run_times, given_.groups)),  # type: ignore[arg-type]  # of each its own rows
    )
    assert encode(other) == encode(given_)
    assert plan(POLICY, other) == plan(POLICY, given_)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("limit",), 0),
        (("at_us",), 1.5),
        (("at_us",), -1),
        (("at_us",), 2**53),
        (("at_us",), "1"),
        (("tenants", "name"), ["other"]),
        (("tenants", "share"), [0]),
        (("tenants", "served_us"), []),
        (("backends", "slots"), [0]),
        (("backends", "taken"), [True]),
        (("groups", 0, "jobs", "job"), []),
        (("groups", 0, "jobs", "qpu_us"), [[1, 2]]),
        (("groups", 0, "backends"), []),
        (("surprise",), 1),
    ],
)
def test_a_malformed_snapshot_is_refused(path: tuple[str | int, ...], value: object) -> None:
    document = json.loads(GOLDEN[0].read_bytes())["snapshot"]
    place = document
    for step in path[:-1]:
        place = place[step]
    decode(canonical(document))
    place[path[-1]] = value
    with pytest.raises(Malformed, match="not a snapshot of version 1 to 9"):
        decode(json.dumps(document).encode())


def test_a_decision_with_a_window_until_the_year_9999_is_read() -> None:
    """Windows had no latest end, and such a time is no exact number of a double: these decisions were refused."""
    window = Window(1, micros(datetime(9999, 12, 31, tzinfo=UTC)), "maintenance")
    backend = BackendCapacity("aer", slots=1, queue_depth=8, windows=(window,))
    job = Job("acme", "j1", 1, 0, "s", (Candidate("aer", 1, 1_000_000),))
    tenants = (Tenant("acme", 1, Served(), 0),)
    world = Snapshot(POLICY.name, 0, 1, (backend,), tenants, groups=(CandidateGroup((job,), 1),))
    assert decode(encode(world)) == world


def test_bytes_that_are_not_json_are_refused() -> None:
    with pytest.raises(Malformed):
        decode(b"\xff{")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda it: it.stem)
def test_a_golden_snapshot_gives_its_placements(path: Path) -> None:
    golden = json.loads(path.read_bytes())
    snapshot = decode(canonical(golden["snapshot"]))
    places = plan(POLICIES[snapshot.policy], snapshot).places
    assert [[*it.job, it.backend, it.expected_us] for it in places] == golden["places"]
    assert encode(snapshot) == canonical(golden["snapshot"])


def test_the_published_schema_is_fresh_and_accepts_stored_snapshots() -> None:
    published = (Path(__file__).parents[3] / PUBLISHED).read_text()
    assert published == document(), "run `make generate` and commit the result"
    for path in GOLDEN:
        jsonschema.validate(json.loads(path.read_bytes())["snapshot"], json.loads(published))
