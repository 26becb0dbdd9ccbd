"""A draft of a price book in shadow: the usage that was billed, rated by both books. Charges nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from queuebit_contracts.admission import Acceptance, Candidate
from queuebit_contracts.billing import Metering
from queuebit_contracts.usage import Usage, is_final, quantities
from queuebit_kernel.exact import difference, plain, total
from queuebit_pricing import Bounds, Price, PriceBook, Unpriced, bill

__all__ = ["BILLED", "shadow"]

_Rated = tuple[Decimal, Decimal]
"""The amounts of a job by the book in force and by the draft."""

BILLED: Final = """
SELECT
    toString(tenant) AS tenant,
    argMaxIf(data, seq, type = 'qb.job.accepted.v1') AS accepted,
    toUnixTimestamp64Micro(minIf(event_time, type = 'qb.job.accepted.v1')) AS accepted_us,
    argMinIf(data, seq, type = 'qb.job.metered.v1') AS metered,
    argMaxIf(data, seq, type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')) AS newest,
    argMaxIf(JSONExtractString(data, 'reason', 'code'), seq, type = 'qb.job.failed.v1') AS reason
FROM events
WHERE type IN ('qb.job.accepted.v1', 'qb.job.failed.v1', 'qb.job.metered.v1', 'qb.job.corrected.v1')
    AND (tenant, job) IN (
        SELECT tenant, job FROM events
        WHERE type = 'qb.job.metered.v1'
            AND stored_at >= toDateTime64({since:Float64}, 6, 'UTC')
            AND stored_at < toDateTime64({until:Float64}, 6, 'UTC'))
GROUP BY tenant, job
HAVING accepted != '' AND metered != ''
"""
"""Jobs that were first billed in a period, with their newest usage; every aggregate ignores repeated rows."""


def shadow(rows: Iterable[Mapping[str, Any]], own: PriceBook, draft: PriceBook) -> list[dict[str, Any]]:  # JSON
    """Rate the usage of each job by both books; one row for each tenant and backend, the largest change first.

    The book in force rates with the price that the job was quoted, the draft with the one that it would have had at the
    acceptance of the job. Jobs that ran nowhere cost nothing by any book, and are left out.

    Args:
        rows: what `BILLED` finds.
        own: the book in force.
        draft: the one that may replace it, in the same currency.

    Returns:
        `tenant`, `backend`, `jobs`, `now` and `draft` (amounts as text), `change`, and `unpriced`: jobs that the draft
        has no price for, or prices by gates or tasks that were not counted; their amounts are in neither sum.

    Raises:
        Unpriced: the book in force lacks the price of a job.
    """
    found: dict[tuple[str, str], list[_Rated | None]] = {}
    for row in rows:
        metered = Metering.model_validate_json(row["metered"])
        accepted = Acceptance.model_validate_json(row["accepted"])
        terms = next((it for it in accepted.everywhere if it.backend == metered.backend), None)
        if metered.backend is None or terms is None:
            continue
        accepted_at = datetime.fromtimestamp(int(row["accepted_us"]) / 1_000_000, UTC)
        price = own.price(terms.price)
        drafted = _price_for(draft, metered.backend, accepted_at, spot=price.spot)
        amount = _amounts(row, metered, accepted, terms)
        mine = found.setdefault((row["tenant"], metered.backend), [])
        if drafted is None or not _was_counted(drafted, accepted, terms):
            mine.append(None)
        else:
            mine.append((amount(price), amount(drafted)))
    lines = [_line(*key, them) for key, them in found.items()]
    return sorted(lines, key=lambda it: (-abs(Decimal(it["change"])), it["tenant"], it["backend"]))


def _amounts(
    row: Mapping[str, Any],  # JSON
    metered: Metering,
    accepted: Acceptance,
    terms: Candidate,
) -> Callable[[Price], Decimal]:
    """What a job costs by a price: as metering bills it, with its newest usage."""
    usage = Usage.model_validate(json.loads(row["newest"])["usage"])
    gates = terms.gate_shots.model_dump() if terms.gate_shots else {}
    shots = accepted.profile.shots or accepted.shots
    bounds = Bounds(tasks=terms.tasks, shots=shots, qpu_us=terms.qpu_us, qubits=accepted.profile.qubits, **gates)
    measured, is_known, at_limit = quantities(usage), is_final(usage), bool(metered.usage.at_limit)
    reason = row["reason"] or None
    return lambda price: (
        bill(price, bounds, metered.state, measured, final=is_known, at_limit=at_limit, reason=reason).amount
    )


def _was_counted(price: Price, accepted: Acceptance, terms: Candidate) -> bool:
    """Whether the acceptance has all that a price counts: without it, what is not known would cost nothing."""
    knows_gates = terms.gate_shots is not None or not price.counts_gates
    knows_tasks = terms.tasks is not None or accepted.profile.items is None or not price.counts_tasks
    return knows_gates and knows_tasks


def _price_for(book: PriceBook, backend: str, at: datetime, *, spot: bool) -> Price | None:
    try:
        return book.price_for(backend, at, spot=spot)
    except Unpriced:
        return None


def _line(tenant: str, backend: str, them: Sequence[_Rated | None]) -> dict[str, Any]:  # JSON
    rated = [it for it in them if it is not None]
    before, after = (total([it[place] for it in rated]) for place in (0, 1))
    return {
        "tenant": tenant,
        "backend": backend,
        "jobs": len(rated),
        "now": plain(before),
        "draft": plain(after),
        "change": plain(difference(after, before)),
        "unpriced": len(them) - len(rated),
    }
