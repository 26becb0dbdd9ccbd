"""What the ledger must know of a project's account to book its next fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from queuebit_contracts.account import Adjustment, Expiration, Funding, Granting, Hold, Release, Settlement
from queuebit_contracts.session import reserved, session_in
from queuebit_contracts.subjects import account
from queuebit_kernel import Money

__all__ = ["Data", "Move", "Project"]


Data = Funding | Granting | Expiration | Hold | Settlement | Release | Adjustment
"""What the facts of an account say."""


class Move(NamedTuple):
    """An amount that is added to a book of the account, by the book's name."""

    book: str
    amount: Money
    corrects: str | None = None


@dataclass(frozen=True, slots=True)
class _Charge:
    """What a job that was settled costs by now."""

    amount: Money
    revision: int
    """The correction of its bill that is included; 0 for the first bill."""
    subject: str
    """Of the fact that booked it."""


@dataclass(slots=True)
class Project:
    """One account: its open holds, and what its jobs cost."""

    holds: dict[str, Hold] = field(default_factory=dict)
    """By what they are for; caps of sessions are in `caps`."""
    caps: dict[str, Money] = field(default_factory=dict)
    """Of open sessions."""
    used: dict[str, Money] = field(default_factory=dict)
    """By session: what is held for its jobs and what they cost."""
    charges: dict[str, _Charge] = field(default_factory=dict)
    """By job."""
    grants: dict[str, bool] = field(default_factory=dict)
    """By name: whether it was not taken back."""

    def copy(self) -> Project:
        """A copy that later facts do not change."""
        return replace(
            self,
            holds={**self.holds},
            caps={**self.caps},
            used={**self.used},
            charges={**self.charges},
            grants={**self.grants},
        )

    def sessions(self, data: Data) -> set[str]:
        """The sessions whose reserve a fact may move."""
        if isinstance(data, Funding | Granting | Expiration):
            return set()
        hold = self.holds.get(data.job)
        budgets = getattr(data, "budgets", None) or (hold.budgets if hold else None) or ()
        return {data.job, *(it for it in map(session_in, budgets) if it)}

    def kept(self, session: str) -> Money | None:
        """What the cap of an open session keeps for its jobs; None if it has none."""
        cap = self.caps.get(session)
        return None if cap is None else reserved(cap, self.used.get(session, Money.zero(cap.currency)))

    def moves(self, data: Data) -> list[Move] | None:
        """What a fact moves, beside reserves; None if it was booked before, or has nothing to move."""
        match data:
            case Funding():
                amount = data.amount.money
                return [Move("funding", -amount), Move("available", amount)]
            case Granting():
                amount = data.amount.money
                new = data.grant not in self.grants
                return [Move("granted", -amount), Move("available", amount)] if new else None
            case Expiration():
                amount = data.amount.money
                open_ = self.grants.get(data.grant, False)
                return [Move("available", -amount), Move("expired", amount)] if open_ else None
            case Hold(purpose="session"):
                return None if data.job in self.caps else []
            case Hold():
                amount = data.amount.money
                known = data.job in self.holds or data.job in self.charges
                return None if known else [Move("available", -amount), Move("held", amount)]
            case Settlement():
                return self._settled(data)
            case Release():
                if data.job in self.caps:
                    return []
                hold = self.holds.get(data.job)
                amount = data.amount.money
                return None if hold is None else [Move("held", -hold.amount.money), Move("available", amount)]
            case Adjustment():
                return self._corrected(data)

    def note(self, data: Data, subject: str) -> None:
        """Keep what later facts refer to; call it after `moves`."""
        match data:
            case Granting():
                self.grants[data.grant] = True
            case Expiration():
                self.grants[data.grant] = False
            case Hold(purpose="session"):
                self.caps[data.job] = data.amount.money
            case Hold():
                self.holds[data.job] = data
                self._use(data.budgets, data.amount.money)
            case Settlement():
                hold = self.holds.pop(data.job)
                self._use(hold.budgets, data.settled.money - hold.amount.money)
                self.charges[data.job] = _Charge(data.settled.money, data.revision or 0, subject)
            case Release() if data.job in self.caps:
                del self.caps[data.job]
            case Release():
                hold = self.holds.pop(data.job)
                self._use(hold.budgets, -hold.amount.money)
            case Adjustment():
                charge = self.charges.get(data.job)
                before = charge.amount if charge else Money.zero(data.delta.currency)
                self._use(data.budgets, data.delta.money)
                self.charges[data.job] = _Charge(before + data.delta.money, data.revision, subject)

    def _settled(self, data: Settlement) -> list[Move] | None:
        hold = self.holds.get(data.job)
        if hold is None:
            return None
        return [
            Move("held", -hold.amount.money),
            Move("charged", data.settled.money),
            Move("available", data.released.money),
        ]

    def _corrected(self, data: Adjustment) -> list[Move] | None:
        """The charge before is taken back, and the new one is booked: both name what they correct."""
        charge = self.charges.get(data.job)
        if charge is not None and data.revision <= charge.revision:
            return None
        before = charge.amount if charge else Money.zero(data.delta.currency)
        of = charge.subject if charge else account(data.tenant, data.account).event("settled", data.job)
        after = before + data.delta.money
        return [
            Move("charged", -before, of),
            Move("available", before, of),
            Move("charged", after, of),
            Move("available", -after, of),
        ]

    def _use(self, budgets: Sequence[str] | None, amount: Money) -> None:
        for session in filter(None, map(session_in, budgets or ())):
            self.used[session] = self.used.get(session, Money.zero(amount.currency)) + amount
