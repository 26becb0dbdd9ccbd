"""Tokens from the environment: where they come from, and what is refused before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from queuebit.errors import InvalidInput, Refused
from queuebit.workload import given_token, logged_in
from queuebit_kernel import to_base64url

URL = "nats://127.0.0.1:1"


def token(**changed: Any) -> str:  # any JSON
    claims = {"iss": "https://ci.example", "aud": "queuebit:acme", "exp": 4_000_000_000, "jti": "1"} | changed
    return f"{to_base64url(b'{}')}.{to_base64url(json.dumps(claims).encode())}.c2ln"


def test_a_file_holds_the_token_unless_the_environment_does(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    assert given_token({"QUEUEBIT_TOKEN_FILE": str(file)}) == "from-file"
    assert given_token({"QUEUEBIT_TOKEN_FILE": str(file), "QUEUEBIT_TOKEN": "given"}) == "given"
    assert given_token({}) == ""


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="QUEUEBIT_TOKEN_FILE"):
        given_token({"QUEUEBIT_TOKEN_FILE": str(tmp_path / "none")})


def test_without_a_token_there_is_no_credential() -> None:
    assert logged_in(URL, None, {}) is None
    assert logged_in(URL, None, {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://ci.example"}) is None


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ("qbt_x", InvalidInput, "not an access token"),
        ("no.token", InvalidInput, "neither"),
        ("a.b.c", InvalidInput, "neither"),
        (token(exp="soon"), InvalidInput, "neither"),
        (token(aud="other"), InvalidInput, "queuebit:TENANT"),
        (token(aud=["queuebit:acme", "queuebit:evil"]), InvalidInput, "QUEUEBIT_TENANT"),
        (token(exp=1), Refused, "has expired"),
    ],
)
def test_what_is_no_token_is_refused_here(given: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        logged_in(URL, None, {"QUEUEBIT_TOKEN": given})
    assert given not in str(caught.value)


def test_github_is_asked_over_https_only() -> None:
    found = {"ACTIONS_ID_TOKEN_REQUEST_URL": "http://ci.example?x=1", "QUEUEBIT_TENANT": "acme"}
    with pytest.raises(InvalidInput, match="https://"):
        logged_in(URL, None, found)
