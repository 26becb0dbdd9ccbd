"""Rows of the warehouse's table `events` from messages of the log, and marks to compare rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

from queuebit_contracts.subjects import event_name, parse

__all__ = ["MARK", "Row", "mark_of", "row_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 1, 1, tzinfo=UTC)
_LONGEST_NAME = 64
_MARK_BYTES = 8


class Row(NamedTuple):
    """One row of `events`; the fields are the sent columns."""

    seq: int
    stored_at: int
    """Microseconds since 1970, like all times here."""
    event_time: int
    event_id: str
    type: str
    source: str
    subject: str
    tenant: str
    job: str
    project: str
    account: str
    backend: str
    traceparent: str
    provenanceid: str
    data: bytes


def row_of(subject: str, body: bytes, sequence: int, stored_at: datetime) -> Row:
    """Read a message of the log; never fails.

    Tenant and job come from the subject, which permissions guard. A body that is no event, or does not match its
    subject, is stored with an empty type: it counts, but views ignore it.
    """
    noun, tenant, id_, name, qualifiers = parse(subject)
    account = id_ if noun == "account" else ""
    backend = id_ if noun == "backend" else ""
    job = id_ if noun in ("job", "command") else "".join(qualifiers) if account else ""
    if account and name == "corrected":  # its qualifier is the job with the revision
        job = job.rpartition("-")[0]
    stored = (stored_at - _EPOCH) // _MICROSECOND
    try:
        event = orjson.loads(body)
        moment = datetime.fromisoformat(event["time"])
        data = event["data"]
        if not (event_name(event["type"]) == name and _EARLIEST < moment < _LATEST and isinstance(data, dict)):
            raise ValueError("an event of another subject or time")
        return Row(
            sequence,
            stored,
            (moment - _EPOCH) // _MICROSECOND,
            _text(event, "id"),
            event["type"],
            _name(event, "source"),
            subject,
            tenant,
            job or _name(data, "job"),
            _name(data, "project"),
            account,
            backend or _name(data, "backend"),
            _text(event, "traceparent"),
            _text(event, "provenanceid"),
            bytes(memoryview(orjson.dumps(data))),  # its own buffer is several times as large, and rows wait
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Row(sequence, stored, stored, "", "", "", subject, tenant, job, "", account, backend, "", "", body)


def _text(event: Mapping[str, Any], key: str) -> str:  # JSON that was not validated
    value = event.get(key)
    return value if isinstance(value, str) else ""


def _name(data: Mapping[str, Any], key: str) -> str:  # as above
    value = _text(data, key)
    return value if len(value) <= _LONGEST_NAME else ""


_TIMES: Final = ("stored_at", "event_time")
_NUMBERS: Final = ("seq", *_TIMES)
_TEXTS: Final = Row._fields[len(_NUMBERS) : -1]
_FORM: Final = " ".join(["%d"] * len(Row._fields[:-1])) + ":%s"

MARK: Final = (
    "reinterpretAsUInt64(substring(SHA256(concat("
    + ", ' ', ".join(
        [f"toString(toUnixTimestamp64Micro({it}))" if it in _TIMES else f"toString({it})" for it in _NUMBERS]
        + [f"toString(length({it}))" for it in _TEXTS]
    )
    + f", ':', {', '.join(_TEXTS)}, data)), 1, {_MARK_BYTES}))"
)
"""The expression in ClickHouse's SQL for what `mark_of` computes, over the columns of a stored row."""


def mark_of(row: Row) -> int:
    """64 bits of SHA-256 over everything in a row: its numbers, the length in bytes of each text, then the content."""
    sequence, stored, moment, *texts, data = row
    joined = "".join(texts)
    lengths = map(len, texts if joined.isascii() else [it.encode() for it in texts])
    content = hashlib.sha256((_FORM % (sequence, stored, moment, *lengths, joined)).encode() + data)
    return int.from_bytes(content.digest()[:_MARK_BYTES], "little")
