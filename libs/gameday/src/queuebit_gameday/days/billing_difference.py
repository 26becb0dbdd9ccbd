"""A vendor bills more than what was charged."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from queuebit_gameday.days import BELL, completed
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator
from queuebit_gameday.vendor import DEVICE, QPU_US, use
from queuebit_kernel import SystemClock

__all__ = ["bill", "play", "prepare"]

_JOBS: Final = 3
_READER: Final = "ionq"
"""The reader of bills whose format the vendor uses."""


def prepare(stack: Operator) -> None:
    """Give the stack a device of the vendor."""
    use(stack)


def play(stack: Operator, score: Score) -> None:
    """Import a bill with one amount that is too high, then the one that the vendor corrected."""
    done = completed([it for _ in range(_JOBS) for it in stack.submit(BELL, "--backend", DEVICE)])
    if not score.check("before", "jobs at the vendor completed", done is not None, done or "none"):
        return
    if not score.wait("before", "their charges are known", lambda: _charged(stack), 60):
        return
    before, charges = _charged(stack), _charges(stack)
    wrong, right = (stack.home.root / f"{it}.json" for it in ("bill", "corrected"))
    wrong.write_text(json.dumps(bill(charges, too_much=Decimal("0.5"))), encoding="utf-8")
    score.injected()
    code, kinds = _reconcile(stack, wrong)
    score.check(
        "detection", "`qb reconcile` finds one amount that differs", (code, kinds) == (1, ["amount"]), str(kinds)
    )
    score.wait("detection", "the ticket BillDiffers is for billing", lambda: _ticket(stack), 150)
    after = _charged(stack)
    score.check("containment", "no charge of a tenant changed", after == before, after or "not known")
    elsewhere = completed(stack.submit(BELL, "--backend", DEVICE))
    score.check("containment", "a job at the vendor completes", elsewhere is not None, elsewhere or "none")
    score.wait("before", "its charge is known, too", lambda: _charged(stack, _JOBS + 1), 60)
    right.write_text(json.dumps(bill(_charges(stack))), encoding="utf-8")
    code, kinds = _reconcile(stack, right)
    score.check("repair", "all of the corrected bill is equal", code == 0, ", ".join(kinds) or "no difference")
    score.wait("repair", "the ticket ends", lambda: None if _ticket(stack) else "nothing fires", 150)
    score.check("repair", "`qb verify` finds that money adds up", stack.is_verified())


def bill(charges: list[dict[str, Any]], too_much: Decimal = Decimal(0)) -> dict[str, Any]:
    """What the vendor bills for these jobs: a day with a line for each, the first of them by `too_much` too high.

    Args:
        charges: rows with `handle` and `amount`.
        too_much: what the first line has in addition.
    """
    day = SystemClock().now().date().isoformat()
    amounts = [Decimal(it["amount"]) + (0 if at else too_much) for at, it in enumerate(charges)]
    lines = [
        {"group_id": it["handle"], "amount": float(amount), "job_count": 1, "time_us": QPU_US}
        for it, amount in zip(charges, amounts, strict=True)
    ]
    total = {"amount": float(sum(amounts)), "job_count": len(lines), "time_us": QPU_US * len(lines)}
    return {
        "group_type": "job",
        "modality": "daily",
        "usage_unit": "USD",
        "amount_total": total["amount"],
        "usage_data": [{"from": day, **total, "group_usages": lines}],
    }


def _charges(stack: Operator) -> list[dict[str, Any]]:
    query = f"SELECT handles[1] AS handle, toString(amount) AS amount FROM vendor_charges WHERE backend = '{DEVICE}'"  # noqa: S608
    return stack.sql(f"{query} AND final ORDER BY handle")


def _charged(stack: Operator, jobs: int = _JOBS) -> str | None:
    rows = _charges(stack)
    total = sum((Decimal(it["amount"]) for it in rows), Decimal(0))
    return f"{len(rows)} jobs, {total.normalize():f} USD" if len(rows) == jobs and total else None


def _reconcile(stack: Operator, file: Path) -> tuple[int, list[str]]:
    """The exit code, and the kinds of what differs among the lines of the bill."""
    done = stack.run("reconcile", str(file), "--vendor", _READER, "--backend", DEVICE, "--json")
    findings = json.loads(done.stdout)["findings"] if done.stdout else []
    return done.returncode, sorted({str(it["kind"]) for it in findings} - {"match"})


def _ticket(stack: Operator) -> str | None:
    return stack.firing(alertname="BillDiffers", owner="billing", vendor=_READER)
