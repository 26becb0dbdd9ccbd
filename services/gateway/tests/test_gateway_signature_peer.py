"""Signatures of requests, against http-message-signatures, which implements RFC 9421 and 9530 too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime

import nkeys
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)

from queuebit_gateway.signatures import SignedRequest, signer_of
from queuebit_runtime.keys import public_key
from queuebit_testing.signed_requests import signed_headers

RAW = os.urandom(32)
SEED = bytes(nkeys.encode_seed(RAW, nkeys.PREFIX_BYTE_USER)).decode()
KEY, PRIVATE = public_key(SEED), Ed25519PrivateKey.from_private_bytes(RAW)
KEYS = MappingKeyResolver(public_keys={KEY: PRIVATE.public_key()}, private_keys={KEY: PRIVATE})
URL = "http://localhost:7440/v1/jobs?limit=3&label=a%20b"
BODY = b'{"circuit": "OPENQASM 3.0;"}'


@dataclass
class Message:
    """A request as the other implementation reads it."""

    method: str
    url: str
    headers: dict[str, str]


def by_peer(body: bytes, *components: str) -> SignedRequest:
    """A request that the other implementation signs."""
    message, now = Message("POST", URL, {}), datetime.now(UTC)
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=KEYS)
    signer.sign(message, key_id=KEY, created=now, covered_component_ids=components, body=body or None)
    return SignedRequest("POST", URL, {name.lower(): it for name, it in message.headers.items()}, body)


def verified_by_peer(body: bytes, sent: bytes) -> None:
    message = Message("POST", URL, dict(signed_headers(SEED, "POST", URL, body)))
    HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=KEYS).verify(message, body=sent)


@pytest.mark.parametrize(
    ("body", "components"),
    [
        (b"", ("@method", "@target-uri")),
        (BODY, ("@method", "@target-uri", "content-digest")),
        (BODY, ("@method", "@authority", "@path", "@query", "content-digest")),
        (BODY, ("@method", "@scheme", "@request-target", "@target-uri", "content-digest")),
    ],
)
def test_what_another_implementation_signs_is_accepted(body: bytes, components: tuple[str, ...]) -> None:
    assert signer_of(by_peer(body, *components), datetime.now(UTC).timestamp()) == KEY


@pytest.mark.parametrize("body", [b"", BODY])
def test_what_a_client_signs_verifies_in_another_implementation(body: bytes) -> None:
    verified_by_peer(body, body)


def test_the_other_implementation_sees_a_changed_body() -> None:
    with pytest.raises(InvalidSignature):
        verified_by_peer(BODY, b"other")
