"""A signature has one form: a text that only decodes to the same bytes is not that signature."""

from __future__ import annotations

import base64

import pytest

from queuebit_runtime.keys import new_seed, public_key, sign, sign_bytes, verify, verify_bytes

SEED = new_seed()
SIGNED = sign_bytes(SEED, b"content")


def test_a_signature_holds_for_what_was_signed_alone() -> None:
    assert verify_bytes(public_key(SEED), b"content", SIGNED)
    assert not verify_bytes(public_key(SEED), b"other", SIGNED)
    assert not verify_bytes(public_key(new_seed()), b"content", SIGNED)
    assert verify(public_key(SEED), {"a": 1}, sign(SEED, {"a": 1}))


def last_bits_changed() -> str:
    """Another text for the same bytes: 64 bytes leave four bits of the last digit unused."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = SIGNED[:-1] + digits[digits.index(SIGNED[-1]) ^ 1]
    assert base64.urlsafe_b64decode(other + "==") == base64.urlsafe_b64decode(SIGNED + "==")
    return other


@pytest.mark.parametrize(
    "text",
    [
        f"{SIGNED}==",
        f"{SIGNED}\n",
        f" {SIGNED}",
        f"{SIGNED[:40]}.{SIGNED[40:]}",
        last_bits_changed(),
        f"{SIGNED}ä",
        "",
    ],
    ids=["padded", "line end", "space", "foreign character", "unused bits", "not ASCII", "empty"],
)
def test_another_text_for_the_same_bytes_is_refused(text: str) -> None:
    assert not verify_bytes(public_key(SEED), b"content", text)
