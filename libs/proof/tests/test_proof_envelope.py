from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from pqcrypto import InvalidSignatureError
from pqcrypto.sign import ml_dsa_65
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._key import Key, SSlibKey

from queuebit_kernel import canonical
from queuebit_proof import EnvelopeInvalid, KeyRing, TrustRoot, entry_of, open_envelope, seal


def third_party_keys(trust: TrustRoot) -> list[Key]:
    classes: dict[str, Callable[[bytes], Ed25519PublicKey | MLDSA65PublicKey]] = {
        "ed25519": Ed25519PublicKey.from_public_bytes,
        "ml-dsa-65": MLDSA65PublicKey.from_public_bytes,
    }
    return [
        SSlibKey.from_crypto(classes[key.algorithm](key.public), keyid=key.key_id)
        for key in trust.keys
        if key.purpose == "statement"
    ]


def test_a_sealed_statement_opens_with_both_keys(envelope: bytes, trust: TrustRoot) -> None:
    opened = open_envelope(envelope, trust)
    assert json.loads(opened.payload)["predicate"]["job"]["tenant"] == "acme"
    assert [key.algorithm for key in opened.keys] == ["ed25519", "ml-dsa-65"]


def test_an_independent_program_accepts_both_signatures(envelope: bytes, trust: TrustRoot) -> None:
    theirs = Envelope.from_dict(json.loads(envelope))
    assert len(theirs.verify(third_party_keys(trust), threshold=2)) == 2


def test_an_independent_program_refuses_an_altered_statement(envelope: bytes, trust: TrustRoot) -> None:
    theirs = Envelope.from_dict(json.loads(envelope))
    theirs.payload = theirs.payload.replace(b'"0.35"', b'"0.34"')
    with pytest.raises(VerificationError):
        theirs.verify(third_party_keys(trust), threshold=1)


def test_another_implementation_of_ml_dsa_65_agrees(envelope: bytes, trust: TrustRoot) -> None:
    theirs = Envelope.from_dict(json.loads(envelope))
    key = trust.keys[1]
    signature = base64.b64decode(json.loads(envelope)["signatures"][1]["sig"])
    framed = b"tuf\x01" + hashlib.sha512(theirs.pae()).digest()
    ml_dsa_65.verify(key.public, framed, signature)
    with pytest.raises(InvalidSignatureError):
        ml_dsa_65.verify(key.public, theirs.pae(), signature)


@pytest.mark.parametrize(("removed", "missing"), [(0, "ed25519"), (1, "ml-dsa-65")])
def test_one_signature_alone_is_not_enough(envelope: bytes, trust: TrustRoot, removed: int, missing: str) -> None:
    document = json.loads(envelope)
    del document["signatures"][removed]
    with pytest.raises(EnvelopeInvalid, match=f"no {missing} signature"):
        open_envelope(canonical(document), trust)


def test_a_signature_does_not_count_for_the_other_algorithm(envelope: bytes, trust: TrustRoot) -> None:
    document = json.loads(envelope)
    first, second = document["signatures"]
    second["sig"] = first["sig"]
    with pytest.raises(EnvelopeInvalid, match="ml-dsa-65 signature does not match"):
        open_envelope(canonical(document), trust)


def test_the_same_key_cannot_sign_twice(envelope: bytes, trust: TrustRoot) -> None:
    document = json.loads(envelope)
    document["signatures"].append(document["signatures"][0])
    with pytest.raises(EnvelopeInvalid, match="signed twice"):
        open_envelope(canonical(document), trust)


def test_signatures_of_unknown_keys_are_ignored(envelope: bytes, other_ring: KeyRing) -> None:
    with pytest.raises(EnvelopeInvalid, match="no ed25519 signature"):
        open_envelope(envelope, other_ring.trust)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"payload":"e30=","payloadType":"text/plain","signatures":[]}',
        b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":{}}',
        b'{"payload":"e30","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        b'{"payload":"e31=","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        b'{"payload":"e30=","payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        b"[" * 100_000,
        b'{"payload":1.5}',
    ],
    ids=["empty", "not-utf8", "list", "bare", "type", "signatures", "padding", "stray-bits", "twice", "deep", "float"],
)
def test_a_malformed_envelope_is_refused(content: bytes, trust: TrustRoot) -> None:
    with pytest.raises(EnvelopeInvalid, match="not a signed statement"):
        open_envelope(content, trust)


@pytest.mark.parametrize("respelled", [b" %b", b"%b\n"])
def test_an_envelope_has_only_one_encoding(envelope: bytes, trust: TrustRoot, respelled: bytes) -> None:
    with pytest.raises(EnvelopeInvalid, match="not canonical JSON"):
        open_envelope(respelled % envelope, trust)
    with pytest.raises(EnvelopeInvalid, match="not canonical JSON"):
        open_envelope(envelope.replace(b'","', b'", "', 1), trust)


def test_the_entry_is_the_digest_of_the_exact_bytes(ring: KeyRing) -> None:
    assert entry_of(b"{}") == hashlib.sha256(b"{}").digest()
    assert seal(b"{}", ring) != seal(b"{}", ring), "ML-DSA signatures are randomised"
