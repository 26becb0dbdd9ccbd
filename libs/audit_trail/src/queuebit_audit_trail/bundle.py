"""A bundle for an auditor: records with their events, in a chain of digests whose end is signed. It verifies offline.

A bundle is a text of lines in canonical JSON. Each line has its number and the digest of the line before. First come
the records, each with the event that it is made from, then the receipts of the sealed jobs among them. The end is a
signed statement: the number of lines, the digest of the last one, and what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from queuebit_audit_trail.actions import VOCABULARY
from queuebit_audit_trail.records import Record, Selection, record_of
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import JobSealed, JobSealedV1
from queuebit_kernel import Json, Malformed, canonical, digest, rfc3339
from queuebit_proof import (
    CheckpointInvalid,
    EnvelopeInvalid,
    KeyRing,
    Opened,
    ReceiptInvalid,
    TrustRoot,
    open_envelope,
    seal,
    verify,
    verify_checkpoint,
)
from queuebit_proof.encoding import exactly, parse_json, text, whole

__all__ = ["BUNDLE_TYPE", "BundleFault", "BundleInvalid", "Covered", "VerifiedBundle", "build_bundle", "verify_bundle"]

BUNDLE_TYPE: Final = "https://queuebit.dev/attestations/audit-bundle/v1"

_STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
_START: Final = digest(b"")


@dataclass(frozen=True, slots=True)
class Covered:
    """What a bundle covers, as its maker states it."""

    selection: Selection
    through: int
    """The last sequence of the log that was read."""
    made_at: datetime
    checkpoint: str | None = None
    """The signed head of the transparency log; None if nothing was sealed yet."""


@dataclass(frozen=True, slots=True)
class BundleFault:
    """One difference between a bundle and what was signed."""

    kind: str
    """`form`, `signature`, `altered`, `missing`, `order`, `receipt` or `checkpoint`."""
    line: int
    """Its place in the file, from 1 on; 0 for the whole."""
    text: str


class BundleInvalid(Exception):
    """A bundle is not what the deployment signed."""

    def __init__(self, faults: tuple[BundleFault, ...]) -> None:
        super().__init__("; ".join(it.text for it in faults[:3]))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """What a valid bundle states."""

    signer: str
    key_ids: tuple[str, ...]
    statement: Mapping[str, object]
    """The predicate: when it was made, what was asked for, and up to where the log was read."""
    records: tuple[Mapping[str, object], ...]
    receipts: tuple[str, ...]
    """The jobs whose receipts are in it, each as `tenant/job`."""


def build_bundle(
    entries: Iterable[tuple[Record, bytes]], receipts: Iterable[bytes], covered: Covered, ring: KeyRing
) -> Iterator[bytes]:
    """The lines of a bundle, without their ends.

    Args:
        entries: the records in the order of the log, each with the bytes of its event.
        receipts: of sealed jobs among them.
        covered: what was asked for and read.
        ring: the keys of the deployment.
    """
    chain = _Chain()
    for record, event in entries:
        yield chain.line({"record": record.document(), "event": event.decode()})
    records = chain.number
    for receipt in receipts:
        yield chain.line({"receipt": receipt.decode()})
    wanted = covered.selection
    predicate: dict[str, Json] = {
        "signer": ring.origin,
        "made_at": rfc3339(covered.made_at),
        "vocabulary": VOCABULARY,
        "tenant": wanted.tenant,
        "since": None if wanted.since is None else rfc3339(wanted.since),
        "until": None if wanted.until is None else rfc3339(wanted.until),
        "actor": wanted.actor,
        "action": wanted.action,
        "through": covered.through,
        "records": records,
        "receipts": chain.number - records,
        "checkpoint": covered.checkpoint,
    }
    statement: dict[str, Json] = {
        "_type": _STATEMENT_TYPE,
        "subject": [{"name": "lines", "digest": {"sha256": chain.head.removeprefix("sha256:")}}],
        "predicateType": BUNDLE_TYPE,
        "predicate": predicate,
    }
    yield seal(canonical(statement), ring)


def verify_bundle(lines: Iterable[bytes], trust: TrustRoot) -> VerifiedBundle:
    """Verify a bundle with only the trust document.

    It shows that no line was changed, dropped, inserted or moved since the deployment signed, that each record follows
    from its event, and that each receipt verifies. It does not show that the deployment left nothing out.

    Raises:
        BundleInvalid: with every fault that was found.
    """
    reader = _Reader(trust)
    last = None
    for line in lines:
        if last is not None:
            reader.take(last)
        last = line
    if last is None:
        raise BundleInvalid((BundleFault("form", 0, "the bundle is empty"),))
    return reader.end(last)


@dataclass(slots=True)
class _Chain:
    """The lines that were written so far."""

    number: int = 0
    head: str = _START

    def line(self, content: dict[str, Json]) -> bytes:
        self.number += 1
        line = canonical({"number": self.number, "previous": self.head, **content})
        self.head = digest(line)
        return line


@dataclass(slots=True)
class _Reader:
    """The lines that were read so far, and their faults."""

    trust: TrustRoot
    place: int = 0
    expected: int = 1
    """The number of the next line."""
    head: str = _START
    records: list[Mapping[str, object]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    sealed: set[tuple[str, str]] = field(default_factory=set)
    faults: list[BundleFault] = field(default_factory=list)

    def fault(self, kind: str, words: str) -> None:
        self.faults.append(BundleFault(kind, self.place, f"line {self.place}: {words}"))

    def take(self, line: bytes) -> None:
        self.place += 1
        try:
            parsed = parse_json(line)
            about = "receipt" if isinstance(parsed, dict) and "receipt" in parsed else "record"
            fields = exactly(parsed, _RECEIPT if about == "receipt" else _RECORD, "the line")
            number, previous = whole(fields["number"], "number"), text(fields["previous"], "previous")
        except ValueError as error:
            self.fault("form", f"it is no line of a bundle: {error}")
            self.expected, self.head = self.expected + 1, digest(line)
            return
        if number > self.expected:
            self.fault("missing", f"{number - self.expected} lines are missing before it")
        elif number < self.expected:
            self.fault("order", f"it has number {number}: it was inserted, or is not in its place")
        elif previous != self.head:
            self.fault("altered", "it does not follow from the line before it: one of the two was altered")
        self.expected, self.head = number + 1, digest(line)
        if about == "receipt":
            self._receipt(text(fields["receipt"], "receipt"))
        else:
            self._record(fields["record"], fields["event"])

    def _record(self, record: object, event: object) -> None:
        try:
            body = text(event, "event").encode()
            if not isinstance(record, dict):
                raise ValueError("the record is not a JSON object")
            stored_at = datetime.fromisoformat(text(record.get("stored_at"), "stored_at")).astimezone(UTC)
            decoded = decode(body)
            again = record_of(decoded, whole(record.get("sequence"), "sequence"), stored_at)
        except (Malformed, ValueError) as error:
            self.fault("form", f"it has no readable record and event: {error}")
            return
        if again is None or again.document() != record:
            self.fault("altered", "the record does not follow from its event: one of the two was altered")
            return
        if self.records and again.sequence <= int(str(self.records[-1]["sequence"])):
            self.fault("order", f"sequence {again.sequence} of the log comes after a later one")
        self.records.append(record)
        if isinstance(decoded, JobSealed | JobSealedV1):
            self.sealed.add((decoded.data.tenant, decoded.data.job))

    def _receipt(self, receipt: str) -> None:
        try:
            found = verify(receipt.encode(), self.trust).receipt
        except ReceiptInvalid as error:
            self.fault("receipt", f"the receipt does not verify: {error}")
            return
        if (found.tenant, found.job) not in self.sealed:
            self.fault("receipt", f"no record seals job {found.job} of tenant {found.tenant}")
        self.receipts.append(f"{found.tenant}/{found.job}")

    def end(self, envelope: bytes) -> VerifiedBundle:
        self.place += 1
        try:
            opened = open_envelope(envelope, self.trust)
            head, predicate = _stated(opened)
        except (EnvelopeInvalid, ValueError) as error:
            self.fault("signature", f"the bundle does not end with a valid signature: {error}")
            raise BundleInvalid(tuple(self.faults)) from error
        counts = (predicate["records"], predicate["receipts"])
        if self.head != head and not self.faults:
            lines = sum(it for it in counts if isinstance(it, int))
            missing = lines - self.expected + 1
            words = (
                f"{missing} lines are missing before it" if missing > 0 else "the line before it is not the signed one"
            )
            self.fault("missing" if missing > 0 else "altered", words)
        if not self.faults and counts != (len(self.records), len(self.receipts)):
            self.fault("altered", "it does not have as many records and receipts as were signed")
        if (checkpoint := predicate["checkpoint"]) is not None:
            try:
                verify_checkpoint(text(checkpoint, "checkpoint"), self.trust)
            except (CheckpointInvalid, ValueError) as error:
                self.fault("checkpoint", f"the head of the transparency log does not verify: {error}")
        if self.faults:
            raise BundleInvalid(tuple(self.faults))
        keys = tuple(it.key_id for it in opened.keys)
        return VerifiedBundle(self.trust.origin, keys, predicate, tuple(self.records), tuple(self.receipts))


_RECORD = frozenset({"number", "previous", "record", "event"})
_RECEIPT = frozenset({"number", "previous", "receipt"})
_STATEMENT = frozenset({"_type", "subject", "predicateType", "predicate"})
_PREDICATE = frozenset(
    {
        *("signer", "made_at", "vocabulary", "tenant", "since", "until", "actor", "action"),
        *("through", "records", "receipts", "checkpoint"),
    }
)


def _stated(opened: Opened) -> tuple[str, dict[str, object]]:
    """The digest of the last line, and the predicate."""
    fields = exactly(parse_json(opened.payload), _STATEMENT, "the statement")
    if (fields["_type"], fields["predicateType"]) != (_STATEMENT_TYPE, BUNDLE_TYPE):
        raise ValueError(f"it is not an in-toto statement of type {BUNDLE_TYPE}")
    match fields["subject"]:
        case [{"name": "lines", "digest": {"sha256": str(sha256)}}]:
            pass
        case _:
            raise ValueError("it is not about the lines of a bundle")
    predicate = exactly(fields["predicate"], _PREDICATE, "the predicate")
    if predicate["vocabulary"] != VOCABULARY:
        raise ValueError(
            f"this program reads bundles of {VOCABULARY}, and it is of {str(predicate['vocabulary'])[:40]!r}"
        )
    made_at = datetime.fromisoformat(text(predicate["made_at"], "made_at")).astimezone(UTC)
    for key in opened.keys:
        if made_at < key.valid_from or (key.valid_until is not None and made_at > key.valid_until):
            raise ValueError("it was signed at a time at which its keys were not valid")
    return f"sha256:{sha256}", predicate
