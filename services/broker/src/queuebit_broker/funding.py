"""Applies the declared budget of each project, and its declared grants, to its account."""

from __future__ import annotations

from queuebit_broker import events
from queuebit_broker.following import follow
from queuebit_broker.granting import grant_declared
from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.tenants import Project
from queuebit_kernel import Money, Stale

__all__ = ["FundProjects", "other_currencies"]

_ATTEMPTS = 8


class FundProjects:
    """Applies declared budgets.

    Earlier funding is subtracted, so that a repetition changes nothing; a smaller budget takes back the difference,
    even if less than 0 is left.
    """

    def __init__(self, log: EventLog, follower: Follower, world: World) -> None:
        self._log = log
        self._follower = follower
        self._world = world

    async def __call__(self) -> None:
        """Append the missing difference.

        Raises:
            Stale: other brokers were faster repeatedly.
            Unavailable: the log does not answer.
        """
        for tenant, entry in [*self._world.directory.tenant.items()]:
            for name, project in entry.project.items():
                if not other_currencies(self._world, tenant, name, project.currency):
                    await self._fund(tenant, name, project)
            for name, grant in entry.grant.items():
                await grant_declared(self._log, self._world, tenant, name, grant)

    async def _fund(self, tenant: str, name: str, project: Project) -> None:
        declared = Money.of(project.budget, project.currency)
        for _ in range(_ATTEMPTS):
            account = self._world.account(tenant, name)
            difference = declared - account.funded.get(project.currency, Money.zero(project.currency))
            if not difference.amount:
                return
            funded = events.funded(tenant, name, difference, account.last_funded)
            try:
                sequence = await self._log.append(funded, after=account.last_funded)
            except Stale:
                await follow(self._log, self._follower, subjects.subject_of(funded))
            else:
                self._world.take(funded, sequence)
                return
        raise Stale(f"account {tenant}/{name} moved {_ATTEMPTS} times while its budget was set")


def other_currencies(world: World, tenant: str, project: str, currency: str) -> list[str]:
    """Other currencies of an account: an account keeps its currency."""
    funded = world.account(tenant, project).funded
    return [] if not funded or currency in funded else [*funded]
