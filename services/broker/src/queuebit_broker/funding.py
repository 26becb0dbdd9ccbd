"""Following the tenants file: who may do what, and budgets made true."""

from __future__ import annotations

import logging

from queuebit_broker import events
from queuebit_broker.ports import EventLog, TenantsSource
from queuebit_broker.state import Directory, World
from queuebit_contracts.tenants import BadTenants, Tenants
from queuebit_kernel import Money, Stale, Unavailable, digest_of

__all__ = ["FollowTenants"]

_log = logging.getLogger(__name__)


class FollowTenants:
    """Makes the last good tenants file effective, and each project's declared budget true.

    What was funded already is subtracted, so that a restart funds nothing twice; a budget that shrank takes back the
    difference, even where that leaves less than nothing to spend. An account keeps its currency.
    """

    def __init__(self, log: EventLog, source: TenantsSource, world: World, first: Tenants) -> None:
        self._log = log
        self._source = source
        self._world = world
        self._unfunded: Tenants | None = None
        self.in_force = ""
        """Digest of the declaration that decides from now on, budgets included."""
        self.trouble: str | None = None
        """What is wrong with the file as it is now; the one before stays in force."""
        self._adopt(first)

    async def __call__(self) -> None:
        """Look at the file once; what the log does not take now is tried again at the next look."""
        try:
            if (news := self._source.news()) is not None:
                self._adopt(news)
        except BadTenants as error:
            if str(error) != self.trouble:
                self.trouble = str(error)
                _log.warning("the tenants file was not taken over, the one before stays in force: %s", error)
        if self._unfunded is not None:
            try:
                await self._fund(self._unfunded)
                self.in_force = digest_of(self._unfunded.model_dump(mode="json"))
                self._unfunded = None
            except (Stale, Unavailable) as error:
                _log.warning("budgets are not yet as declared: %s", error)

    def _adopt(self, tenants: Tenants) -> None:
        self._world.directory = Directory(tenants)
        self._unfunded, self.trouble = tenants, None

    async def _fund(self, tenants: Tenants) -> None:
        for tenant, entry in tenants.tenant.items():
            for name, project in entry.project.items():
                declared = Money.of(project.budget, project.currency)
                account = self._world.account(tenant, name)
                if account.funded and project.currency not in account.funded:
                    self.trouble = _other_currency(tenant, name, project.currency, [*account.funded])
                    _log.warning("a budget was not taken over: %s", self.trouble)
                    continue
                difference = declared - account.funded.get(project.currency, Money.zero(project.currency))
                if difference.amount:
                    funded = events.funded(tenant, name, difference, account.last_funded)
                    self._world.take(funded, await self._log.append(funded, after=account.last_funded))


def _other_currency(tenant: str, project: str, wanted: str, had: list[str]) -> str:
    return (
        f"project {project} of {tenant} has its account in {' and '.join(had)}, which cannot become {wanted}: "
        f"set it back, and add another project for {wanted}"
    )
