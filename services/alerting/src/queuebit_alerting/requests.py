"""Answers the operator: lists alerts and silences, silences, acknowledges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from queuebit_alerting.errors import Denied
from queuebit_alerting.handlers import SOURCE, catch_up
from queuebit_alerting.ports import Follows
from queuebit_alerting.quieting import Quieting
from queuebit_alerting.state import Alert, Book, Group
from queuebit_contracts.alert_documents import Alerts
from queuebit_contracts.alert_requests import (
    AcknowledgeOrder,
    AlertingAnswer,
    AlertingRequest,
    AlertRow,
    EndOrder,
    SilenceOrder,
    TestOrder,
    TestOutcome,
)
from queuebit_contracts.alerts import (
    Acknowledgement,
    AlertAcknowledged,
    Silence,
    SilenceCreated,
    SilenceEnd,
    SilenceEnded,
    shared_labels,
)
from queuebit_contracts.subjects_alerting import alert, group_id, silence
from queuebit_kernel import Clock, Stale, event_id
from queuebit_runtime.log import EventLog

__all__ = ["AnswerOperator", "SendTest"]

_TRIES: Final = 4
"""How often an acknowledgement is decided again because another fact came first."""
_LONGEST: Final = timedelta(days=90)

SendTest = Callable[[str], Awaitable[TestOutcome]]
"""Send a test message to a receiver."""


class AnswerOperator:
    """One request at a time becomes at most one fact."""

    def __init__(
        self, log: EventLog, book: Book, follows: Follows, documents: Alerts, test: SendTest, clock: Clock
    ) -> None:
        self._documents = documents
        self._test = test
        self._log = log
        self._book = book
        self._follows = follows
        self._clock = clock

    async def __call__(self, request: AlertingRequest) -> AlertingAnswer:
        """Do what is asked; without an order, list."""
        orders = [it for it in (request.silence, request.end, request.acknowledge, request.test) if it is not None]
        try:
            if len(orders) > 1:
                raise Denied("malformed", "a request has one order at most: send one for each")
            match orders:
                case [SilenceOrder() as order]:
                    return await self._silence(order, request.by)
                case [EndOrder() as order]:
                    return await self._end(order.silence, request.by)
                case [AcknowledgeOrder() as order]:
                    return await self._acknowledged(order.group, request.by)
                case []:
                    return self._list(resolved=request.resolved)
                case [TestOrder() as order]:
                    return await self._try(order.receiver)
            raise Denied("malformed", "this version does not know the order")
        except Denied as error:
            return AlertingAnswer(errors=(error.reason,))

    async def _silence(self, order: SilenceOrder, by: str) -> AlertingAnswer:
        now = self._clock.now()
        starts_at = order.starts_at or now
        if not max(now, starts_at) < order.ends_at <= starts_at + _LONGEST:
            text = "a silence ends in the future, after it starts, and within 90 days: give another end"
            raise Denied("bad_end", text)
        event = SilenceCreated(
            source=SOURCE,
            data=Silence(
                silence=f"s{event_id()[:8]}",
                matchers=order.matchers,
                author=by,
                reason=order.reason,
                starts_at=starts_at,
                ends_at=order.ends_at,
            ),
        )
        sequence = await self._log.append(event, after=0, guard=silence(event.data.silence).everything)
        await self._follows.reached(sequence)
        return AlertingAnswer(silences=(event.data,), sequence=sequence)

    async def _end(self, name: str, by: str) -> AlertingAnswer:
        if name not in self._book.silences:
            raise Denied("no_silence", f"there is no silence {name}, or it was ended: `qb silence list` has all")
        event = SilenceEnded(id=event_id("silence", name, "ended"), source=SOURCE, data=SilenceEnd(silence=name, by=by))
        after = self._book.tails[name]
        sequence = await self._log.append(event, after=after, guard=silence(name).everything)
        await self._follows.reached(sequence)
        return AlertingAnswer(sequence=sequence)

    async def _acknowledged(self, name: str, by: str) -> AlertingAnswer:
        """Acknowledge; again with what is known then, if another fact of the group came first."""
        for _ in range(_TRIES):
            with suppress(Stale):
                return await self._acknowledge(name, by)
            await catch_up(self._log, self._book.tails, self._follows, alert(name))
        return await self._acknowledge(name, by)

    async def _acknowledge(self, name: str, by: str) -> AlertingAnswer:
        group = self._book.groups.get(name)
        if group is None or not group.opened:
            text = (
                f"no receiver was notified of a group {name}, or all of it is resolved: `qb alerts list` has the groups"
            )
            raise Denied("no_group", text)
        if group.in_hand:
            return AlertingAnswer(sequence=self._book.tails[name])
        data = Acknowledgement(group=name, number=group.number, by=by)
        event = AlertAcknowledged(
            id=event_id("group", name, "acknowledged", str(group.number)), source=SOURCE, data=data
        )
        sequence = await self._log.append(event, after=self._book.tails[name], guard=alert(name).everything)
        await self._follows.reached(sequence)
        return AlertingAnswer(sequence=sequence)

    async def _try(self, receiver: str) -> AlertingAnswer:
        if receiver not in self._documents.receiver:
            known = ", ".join(sorted(self._documents.receiver)) or "none: write alerts.toml, then restart alerting"
            raise Denied("no_receiver", f"there is no receiver {receiver}; there are: {known}")
        return AlertingAnswer(test=await self._test(receiver))

    def _list(self, *, resolved: bool) -> AlertingAnswer:
        now = self._clock.now()
        quieting = Quieting(self._book, self._documents, now)
        rows = [self._row(it, quieting) for it in self._book.alerts.values() if it.firing or resolved]
        rows.sort(key=lambda it: (it.status, it.labels.get("severity", ""), -it.starts_at.timestamp()))
        lasting = [it for it in self._book.silences.values() if it.ends_at > now]
        silences = sorted(lasting, key=lambda it: (it.ends_at, it.silence))
        return AlertingAnswer(alerts=tuple(rows[:500]), silences=tuple(silences))

    def _row(self, it: Alert, quieting: Quieting) -> AlertRow:
        group = self._book.groups.get(name := group_id(shared_labels(it.last.labels)))
        return AlertRow(
            alert=it.id,
            group=name,
            number=it.last.number,
            status="firing" if it.firing else "resolved",
            labels=it.last.labels,
            annotations=it.last.annotations,
            starts_at=it.last.starts_at,
            ended_at=it.ended_at,
            quiet_because=quieting.reason(it) if it.firing else None,
            acknowledged=group is not None and group.in_hand,
            informed=_informed(group, it.id),
        )


def _informed(group: Group | None, name: str) -> tuple[str, ...]:
    """The receivers that know of an alert."""
    return () if group is None else tuple(sorted(it for it, them in group.informed.items() if name in them))
