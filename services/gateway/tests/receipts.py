"""A receipt that the platform's library issued, and altered ones with the verdict of the platform's own verifier."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from queuebit_kernel import canonical
from queuebit_proof import (
    JobRecord,
    KeyRing,
    ReceiptInvalid,
    TileLog,
    TrustInvalid,
    TrustRoot,
    build_statement,
    entry_of,
    issue,
    seal,
    sign_checkpoint,
    verify,
)

__all__ = ["BEGIN", "Issued", "Verdict", "issued", "verdicts"]

BEGIN = datetime(2026, 11, 20, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Issued:
    """A receipt and its trust document."""

    receipt: bytes
    trust: TrustRoot
    job: str
    result: str

    @property
    def document(self) -> dict[str, Any]:  # JSON
        return json.loads(self.receipt)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Verdict:
    """An altered receipt or trust document, and the check that refuses it; None: it is valid."""

    name: str
    receipt: bytes
    trust: bytes
    check: str | None


def issued(folder: Path, job: str, result: str) -> Issued:
    """The receipt of a job in a log of seven."""
    ring = KeyRing.open(folder / "keys", "queuebit.example/log", BEGIN)
    record = JobRecord(
        tenant="acme", project="main", job=job, outcome="completed", request_digest=result, software="queuebit",
        submitted_at=BEGIN, accepted_at=BEGIN, finished_at=BEGIN, actor="ann", result_digest=result, shots=1,
    )  # fmt: skip
    statement = build_statement(record, salt=bytes(16))
    log = TileLog(folder / "log")
    log.append([sha256(bytes([it])).digest() for it in range(4)])
    index = log.append([entry_of(statement)])
    log.append([sha256(bytes([it])).digest() for it in range(4, 6)])
    checkpoint = sign_checkpoint(log.head(ring.origin), ring, BEGIN + timedelta(seconds=1))
    content = issue(seal(statement, ring), leaf_index=index, inclusion=log.inclusion(index), checkpoint=checkpoint)
    return Issued(content, ring.trust, job, result)


def verdicts(of: Issued) -> Iterator[Verdict]:
    """The receipt, and it with one bit of each part turned, without a signature or in another form, with verdicts."""
    for name, receipt in _receipts(of):
        yield Verdict(name, receipt, of.trust.to_bytes(), _verdict(of, receipt))
    for number, key in enumerate(of.trust.keys):
        document = json.loads(of.trust.to_bytes())
        document["keys"][number]["public_key"] = _turned(document["keys"][number]["public_key"])
        content = json.dumps(document).encode()
        try:
            TrustRoot.parse(content)
        except TrustInvalid:
            yield Verdict(f"{key.algorithm} key", of.receipt, content, str(key.purpose))


def _verdict(of: Issued, receipt: bytes) -> str | None:
    try:
        verify(receipt, of.trust, job=of.job, result_digest=of.result)
    except ReceiptInvalid as error:
        return error.check
    return None


def _receipts(of: Issued) -> Iterator[tuple[str, bytes]]:
    yield "good", of.receipt
    for number, name in enumerate(("ed25519", "ml-dsa-65")):
        yield f"{name} bit", _envelope(of, partial(_turn_signature, number))
        yield f"no {name}", _envelope(of, partial(_drop_signature, number))
    yield "statement bit", _envelope(of, lambda it: it.update(payload=_turned(it["payload"], 40)))
    for number, name in enumerate(("ed25519", "ml-dsa-44")):
        yield f"{name} cosignature bit", _checkpoint(of, number, lambda it: _turned(it, -9))
        yield f"no {name} cosignature", _checkpoint(of, number, lambda _: "")
    yield "time bit", _checkpoint(of, 1, lambda it: _turned(it, 11))
    for number in range(len(of.document["inclusion"])):
        document = of.document
        document["inclusion"][number] = _turned(document["inclusion"][number])
        yield f"inclusion {number} bit", canonical(document)
    yield "space in the envelope", canonical({**of.document, "envelope": of.document["envelope"] + " "})
    yield "other name in the envelope", _envelope(of, lambda it: it.update(note=""))
    yield "other name in a signature", _envelope(of, lambda it: it["signatures"][1].update(note=""))
    yield "ed25519 twice", _envelope(of, lambda it: it["signatures"].append(it["signatures"][0]))
    yield "letter beyond ASCII", _envelope(of, lambda it: it["signatures"].append({"keyid": "é", "sig": ""}))
    yield "second ed25519 cosignature", _with_line(of, lambda line: _turned(line, -9))
    yield "short cosignature", _with_line(of, lambda _: "AAAA")
    yield "other leaf", canonical({**of.document, "leaf_index": of.document["leaf_index"] - 1})


def _turn_signature(number: int, envelope: dict[str, Any]) -> None:
    signature = envelope["signatures"][number]
    signature["sig"] = _turned(signature["sig"])


def _drop_signature(number: int, envelope: dict[str, Any]) -> None:
    del envelope["signatures"][number]


def _envelope(of: Issued, change: Callable[[dict[str, Any]], object]) -> bytes:
    envelope = json.loads(of.document["envelope"])
    change(envelope)
    return canonical({**of.document, "envelope": canonical(envelope).decode()})


def _checkpoint(of: Issued, number: int, change: Callable[[str], str]) -> bytes:
    text, _, lines = of.document["checkpoint"].rpartition("\n\n")
    signatures = lines[:-1].split("\n")
    dash, name, content = signatures[number].split(" ")
    signatures[number] = f"{dash} {name} {changed}" if (changed := change(content)) else ""
    return canonical({**of.document, "checkpoint": "\n".join([f"{text}\n", *filter(None, signatures), ""])})


def _with_line(of: Issued, change: Callable[[str], str]) -> bytes:
    """The receipt with one more line below its checkpoint: the first signature, changed."""
    checkpoint = of.document["checkpoint"]
    dash, name, content = checkpoint.rpartition("\n\n")[2].split("\n")[0].split(" ")
    return canonical({**of.document, "checkpoint": f"{checkpoint}{dash} {name} {change(content)}\n"})


def _turned(encoded: str, at: int = 20) -> str:
    """Base64 with one bit of its bytes turned."""
    content = bytearray(b64decode(encoded))
    content[at] ^= 1
    return b64encode(content).decode()
