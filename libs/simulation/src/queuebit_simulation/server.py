"""A nats-server in memory: subjects, streams and consumers, as far as the services use them.

It answers at once and moves no time: the network between it and the nodes delays and loses (`network`).
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final, Protocol

from queuebit_contracts.topology import Topology
from queuebit_runtime.server_errors import CONSUMER_EXISTS, NO_STREAM
from queuebit_simulation.loop import VirtualLoop
from queuebit_simulation.streams import Headers, Refused, StoredMessage, Stream, patterns, streams_of

__all__ = ["EPOCH", "MemoryServer", "Peer"]

EPOCH: Final = datetime(2026, 12, 1, 9, tzinfo=UTC)
"""When every simulation begins."""

_API: Final = "$JS.API."
_NANO: Final = 1_000_000_000
_NO_CONSUMER: Final = 10014


class Peer(Protocol):
    """A connection, as the server sees it."""

    def deliver(self, number: int, subject: str, reply: str, headers: Headers | None, body: bytes) -> None:
        """Send a message to a subscription."""
        ...


@dataclass(frozen=True, slots=True)
class _Subscription:
    peer: Peer
    number: int
    pattern: str
    queue: str


class _Subscriptions:
    """Subscriptions, found by subject: those to all children of a subject, such as inboxes, without a search."""

    def __init__(self) -> None:
        self._under: dict[str, list[_Subscription]] = {}
        """By parent, for patterns whose only wildcard is a `*` at the end."""
        self._others: dict[str, list[_Subscription]] = {}
        """By pattern."""

    def add(self, it: _Subscription) -> None:
        parent, _, last = it.pattern.rpartition(".")
        if last == "*" and "*" not in parent:
            self._under.setdefault(parent, []).append(it)
        else:
            self._others.setdefault(it.pattern, []).append(it)

    def remove(self, is_one: Callable[[_Subscription], bool]) -> None:
        for kept in (self._under, self._others):
            for key in [*kept]:
                kept[key] = [it for it in kept[key] if not is_one(it)]
                if not kept[key]:
                    del kept[key]

    def of(self, subject: str) -> list[_Subscription]:
        found = [*self._under.get(subject.rpartition(".")[0], ())]
        for pattern, subscriptions in self._others.items():
            if pattern == subject or ((pattern[-1] in "*>" or "*" in pattern) and patterns(pattern)(subject)):
                found += subscriptions
        return found


@dataclass(slots=True)
class _Pull:
    """A request for messages that a consumer has not served completely."""

    inbox: str
    left: int
    until: float
    beat_s: float
    quiet_since: float


@dataclass(slots=True)
class _Delivery:
    number: int
    until: float


@dataclass(slots=True, eq=False)
class _Consumer:
    stream: Stream
    name: str
    config: dict[str, Any]  # as the API has it
    takes: Callable[[str], bool]
    waiting: deque[int]
    """Sequences that were never delivered."""
    ack_wait_s: float
    most_pending: int
    again: deque[int] = field(default_factory=deque)
    """Sequences to deliver once more."""
    pulls: deque[_Pull] = field(default_factory=deque)
    pending: dict[int, _Delivery] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    """How often each message without an acknowledgement was delivered."""
    place: int = 0
    newest: int = 0
    beating: bool = False
    asked_at: float = 0.0
    """When it last had a request of a connection that is alive."""

    @property
    def explicit(self) -> bool:
        return bool(self.config.get("ack_policy") == "explicit")

    @property
    def unsettled(self) -> int:
        return len(self.pending.keys() | {*self.again})


class MemoryServer:
    """Takes what connections send, and delivers to their subscriptions."""

    def __init__(self, topology: Topology, loop: VirtualLoop, *, direct_lag_s: float = 0.0) -> None:
        """Create it with all streams and durables of a topology.

        Args:
            topology: what there is.
            loop: its time.
            direct_lag_s: how old the state may be from which direct gets are answered, as by a replica that lags.
        """
        self._loop = loop
        self._direct_lag_s = direct_lag_s
        self.streams = {it.name: it for it in streams_of(topology, loop.time, self._now_ns)}
        self._subscriptions = _Subscriptions()
        self._turns = 0
        self.consumers: dict[tuple[str, str], _Consumer] = {}
        for name, stream in topology.stream.items():
            if stream.republish is not None:
                before, after = stream.republish.source[:-1], stream.republish.destination[:-1]
                self.streams[name].on_stored.append(partial(self._republish, name, before, after))
            self.streams[name].on_stored.append(partial(self._offer, name))
        for name, durable in topology.durable.items():
            config = {
                "durable_name": name,
                "name": name,
                "ack_policy": "explicit",
                "filter_subjects": [*durable.filters],
                "ack_wait": durable.ack_wait_s * _NANO,
                "max_ack_pending": durable.max_ack_pending,
            }
            self._create(self.streams[durable.stream], name, config)

    # Connections

    def subscribe(self, peer: Peer, number: int, pattern: str, queue: str) -> None:
        """Begin to deliver what a pattern covers."""
        self._subscriptions.add(_Subscription(peer, number, pattern, queue))

    def unsubscribe(self, peer: Peer, number: int) -> None:
        """End a subscription."""
        self._subscriptions.remove(lambda it: it.peer is peer and it.number == number)

    def leave(self, peer: Peer) -> None:
        """End a connection."""
        self._subscriptions.remove(lambda it: it.peer is peer)

    def restart(self) -> None:
        """End and start: what is only in memory is gone, such as requests, open batches and consumers of views."""
        for stream in self.streams.values():
            stream.forget_batches()
        for key in [it for it, consumer in self.consumers.items() if not consumer.explicit]:
            del self.consumers[key]
        for consumer in self.consumers.values():
            consumer.pulls.clear()

    def redeliver(self, random: Random) -> None:
        """Deliver once more what was delivered and not acknowledged, as if the time for it were over."""
        pending = [(it, sequence) for it in self.consumers.values() for sequence in it.pending]
        if pending:
            consumer, sequence = random.choice(pending)
            consumer.pending[sequence].until = 0.0
            self._overdue(consumer, sequence)

    def unsettled(self, durables: Iterable[str]) -> dict[str, int]:
        """By durable: messages that are not acknowledged, if there are any."""
        wanted = {*durables}
        waiting = {it.name: len(it.waiting) + it.unsettled for it in self.consumers.values() if it.name in wanted}
        return {name: count for name, count in waiting.items() if count}

    def receive(self, subject: str, reply: str, headers: Headers | None, body: bytes) -> None:
        """Take a message from a connection."""
        if subject.startswith(_API):
            self._answer(subject.removeprefix(_API), reply, body)
        elif subject.startswith("$JS.ACK."):
            self._acknowledge(subject, body)
            if reply:
                self._deliver(reply, "", None, b"")
        else:
            stored = False
            for stream in self.streams.values():
                if stream.takes(subject):
                    stored = True
                    self._store(stream, subject, reply, headers or {}, body)
            if not self._deliver(subject, reply, headers, body) and not stored and reply:
                self._deliver(reply, "", {"Status": "503"}, b"")

    def _deliver(self, subject: str, reply: str, headers: Headers | None, body: bytes) -> bool:
        """Deliver to every subscription, and to one of each queue."""
        queues: dict[tuple[str, str], list[_Subscription]] = {}
        found = self._subscriptions.of(subject)
        for it in found:
            if it.queue:
                queues.setdefault((it.pattern, it.queue), []).append(it)
            else:
                it.peer.deliver(it.number, subject, reply, headers, body)
        for members in queues.values():
            self._turns += 1
            one = members[self._turns % len(members)]
            one.peer.deliver(one.number, subject, reply, headers, body)
        return bool(found)

    # Streams

    def _store(self, stream: Stream, subject: str, reply: str, headers: Headers, body: bytes) -> None:
        try:
            answer = stream.publish(subject, headers, body)
        except Refused as error:
            answer = _error(400, error.number, str(error))
        if reply:
            self._deliver(reply, "", None, b"" if answer is None else json.dumps(answer).encode())

    def _republish(self, stream: str, before: str, after: str, message: StoredMessage, previous: int) -> None:
        if message.subject.startswith(before):
            headers = {
                **message.headers,
                "Nats-Stream": stream,
                "Nats-Subject": message.subject,
                "Nats-Sequence": str(message.sequence),
                "Nats-Last-Sequence": str(previous),
                "Nats-Time-Stamp": _moment(message.stored_ns),
            }
            self._deliver(after + message.subject.removeprefix(before), "", headers, message.body)

    def _now_ns(self) -> int:
        return int(EPOCH.timestamp()) * _NANO + int(self._loop.time() * _NANO)

    def _visible(self, stream: Stream) -> int:
        """The last sequence that a direct get sees."""
        last, since = stream.last, self._now_ns() - int(self._direct_lag_s * _NANO)
        while self._direct_lag_s and last in stream.messages and stream.messages[last].stored_ns > since:
            last -= 1
        return last

    def _answer(self, call: str, reply: str, body: bytes) -> None:
        match call.split(".", 3):
            case ["STREAM", "INFO", name]:
                self._reply(reply, self._stream_info(name))
            case ["STREAM", "MSG", "GET", name]:
                self._reply(reply, self._get(name, json.loads(body)))
            case ["DIRECT", "GET", name]:
                self._get_direct(self.streams[name], reply, json.loads(body))
            case ["DIRECT", "GET", name, subject]:
                self._get_direct(self.streams[name], reply, {"last_by_subj": subject})
            case ["CONSUMER", "CREATE", name, consumer]:
                self._reply(reply, self._created(name, consumer, json.loads(body)["config"]))
            case ["CONSUMER", "DELETE", name, consumer]:
                there = self.consumers.pop((name, consumer), None) is not None
                self._reply(reply, {"success": True} if there else _error(404, _NO_CONSUMER, "consumer not found"))
            case ["CONSUMER", "MSG", "NEXT", where]:
                stream, _, consumer = where.partition(".")
                self._pull(stream, consumer, reply, json.loads(body))
            case ["CONSUMER", "LIST", name]:
                listed = [self._info(it) for (stream, _), it in self.consumers.items() if stream == name]
                self._reply(reply, {"total": len(listed), "offset": 0, "limit": 256, "consumers": listed})
            case _:
                raise NotImplementedError(call)

    def _reply(self, reply: str, answer: dict[str, Any]) -> None:
        if reply:
            self._deliver(reply, "", None, json.dumps(answer).encode())

    def _stream_info(self, name: str) -> dict[str, Any]:
        stream = self.streams.get(name)
        if stream is None:
            return _error(404, NO_STREAM, "stream not found")
        first = min(stream.messages, default=stream.last + 1)
        state = {"messages": len(stream.messages), "first_seq": first, "last_seq": stream.last, "bytes": 0}
        return {"config": {"name": name}, "state": state, "created": _moment(self._now_ns())}

    def _get(self, name: str, wanted: dict[str, Any]) -> dict[str, Any]:
        stream = self.streams[name]
        try:
            if (pattern := wanted.get("last_by_subj")) is not None:
                found = stream.last_of(pattern)
            elif (pattern := wanted.get("next_by_subj")) is not None:
                after = stream.following(wanted.get("seq", 1), pattern, stream.last)
                found = next(after, None) or stream.at(0)
            else:
                found = stream.at(wanted["seq"])
        except Refused as error:
            return _error(404, error.number, str(error))
        message = {"subject": found.subject, "seq": found.sequence, "time": _moment(found.stored_ns)}
        return {"message": {**message, "data": base64.b64encode(found.body).decode()}}

    def _get_direct(self, stream: Stream, reply: str, wanted: dict[str, Any]) -> None:
        until = self._visible(stream)
        if (several := wanted.get("multi_last")) is not None:
            found = stream.newest_of(several, min(until, wanted.get("up_to_seq", until)))
            self._send_all(stream, reply, found)
        elif (pattern := wanted.get("next_by_subj")) is not None:
            after = stream.following(wanted["seq"], pattern, until)
            if "batch" in wanted:
                self._send_all(stream, reply, [it for it, _ in zip(after, range(wanted["batch"]), strict=False)])
            else:
                self._send_one(stream, reply, next(after, None))
        elif (pattern := wanted.get("last_by_subj")) is not None:
            found = stream.newest_of([pattern], until)
            self._send_one(stream, reply, found[-1] if found else None)
        else:
            self._send_one(stream, reply, stream.messages.get(wanted["seq"]) if wanted["seq"] <= until else None)

    def _send_all(self, stream: Stream, reply: str, found: list[StoredMessage]) -> None:
        if not found:
            self._deliver(reply, "", {"Status": "404", "Description": "No Results"}, b"")
            return
        last = 0
        for it in found:
            self._send_one(stream, reply, it, {"Nats-Last-Sequence": str(last)})
            last = it.sequence
        self._deliver(reply, "", {"Status": "204", "Description": "EOB", "Nats-Last-Sequence": str(last)}, b"")

    def _send_one(self, stream: Stream, reply: str, found: StoredMessage | None, more: Headers | None = None) -> None:
        if found is None:
            self._deliver(reply, "", {"Status": "404", "Description": "Message Not Found"}, b"")
            return
        headers = {
            **found.headers,
            "Nats-Stream": stream.name,
            "Nats-Subject": found.subject,
            "Nats-Sequence": str(found.sequence),
            "Nats-Time-Stamp": _moment(found.stored_ns),
            **(more or {}),
        }
        self._deliver(reply, "", headers, found.body)

    # Consumers

    def _created(self, name: str, consumer: str, config: dict[str, Any]) -> dict[str, Any]:
        known = self.consumers.get((name, consumer))
        if known is not None:
            return self._info(known) if known.config == config else _error(400, CONSUMER_EXISTS, "consumer exists")
        return self._info(self._create(self.streams[name], consumer, config))

    def _create(self, stream: Stream, name: str, config: dict[str, Any]) -> _Consumer:
        takes = patterns(*config["filter_subjects"])
        first = config.get("opt_start_seq", 1)
        waiting = deque(it for it, message in stream.messages.items() if it >= first and takes(message.subject))
        wait_s = config.get("ack_wait", 30 * _NANO) / _NANO
        most = config.get("max_ack_pending", 1000)
        made = _Consumer(stream, name, config, takes, waiting, wait_s, most, asked_at=self._loop.time())
        self.consumers[stream.name, name] = made
        if (idle_s := config.get("inactive_threshold", 0) / _NANO) > 0:
            self._loop.call_later(idle_s, self._remove_idle, made, idle_s)
        return made

    def _remove_idle(self, consumer: _Consumer, idle_s: float) -> None:
        """Remove a consumer from which no client took anything for a while."""
        if self.consumers.get((consumer.stream.name, consumer.name)) is not consumer:
            return
        if self._loop.time() - consumer.asked_at >= idle_s * 0.99:
            del self.consumers[consumer.stream.name, consumer.name]
        else:
            self._loop.call_at(consumer.asked_at + idle_s, self._remove_idle, consumer, idle_s)

    def _info(self, it: _Consumer) -> dict[str, Any]:
        return {
            "stream_name": it.stream.name,
            "name": it.name,
            "config": it.config,
            "num_pending": len(it.waiting),
            "num_ack_pending": it.unsettled,
        }

    def _offer(self, name: str, message: StoredMessage, previous: int) -> None:
        """Give a new message to the consumers that want it."""
        del previous
        for (stream, _), consumer in self.consumers.items():
            if stream == name and consumer.takes(message.subject):
                consumer.waiting.append(message.sequence)
                self._serve(consumer)

    def _pull(self, stream: str, name: str, reply: str, wanted: dict[str, Any]) -> None:
        consumer = self.consumers.get((stream, name))
        if consumer is None:  # the status says that no service answers here
            self._deliver(reply, "", {"Status": "503"}, b"")
            return
        now = self._loop.time()
        pull = _Pull(
            reply,
            wanted.get("batch", 1),
            now + wanted.get("expires", 0) / _NANO,
            wanted.get("idle_heartbeat", 0) / _NANO,
            now,
        )
        consumer.pulls.append(pull)
        consumer.asked_at = now
        self._serve(consumer)
        if wanted.get("no_wait"):
            if pull in consumer.pulls:
                consumer.pulls.remove(pull)
                self._deliver(reply, "", {"Status": "404", "Description": "No Messages"}, b"")
            return
        if pull.left and wanted.get("expires"):
            self._loop.call_at(pull.until, self._expire, consumer, pull)
        if pull.beat_s and not consumer.beating:
            consumer.beating = True
            self._loop.call_later(pull.beat_s, self._beat, consumer)

    def _expire(self, consumer: _Consumer, pull: _Pull) -> None:
        if pull in consumer.pulls:
            consumer.pulls.remove(pull)
            headers = {
                "Status": "408",
                "Description": "Request Timeout",
                "Nats-Pending-Messages": str(pull.left),
                "Nats-Pending-Bytes": "0",
            }
            self._deliver(pull.inbox, "", headers, b"")

    def _beat(self, consumer: _Consumer) -> None:
        """Show requests without a message for a while that they are alive."""
        if not consumer.pulls or self.consumers.get((consumer.stream.name, consumer.name)) is not consumer:
            consumer.beating = False
            return
        now = self._loop.time()
        headers = {
            "Status": "100",
            "Description": "Idle Heartbeat",
            "Nats-Last-Consumer": str(consumer.place),
            "Nats-Last-Stream": str(consumer.newest),
        }
        beat_s = 1.0
        for pull in [*consumer.pulls]:
            beat_s = pull.beat_s or beat_s
            if now - pull.quiet_since >= pull.beat_s * 0.99:
                pull.quiet_since = consumer.asked_at = now
                if not self._deliver(pull.inbox, "", headers, b""):  # the connection is gone
                    consumer.pulls.remove(pull)
        self._loop.call_later(beat_s, self._beat, consumer)

    def _serve(self, consumer: _Consumer) -> None:
        """Deliver what waits to what asks."""
        while consumer.pulls and (consumer.again or consumer.waiting):
            if consumer.explicit and not consumer.again and len(consumer.pending) >= consumer.most_pending:
                return
            pull = consumer.pulls[0]
            sequence = consumer.again.popleft() if consumer.again else consumer.waiting.popleft()
            pull.left -= 1
            pull.quiet_since = self._loop.time()
            consumer.pulls.rotate(-1) if pull.left else consumer.pulls.popleft()
            self._send(consumer, pull.inbox, sequence)

    def _send(self, consumer: _Consumer, inbox: str, sequence: int) -> None:
        message = consumer.stream.messages[sequence]
        consumer.place += 1
        consumer.newest = max(consumer.newest, sequence)
        number = consumer.counts.get(sequence, 0) + 1
        if consumer.explicit:
            consumer.counts[sequence] = number
            consumer.pending[sequence] = _Delivery(number, self._loop.time() + consumer.ack_wait_s)
            self._loop.call_later(consumer.ack_wait_s, self._overdue, consumer, sequence)
        reply = (
            f"$JS.ACK.{consumer.stream.name}.{consumer.name}.{number}.{sequence}.{consumer.place}."
            f"{message.stored_ns}.{len(consumer.waiting)}"
        )
        body = b"" if consumer.config.get("headers_only") else message.body
        self._deliver_as(inbox, message.subject, reply, message.headers, body)

    def _deliver_as(self, inbox: str, subject: str, reply: str, headers: Headers, body: bytes) -> None:
        """Deliver a stored message, under its own subject, to the subscription of an inbox."""
        for it in self._subscriptions.of(inbox):
            it.peer.deliver(it.number, subject, reply, headers or None, body)

    def _overdue(self, consumer: _Consumer, sequence: int) -> None:
        """Deliver again what was not acknowledged in time."""
        delivery = consumer.pending.get(sequence)
        if delivery is None:
            return
        now = self._loop.time()
        if delivery.until > now + 1e-9:
            self._loop.call_at(delivery.until, self._overdue, consumer, sequence)
            return
        del consumer.pending[sequence]
        consumer.again.append(sequence)
        self._serve(consumer)

    def _acknowledge(self, subject: str, body: bytes) -> None:
        _, _, stream, name, _, sequence, *_ = subject.split(".")
        consumer, number = self.consumers.get((stream, name)), int(sequence)
        if consumer is None or number not in consumer.counts:
            return
        if body in (b"", b"+ACK", b"+TERM"):
            consumer.pending.pop(number, None)
            consumer.counts.pop(number, None)
            if number in consumer.again:
                consumer.again.remove(number)
        elif body.startswith(b"-NAK"):
            delivery = consumer.pending.get(number)
            if delivery is None:
                return
            delay_s = json.loads(body[4:] or b"{}").get("delay", 0) / _NANO
            delivery.until = self._loop.time() + delay_s
            if delay_s:
                self._loop.call_at(delivery.until, self._overdue, consumer, number)
            else:
                self._overdue(consumer, number)
        elif body == b"+WPI" and (delivery := consumer.pending.get(number)) is not None:
            delivery.until = self._loop.time() + consumer.ack_wait_s
        self._serve(consumer)


def _error(code: int, number: int, text: str) -> dict[str, Any]:
    return {"error": {"code": code, "err_code": number, "description": text}}


def _moment(stored_ns: int) -> str:
    moment = datetime.fromtimestamp(stored_ns // _NANO, UTC) + timedelta(microseconds=stored_ns % _NANO // 1000)
    return moment.isoformat().replace("+00:00", "Z")
