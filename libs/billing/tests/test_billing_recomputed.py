"""Lines of invoices, computed by the warehouse and by `qb verify`, are those of the naive way, whatever happened."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_audit.tenant_usage import TenantUsage
from queuebit_billing.queries import COUNTED, LINES, Bounds, Earlier, counted, usage_sums
from queuebit_contracts.catalog import decode
from queuebit_contracts.subjects import subject_of
from queuebit_runtime.rows import row_of
from queuebit_testing.naive_invoices import Message, naive_lines

from .conftest import Warehouse

pytestmark = pytest.mark.server

START = datetime(2026, 10, 1, tzinfo=UTC)
ENDS = [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
PERIODS = ["2026-10", "2026-11", "2026-12"]
DIGEST = "sha256:" + "0" * 64
USAGE = {"shots": 1, "qpu_us": 1, "qubits": 1, "final": True}
_numbers = itertools.count(1)
_sequences = itertools.count(1)

MOMENTS = st.integers(-40 * 24 * 60, 130 * 24 * 60).map(lambda it: START + timedelta(minutes=it))
"""From before the first period until after the last, so that clocks are wrong in both directions."""
LINE = st.tuples(
    st.sampled_from(["p1", "p2"]),
    st.sampled_from(["task", "shot", "minimum"]),
    st.decimals("0", "1000000", places=6),
    st.sampled_from(["0.30", "0.000000000001", "999999999.999999999999", "0.1", "0.10"]),
)
LINES_OF_A_BILL = st.lists(LINE, max_size=3, unique_by=lambda it: it[:2])
BILL = st.tuples(MOMENTS, LINES_OF_A_BILL)
JOB = st.fixed_dictionaries(
    {"kind": st.sampled_from(["job", "job", "job", "session", "hybrid", "reservation"]),
     "project": st.sampled_from(["a", "b"]),
     "currency": st.sampled_from(["USD", "EUR"]), "bills": st.lists(BILL, min_size=1, max_size=4)}
)  # fmt: skip


def charge(lines: list[tuple[str, str, Decimal, str]], currency: str) -> dict[str, Any]:
    found = [
        {"price": price, "component": component, "unit": component, "consumed": f"{billed:f}", "billed": f"{billed:f}",
         "unit_price": unit_price, "amount": f"{billed * Decimal(unit_price):f}"}
        for price, component, billed, unit_price in lines
    ]  # fmt: skip
    total = sum((billed * Decimal(unit_price) for *_, billed, unit_price in lines), Decimal(0))
    return {"amount": f"{total:f}", "currency": currency, "jbu": "0", "lines": found}


def documents(tenant: str, number: int, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one job: its first bill, then its corrections."""
    name, kind = f"j{number}", job["kind"]
    found = []
    for revision, (at, lines) in enumerate(job["bills"] if kind == "job" else job["bills"][:1]):
        moment = at.isoformat()
        whose = {"tenant": tenant, "project": job["project"], kind: name}
        data: dict[str, Any] = {**whose, "charge": charge(lines, job["currency"]), "price_book": DIGEST}
        if revision:
            delta = {"amount": "0", "currency": job["currency"], "jbu": "0"}
            data |= {
                "revision": revision,
                "report": revision,
                "usage": USAGE,
                "delta": delta,
                "reason": "r",
                "final": True,
            }
        elif kind == "job":
            data |= {"state": "completed", "usage": USAGE, "submitted_at": moment, "ended_at": moment}
        elif kind == "session":
            data |= {"idle_s": 1, "hold": {"amount": "1"}, "closed_at": moment}
        elif kind == "reservation":
            data |= {"backend": "aer", "used_s": 1, "idle_s": 1, "unavailable_s": 0, "hold": {"amount": "1"}}
            data |= {"starts_at": moment, "ended_at": moment}
        else:
            data |= {"state": "completed", "usage": {}, "hold": {"amount": "1"}}
            data |= {"submitted_at": moment, "ended_at": moment}
        type_ = f"qb.{kind}.corrected.v1" if revision else f"qb.{kind}.metered.v1"
        found.append(
            {
                "specversion": "1.0",
                "id": f"{name}-{revision}",
                "source": "qb/test",
                "type": type_,
                "time": moment,
                "data": data,
            }
        )
    return found


@st.composite
def logs(draw: st.DrawFn) -> tuple[str, list[Message]]:
    """A tenant and a log with its usage, in which bills of one job keep their order, and others have any."""
    tenant = f"t{next(_numbers)}"
    queues = [documents(tenant, number, it) for number, it in enumerate(draw(st.lists(JOB, min_size=1, max_size=8)))]
    messages: list[Message] = []
    stored_at = START
    while queues:
        queue = queues[draw(st.integers(0, len(queues) - 1))]
        document = queue.pop(0)
        queues = [it for it in queues if it]
        stored_at = max(stored_at, datetime.fromisoformat(document["time"]) - timedelta(days=draw(st.integers(0, 20))))
        event = decode(json.dumps(document).encode())
        messages.append(Message(next(_sequences), stored_at, subject_of(event), event.to_bytes()))  # type: ignore[union-attr, arg-type]  # of a known type
    return tenant, messages


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(log=logs(), data=st.data())
def test_three_invoices_in_turn_are_those_of_the_naive_way(
    warehouse: Warehouse, log: tuple[str, list[Message]], data: st.DataObject
) -> None:
    tenant, messages = log
    rows = [row_of(it.subject, it.body, it.sequence, it.stored_at) for it in messages]
    for again in (
        rows,
        data.draw(st.lists(st.sampled_from(rows), max_size=5)),
        rows[:1],
    ):  # delivered twice, in any order
        if again:
            warehouse.insert(data.draw(st.permutations(again)))
    cuts = sorted(data.draw(st.lists(st.sampled_from(messages), min_size=2, max_size=2)), key=lambda it: it.sequence)
    verified = TenantUsage()
    for it in messages:
        verified.add(it.subject, it.body, it.sequence, it.stored_at)
    earlier: list[Earlier] = []
    total = 0
    for period, end, cut in zip(PERIODS, ENDS, [*(it.sequence for it in cuts), messages[-1].sequence], strict=True):
        bounds = Bounds(tenant, period, cut, tuple(earlier))
        found = usage_sums(warehouse.ask(LINES, bounds.parameters()))
        expected, count = naive_lines(messages, tenant, [(it.end, it.cut) for it in earlier], end, cut)
        assert {
            (it.origin, it.project, it.price, it.component, it.unit, it.currency, it.unit_price): (
                *(it.quantity, it.amount, it.facts), it.events.removeprefix("sha256:"),
            )
            for it in found
        } == expected  # fmt: skip
        assert counted(warehouse.ask(COUNTED, bounds.parameters())) == count
        checked = verified.within(bounds)  # as `qb verify` computes it
        assert ({*checked.sums}, checked.facts) == ({*found}, count)
        total += count
        earlier.append(Earlier(period, end, cut))
    assert total <= len(messages)
