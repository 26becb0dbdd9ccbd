"""The inventory: what projects say of themselves, and what their jobs were."""

from __future__ import annotations

from pathlib import Path

from queuebit_contracts.admission import DataSet
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.directory import Directory, changes
from queuebit_contracts.inventory import Inventory
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import UnknownEvent
from queuebit_testing.build import submitted

EXAMPLES = Path(__file__).parents[1] / "examples"
TENANTS = """
[tenant.acme]
regions = ["eu-de", "eu-central-1"]

[tenant.acme.project.main]
owner = "ann"
purpose = "catalyst screening"
impact = "high"
risk_class = "b2"
regions = ["eu-de", "us-east-1"]

[tenant.acme.project.other]
owner = "bob"
"""


def inventory() -> Inventory:
    found = Inventory()
    for event in changes(Directory(), parse_tenants(TENANTS), by="ops"):
        found.take(event)
    return found


def test_a_project_has_what_it_says_and_what_it_may_do() -> None:
    main, other = inventory().rows()
    assert (main["owner"], main["impact"], main["risk_class"], main["missing"]) == ("ann", "high", "b2", [])
    assert main["regions"] == ["eu-de"]
    assert other["missing"] == ["purpose", "impact", "risk_class"]
    assert other["regions"] == ["eu-de", "eu-central-1"]
    assert (other["jobs"], other["last_run"], other["cost"]) == (0, None, [])


def example(name: str, job: str) -> AnyEvent:
    """A published example of an event, of a job of acme."""
    event = decode(sorted((EXAMPLES / name).glob("*.json"))[0].read_bytes())
    assert not isinstance(event, UnknownEvent)
    return event.model_copy(update={"data": event.data.model_copy(update={"tenant": "acme", "job": job})})


def test_jobs_give_last_run_cost_backends_and_data_sets() -> None:
    found, event = inventory(), submitted("k")
    data = event.data.model_copy(update={"inputs": (DataSet(name="qm9", version="1"),), "project": "main"})
    for _ in range(2):
        found.take(event.model_copy(update={"data": data}))
    completed, metered, corrected = (
        example(f"qb.job.{it}.v1", data.job) for it in ("completed", "metered", "corrected")
    )
    for it in (completed, metered, corrected):
        found.take(it)
    main = next(found.rows())
    assert main["data_sets"] == ["qm9@1"]
    assert (main["jobs"], main["last_run"]) == (1, completed.time.isoformat(timespec="seconds"))
    assert main["backends"] == [completed.data.backend]
    charge = corrected.data.charge
    assert f"{charge.amount} {charge.currency}" in main["cost"], "the newest bill counts"


def test_work_of_a_job_that_was_never_submitted_is_in_no_project() -> None:
    found = inventory()
    found.take(example("qb.job.completed.v1", "j1"))
    assert [it["jobs"] for it in found.rows()] == [0, 0]
