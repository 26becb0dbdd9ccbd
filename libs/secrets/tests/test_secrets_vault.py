"""A secret from Vault, through its unmodified client; and what is said where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_secrets import VaultAway, VaultRefuses, vault_secret
from queuebit_testing.stub_vendor import Request, Response, Status, StubVendor


class Vault(StubVendor):
    """One secret, in version 1 of the key-value engine and in version 2."""

    submits = "-"
    secret = "vault-token-0123456789"

    def answer(self, request: Request) -> Response:
        if request.headers.get("x-vault-token") != self.secret:
            return Response.of({"errors": ["permission denied"]}, 403)
        fields = {"api_key": "in-vault", "port": 443}
        bodies = {"/v1/kv/acme": fields, "/v1/secret/data/acme": {"data": fields, "metadata": {"version": 3}}}
        found = bodies.get(request.path)
        return Response.of({"errors": []}, 404) if found is None else Response.of({"data": found})


@pytest.fixture
def vault() -> Iterator[Vault]:
    with Vault() as running:
        yield running


@pytest.mark.parametrize("place", ["kv/acme#api_key", "/secret/data/acme#api_key"])
def test_a_field_of_either_version_is_read(vault: Vault, tmp_path: Path, place: str) -> None:
    file = tmp_path / "token"
    file.write_text(f"{Vault.secret}\n")
    assert vault_secret(place, {"VAULT_ADDR": vault.url, "VAULT_TOKEN_FILE": str(file)}) == "in-vault"


@pytest.mark.parametrize(
    ("place", "changed", "why"),
    [
        ("kv/acme", {}, "must be PATH#FIELD"),
        ("kv/acme#none", {}, "no text in the field none"),
        ("kv/acme#port", {}, "no text in the field port"),
        ("kv/other#api_key", {}, "has nothing at kv/other"),
        ("kv/acme#api_key", {"VAULT_TOKEN": "another"}, "refuses to read kv/acme"),
        ("kv/acme#api_key", {"VAULT_TOKEN": ""}, "needs a token"),
        ("kv/acme#api_key", {"VAULT_ADDR": "http://vault.example:8200"}, "must be an https address"),
        ("kv/acme#api_key", {"VAULT_TOKEN": "", "VAULT_TOKEN_FILE": "/nowhere"}, "cannot be read: No such file"),
    ],
)
def test_what_is_wrong_is_named_without_the_token(vault: Vault, place: str, changed: dict[str, str], why: str) -> None:
    with pytest.raises(VaultRefuses, match=why) as refused:
        vault_secret(place, {"VAULT_ADDR": vault.url, "VAULT_TOKEN": Vault.secret, **changed})
    assert Vault.secret not in str(refused.value)


def test_a_sealed_vault_is_away(vault: Vault) -> None:
    vault.fail("*", Status(503, body=b'{"errors": ["Vault is sealed"]}'), times=9)
    with pytest.raises(VaultAway, match="does not answer"):
        vault_secret("kv/acme#api_key", {"VAULT_ADDR": vault.url, "VAULT_TOKEN": Vault.secret})


def test_the_token_does_not_follow_a_redirect_to_another_host(vault: Vault) -> None:
    with Vault() as other:
        other.secret = "of-another-host"
        vault.fail("*", Status(307, headers={"location": f"{other.url}/v1/kv/acme"}), times=9)
        with pytest.raises(VaultRefuses, match="redirects to another address"):
            vault_secret("kv/acme#api_key", {"VAULT_ADDR": vault.url, "VAULT_TOKEN": Vault.secret})
        assert not other.requests
