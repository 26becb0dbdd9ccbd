"""Bills by the gate, in credits and by the tasks of a vendor are computed again from what was authorised."""

import pytest

from queuebit_audit.bills import billed
from queuebit_audit.charges import Authorised, Bill, Bound, Charged, Held, Line
from queuebit_audit.job_state import Job
from queuebit_contracts.usage import MeasureRecord, UsageRecord
from queuebit_pricing import PriceBook, parse

BOOK = parse("""
version = "2026-11-01"
currency = "USD"
[[price]]
id = "hqc-1"
backend = "device"
valid_from = 2026-01-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "high"
per_gate_2q = "0.002"
minimum = { amount = "5", rule = "base" }
credits = { unit = "HQC", price = "120" }
""")
GATES = Line("gate_2q", "2000", "0.24", "480", ("HQC", "4"))
BASE = Line("base", "1", "600", "600", ("HQC", "5"))


def faults(book: PriceBook, *lines: Line, gates: tuple[int, int, int] | None = (0, 2000, 0)) -> list[str]:
    used = UsageRecord(shots=1000, qubits=2)
    hold = Held("1080.00", "USD")
    bound = Bound("device", "hqc-1", qpu_us=0, cost_rank=0, gates=gates)
    charge = Charged("1080.00", "USD", "0", lines)
    job = Job(
        "acme",
        "j1",
        names=["accepted", "completed", "metered"],
        backend="device",
        authorised=Authorised(1000, 2, (bound,), hold, None, 0, 1),
        usage=used,
        bills=[Bill("completed", used, charge, hold, final=True)],
    )
    return [*billed(job, book)]


def test_a_bill_by_the_gate_follows_from_what_was_authorised() -> None:
    assert faults(BOOK, GATES, BASE) == []


@pytest.mark.parametrize(
    "lines",
    [
        (GATES._replace(credits=("HQC", "3")), BASE),
        (GATES._replace(credits=("AQT", "4")), BASE),
        (GATES._replace(credits=None), BASE),
        (GATES,),
    ],
)
def test_other_credits_are_found(lines: tuple[Line, ...]) -> None:
    assert len(faults(BOOK, *lines)) == 1


def test_gates_beyond_those_of_the_hold_are_found() -> None:
    assert len(faults(BOOK, GATES, BASE, gates=(0, 1000, 0))) == 1
    assert len(faults(BOOK, GATES, BASE, gates=None)) == 1


BY_TASKS = parse("""
version = "2026-11-01"
currency = "USD"
[[price]]
id = "braket-1"
backend = "device"
valid_from = 2026-01-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "high"
per_task = "0.30"
""")


@pytest.mark.parametrize(
    ("most", "counted", "billed_tasks", "amount", "found"),
    [(7, 3, 3, "0.9", 0), (7, 9, 7, "2.1", 0), (7, 3, 1, "0.3", 1), (7, 3, 7, "2.1", 1), (None, 3, 1, "0.3", 0)],
)
def test_the_tasks_of_a_bill_are_those_that_the_vendor_counted(
    most: int | None, counted: int, billed_tasks: int, amount: str, found: int
) -> None:
    measures = (MeasureRecord("tasks", str(counted), "task", final=True),)
    used = UsageRecord(shots=1000, qubits=2, measures=(MeasureRecord("shots", "1000", "shot", final=True), *measures))
    hold = Held("2.10", "USD")
    bound = Bound("device", "braket-1", qpu_us=0, cost_rank=0, tasks=most)
    charge = Charged(f"{amount}0", "USD", "0", (Line("task", str(billed_tasks), "0.3", amount),))
    job = Job(
        "acme",
        "j1",
        names=["accepted", "completed", "metered"],
        backend="device",
        authorised=Authorised(1000, 2, (bound,), hold, None, 0, 1),
        usage=used,
        bills=[Bill("completed", used, charge, hold, final=True)],
    )
    assert len([*billed(job, BY_TASKS)]) == found
