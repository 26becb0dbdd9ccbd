"""The service of each tenant: received and reserved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from queuebit_scheduling import Served, Tenant, micros, period_of

__all__ = ["Tenants"]


class Tenants:
    """Every tenant that had a job accepted."""

    def __init__(self, period_us: int) -> None:
        self._period_us = period_us
        self._of: dict[str, Tenant] = {}

    def __getitem__(self, name: str) -> Tenant:
        return self._of[name]

    def all(self) -> tuple[Tenant, ...]:
        """Each of them, without reserved service."""
        return tuple(replace(it, outstanding_us=0) for it in self._of.values())

    def restore(self, tenants: Iterable[Tenant]) -> None:
        """Take tenants that were known earlier."""
        self._of.update({it.name: it for it in tenants})

    def weigh(self, name: str, share: int) -> None:
        """Note a tenant's weight; the newest counts."""
        tenant = self._of.get(name) or Tenant(name, share, Served(), 0)
        self._of[name] = tenant if tenant.share == share else replace(tenant, share=share)

    def expect(self, name: str, us: int) -> None:
        """Change a tenant's reserved service."""
        self._of[name] = self._of[name].with_jobs(us)

    def receive(self, name: str, ran_us: int, at: datetime) -> None:
        """Add service that a tenant received."""
        tenant = self._of[name]
        self._of[name] = replace(tenant, served=tenant.served.plus(ran_us, period_of(micros(at), self._period_us)))
