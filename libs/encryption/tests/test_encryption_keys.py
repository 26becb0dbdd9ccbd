"""Private keys are stored only when they are wrapped, and a wrapped key is of one tenant."""

from __future__ import annotations

import pytest

from queuebit_encryption import Algorithm, BadCiphertext, PrivateKey, PublicKey, unwrap, wrap

MASTER = b"m" * 32


@pytest.fixture(scope="module", params=list(Algorithm), ids=lambda it: it.name)
def key(request: pytest.FixtureRequest) -> PrivateKey:
    return PrivateKey.generate(request.param)


def test_a_wrapped_key_is_the_same_key(key: PrivateKey) -> None:
    wrapped = wrap(key, "acme", MASTER)
    assert unwrap(wrapped, "acme", MASTER) == key
    assert key.raw not in wrapped


@pytest.mark.parametrize(("tenant", "master"), [("evil", MASTER), ("acme", b"n" * 32)], ids=["tenant", "master key"])
def test_a_wrapped_key_is_of_one_tenant_and_one_master_key(key: PrivateKey, tenant: str, master: bytes) -> None:
    with pytest.raises(BadCiphertext, match=f"the key of tenant {tenant} does not decrypt"):
        unwrap(wrap(key, "acme", MASTER), tenant, master)


@pytest.mark.parametrize("at", [1, 9, 21, -1], ids=["key id", "nonce", "key", "tag"])
def test_a_changed_wrapped_key_is_found(key: PrivateKey, at: int) -> None:
    wrapped = bytearray(wrap(key, "acme", MASTER))
    wrapped[at] ^= 1
    with pytest.raises(BadCiphertext):
        unwrap(bytes(wrapped), "acme", MASTER)


@pytest.mark.parametrize("length", [0, 1, 9, 21, 22])
def test_a_shortened_wrapped_key_is_refused(key: PrivateKey, length: int) -> None:
    with pytest.raises(BadCiphertext):
        unwrap(wrap(key, "acme", MASTER)[:length], "acme", MASTER)


def test_a_key_has_a_name_and_shows_no_secret(key: PrivateKey) -> None:
    assert len(key.public.key_id) == 8
    assert PublicKey(key.algorithm, key.public.raw) == key.public
    assert key.raw.hex() not in repr(key)
    assert repr(key.raw) not in repr(key)
    assert PrivateKey.generate(key.algorithm).public.key_id != key.public.key_id


@pytest.mark.parametrize("length", [0, 63, 95, 97])
def test_a_key_of_another_length_is_refused(key: PrivateKey, length: int) -> None:
    with pytest.raises(ValueError, match=r"(?i)seed|key|bytes"):
        PrivateKey(key.algorithm, b"k" * length)
