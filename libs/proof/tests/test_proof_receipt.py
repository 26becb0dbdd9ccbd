from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from queuebit_kernel import canonical
from queuebit_proof import (
    CHECKS,
    JobRecord,
    KeyRing,
    ReceiptInvalid,
    TrustRoot,
    build_statement,
    issue,
    leaf_hash,
    seal,
    to_tlog_proof,
    verify,
    verify_checkpoint,
    verify_inclusion,
)


def edited(receipt: bytes, **fields: object) -> bytes:
    fields = json.loads(receipt) | fields
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def refused(receipt: bytes, trust: TrustRoot, **expected: Any) -> tuple[str, str]:  # arguments of `verify`
    with pytest.raises(ReceiptInvalid) as caught:
        verify(receipt, trust, **expected)
    return caught.value.check, str(caught.value)


def test_a_receipt_verifies_with_only_the_trust_document(receipt: bytes, record: JobRecord, trust: TrustRoot) -> None:
    published = TrustRoot.parse(trust.to_bytes())
    verified = verify(receipt, published, tenant="acme", job=record.job, result_digest=record.result_digest)
    assert [check.name for check in verified.checks] == list(CHECKS)
    assert "your result is the signed result" in verified.checks[2].sentence
    assert verified.receipt.job == record.job
    predicate = verified.statement["predicate"]
    assert isinstance(predicate, dict)
    assert predicate["charges"][1]["amount"] == "0.35"


def test_a_verified_receipt_states_that_no_result_was_compared(receipt: bytes, trust: TrustRoot) -> None:
    assert "the result itself was not compared" in verify(receipt, trust).checks[2].sentence


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 1), (1, 0), (255, 0), (256, 300), (700, 3)])
def test_receipts_are_valid_at_any_position_in_the_log(
    receipt_at: Callable[..., bytes], ring: KeyRing, before: int, after: int
) -> None:
    verified = verify(receipt_at(ring, before=before, after=after), ring.trust)
    assert (verified.receipt.leaf_index, verified.receipt.tree_size) == (before, before + 1 + after)


def test_a_receipt_of_version_0_1_is_valid_for_ever(old_receipt: bytes, trust: TrustRoot) -> None:
    assert json.loads(old_receipt)["version"] == 1
    assert verify(old_receipt, trust, tenant="acme").receipt.leaf_index == 2


@pytest.mark.parametrize("version", [1, 2])
def test_the_version_cannot_be_changed(
    receipt_at: Callable[..., bytes], ring: KeyRing, trust: TrustRoot, version: int
) -> None:
    other = edited(receipt_at(ring, version=version), version=3 - version)
    check, text = refused(other, trust)
    assert check == "inclusion"
    assert "does not lead to the signed root" in text


def test_signing_again_gives_another_receipt_of_the_same_entry(
    receipt: bytes, record: JobRecord, ring: KeyRing
) -> None:
    again = seal(build_statement(record, salt=bytes(16)), ring)
    other = edited(receipt, envelope=again.decode())
    assert other != receipt
    assert verify(other, ring.trust).statement == verify(receipt, ring.trust).statement


@pytest.mark.parametrize("version", [1, 2])
def test_any_flipped_bit_is_detected(
    receipt_at: Callable[..., bytes], ring: KeyRing, trust: TrustRoot, version: int
) -> None:
    """Every 11th byte, each with another bit; fields and signatures of a receipt are longer than 11 bytes."""
    receipt = receipt_at(ring, version=version)
    for spot in range(0, len(receipt), 11):
        flipped = bytearray(receipt)
        flipped[spot] ^= 1 << (spot % 8)
        check, _ = refused(bytes(flipped), trust)
        assert check in CHECKS


def test_any_flipped_bit_outside_signatures_is_detected(receipt: bytes, trust: TrustRoot) -> None:
    names = receipt.index("— queuebit.example/log".encode()) + 40
    for spot in [*range(names), *range(receipt.index(b'"inclusion"'), len(receipt))]:
        for bit in range(8):
            flipped = bytearray(receipt)
            flipped[spot] ^= 1 << bit
            refused(bytes(flipped), trust)


def test_a_truncated_receipt_is_refused(receipt: bytes, trust: TrustRoot) -> None:
    for length in range(0, len(receipt), 997):
        assert refused(receipt[:length], trust)[0] == "form"


def _with_upper_case_escapes(receipt: bytes) -> bytes:
    return receipt.replace(b"\\n", b"\\u000A")


@pytest.mark.parametrize(
    "respelled",
    [
        lambda it: json.dumps(json.loads(it), separators=(",", ":"), sort_keys=True).encode(),  # escapes non-ASCII
        _with_upper_case_escapes,
        lambda it: it + b"\n",
        lambda it: b" " + it,
        lambda it: it.replace(b'{"checkpoint":', b'{"checkpoint": ', 1),
        lambda it: json.dumps(json.loads(it), indent=1, ensure_ascii=False).encode(),
        lambda it: json.dumps(
            dict(reversed(json.loads(it).items())), separators=(",", ":"), ensure_ascii=False
        ).encode(),
        lambda it: it.replace(b'"tenant":"acme"', b'"tenant":"acm\\u0065"'),
        lambda it: it.replace(b'"version":2', b'"version":2,"version":2'),
        lambda it: b"\xef\xbb\xbf" + it,
    ],
    ids=["escaped", "escapes", "newline", "blank", "inner-blank", "indented", "order", "letter", "twice", "mark"],
)
def test_a_receipt_has_only_one_encoding(receipt: bytes, trust: TrustRoot, respelled: Callable[[bytes], bytes]) -> None:
    other = respelled(receipt)
    assert other != receipt
    assert refused(other, trust)[0] == "form"


def test_a_smaller_charge_breaks_the_signature(receipt: bytes, trust: TrustRoot) -> None:
    envelope = json.loads(json.loads(receipt)["envelope"])
    payload = base64.b64decode(envelope["payload"]).replace(b'"amount":"0.35"', b'"amount":"0.05"')
    envelope["payload"] = base64.b64encode(payload).decode()
    check, text = refused(edited(receipt, envelope=canonical(envelope).decode()), trust)
    assert (check, text) == (
        "statement",
        "the ed25519 signature does not match: the statement was altered after signing",
    )


@pytest.mark.parametrize(("removed", "missing"), [(0, "ed25519"), (1, "ml-dsa-65")])
def test_a_statement_with_one_signature_is_refused(
    receipt: bytes, trust: TrustRoot, removed: int, missing: str
) -> None:
    envelope = json.loads(json.loads(receipt)["envelope"])
    del envelope["signatures"][removed]
    check, text = refused(edited(receipt, envelope=canonical(envelope).decode()), trust)
    assert check == "statement"
    assert f"no {missing} signature" in text


@pytest.mark.parametrize(("removed", "missing"), [(4, "ed25519"), (5, "ml-dsa-44")])
def test_a_checkpoint_with_one_signature_is_refused(
    receipt: bytes, trust: TrustRoot, removed: int, missing: str
) -> None:
    lines = json.loads(receipt)["checkpoint"].splitlines(keepends=True)
    del lines[removed]
    check, text = refused(edited(receipt, checkpoint="".join(lines)), trust)
    assert check == "checkpoint"
    assert f"no {missing} signature" in text


def test_the_receipt_of_another_job_is_refused(receipt: bytes, trust: TrustRoot) -> None:
    check, text = refused(receipt, trust, job="janother")
    assert check == "subject"
    assert "not of 'janother'" in text
    assert refused(receipt, trust, tenant="globex")[0] == "subject"


@pytest.mark.parametrize("field", ["tenant", "job"])
def test_a_receipt_relabelled_for_another_job_is_refused(receipt: bytes, trust: TrustRoot, field: str) -> None:
    check, text = refused(edited(receipt, **{field: "another"}), trust)
    assert check == "subject"
    assert f"the receipt names {field} 'another'" in text


def test_a_statement_cannot_borrow_another_receipts_proof(
    receipt: bytes, receipt_at: Callable[..., bytes], record: JobRecord, ring: KeyRing
) -> None:
    other = receipt_at(ring, before=3, sealed=seal(build_statement(record, salt=b"another job data"), ring))
    mixed = edited(other, envelope=json.loads(receipt)["envelope"])
    check, text = refused(mixed, ring.trust)
    assert check == "inclusion"
    assert "does not lead to the signed root" in text


def test_a_proof_for_another_size_is_refused(receipt: bytes, trust: TrustRoot) -> None:
    check, text = refused(edited(receipt, tree_size=8), trust)
    assert check == "inclusion"
    assert "for size 8, the checkpoint for size 7" in text


def test_another_result_than_the_signed_one_is_refused(receipt: bytes, trust: TrustRoot) -> None:
    check, text = refused(receipt, trust, result_digest="sha256:" + hashlib.sha256(b"forged").hexdigest())
    assert check == "subject"
    assert "your result differs from the signed result" in text


def test_a_refused_job_has_a_receipt_but_no_result(
    receipt_at: Callable[..., bytes], record: JobRecord, ring: KeyRing
) -> None:
    rejected = replace(record, outcome="rejected", result_digest=None)
    receipt = receipt_at(ring, sealed=seal(build_statement(rejected, salt=bytes(16)), ring))
    assert verify(receipt, ring.trust).checks
    assert refused(receipt, ring.trust, result_digest=record.request_digest)[0] == "subject"


def test_a_checkpoint_of_another_log_is_refused(receipt: bytes, trust: TrustRoot) -> None:
    check, text = refused(receipt, replace(trust, origin="elsewhere.example/log"))
    assert check == "checkpoint"
    assert "the trusted log is 'elsewhere.example/log'" in text


def test_a_log_signed_by_others_under_the_same_name_is_refused(
    receipt_at: Callable[..., bytes], other_ring: KeyRing, trust: TrustRoot
) -> None:
    check, text = refused(receipt_at(other_ring), trust)
    assert check == "checkpoint"
    assert "no ed25519 signature" in text


def test_the_wrong_trust_document_verifies_nothing(receipt: bytes, other_ring: KeyRing) -> None:
    assert refused(receipt, other_ring.trust)[0] == "statement"


def test_a_key_is_not_valid_before_its_start(receipt: bytes, trust: TrustRoot) -> None:
    later = tuple(replace(key, valid_from=key.valid_from + timedelta(days=1)) for key in trust.keys)
    check, text = refused(receipt, replace(trust, keys=later))
    assert check == "keys"
    assert "valid from 2026-11-21" in text


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"null", b"[]", b"{}", b"[" * 100_000, b'{"version":1.0}', b'{"version":NaN}', b" " * 300_000],
    ids=["empty", "not-utf8", "null", "list", "bare", "deep", "float", "nan", "huge"],
)
def test_a_malformed_receipt_is_refused(content: bytes, trust: TrustRoot) -> None:
    check, text = refused(content, trust)
    assert check == "form"
    assert text.startswith("this is not a receipt")


def test_the_error_for_a_file_that_is_not_json_is_plain(trust: TrustRoot) -> None:
    assert refused(b"OPENQASM 3.0;", trust)[1] == "this is not a receipt: it is not JSON (line 1, column 1)"
    assert refused(b"\xff", trust)[1] == "this is not a receipt: it is not text"


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0},
        {"version": 3},
        {"version": True},
        {"version": "\x1b[2J"},
        {"version": True, "note": "unexpected"},
        {"leaf_index": -1},
        {"leaf_index": True},
        {"leaf_index": "2"},
        {"tree_size": 2**63},
        {"inclusion": "AAAA"},
        {"inclusion": ["AAA"]},
        {"inclusion": [7]},
        {"envelope": {}},
        {"envelope": "é"},
        {"checkpoint": None},
        {"tenant": None},
    ],
    ids=repr,
)
def test_a_field_of_another_type_is_refused(receipt: bytes, trust: TrustRoot, change: dict[str, object]) -> None:
    assert refused(edited(receipt, **change), trust)[0] == "form"


@pytest.mark.parametrize(
    "change",
    [
        {"\x1b[2J": 1},
        {"\ud800": 1},
        {"version": "\ud800"},
        {"job": "\x1b[2J"},
        {"tenant": "\ud800"},
        {"envelope": '{"\x1b[2J":1}'},
        {"envelope": '{"\\ud800":1}'},
        {"envelope": "[" * 100_000},
        {
            "envelope": json.dumps(
                {
                    "payload": "",
                    "payloadType": "application/vnd.in-toto+json",
                    "signatures": [{"keyid": "\x1b[2J", "sig": ""}] * 2,
                }
            )
        },
        {"checkpoint": "\ud800\n1\nAAAA\n\n— a AAAAAAAA\n"},
        {"checkpoint": "a\n1\nAAAA\n\n— \x9b2J AAAA\n"},
        {"checkpoint": "\x9b2J\n1\nAAAA\n\n— a AAAAAAAA\n"},
    ],
    ids=ascii,
)
def test_errors_escape_control_characters_of_the_input(
    receipt: bytes, trust: TrustRoot, change: dict[str, object]
) -> None:
    _, text = refused(json.dumps(json.loads(receipt) | change).encode(), trust)
    assert text.isprintable()
    assert text.encode()


@pytest.mark.parametrize("tail", [b"{}", b"\0", b",", b"receipt"])
def test_data_after_the_document_is_refused(receipt: bytes, trust: TrustRoot, tail: bytes) -> None:
    assert refused(receipt + tail, trust)[0] == "form"


def test_a_repeated_name_is_refused(receipt: bytes, trust: TrustRoot) -> None:
    check, text = refused(receipt.replace(b'{"checkpoint"', b'{"tenant":"globex","checkpoint"', 1), trust)
    assert check == "form"
    assert "twice" in text


def test_no_receipt_is_issued_for_an_invalid_proof(receipt: bytes) -> None:
    document = json.loads(receipt)
    with pytest.raises(ValueError, match="does not show the statement as entry 3 of 7"):
        issue(
            document["envelope"].encode(),
            leaf_index=3,
            inclusion=[base64.b64decode(item) for item in document["inclusion"]],
            checkpoint=document["checkpoint"],
        )


def test_the_text_form_verifies_with_the_steps_of_the_standard(receipt: bytes, trust: TrustRoot) -> None:
    text = to_tlog_proof(receipt)
    proof, checkpoint = text.split("\n\n", 1)
    header, extra, index, *path = proof.split("\n")
    assert header == "c2sp.org/tlog-proof@v1"
    statement = base64.b64decode(extra.removeprefix("extra "))
    assert json.loads(statement)["predicate"]["job"]["tenant"] == "acme"
    head = verify_checkpoint(checkpoint, trust).head
    leaf = leaf_hash(hashlib.sha256(statement).digest())
    siblings = [base64.b64decode(line) for line in path]
    assert verify_inclusion(leaf, int(index.removeprefix("index ")), head.size, siblings, head.root)


def test_the_text_form_of_an_old_receipt_has_its_envelope(old_receipt: bytes) -> None:
    extra = to_tlog_proof(old_receipt).split("\n")[1]
    assert base64.b64decode(extra.removeprefix("extra ")).decode() == json.loads(old_receipt)["envelope"]


def test_a_receipt_from_a_large_log_stays_small(receipt_at: Callable[..., bytes], ring: KeyRing) -> None:
    assert len(receipt_at(ring, before=40_000, after=60_000)) <= 15 * 1024
