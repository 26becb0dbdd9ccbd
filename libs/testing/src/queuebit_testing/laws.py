"""Laws that every implementation of a port obeys: inherit a class and define its fixtures."""

from __future__ import annotations

import string
from collections.abc import Awaitable, Callable
from datetime import UTC

import pytest

from queuebit_contracts import subjects
from queuebit_contracts.account import AccountFunded, AccountHeld
from queuebit_contracts.wildcards import every
from queuebit_contracts.wire import INLINE_LIMIT, UnknownEvent
from queuebit_kernel import Clock, Malformed, Stale, Unavailable, digest, event_id
from queuebit_runtime.log import EventLog, Guarded, Unreadable
from queuebit_runtime.payloads import CHUNK, Missing, PayloadStore
from queuebit_testing.build import funded, held, released

__all__ = ["ClockLaws", "EventLogLaws", "PayloadStoreLaws", "Publish"]

Publish = Callable[[str, bytes], Awaitable[int]]
"""Publishes any message on a subject of the log, as another program can, and returns its sequence."""

_LATER = b'{"type": "qb.account.funded.v9", "data": {"stars": 5}}'
"""An event of an unknown type."""
_NONSENSE = b"\xff nonsense"


class EventLogLaws:
    """The laws of `EventLog`. Needs the fixtures `log` and `publish`."""

    @pytest.fixture
    def account(self, request: pytest.FixtureRequest) -> str:
        """An account that only this test uses."""
        return "a" + event_id(request.node.nodeid)[:8]

    async def test_the_first_writer_wins(self, log: EventLog, account: str) -> None:
        first = await log.append(funded(account=account), after=0)
        with pytest.raises(Stale):
            await log.append(funded(account=account), after=0)
        second = await log.append(funded(account=account), after=first)
        assert second > first

    async def test_a_repeat_of_the_same_event_is_the_same_event(self, log: EventLog, account: str) -> None:
        event = held("j1", account=account, tenant=f"t-{account}")
        first = await log.append(event, after=0)
        assert await log.append(event, after=0) == first

    async def test_a_guard_over_the_aggregate_sees_its_other_subjects(self, log: EventLog, account: str) -> None:
        everything = subjects.account("acme", account).everything
        first = await log.append(funded(account=account), after=0, guard=everything)
        with pytest.raises(Stale):
            await log.append(held(event_id(), account=account), after=0, guard=everything)
        assert await log.append(held("j2", account=account, tenant="acme"), after=first, guard=everything) > first

    async def test_a_guard_over_several_aggregates_sees_each_of_them(self, log: EventLog, account: str) -> None:
        tenant = f"t-{account}"
        guard = every(AccountHeld, tenant=tenant)
        first = await log.append(held("j1", tenant=tenant, account="a"), after=0, guard=guard)
        with pytest.raises(Stale):
            await log.append(held("j2", tenant=tenant, account="b"), after=0, guard=guard)
        facts = [held(f"k{number}", tenant=tenant, account=name) for number, name in enumerate("bab")]
        last = await log.append_all([Guarded(facts[0], first, guard), *map(Guarded, facts[1:])])
        assert last == first + 3
        with pytest.raises(Stale):
            await log.append_all([Guarded(held("k8", tenant=tenant, account="a"), first, guard), Guarded(facts[1])])
        assert await log.append(held("k9", tenant=tenant, account="a"), after=last, guard=guard) > last

    async def test_a_guard_on_the_own_subject_ignores_other_subjects(self, log: EventLog, account: str) -> None:
        await log.append(funded(account=account), after=0)
        assert await log.append(held(f"j{account}", account=account), after=0)

    async def test_a_batch_is_stored_completely(self, log: EventLog, account: str) -> None:
        facts = [Guarded(funded(str(n), account=account)) for n in range(1, 6)]
        last = await log.append_all(facts)
        newest = await log.last(subjects.account("acme", account).event("funded"))
        assert newest is not None
        assert newest.sequence == last
        assert isinstance(newest.event, AccountFunded)
        assert newest.event.data.amount.amount == "5"

    async def test_a_batch_with_one_stale_fact_stores_nothing(self, log: EventLog, account: str) -> None:
        first = await log.append(funded(account=account))
        with pytest.raises(Stale):
            await log.append_all(
                [Guarded(held(f"k{account}", account=account)), Guarded(funded(account=account), after=0)]
            )
        history = await log.history(subjects.account("acme", account))
        assert [it.sequence for it in history] == [first]

    async def test_a_batch_on_one_subject_is_guarded_by_its_first_fact(self, log: EventLog, account: str) -> None:
        facts = [held(f"{n}-{account}", account=account) for n in range(4)]
        last = await log.append_all([Guarded(facts[0], after=0), Guarded(facts[1])])
        with pytest.raises(Stale):
            await log.append_all([Guarded(facts[0], after=0), Guarded(facts[1])])
        with pytest.raises(Stale):
            await log.append_all([Guarded(facts[2], after=last), Guarded(facts[3], after=last)])
        assert await log.append_all([Guarded(facts[2], after=last), Guarded(facts[3])]) == last + 2

    async def test_a_batch_with_a_known_event_stores_nothing(self, log: EventLog, account: str) -> None:
        event = funded(account=account)
        await log.append(event)
        with pytest.raises(Stale):
            await log.append_all([Guarded(funded(account=account)), Guarded(event, after=0)])

    async def test_an_empty_batch_is_refused(self, log: EventLog) -> None:
        with pytest.raises(ValueError, match="at least one"):
            await log.append_all([])

    async def test_an_event_is_found_at_its_sequence(self, log: EventLog, account: str) -> None:
        event = funded(account=account)
        sequence = await log.append(event)
        await log.append(funded(account=account))
        found = await log.at(sequence)
        assert found is not None
        assert (found.event, found.sequence) == (event, sequence)
        assert await log.at(sequence + 1_000_000) is None

    async def test_history_has_the_newest_event_of_each_subject_in_order(self, log: EventLog, account: str) -> None:
        await log.append(funded("1", account=account))
        second = await log.append(held(f"h{account}", account=account))
        third = await log.append(funded("2", account=account))
        assert [it.sequence for it in await log.history(subjects.account("acme", account))] == [second, third]

    async def test_a_history_has_each_of_many_subjects(self, log: EventLog, account: str) -> None:
        first, *others = (released(f"j{number}", account=account) for number in range(100))
        last = await log.append_all([Guarded(first, after=0), *map(Guarded, others)])
        history = await log.history(subjects.account("acme", account), reaching=last)
        assert [it.sequence for it in history] == [*range(last - 99, last + 1)]

    async def test_the_first_event_of_a_history_stays_the_first(self, log: EventLog, account: str) -> None:
        ledger = subjects.account("acme", account)
        assert await log.first(ledger) == 0
        first = await log.append(funded("1", account=account))
        await log.append(held(f"h{account}", account=account))
        await log.append(funded("2", account=account))
        assert await log.first(ledger) == first

    async def test_a_truncated_history_is_not_returned_as_complete(self, log: EventLog, account: str) -> None:
        known = await log.append(funded(account=account))
        assert await log.history(subjects.account("acme", account), reaching=known)
        with pytest.raises(Unavailable):
            await log.history(subjects.account("acme", account), reaching=known + 1)

    async def test_an_empty_subject_has_no_events(self, log: EventLog) -> None:
        assert await log.history(subjects.account("acme", "nobody")) == []
        assert await log.last(subjects.account("acme", "nobody").everything) is None

    @pytest.mark.parametrize("over", [[_LATER], [_NONSENSE], [_LATER, _NONSENSE], [_NONSENSE, _LATER]])
    async def test_a_known_event_stays_readable_before_unknown_or_malformed_ones(
        self, log: EventLog, publish: Publish, account: str, over: list[bytes]
    ) -> None:
        ledger, event = subjects.account("acme", account), funded(account=account)
        await log.append(event)
        places = [await publish(ledger.event("funded"), body) for body in over]
        newest = await log.last(ledger.event("funded"))
        assert newest is not None
        assert (newest.event, newest.sequence) == (event, places[-1])
        assert await log.history(ledger) == [newest]

    async def test_guards_see_unreadable_messages(self, log: EventLog, publish: Publish, account: str) -> None:
        ledger = subjects.account("acme", account)
        known = await log.append(funded(account=account), after=0, guard=ledger.everything)
        newest = await publish(ledger.event("funded"), _LATER)
        newest = await publish(ledger.event("held"), _NONSENSE)
        with pytest.raises(Stale):
            await log.append(funded(account=account), after=known, guard=ledger.everything)
        assert await log.append(funded(account=account), after=newest, guard=ledger.everything) > newest

    async def test_a_subject_of_unknown_types_returns_its_events(
        self, log: EventLog, publish: Publish, account: str
    ) -> None:
        ledger = subjects.account("acme", account)
        known = await log.append(held(f"u{account}", account=account))
        at = await publish(ledger.event("funded"), _LATER)
        unknown = UnknownEvent("qb.account.funded.v9", ledger.event("funded"), _LATER)
        assert [(it.event, it.sequence) for it in (await log.history(ledger))[1:]] == [(unknown, at)]
        for found in (await log.at(at), await log.last(ledger.everything)):
            assert found is not None
            assert (found.event, found.sequence) == (unknown, at)
        later = await publish(ledger.event("funded"), _NONSENSE)
        newest = await log.last(ledger.event("funded"))
        assert newest is not None
        assert (newest.event, newest.sequence) == (unknown, later)
        assert await log.first(ledger) == known

    async def test_the_error_for_unreadable_messages_has_the_newest_sequence(
        self, log: EventLog, publish: Publish, account: str
    ) -> None:
        ledger = subjects.account("acme", account)
        await publish(ledger.event("funded"), _NONSENSE)
        newest = await publish(ledger.event("funded"), b"{}")
        for reading in (log.last(ledger.event("funded")), log.history(ledger)):
            with pytest.raises(Unreadable) as caught:
                await reading
            assert caught.value.sequence == newest
        with pytest.raises(Malformed):
            await log.at(newest)
        assert await log.append(funded(account=account), after=newest) > newest


class PayloadStoreLaws:
    """The laws of `PayloadStore`. Needs the fixture `payloads` for the tenant `acme`."""

    @pytest.fixture
    def content(self, request: pytest.FixtureRequest) -> bytes:
        """Large content that only this test uses."""
        return str(request.node.nodeid).encode() + bytes(CHUNK)

    async def test_small_content_is_inside_the_reference(self, payloads: PayloadStore) -> None:
        payload = await payloads.put("acme", b"small", "text/plain")
        assert (payload.inline, payload.size, payload.digest) == ("small", 5, digest(b"small"))
        assert await payloads.get("acme", payload) == b"small"

    @pytest.mark.parametrize("size", [INLINE_LIMIT + 1, CHUNK, CHUNK + 1, 10 * CHUNK + 1])
    async def test_large_content_is_found_by_its_reference(self, payloads: PayloadStore, size: int) -> None:
        content = (string.ascii_letters.encode() * size)[:size]  # no two chunks of it are alike
        payload = await payloads.put("acme", content, "text/plain")
        assert (payload.inline, payload.size, payload.digest) == (None, size, digest(content))
        assert await payloads.get("acme", payload) == content
        assert await payloads.put("acme", content, "text/plain") == payload

    async def test_store_always_stores_content_outside_events(self, payloads: PayloadStore) -> None:
        payload = await payloads.store("acme", b"outside", "text/plain")
        assert payload.inline is None
        assert await payloads.get("acme", payload) == b"outside"

    async def test_unknown_content_is_missing(self, payloads: PayloadStore, content: bytes) -> None:
        known = await payloads.put("acme", content, "text/plain")
        with pytest.raises(Missing):
            await payloads.get("acme", known.model_copy(update={"digest": digest(b"other")}))
        with pytest.raises(Missing):
            await payloads.get("evil", known)

    async def test_content_with_a_wrong_digest_is_missing(self, payloads: PayloadStore, content: bytes) -> None:
        small = await payloads.put("acme", b"small", "text/plain")
        large = await payloads.put("acme", content, "text/plain")
        for payload in (
            small.model_copy(update={"inline": "other"}),
            large.model_copy(update={"size": len(content) - 1}),
        ):
            with pytest.raises(Missing):
                await payloads.get("acme", payload)

    async def test_content_above_the_limit_is_not_read(self, payloads: PayloadStore, content: bytes) -> None:
        payload = await payloads.put("acme", content, "text/plain")
        assert await payloads.get("acme", payload, limit=len(content)) == content
        with pytest.raises(Missing, match="limit"):
            await payloads.get("acme", payload, limit=len(content) - 1)


class ClockLaws:
    """The laws of `Clock`. Needs the fixtures `clock` and `later`; `later` lets time pass."""

    def test_the_time_is_aware_and_in_utc(self, clock: Clock) -> None:
        assert clock.now().tzinfo is UTC

    def test_both_clocks_go_forward(self, clock: Clock, later: Callable[[], None]) -> None:
        before = clock.now(), clock.monotonic()
        later()
        assert clock.now() > before[0]
        assert clock.monotonic() > before[1]
