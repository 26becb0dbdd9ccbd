"""Circuits that are on a device at the same time, each on a region of its own, and what each pays (ADR 0105).

The circuits of a run do not change each other's results, so each is compiled and computed by a child of its own tenant:
no process sees circuits of two. What they have in common is the time of the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from queuebit_contracts.sharing import SharedRun
from queuebit_executor.answers import Described, Ran, Refused
from queuebit_executor.ports import CircuitWork
from queuebit_executor.turn import Turn
from queuebit_kernel import event_id
from queuebit_planning.timing import device_us
from queuebit_quantum.packing import split_time_us
from queuebit_quantum.regions import Region

__all__ = ["JointRun", "Member"]


@dataclass
class Member:
    """One circuit of a run."""

    tenant: str
    turn: Turn
    region: Region
    ran: Ran | None = None
    """What came of it on its region; None until then, and if it was refused there."""

    @property
    def work(self) -> CircuitWork:
        """What its child runs."""
        return replace(self.turn.work, region=self.region)

    def take(self, answer: Ran | Refused) -> None:
        """Note the answer of a child. A refusal does not count: the circuit runs again, alone."""
        self.ran = answer if isinstance(answer, Ran) else None


class JointRun:
    """Several circuits with the same number of shots on one device, at least two."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.tenants = [*dict.fromkeys(it.tenant for it in members)]
        """Each once, in the order of the members."""
        self._left = {*self.tenants}

    def done(self, tenant: str) -> bool:
        """Note that the circuits of a tenant ran; return whether those of all did."""
        self._left.discard(tenant)
        return not self._left

    def of(self, tenant: str) -> list[Member]:
        """The circuits of one tenant."""
        return [it for it in self.members if it.tenant == tenant]

    def finish(self, offer: Described) -> list[Member]:
        """Give each circuit that ran its answer, with its share of the time; return those that have to run alone.

        The device was busy as long as the longest circuit. Each pays in proportion to the time that it was quoted
        alone, and never more. If that is not enough, or fewer than two circuits ran, all run alone.
        """
        ran = [(it, it.ran) for it in self.members if it.ran is not None]
        quoted_us = [it.turn.work.budget_us for it, _ in ran]
        whole_us = _whole_us(offer, [found for _, found in ran], self.members[0].turn.work.shots)
        if len(ran) < 2 or whole_us > sum(quoted_us):
            return [*self.members]
        name = event_id()
        for (it, found), share_us in zip(ran, split_time_us(whole_us, quoted_us), strict=True):
            shared = SharedRun(run=name, circuits=len(ran), region=it.region)
            it.turn.give(found.model_copy(update={"qpu_us": share_us, "shared": shared}))
        return [it for it in self.members if it.ran is None]


def _whole_us(offer: Described, ran: Sequence[Ran], shots: int) -> int:
    longest_ns = max((it.compilation.duration_ns for it in ran), default=0)
    return device_us(shots, longest_ns, offer.rep_delay_ns, offer.overhead_ns)
