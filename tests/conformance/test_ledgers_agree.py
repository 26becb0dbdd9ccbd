"""The ledger, the broker's accounts and the audit fold the same facts to the same balances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_audit.messages import fact_of
from queuebit_audit.overdrafts import AccountFold
from queuebit_audit.records import AccountEntry, Root
from queuebit_broker.accounts import Accounts
from queuebit_contracts.account import (
    AccountCorrected,
    AccountExpired,
    AccountFunded,
    AccountGranted,
    AccountHeld,
    AccountReleased,
    AccountSettled,
    Adjustment,
    Expiration,
    Funding,
    Granting,
    Hold,
    Release,
    Settlement,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import Seal, SealV1
from queuebit_contracts.session import budget_of, idle_hold_of
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money
from queuebit_ledger import Book, Ledger, sums
from queuebit_runtime.stored import Stored

PLACES = (("acme", "main"), ("acme", "chem"), ("zeta", "main"))
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def _amount(micros: int) -> Amount:
    return Amount.of(Money(Decimal(micros).scaleb(-6)))


@st.composite
def _chains(draw: st.DrawFn, place: tuple[str, str]) -> list[list[AnyEvent]]:
    """The facts of one account: chains in which the order counts, among which it does not."""
    at = {"tenant": place[0], "account": place[1]}
    micros = st.integers(0, 10**9)
    chains: list[list[AnyEvent]] = [
        [AccountFunded(source="t", data=Funding(**at, amount=_amount(draw(micros))))] for _ in range(2)
    ]

    credit = draw(micros)
    granted = Granting(**at, grant="g", amount=_amount(credit), priority=draw(st.integers(0, 2)))
    expired = Expiration(**at, grant="g", amount=_amount(draw(st.integers(0, credit))))
    chains.append([AccountGranted(source="t", data=granted), AccountExpired(source="t", data=expired)])

    def hold(job: str, amount: int, budgets: Sequence[str], purpose: str | None = None) -> AccountHeld:
        data = Hold(**at, job=job, amount=_amount(amount), budgets=tuple(budgets) or None, purpose=purpose)
        return AccountHeld(source="t", data=data)

    sessions = tuple(f"{name}{place[1]}" for name in ("s1", "s2"))  # a session is of one account
    for session in sessions:
        end = AccountReleased(source="t", data=Release(**at, job=session, amount=_amount(1)))
        chains.append([hold(session, draw(micros), ["tenant"], "session"), end])
    for number in range(draw(st.integers(1, 4))):
        named = draw(st.sampled_from((*sessions, "")))
        idle = named != "" and draw(st.booleans())
        job = idle_hold_of(named) if idle else f"j{number}"
        budgets = ["tenant", *([budget_of(named)] if named else [])]
        amount = draw(micros)
        if not idle and draw(st.integers(0, 4)) == 0:
            gone = AccountReleased(source="t", data=Release(**at, job=job, amount=_amount(amount)))
            chains.append([hold(job, amount, budgets), gone])
            continue
        charge = draw(st.integers(0, amount))
        bill = Settlement(
            **at, job=job, held=_amount(amount), settled=_amount(charge), released=_amount(amount - charge)
        )
        facts: list[AnyEvent] = [
            hold(job, amount, budgets, "idle" if idle else None), AccountSettled(source="t", data=bill)
        ]  # fmt: skip
        for revision in range(1, draw(st.integers(0, 2)) + 1):
            delta = _amount(draw(st.integers(-charge, 10**9)))
            late = Adjustment(**at, job=job, revision=revision, delta=delta, reason="late", budgets=tuple(budgets))
            facts.append(AccountCorrected(source="t", data=late))
        if job not in {getattr(it[0].data, "job", "") for it in chains}:
            chains.append(facts)
    return chains


@st.composite
def histories(draw: st.DrawFn) -> list[AnyEvent]:
    """Any legal history of three accounts, or the beginning of one."""
    chains = [chain for place in PLACES for chain in draw(_chains(place))]
    order = draw(st.permutations([number for number, chain in enumerate(chains) for _ in chain]))
    left = [iter(chain) for chain in chains]
    return [next(left[number]) for number in order][: draw(st.integers(1, 60))]


class _NoProofs:
    """For histories without receipts."""

    def seal(self, tenant: str, job: str, seal: Seal | SealV1) -> str | None:
        raise NotImplementedError

    def rotation(self, *_: object) -> str | None:
        raise NotImplementedError

    def head(self, checkpoint: str) -> Root | str:
        raise NotImplementedError


def entry(event: AnyEvent, sequence: int) -> AccountEntry:
    content = fact_of(Stored(event, subject_of(event), sequence, NOW), _NoProofs()).content
    assert isinstance(content, AccountEntry)
    return content


@settings(deadline=None, derandomize=True, max_examples=60)
@given(histories())
def test_the_ledger_has_the_balances_of_the_broker_and_of_the_audit(events: list[AnyEvent]) -> None:
    ledger, accounts, folds = Ledger(), Accounts(), {place: AccountFold() for place in PLACES}
    for sequence, event in enumerate(events, 1):
        ledger.take(event, sequence)
        accounts.take(event, sequence)
        folds[event.data.tenant, event.data.account].take(entry(event, sequence))
        for place in PLACES:
            account = accounts.account(*place)
            booked = {it: ledger.balance(Book(*place, it), "USD") for it in ("available", "held", "reserved")}
            assert booked["available"] == account.available("USD")
            assert booked["available"].amount == folds[place].free
            assert booked["held"] + booked["reserved"] == account.held("USD")
            assert ledger.balance(Book(*place, "charged"), "USD") == account.spent("USD")


@settings(deadline=None, derandomize=True, max_examples=60)
@given(histories(), st.data())
def test_every_transaction_sums_to_zero_and_any_prefix_with_its_tail_is_the_whole(
    events: list[AnyEvent], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(events)))
    whole, prefix = Ledger(), Ledger()
    for sequence, event in enumerate(events, 1):
        transaction = whole.take(event, sequence)
        if transaction is not None:
            assert not any(sums(transaction.postings).values())
            assert transaction.id == f"{subject_of(event)}@{sequence}"
        if sequence <= cut:
            prefix.take(event, sequence)
    resumed, before = prefix.copy(), dict(prefix.balances)
    for sequence, event in enumerate(events, 1):  # the prefix is delivered again, too
        resumed.take(event, sequence)
    assert resumed == whole
    assert prefix.balances == before
    assert sum(it.amount for it in whole.balances.values()) == 0
