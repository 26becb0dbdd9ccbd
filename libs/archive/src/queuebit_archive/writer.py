"""Takes the messages of the log in order, and writes a segment whenever one is full."""

from __future__ import annotations

from queuebit_archive.archive import Archive, Segment
from queuebit_archive.segments import Message
from queuebit_kernel import Fault

__all__ = ["SEGMENT_BYTES", "SEGMENT_MESSAGES", "OtherLog", "Writer"]

SEGMENT_MESSAGES = 20_000
"""Messages of a full segment."""
SEGMENT_BYTES = 32 << 20
"""Bytes of bodies, headers and subjects after which a segment is full, too: this bounds memory."""


class OtherLog(Fault):
    """The log does not continue the archive: it lacks messages, or has others in their place."""

    code = "archive_of_another_log"


class Writer:
    """Appends messages to an archive, beginning with the last one that is archived, which the log must have, too."""

    def __init__(
        self,
        archive: Archive,
        lost: frozenset[int] = frozenset(),
        *,
        most_messages: int = SEGMENT_MESSAGES,
        most_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Open the archive.

        Args:
            archive: where segments are written.
            lost: sequences of messages that the log is known to have lost.
            most_messages: of a segment.
            most_bytes: of a segment, before compression.

        Raises:
            Damaged: its last segment cannot be read.
        """
        self._archive = archive
        self._lost = lost
        self._most_messages, self._most_bytes = most_messages, most_bytes
        self._joint = archive.newest()
        self._end = self._joint.sequence if self._joint else 0
        self._next = max(self._end, 1)
        self._held: list[Message] = []
        self._bytes = 0
        self.written: list[Segment] = []

    @property
    def after(self) -> int:
        """The sequence after which the log must be read."""
        return self._next - 1

    def require(self, end: int) -> None:
        """Check that the log is not older than the archive.

        Args:
            end: the last sequence of the log.

        Raises:
            OtherLog: it ends before the archive does.
        """
        if end < self._end:
            raise OtherLog(
                f"the archive has events up to {self._end}, and LOG ends at {end}: the events {end + 1}-{self._end} "
                "are in the archive alone. LOG is of a backup older than its archive, or of another stack"
            )

    def take(self, message: Message) -> bool:
        """Take a message, the last archived one first; True if the segment is full now, and `write` must follow.

        Raises:
            OtherLog: the log has another message in the place of the last archived one, or lacks messages.
        """
        for absent in range(self._next, message.sequence):
            if absent not in self._lost:
                raise OtherLog(f"LOG lacks the event {absent}: run `qb recover`, then try again")
        self._next = message.sequence + 1
        if self._joint and message.sequence == self._joint.sequence:
            if message != self._joint:
                raise OtherLog(f"LOG has another event at {message.sequence} than the archive: it is of another stack")
            return False
        self._held.append(message)
        self._bytes += len(message.body) + len(message.headers or b"") + len(message.subject)
        return len(self._held) >= self._most_messages or self._bytes >= self._most_bytes

    def write(self) -> None:
        """Write what was taken as a segment; nothing if there is nothing."""
        if self._held:
            self.written.append(self._archive.append(self._held))
            self._held, self._bytes = [], 0
