"""Copies of the log outside of the bus: Parquet files by ranges of sequences, chained by digests."""

from queuebit_archive.archive import Archive, Check, Segment
from queuebit_archive.segments import Damaged, Message, decode, encode
from queuebit_archive.writer import SEGMENT_BYTES, SEGMENT_MESSAGES, OtherLog, Writer

__all__ = [
    "SEGMENT_BYTES",
    "SEGMENT_MESSAGES",
    "Archive",
    "Check",
    "Damaged",
    "Message",
    "OtherLog",
    "Segment",
    "Writer",
    "decode",
    "encode",
]
