"""Signed requests: what a signature has to cover, and for how long it is accepted."""

from __future__ import annotations

import base64
from dataclasses import replace
from time import process_time

import pytest

from queuebit_gateway.signatures import LIFE_S, BadSignature, SignedRequest, signer_of
from queuebit_runtime.keys import new_seed, public_key
from queuebit_testing.signed_requests import signed_headers

SEED, NOW, URL = new_seed(), 1_800_000_000, "http://localhost:7440/v1/jobs?limit=3"


def signed(body: bytes = b"", *, method: str = "GET", covered: str = "@target-uri", at: float = NOW) -> SignedRequest:
    return SignedRequest(method, URL, signed_headers(SEED, method, URL, body, created=at, covered=covered), body)


@pytest.mark.parametrize("body", [b"", b'{"a":1}'])
def test_a_signed_request_names_its_signer(body: bytes) -> None:
    assert signer_of(signed(body, method="POST"), NOW) == public_key(SEED)


@pytest.mark.parametrize("age", [-31, LIFE_S + 1])
def test_a_signature_is_accepted_for_five_minutes(age: int) -> None:
    with pytest.raises(BadSignature, match="expired or from the future"):
        signer_of(signed(at=NOW - age), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"url": "http://localhost:7440/v1/jobs?limit=4"},
        {"url": "http://other:7440/v1/jobs?limit=3"},
    ],
)
def test_another_request_does_not_match(change: dict[str, str]) -> None:
    with pytest.raises(BadSignature, match="does not match"):
        signer_of(replace(signed(), **change), NOW)  # type: ignore[arg-type]  # fields by name


def test_another_body_does_not_match() -> None:
    with pytest.raises(BadSignature, match="Content-Digest names"):
        signer_of(replace(signed(b"one", method="POST"), body=b"two"), NOW)


def test_a_body_that_was_taken_away_does_not_match() -> None:
    with pytest.raises(BadSignature, match="Content-Digest names"):
        signer_of(replace(signed(b"one", method="POST"), body=b""), NOW)


@pytest.mark.parametrize("header", ["signature-input", "signature", "content-digest"])
def test_a_long_header_is_read_in_a_moment(header: str) -> None:
    """Anyone may send one: read again from each character on, 16 KB would keep all others waiting for a second."""
    request = signed(b"body", method="POST")
    begun = process_time()
    with pytest.raises(BadSignature):
        signer_of(replace(request, headers={**request.headers, header: "a" * 64_000}), NOW)
    assert process_time() - begun < 1


def test_a_body_needs_a_digest_that_is_covered() -> None:
    with pytest.raises(BadSignature, match="content-digest"):
        signer_of(replace(signed(method="POST"), body=b"added"), NOW)


def test_the_whole_target_has_to_be_covered() -> None:
    with pytest.raises(BadSignature, match="@target-uri"):
        signer_of(signed(covered="@path"), NOW)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "sig1=",
        'sig1=("@method" "@target-uri")',
        'sig1=("@method" "@target-uri");created=x',
        'sig1=("@method" "@target-uri");created=1800000000;keyid="no key"',
        'sig1=("@method" "@target-uri" "absent");created=1800000000;keyid="U"',
        'sig1=("@method" "@target-uri" "@made-up");created=1800000000;keyid="U"',
        'sig1=("@method" "@method" "@target-uri");created=1800000000;keyid="U"',
        'sig1=("@method" "@target-uri");created=1800000000;alg="hmac-sha256"',
        "(" * 5_000,
    ],
)
def test_a_damaged_header_is_refused_with_a_reason(given: str) -> None:
    headers = {"signature-input": given, "signature": f"sig1=:{base64.b64encode(bytes(64)).decode()}:"}
    with pytest.raises(BadSignature):
        signer_of(SignedRequest("GET", URL, headers), NOW)
