"""Keys that a device keeps: references, real tokens of SoftHSM, and what is said when a device cannot sign."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from queuebit_kernel import Settle
from queuebit_proof import (
    KeyRing,
    KeysUnsafe,
    Profile,
    SignerAway,
    accept_rotation,
    open_envelope,
    read_signers,
    rotate_keys,
    rotations,
    seal,
)
from queuebit_proof.algorithms import Algorithm, SigningKey, is_signed
from queuebit_proof.devices import public_key_of, vault_transit
from queuebit_proof.devices.kept_key import Device
from queuebit_proof.devices.pkcs11_token import TokenKey
from queuebit_proof.devices.pkcs11_uri import TokenUri
from queuebit_proof.devices.vault_transit import TransitKey
from queuebit_proof.profiles import Purpose
from queuebit_testing.key_devices import OpenBao, SoftToken, needs_openbao, needs_softhsm, open_bao, soft_token

from .conftest import BEGIN, ORIGIN

STATEMENT, CHECKPOINT = (Purpose.STATEMENT, Algorithm.ED25519), (Purpose.CHECKPOINT, Algorithm.ED25519)
LATER = BEGIN + timedelta(days=1)
WORD = b"correct horse battery staple"


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "softhsm") as made:
        yield made


@pytest.fixture
def ring(tmp_path: Path, token: SoftToken) -> KeyRing:
    """A log whose Ed25519 keys are in the token from the beginning."""
    signers = {STATEMENT: token.make_key("statements"), CHECKPOINT: token.make_key("heads")}
    return KeyRing.open(tmp_path / "keys", ORIGIN, BEGIN, signers=signers)


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    with open_bao(tmp_path_factory.mktemp("bao")) as running:
        yield running


@pytest.fixture
def vault(bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> OpenBao:
    for name, value in bao.environment.items():
        monkeypatch.setenv(name, value)
    return bao


# --- references


def test_a_reference_names_module_token_key_and_the_file_of_the_pin() -> None:
    uri = TokenUri.parse("pkcs11:token=a%20b;id=%01%ff?pin-source=file:/run/pin&module-path=/usr/lib/m.so")
    assert (uri.token, uri.label, uri.id, uri.serial) == ("a b", None, b"\x01\xff", None)
    assert (uri.pin_file, uri.module) == (Path("/run/pin"), Path("/usr/lib/m.so"))


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("pkcs11:object=k?module-path=/m&pin-source=/p", "must name the token"),
        ("pkcs11:token=t?module-path=/m&pin-source=/p", "must name the key"),
        ("pkcs11:token=t;object=k?module-path=/m", "lacks pin-source"),
        ("pkcs11:token=t;object=k", "lacks module-path and pin-source"),
        ("pkcs11:token=t;object=k?module-path=m&pin-source=/p", "absolute path"),
        ("pkcs11:token=t;token=u;object=k?module-path=/m&pin-source=/p", "unknown or doubled"),
        ("pkcs11:token=t;object=k;colour=red?module-path=/m&pin-source=/p", "'colour' is unknown"),
        ("pkcs11:token=t;object=k;type=cert?module-path=/m&pin-source=/p", "private key"),
        ("vault:heads", "mount of the engine and a name"),
        ("awskms:heads", "must begin with pkcs11: .* or vault:"),
    ],
)
def test_a_wrong_reference_says_what_is_wrong(reference: str, why: str) -> None:
    with pytest.raises(KeysUnsafe, match=why):
        public_key_of(reference, Algorithm.ED25519)


def test_a_pin_in_a_reference_is_refused_and_not_shown() -> None:
    with pytest.raises(KeysUnsafe, match="must not contain a PIN") as refused:
        TokenUri.parse("pkcs11:token=t;object=k?module-path=/m&pin-value=654321")
    assert "654321" not in str(refused.value)


def test_a_device_keeps_no_ml_dsa_key() -> None:
    with pytest.raises(KeysUnsafe, match="cannot keep the ml-dsa-65 key"):
        public_key_of("vault:transit/heads", Algorithm.ML_DSA_65)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("statement = 1", "must be a table"),
        ("[statement]\nrsa = 'vault:a/b'", "statement.rsa is no key"),
        ("[results]\ned25519 = 'vault:a/b'", "results.ed25519 is no key"),
        ("[statement]\ned25519 = 3", "must be a reference"),
        ("[statement", "is not TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_signers_file_says_what_is_wrong(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "signers.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(KeysUnsafe, match=why):
        read_signers(file)


def test_a_signers_file_names_keys_by_their_use(tmp_path: Path) -> None:
    file = tmp_path / "signers.toml"
    file.write_text('[statement]\ned25519 = "vault:transit/a"\n[checkpoint]\ned25519 = "vault:transit/b"\n')
    assert read_signers(file) == {STATEMENT: "vault:transit/a", CHECKPOINT: "vault:transit/b"}


# --- what every device promises


class DeviceLaws:
    """Of a device with one key; implementations give `device`."""

    def test_it_signs_with_the_key_that_it_shows(self, device: Device) -> None:
        public = device.public()
        assert is_signed(Algorithm.ED25519, public, device.sign(public, b"message"), b"message")

    def test_it_does_not_sign_as_another_key(self, device: Device) -> None:
        other = SigningKey(Algorithm.ED25519, bytes(32)).public
        with pytest.raises(SignerAway, match="in use"):
            device.sign(other, b"message")


@needs_softhsm
class TestToken(DeviceLaws):
    @pytest.fixture
    def device(self, token: SoftToken) -> Device:
        return TokenKey.of(token.make_key("k"))


@needs_openbao
@pytest.mark.server
class TestTransit(DeviceLaws):
    @pytest.fixture
    def device(self, vault: OpenBao) -> Device:
        return TransitKey.of(vault.make_key("law").removeprefix("vault:"))


# --- a token


@needs_softhsm
def test_a_token_signs_with_its_keys_and_the_file_has_the_others(tmp_path: Path, ring: KeyRing) -> None:
    again = KeyRing.load(tmp_path / "keys", WORD)  # encrypts it
    assert open_envelope(seal(b"{}", again), ring.trust).payload == b"{}"
    kinds = [type(signer).__name__ for purpose in Purpose for _, signer in again.signers(purpose)]
    assert kinds == ["KeptKey", "SigningKey"] * 2
    document = json.loads((tmp_path / "keys" / "keys.json").read_bytes())
    assert (document["version"], sorted(document["kept"])) == (3, ["checkpoint/ed25519", "statement/ed25519"])
    assert "encrypted" in document


@needs_softhsm
def test_keys_move_from_the_file_into_a_token(tmp_path: Path, token: SoftToken) -> None:
    old = KeyRing.open(tmp_path / "keys", ORIGIN, BEGIN)
    new = rotate_keys(tmp_path / "keys", LATER, signers={STATEMENT: token.make_key("statements")})
    accept_rotation(rotations(tmp_path / "keys")[2], old.trust, new.trust)
    assert open_envelope(seal(b"{}", new), new.trust).payload == b"{}"
    seeds = json.loads((tmp_path / "keys" / "keys.json").read_bytes())["seeds"]
    assert sorted(seeds) == ["checkpoint/ed25519", "checkpoint/ml-dsa-44", "statement/ml-dsa-65"]


@needs_softhsm
def test_the_old_keys_of_a_token_sign_for_the_new_ones(tmp_path: Path, token: SoftToken, ring: KeyRing) -> None:
    signers = {STATEMENT: token.make_key("statements-2"), CHECKPOINT: token.make_key("heads-2")}
    new = rotate_keys(tmp_path / "keys", LATER, profile=Profile.CNSA2, signers=signers)
    accept_rotation(rotations(tmp_path / "keys")[2], ring.trust, new.trust)
    assert new.trust.current.keys[0].public == public_key_of(signers[STATEMENT], Algorithm.ED25519)


@needs_softhsm
def test_a_change_of_keys_takes_none_out_of_its_token_and_no_key_twice(
    tmp_path: Path, token: SoftToken, ring: KeyRing
) -> None:
    folder, more = tmp_path / "keys", token.make_key("more")
    before = (folder / "keys.json").read_bytes()
    for signers, why in (
        ({}, "a device keeps the key checkpoint/ed25519"),
        ({STATEMENT: more}, "a device keeps the key checkpoint/ed25519"),
        ({STATEMENT: more, CHECKPOINT: more}, "one key for two purposes"),
        ({STATEMENT: more, CHECKPOINT: token.reference("heads")}, "this log used before"),
        ({STATEMENT: more, CHECKPOINT: more, (Purpose.STATEMENT, Algorithm.ML_DSA_87): more}, "has no .*ml-dsa-87 key"),
    ):
        with pytest.raises(KeysUnsafe, match=why):
            rotate_keys(folder, LATER, signers=signers)
    assert (folder / "keys.json").read_bytes() == before


@needs_softhsm
def test_a_token_that_is_away_does_not_sign_and_signs_when_it_is_back(
    tmp_path: Path, token: SoftToken, ring: KeyRing
) -> None:
    assert seal(b"{}", ring)
    with token.unplugged():
        for each in (ring, KeyRing.load(tmp_path / "keys")):  # one in use, and one that starts now
            with pytest.raises(SignerAway, match=f"there is no token {token.label} at .*: is it plugged in") as away:
                seal(b"{}", each)
            assert away.value.settle is Settle.RETRY_LATER
    assert open_envelope(seal(b"{}", ring), ring.trust).payload == b"{}"


@needs_softhsm
def test_a_wrong_pin_is_tried_once_and_a_corrected_one_is_taken_up(token: SoftToken, ring: KeyRing) -> None:
    assert seal(b"{}", ring)
    token.pin_file.write_text("9999\n")
    assert seal(b"{}", ring), "the token is open"
    with token.unplugged(), pytest.raises(SignerAway):
        seal(b"{}", ring)
    with pytest.raises(SignerAway, match=f"the PIN in {token.pin_file} is wrong"):
        seal(b"{}", ring)
    with pytest.raises(SignerAway, match="not tried again: correct the file"):
        seal(b"{}", ring)
    token.pin_file.chmod(0o644)
    with pytest.raises(SignerAway, match="run `chmod 600"):
        seal(b"{}", ring)
    token.pin_file.chmod(0o600)
    token.pin_file.write_text("1234\n")
    assert open_envelope(seal(b"{}", ring), ring.trust).payload == b"{}"


@needs_softhsm
def test_a_key_that_is_missing_or_of_another_kind_is_named(token: SoftToken) -> None:
    with pytest.raises(SignerAway, match="the token has no public key"):
        public_key_of(token.reference("absent"), Algorithm.ED25519)
    with pytest.raises(SignerAway, match="is no ed25519 key, but EC"):
        public_key_of(token.make_key("curve", kind="p256"), Algorithm.ED25519)
    with pytest.raises(SignerAway, match="there is no token elsewhere"):
        public_key_of(token.reference("k").replace(token.label, "elsewhere", 1), Algorithm.ED25519)
    with pytest.raises(SignerAway, match=r"cannot open shared object file"):
        public_key_of(token.reference("k").replace("libsofthsm2", "absent"), Algorithm.ED25519)


@needs_softhsm
def test_a_reference_to_another_key_signs_nothing(tmp_path: Path, token: SoftToken, ring: KeyRing) -> None:
    file = tmp_path / "keys" / "keys.json"
    token.make_key("other")
    file.write_bytes(file.read_bytes().replace(b"object=statements", b"object=other"))
    with pytest.raises(SignerAway, match="signs with another key than the one in use"):
        seal(b"{}", KeyRing.load(tmp_path / "keys"))


@needs_softhsm
def test_what_waits_for_a_wrong_reference_is_not_lost(tmp_path: Path, ring: KeyRing) -> None:
    file = tmp_path / "keys" / "keys.json"
    file.write_bytes(file.read_bytes().replace(b"pkcs11:token", b"pkcs12:token"))
    with pytest.raises(SignerAway, match="must begin with pkcs11:"):
        seal(b"{}", KeyRing.load(tmp_path / "keys"))


@needs_softhsm
def test_a_reference_may_change_while_the_key_stays(tmp_path: Path, token: SoftToken, ring: KeyRing) -> None:
    def opened(reference: str) -> KeyRing:
        return KeyRing.open(tmp_path / "keys", ORIGIN, LATER, signers={STATEMENT: reference})

    pin = tmp_path / "pin"
    pin.touch(0o600)
    pin.write_text("1234")
    moved = token.reference("statements").replace(str(token.pin_file), str(pin))
    assert opened(moved).trust == ring.trust
    assert moved in json.loads((tmp_path / "keys" / "keys.json").read_bytes())["kept"].values()
    with pytest.raises(KeysUnsafe, match=r"qb keys rotate --signers FILE"):
        opened(token.make_key("other"))


@needs_softhsm
def test_a_key_in_the_file_is_not_taken_for_one_in_a_token(tmp_path: Path, token: SoftToken) -> None:
    KeyRing.open(tmp_path / "keys", ORIGIN, BEGIN)
    with pytest.raises(KeysUnsafe, match="statement/ed25519 in use is not pkcs11:"):
        KeyRing.open(tmp_path / "keys", ORIGIN, BEGIN, signers={STATEMENT: token.make_key("k")})


# --- Vault's transit engine


@needs_openbao
@pytest.mark.server
def test_the_transit_engine_signs_also_after_it_replaced_the_key(
    tmp_path: Path, vault: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    signers = {STATEMENT: vault.make_key("statements"), CHECKPOINT: vault.make_key("heads")}
    ring = KeyRing.open(tmp_path / "keys", ORIGIN, BEGIN, signers=signers)
    assert open_envelope(seal(b"{}", ring), ring.trust).payload == b"{}"
    vault.write("transit/keys/statements/rotate")
    vault.write("transit/keys/heads/rotate")
    again = KeyRing.load(tmp_path / "keys")
    assert open_envelope(seal(b"{}", again), ring.trust).payload == b"{}", "the version in use signs"
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    with pytest.raises(SignerAway, match="does not answer"):
        seal(b"{}", again)
    monkeypatch.setenv("VAULT_ADDR", vault.url)
    monkeypatch.setenv("VAULT_TOKEN", "wrong")
    with pytest.raises(SignerAway, match="check its token and policy"):
        seal(b"{}", again)
    monkeypatch.setenv("VAULT_TOKEN", vault.token)
    new = rotate_keys(tmp_path / "keys", LATER, signers=signers)
    accept_rotation(rotations(tmp_path / "keys")[2], ring.trust, new.trust)


@needs_openbao
@pytest.mark.server
def test_a_key_that_vault_lacks_or_that_is_of_another_kind_is_named(vault: OpenBao) -> None:
    with pytest.raises(SignerAway, match="cannot read transit/absent"):
        public_key_of("vault:transit/absent", Algorithm.ED25519)
    with pytest.raises(SignerAway, match="is no ed25519 key, but ecdsa-p256"):
        public_key_of(vault.make_key("curve", kind="ecdsa-p256"), Algorithm.ED25519)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"data": None},
        {"data": {"type": "ed25519"}},
        {"data": {"type": "ed25519", "keys": {}}},
        {"data": {"type": "ed25519", "keys": {"one": {"public_key": "AAAA"}}}},
        {"data": {"type": "ed25519", "keys": {"1": "2026-12-01"}}},
        {"data": {"type": "ed25519", "keys": {"1": {"public_key": "A"}}}},
    ],
)
def test_an_answer_of_vault_that_is_not_understood_makes_the_signer_wait(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(vault_transit, "ask_vault", lambda *_: answer)
    with pytest.raises(SignerAway, match="transit/heads"):
        TransitKey.of("transit/heads").public()
