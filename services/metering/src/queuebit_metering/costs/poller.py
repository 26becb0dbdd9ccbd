"""Asks vendors for their costs, again and again, and appends what changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from queuebit_contracts.subjects import vendor_bill
from queuebit_contracts.vendor_bill import CostRead, VendorAmount, VendorCost
from queuebit_kernel import Clock, Stale, Unavailable
from queuebit_kernel.exact import plain
from queuebit_metering.costs.aws import AwsCosts
from queuebit_metering.costs.aws_report import AwsReportCosts
from queuebit_metering.costs.azure import AzureCosts
from queuebit_metering.costs.calls import Calls
from queuebit_metering.costs.config import Costs
from queuebit_metering.costs.ibm import IbmCosts
from queuebit_metering.costs.ionq import IonqCosts
from queuebit_metering.costs.ionq_jobs import IonqJobCosts
from queuebit_metering.costs.port import Cost, CostReader
from queuebit_reconciliation import find
from queuebit_runtime.log import EventLog

__all__ = ["CostPoller", "readers_of"]

_logger = logging.getLogger(__name__)

_SURPRISES = (ArithmeticError, AttributeError, LookupError, TypeError)
"""What reading an answer of another form may raise. A vendor must never stop the service that bills."""


class CostPoller:
    """Polls all vendors. Appends `read.<revision>` for a period only if its number changed."""

    def __init__(
        self,
        log: EventLog,
        readers: Sequence[CostReader],
        clock: Clock,
        settings: Costs,
        sleep: Callable[[int], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._log = log
        self._readers = readers
        self._clock = clock
        self._settings = settings
        self._sleep = sleep

    async def run(self) -> None:
        """Poll until cancelled. A vendor that fails does not delay the others, and is asked again at the next poll."""
        while True:
            await asyncio.gather(*map(self.poll, self._readers))
            await self._sleep(self._settings.poll_minutes * 60)

    async def poll(self, reader: CostReader) -> int:
        """Ask one vendor; return how many facts were appended."""
        last = self._clock.now().date()
        first = last - timedelta(days=self._settings.days - 1)
        try:
            return sum([await self._record(reader.vendor, it) for it in await reader.read(first, last)])
        except (Unavailable, OSError, ValueError) as error:  # also a secret that cannot be read
            _logger.warning("%s", error)
        except _SURPRISES as error:
            _logger.warning(
                "the costs of %s are not known: its answer has another form (%s)", reader.vendor, type(error).__name__
            )
        return 0

    async def _record(self, vendor: str, cost: Cost) -> bool:
        history = await self._log.history(vendor_bill(vendor, cost.period))
        known = [it.event.data for it in history if isinstance(it.event, CostRead)]
        newest = max(known, key=lambda it: it.revision, default=None)
        amounts = tuple(VendorAmount(currency=it, amount=plain(amount)) for it, amount in sorted(cost.amounts.items()))
        if newest is not None and newest.amounts == amounts:
            return False
        data = VendorCost(
            vendor=vendor,
            statement=cost.period,
            revision=1 if newest is None else newest.revision + 1,
            period_start=cost.start,
            period_end=cost.end,
            amounts=amounts,
            backends=find(vendor).backends,
        )
        try:
            await self._log.append(CostRead(source="qb/metering", data=data), after=0)
        except Stale:  # another process was first; the next poll compares with what it appended
            return False
        return True


def readers_of(settings: Costs, clock: Clock) -> list[CostReader]:
    """A reader for each vendor that the file names."""
    found: list[CostReader] = []
    if (ionq := settings.ionq) is not None:
        asks = Calls("ionq", ionq.url)
        found.append(IonqJobCosts(ionq, asks) if ionq.organization is None else IonqCosts(ionq, asks))
    if (aws := settings.aws) is not None:
        found.append(AwsCosts(aws, Calls("aws", aws.url), clock))
    if (report := settings.aws_report) is not None:
        found.append(AwsReportCosts(report, Calls("aws", report.url), clock))
    if (azure := settings.azure) is not None:
        found.append(AzureCosts(azure, Calls("azure", azure.url, azure.login_url)))
    if (ibm := settings.ibm) is not None:
        found.append(IbmCosts(ibm, Calls("ibm", ibm.url, ibm.iam_url)))
    return found
