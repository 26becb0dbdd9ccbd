"""Starts the real metering with another date on its facts, and with a planted fault if one is wanted.

Only days that have ended can be invoiced, and metering dates its facts now. So its facts are dated by a clock that is
days behind. Each restart may have another one, so that usage of a period arrives after its invoice.
"""

from __future__ import annotations

import os
import runpy
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

import queuebit_contracts.wire as wire
import queuebit_metering.handlers as handlers
from queuebit_contracts.job import Charge, Correction, Ended, Metering
from queuebit_metering.policy import bill, correct
from queuebit_metering.state import Job
from queuebit_pricing import PriceBook

__all__ = ["BEHIND", "PLANT", "PLANTED_JOB"]

BEHIND = "QUEUEBIT_DRILL_BEHIND_S"
"""Seconds that the dates of facts are behind."""
PLANT = "QUEUEBIT_DRILL_PLANT"
"""`charge`: one job costs a millionth more; `correction`: later usage of one job is not billed."""
PLANTED_JOB = "QUEUEBIT_DRILL_PLANTED_JOB"

_BEHIND = timedelta(seconds=float(os.environ.get(BEHIND, "0")))
_JOBS = os.environ.get(PLANTED_JOB, "").split()


class _Behind(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one, as everywhere
        return datetime.now(tz) - _BEHIND


def _wrong_bill(job: Job, ended: Ended, book: PriceBook) -> Metering:
    right = bill(job, ended, book)
    if right.job not in _JOBS:
        return right
    first, *others = right.charge.lines
    line = first.model_copy(update={"amount": _more(first.amount)})
    charge: Charge = right.charge.model_copy(update={"amount": _more(right.charge.amount), "lines": (line, *others)})
    return right.model_copy(update={"charge": charge})


def _no_correction(job: Job, book: PriceBook) -> Correction | None:
    return None if job.metered is not None and job.metered.job in _JOBS else correct(job, book)


def _more(amount: str) -> str:
    return f"{Decimal(amount) + Decimal('0.000001'):f}"


if __name__ == "__main__":
    vars(wire).update(datetime=_Behind)  # the module's own name for the clock of new events
    if os.environ.get(PLANT) == "charge":
        vars(handlers).update(bill=_wrong_bill)
    if os.environ.get(PLANT) == "correction":
        vars(handlers).update(correct=_no_correction)
    for name in (BEHIND, PLANT, PLANTED_JOB):
        os.environ.pop(name, None)
    runpy.run_module("queuebit_metering", run_name="__main__")
