"""Lists of hybrid jobs: each tenant has its own, whatever the data of a submission say."""

from __future__ import annotations

from pathlib import Path

from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.hybrid import HybridSubmitted
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import UnknownEvent
from queuebit_hybrid.rows import Rows
from queuebit_runtime.stored import Stored
from queuebit_testing.build import NOON

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
NAME = "h46anndhmrqdayjtxfean"


def example(name: str) -> AnyEvent:
    (path,) = (EXAMPLES / f"qb.hybrid.{name}.v1").glob("*.json")
    event = decode(path.read_bytes())
    assert not isinstance(event, UnknownEvent)
    return event


def filled(*events: AnyEvent) -> Rows:
    rows = Rows()
    for sequence, event in enumerate(events, 1):
        rows.take(Stored(event, subject_of(event), sequence, NOON))
    return rows


def test_a_row_follows_its_events() -> None:
    rows = filled(*map(example, ("submitted", "accepted", "started", "completed", "metered")))
    (row,) = rows.newest("acme", 10, None)
    assert (row["hybrid"], row["state"], row["label"], row["user"]) == (NAME, "completed", "vqe.py", "ada")
    assert row["charge"].endswith("USD")
    assert rows.newest("acme", 10, "another") == []


def test_a_submission_that_names_another_tenant_is_in_the_list_of_its_sender() -> None:
    asked = example("submitted")
    assert isinstance(asked, HybridSubmitted)
    rows = filled(asked, example("accepted"))
    forged = asked.model_copy(update={"data": asked.data.model_copy(update={"label": "forged"})})
    rows.take(Stored(forged, "qb.hybrid.evil.hown.submitted", 3, NOON))
    assert [(it["hybrid"], it["state"], it["label"]) for it in rows.newest("acme", 10, None)] == [
        (NAME, "accepted", "vqe.py")
    ]
    assert [(it["hybrid"], it["label"]) for it in rows.newest("evil", 10, None)] == [("hown", "forged")]
