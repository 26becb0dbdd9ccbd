"""A client whose jobs are counted, and that cannot spend more than a cap."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from queuebit import Client, InvalidInput, Job, StillRunning, Transport, Unreachable
from queuebit.amounts import money_of
from queuebit.credentials import Credential
from queuebit_kernel import Money
from queuebit_pytest.ledger import Ledger

__all__ = ["SessionClient", "cap_of"]

_BILL_S = 30.0


def cap_of(text: str | None, workers: int = 1) -> Money | None:
    """The cap of one process of a session; several processes share it evenly."""
    if text is None:
        return None
    cap = money_of(text, "--qb-max-cost")
    return Money(cap.amount / Decimal(workers), cap.currency)


class SessionClient(Client):
    """The client of a test session. With a cap, each job waits for the bills of those before it."""

    def __init__(
        self,
        credential: Credential | Path | str | None = None,
        *,
        home: Path | str | None = None,
        transport: Transport | None = None,
        ledger: Ledger,
        cap: Money | None = None,
    ) -> None:
        super().__init__(credential, home=home, transport=transport)
        self._ledger = ledger
        self._cap = cap
        self._open: dict[str, Job] = {}
        self._counted: set[str] = set()

    def __enter__(self) -> SessionClient:
        return self

    def submit(self, circuit: object, **options: Any) -> Job:  # the options of Client.submit
        """Submit a job, as `Client.submit`; with a cap, the platform refuses it if it could go beyond.

        Raises:
            InvalidInput: the cap is used up, or a job with a key has no `max_cost` of its own.
        """
        if self._cap is not None:
            options["max_cost"] = self._limit(options.get("max_cost"), options.get("key"), self._cap)
        job = super().submit(circuit, **options)
        if job.id not in self._counted:
            self._counted.add(job.id)
            self._open[job.id] = job
            self._ledger.jobs += 1
        return job

    def settle(self) -> None:
        """Wait for the bills of all jobs."""
        for id_, job in [*self._open.items()]:
            try:
                charge = job.charge(_BILL_S)
            except (StillRunning, Unreachable):
                continue
            self._ledger.charged(charge.amount, charge.currency)
            del self._open[id_]
        self._ledger.unbilled = len(self._open)

    def _limit(self, wanted: Any, key: str | None, cap: Money) -> Money:
        """What the next job may cost."""
        self.settle()
        if self._open:
            raise InvalidInput(
                f"{len(self._open)} jobs are not billed yet, so that the rest of --qb-max-cost is unknown"
            )
        left = Money(cap.amount - self._ledger.charges.get(cap.currency, Decimal(0)), cap.currency)
        if wanted is not None:
            asked = money_of(wanted)
            if asked > left:
                raise InvalidInput(f"the job may cost {asked}, and {left} of --qb-max-cost {cap} are left")
            return asked
        if key is not None:  # a limit that changes would make it another job
            raise InvalidInput("with --qb-max-cost, a job with a key needs a max_cost of its own")
        if left.amount <= 0:
            raise InvalidInput(f"--qb-max-cost {cap} is used up: no further job is submitted")
        return left
