"""Streams with JetStream's semantics, as far as the services use them: guards, message ids, atomic batches, reads.

`tests/test_simulation_server.py` compares them with a real nats-server on the same random operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from queuebit_contracts.patterns import Patterns
from queuebit_contracts.topology import Topology
from queuebit_runtime.server_errors import (
    BATCH_GUARD_FAILED,
    MESSAGE_TOO_LARGE,
    NO_MESSAGE,
    TOO_MANY_BATCHES,
    WRONG_LAST_SEQUENCE,
)

__all__ = ["Headers", "Refused", "StoredMessage", "Stream", "patterns", "streams_of"]

Headers = Mapping[str, str]

_AFTER: Final = "Nats-Expected-Last-Subject-Sequence"
_BATCH_INCOMPLETE: Final = 10176
_BATCHES_AT_ONCE: Final = 50
_BATCH_LASTS_S: Final = 10.0
_LONGEST_BATCH: Final = 1_000
_BATCH_TOO_LONG: Final = 10199


class Refused(Exception):  # an answer of the server
    """The server does not store or find it."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class StoredMessage(NamedTuple):
    """A message of a stream."""

    sequence: int
    subject: str
    headers: Headers
    body: bytes
    stored_ns: int


@dataclass(slots=True)
class _Batch:
    begun: float
    messages: list[tuple[str, Headers, bytes]] = field(default_factory=list)


@lru_cache(4096)
def patterns(*filters: str) -> Callable[[str], bool]:
    """Whether one of some patterns covers a subject."""
    if len(filters) == 1:
        (one,) = filters
        if "*" not in one:
            if not one.endswith(">"):
                return one.__eq__
            start = one[:-1]
            return lambda subject: subject.startswith(start)
    return Patterns(filters).cover


class Stream:
    """One stream in memory."""

    def __init__(
        self,
        name: str,
        subjects: Iterable[str],
        now: Callable[[], float],
        now_ns: Callable[[], int],
        *,
        most_of_subject: int = 0,
        max_size: int = 1 << 20,
        duplicates_s: float = 120.0,
    ) -> None:
        """Create it.

        Args:
            name: its name.
            subjects: what it stores.
            now: seconds of the server.
            now_ns: the server's time of the day in nanoseconds.
            most_of_subject: how many messages of one subject it keeps; 0: all.
            max_size: of a message, in bytes.
            duplicates_s: how long a message id counts.
        """
        self.name = name
        self.takes = patterns(*subjects)
        self._now = now
        self._now_ns = now_ns
        self._most_of_subject = most_of_subject
        self._max_size = max_size
        self._duplicates_s = duplicates_s
        self.messages: dict[int, StoredMessage] = {}
        self.last = 0
        self.newest: dict[str, int] = {}
        """The newest sequence of each subject."""
        self._ids: dict[str, tuple[int, float]] = {}
        self._batches: dict[str, _Batch] = {}
        self.on_stored: list[Callable[[StoredMessage, int], None]] = []
        """Called with each message that was stored, and the sequence of the one before it on its subject."""

    def publish(self, subject: str, headers: Headers, body: bytes) -> dict[str, object] | None:
        """Store a message; return the confirmation, or None for one inside of a batch.

        Raises:
            Refused: nothing was stored.
        """
        if len(body) > self._max_size:
            raise Refused(MESSAGE_TOO_LARGE, "message size exceeds maximum allowed")
        if "Nats-Batch-Id" in headers:
            return self._publish_batched(subject, headers, body)
        self._require(subject, headers, WRONG_LAST_SEQUENCE, frozenset())
        identity = headers.get("Nats-Msg-Id")
        if identity is not None and (known := self._ids.get(identity)) and known[1] > self._now() - self._duplicates_s:
            return {"stream": self.name, "seq": known[0], "duplicate": True}
        sequence = self._store(subject, headers, body)
        if identity is not None:
            self._ids[identity] = sequence, self._now()
        return {"stream": self.name, "seq": sequence}

    def forget_batches(self) -> None:
        """The server ended: open batches are gone."""
        self._batches.clear()

    def tail(self, pattern: str) -> int:
        """The last sequence under a pattern; 0 for none."""
        if "*" not in pattern and not pattern.endswith(">"):
            return self.newest.get(pattern, 0)
        takes = patterns(pattern)
        return max((it for subject, it in self.newest.items() if takes(subject)), default=0)

    def last_of(self, pattern: str) -> StoredMessage:
        """The newest message under a pattern.

        Raises:
            Refused: there is none.
        """
        return self.at(self.tail(pattern))

    def at(self, sequence: int) -> StoredMessage:
        """The message at a sequence; raises `Refused` if there is none."""
        if (found := self.messages.get(sequence)) is None:
            raise Refused(NO_MESSAGE, "no message found")
        return found

    def following(self, sequence: int, pattern: str, until: int) -> Iterator[StoredMessage]:
        """Messages under a pattern from a sequence on, up to another, in order."""
        takes = patterns(pattern)
        for number in range(max(sequence, 1), until + 1):
            if (found := self.messages.get(number)) is not None and takes(found.subject):
                yield found

    def newest_of(self, wanted: Iterable[str], until: int) -> list[StoredMessage]:
        """The newest message, up to a sequence, of each subject under some patterns, in order."""
        takes = patterns(*wanted)
        found = [self._newest_until(subject, until) for subject in self.newest if takes(subject)]
        return sorted((self.messages[it] for it in found if it), key=lambda it: it.sequence)

    def _newest_until(self, subject: str, until: int) -> int:
        if self.newest[subject] <= until:
            return self.newest[subject]
        return max((it.sequence for it in self.following(1, subject, until)), default=0)

    def _publish_batched(self, subject: str, headers: Headers, body: bytes) -> dict[str, object] | None:
        identity, number, now = headers["Nats-Batch-Id"], int(headers["Nats-Batch-Sequence"]), self._now()
        self._batches = {it: batch for it, batch in self._batches.items() if batch.begun > now - _BATCH_LASTS_S}
        batch = self._batches.get(identity)
        if batch is None:
            if number != 1:
                raise Refused(_BATCH_INCOMPLETE, "atomic publish batch is incomplete")
            if len(self._batches) >= _BATCHES_AT_ONCE:
                raise Refused(TOO_MANY_BATCHES, "maximum inflight batches reached")
            batch = self._batches[identity] = _Batch(now)
        if number != len(batch.messages) + 1:
            del self._batches[identity]
            raise Refused(_BATCH_INCOMPLETE, "atomic publish batch is incomplete")
        if number > _LONGEST_BATCH:
            del self._batches[identity]
            raise Refused(_BATCH_TOO_LONG, "batch is too long")
        batch.messages.append((subject, headers, body))
        if headers.get("Nats-Batch-Commit") != "1":
            return None
        del self._batches[identity]
        written: set[str] = set()
        for each, its_headers, _ in batch.messages:
            self._require(each, its_headers, BATCH_GUARD_FAILED, written)
            written.add(each)
        sequences = [self._store(*it) for it in batch.messages]
        return {"stream": self.name, "seq": sequences[-1], "batch": identity, "count": len(sequences)}

    def _require(self, subject: str, headers: Headers, refusal: int, written: Iterable[str]) -> None:
        """Check a guard; one on a subject that the same batch has written does not hold."""
        if (after := headers.get(_AFTER)) is None:
            return
        guard = headers.get(f"{_AFTER}-Subject", subject)
        if guard in written or self.tail(guard) != int(after):
            raise Refused(refusal, f"wrong last sequence: {self.tail(guard)}")

    def _store(self, subject: str, headers: Headers, body: bytes) -> int:
        self.last += 1
        before = self.newest.get(subject, 0)
        message = StoredMessage(self.last, subject, headers, body, self._now_ns())
        self.messages[self.last] = message
        self.newest[subject] = self.last
        if self._most_of_subject and before:
            del self.messages[before]
        for call in self.on_stored:
            call(message, before)
        return self.last


def streams_of(topology: Topology, now: Callable[[], float], now_ns: Callable[[], int]) -> list[Stream]:
    """The streams and buckets of a topology, empty."""
    streams = [
        Stream(name, it.subjects, now, now_ns, max_size=it.max_msg_size, duplicates_s=it.duplicate_window_s)
        for name, it in topology.stream.items()
    ]
    return streams + [
        Stream(f"KV_{name}", [f"$KV.{name}.>"], now, now_ns, most_of_subject=1, max_size=it.max_value_size)
        for name, it in topology.bucket.items()
    ]
