"""A content decrypts with its key and in its place only, and other implementations of the algorithms agree."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pqcrypto.kem.ml_kem_768
import pqcrypto.kem.ml_kem_1024
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from queuebit_encryption import (
    PROFILES,
    Algorithm,
    BadCiphertext,
    Context,
    PrivateKey,
    decrypt,
    encrypt,
    is_encrypted,
    key_id_of,
)
from queuebit_kernel import InvalidId, digest

CIRCUIT: Final = b"OPENQASM 2.0; qreg q[2]; h q[0]; cx q[0],q[1];"
WHERE: Final = Context("acme", digest(CIRCUIT))
OVERHEAD: Final = {Algorithm.ML_KEM_768_X25519: 13 + 1120 + 16, Algorithm.ML_KEM_1024: 13 + 1568 + 16}


@pytest.fixture(scope="module", params=list(Algorithm), ids=lambda it: it.name)
def key(request: pytest.FixtureRequest) -> PrivateKey:
    return PrivateKey.generate(request.param)


@pytest.mark.parametrize("size", [0, 1, 98_304])
def test_a_content_decrypts_to_itself(key: PrivateKey, size: int) -> None:
    stored = encrypt(b"h" * size, key.public, WHERE)
    assert decrypt(stored, key, WHERE) == b"h" * size
    assert len(stored) == size + OVERHEAD[key.algorithm]


def test_a_ciphertext_shows_no_text_and_names_its_key(key: PrivateKey) -> None:
    stored = encrypt(CIRCUIT, key.public, WHERE)
    assert is_encrypted(stored)
    assert not is_encrypted(CIRCUIT)
    assert CIRCUIT[:8] not in stored
    assert key_id_of(stored) == key.public.key_id
    assert stored != encrypt(CIRCUIT, key.public, WHERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(WHERE, tenant="evil"),
        replace(WHERE, digest=digest(b"other")),
        replace(WHERE, chunk=1),
    ],
    ids=["tenant", "content", "chunk"],
)
def test_a_copy_in_another_place_does_not_decrypt(key: PrivateKey, elsewhere: Context) -> None:
    with pytest.raises(BadCiphertext, match="stored in another place"):
        decrypt(encrypt(CIRCUIT, key.public, WHERE), key, elsewhere)


def test_another_key_does_not_decrypt(key: PrivateKey) -> None:
    other = PrivateKey.generate(key.algorithm)
    stored = encrypt(CIRCUIT, key.public, WHERE)
    with pytest.raises(BadCiphertext, match=f"for key {key.public.key_id.hex()}, and this is"):
        decrypt(stored, other, WHERE)
    renamed = stored[:5] + other.public.key_id + stored[13:]
    with pytest.raises(BadCiphertext, match="was changed"):
        decrypt(renamed, other, WHERE)


@pytest.mark.parametrize("at", [13, 600, -17, -1], ids=["begin of the KEM", "KEM", "content", "tag"])
def test_a_changed_byte_is_found(key: PrivateKey, at: int) -> None:
    stored = bytearray(encrypt(CIRCUIT, key.public, WHERE))
    stored[at] ^= 1
    with pytest.raises(BadCiphertext, match="was changed"):
        decrypt(bytes(stored), key, WHERE)


def test_an_unknown_or_another_algorithm_is_refused(key: PrivateKey) -> None:
    stored = encrypt(CIRCUIT, key.public, WHERE)
    with pytest.raises(BadCiphertext, match="there is no algorithm 9"):
        decrypt(stored[:4] + b"\x09" + stored[5:], key, WHERE)
    other = next(it for it in Algorithm if it is not key.algorithm)
    with pytest.raises(BadCiphertext, match="is encrypted for key"):
        decrypt(stored[:4] + bytes([other]) + stored[5:], key, WHERE)


@pytest.mark.parametrize("length", [0, 3, 4, 12, 13, 20, 1133, 1149])
def test_a_shortened_ciphertext_is_refused(key: PrivateKey, length: int) -> None:
    with pytest.raises(BadCiphertext):
        decrypt(encrypt(CIRCUIT, key.public, WHERE)[:length], key, WHERE)


@pytest.mark.parametrize("tenant", ["", "a\nb", "a.b"])
def test_a_tenant_is_a_name(key: PrivateKey, tenant: str) -> None:
    with pytest.raises(InvalidId):
        encrypt(CIRCUIT, key.public, replace(WHERE, tenant=tenant))


def test_each_profile_has_an_algorithm() -> None:
    assert PROFILES == {"default": Algorithm.ML_KEM_768_X25519, "cnsa2": Algorithm.ML_KEM_1024}


def test_what_is_stored_stays_readable(key: PrivateKey) -> None:
    """A key and a ciphertext of the first version: contents are kept for years."""
    stored = json.loads((Path(__file__).parent / "stored.json").read_text(encoding="utf-8"))[key.algorithm.name]
    first = PrivateKey(key.algorithm, bytes.fromhex(stored["key"]))
    assert first.public.key_id.hex() == stored["key_id"]
    assert decrypt(bytes.fromhex(stored["ciphertext"]), first, WHERE) == CIRCUIT


def test_hpke_by_other_code_is_decrypted(key: PrivateKey) -> None:
    header = b"\xffqbe" + bytes([key.algorithm]) + key.public.key_id
    info = b"queuebit/content/v1" + header + f"acme\n{digest(CIRCUIT)}\n0".encode()
    encapsulate = {Algorithm.ML_KEM_768_X25519: _x_wing, Algorithm.ML_KEM_1024: _ml_kem_1024}[key.algorithm]
    encapsulated, secret = encapsulate(key.public.raw)
    suite, sha = {
        Algorithm.ML_KEM_768_X25519: (bytes.fromhex("647a00010002"), "sha256"),
        Algorithm.ML_KEM_1024: (bytes.fromhex("004200020002"), "sha384"),
    }[key.algorithm]
    aead, nonce = _key_schedule(secret, info, b"HPKE" + suite, sha)
    stored = header + encapsulated + AESGCM(aead).encrypt(nonce, CIRCUIT, b"")
    assert decrypt(stored, key, WHERE) == CIRCUIT


def _x_wing(public: bytes) -> tuple[bytes, bytes]:
    """Encapsulation of draft-connolly-cfrg-xwing-kem, section 5.4."""
    kem = pqcrypto.kem.ml_kem_768.PublicKey(public[:1184]).encaps()
    ephemeral = X25519PrivateKey.generate()
    curve = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public[1184:]))
    secret = hashlib.sha3_256(bytes(kem.shared_secret) + shared + curve + public[1184:] + b"\\.//^\\").digest()
    return bytes(kem.ciphertext) + curve, secret


def _ml_kem_1024(public: bytes) -> tuple[bytes, bytes]:
    kem = pqcrypto.kem.ml_kem_1024.PublicKey(public).encaps()
    return bytes(kem.ciphertext), bytes(kem.shared_secret)


def _key_schedule(secret: bytes, info: bytes, suite: bytes, sha: str) -> tuple[bytes, bytes]:
    """The key and the nonce of base mode: section 5.1 of RFC 9180, with its labelled HKDF."""

    def extract(salt: bytes, label: bytes, given: bytes) -> bytes:
        return hmac.new(salt, b"HPKE-v1" + suite + label + given, sha).digest()

    def expand(key: bytes, label: bytes, about: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + about
        return hmac.new(key, labelled + b"\x01", sha).digest()[:length]

    about = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    key = extract(secret, b"secret", b"")
    return expand(key, b"key", about, 32), expand(key, b"base_nonce", about, 12)
