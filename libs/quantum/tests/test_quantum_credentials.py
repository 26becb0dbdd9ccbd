"""Secrets come from a variable, a file or Vault: through its unmodified client, against its documented answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_quantum import NotReachable
from queuebit_quantum.credentials import redacted, secret
from queuebit_quantum.vendor_faults import VendorCredentials
from queuebit_testing.stub_vendor import LostReply, Request, Response, Status, StubVendor

NAME = "ACME_KEY"


class Vault(StubVendor):
    """Vault's HTTP interface: `GET /v1/secret/data/PATH` of version 2 of the key-value engine, `GET /v1/kv/PATH` of 1.

    See developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version, and kv-v1#read-secret.
    """

    submits = "-"
    secret = "vault-token-0123456789"

    def answer(self, request: Request) -> Response:
        if request.headers.get("x-vault-token") != self.secret:
            return Response.of({"errors": ["permission denied"]}, 403)
        about = {"request_id": "r1", "lease_id": "", "renewable": False, "lease_duration": 0}
        fields = {"api_key": "key-in-vault", "port": 443}
        match request.path:
            case "/v1/secret/data/acme":
                metadata = {
                    "created_time": "2026-01-01T00:00:00Z",
                    "deletion_time": "",
                    "destroyed": False,
                    "version": 3,
                }
                return Response.of({**about, "data": {"data": fields, "metadata": metadata}})
            case "/v1/kv/acme":
                return Response.of({**about, "data": fields})
            case _:
                return Response.of({"errors": []}, 404)


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Vault]:
    token = tmp_path / "token"
    token.write_text(f"{Vault.secret}\n")
    with Vault() as it:
        monkeypatch.setenv("VAULT_ADDR", it.url)
        monkeypatch.setenv("VAULT_TOKEN_FILE", str(token))
        yield it


def test_the_variable_itself_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("  from-a-file\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert secret(NAME) == "from-a-file"
    monkeypatch.setenv(NAME, "from-a-variable")
    assert secret(NAME) == "from-a-variable"
    assert secret("ACME_OTHER", default="") == ""


@pytest.mark.parametrize("place", ["secret/data/acme#api_key", "/kv/acme#api_key"], ids=["version 2", "version 1"])
def test_vault_has_it(vault: Vault, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv(f"{NAME}_VAULT", place)
    assert secret(NAME) == "key-in-vault"
    assert redacted(f"{vault.secret} key-in-vault") == "*** ***"


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({}, "ACME_KEY is not set: set ACME_KEY_FILE"),
        ({NAME: " "}, "ACME_KEY is empty"),
        ({f"{NAME}_FILE": "/nowhere/key"}, "ACME_KEY_FILE names, cannot be read: No such file"),
        ({f"{NAME}_VAULT": "secret/data/acme"}, "must be PATH#FIELD"),
        ({f"{NAME}_VAULT": "secret/data/acme#no"}, "has no text in the field no"),
        ({f"{NAME}_VAULT": "secret/data/acme#port"}, "has no text in the field port"),
        ({f"{NAME}_VAULT": "secret/acme#api_key"}, "has nothing at secret/acme: check the path"),
        ({f"{NAME}_VAULT": "kv/acme#api_key", "VAULT_TOKEN": "another"}, "refuses to read kv/acme"),
        ({f"{NAME}_VAULT": "kv/acme#api_key", "VAULT_TOKEN_FILE": ""}, "needs a token"),
        ({f"{NAME}_VAULT": "kv/acme#api_key", "VAULT_ADDR": ""}, "must be an https address"),
        ({f"{NAME}_VAULT": "kv/acme#api_key", "VAULT_ADDR": "http://vault.example:8200"}, "must be an https address"),
    ],
)
@pytest.mark.usefixtures("vault")
def test_what_is_missing_says_what_to_set(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], why: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(VendorCredentials) as fault:
        secret(NAME)
    assert why in str(fault.value)
    assert Vault.secret not in str(fault.value)


@pytest.mark.parametrize("how", [Status(503, body=b'{"errors": ["Vault is sealed"]}'), LostReply(taken=False)])
def test_a_vault_that_is_sealed_or_away_is_asked_again(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, how: Status | LostReply
) -> None:
    monkeypatch.setenv(f"{NAME}_VAULT", "kv/acme#api_key")
    vault.fail("*", how, times=10)
    with pytest.raises(NotReachable, match="does not answer"):
        secret(NAME)
    vault.heal()
    assert secret(NAME) == "key-in-vault"
