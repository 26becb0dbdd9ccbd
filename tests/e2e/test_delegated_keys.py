"""A pipeline without a secret: an issuer's token becomes a key, the key a job, and the receipt names it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest

from queuebit import Client
from queuebit.errors import QueuebitError
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.issuer import GITHUB, TestIssuer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

ISSUER = TestIssuer()
ENTRY = """
[tenant.{tenant}.issuer.local]
url = "{url}"
audience = "queuebit:{tenant}"
jwks_url = "{url}/.well-known/jwks"
claims = {{ repository = "acme/chem", ref = "refs/heads/main" }}
user = "me"
project = "main"
"""


class _Keys(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(ISSUER.jwks()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def issuer() -> Iterator[str]:
    """The address of an issuer of tokens on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Keys) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


class Http:
    """The gateway of a stack."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self._base = f"http://127.0.0.1:{json.loads((stack.home / 'stack.json').read_text())['ports']['http']}"

    def ask(self, path: str, form: dict[str, str] | None = None, token: str = "") -> tuple[int, Any]:
        body = None if form is None else urlencode(form).encode()
        return self._send(urllib.request.Request(self._base + path, body), token)

    def _send(self, request: urllib.request.Request, token: str) -> tuple[int, Any]:
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def submit(self, token: str, key: str) -> tuple[int, Any]:
        """Submit a job and wait until it has a receipt."""
        body = json.dumps({"circuit": BELL, "shots": 100, "purpose": "ci"}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "Prefer": "wait=30"}
        return self._send(urllib.request.Request(f"{self._base}/v1/jobs?until=sealed", body, headers), token)

    def exchange(self, proof: str, **more: str) -> tuple[int, Any]:
        grant = "urn:ietf:params:oauth:grant-type:token-exchange"
        form = {"grant_type": grant, "subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}
        return self.ask("/oauth/token", {**form, "subject_token": proof, **more})


def test_a_pipelines_token_opens_the_bus_and_submits_without_a_key_file(
    stack: EmbeddedStack, tenant: str, issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tenants.toml"
    stack.qb("tenant", "export", "--output", str(file))
    file.write_text(file.read_text() + ENTRY.format(tenant=tenant, url=issuer))
    stack.qb("tenant", "apply", str(file), "--by", "ci")
    proof = ISSUER.token(GITHUB, datetime.now(UTC), audience=f"queuebit:{tenant}", iss=issuer, jti="of the bus")
    monkeypatch.setenv("QUEUEBIT_URL", json.loads((stack.home / "stack.json").read_text())["listens"]["nats-server"])
    monkeypatch.delenv("QUEUEBIT_CREDENTIAL", raising=False)
    (tmp_path / "token").write_text(proof)
    monkeypatch.setenv("QUEUEBIT_TOKEN_FILE", str(tmp_path / "token"))
    with Client() as first:
        credential = first.credential
        assert (credential.tenant, credential.user, credential.project) == (tenant, "me", "main")
        job = first.submit(BELL, shots=100, purpose="ci", backend="aer")
        assert sum(job.result(timeout=60).counts.values()) == 100
    with Client() as second:  # another process of the pipeline: the same token is the same key
        assert second.credential.delegation == credential.delegation
    monkeypatch.setenv("QUEUEBIT_TOKEN", credential.token)
    with Client() as third:
        assert third.credential.user == "me"
        assert third.job(job.id).status().state == "completed"
    other = ISSUER.token(GITHUB, datetime.now(UTC), audience=f"queuebit:{tenant}", iss=issuer, ref="refs/pull/7/merge")
    monkeypatch.setenv("QUEUEBIT_TOKEN", other)
    with pytest.raises(QueuebitError, match="rejects this token"):
        Client()


def test_a_pipelines_token_becomes_a_key_a_job_and_a_receipt(
    stack: EmbeddedStack, tenant: str, issuer: str, tmp_path: Path
) -> None:
    file, http = tmp_path / "tenants.toml", Http(stack)
    stack.qb("tenant", "export", "--output", str(file))
    file.write_text(file.read_text() + ENTRY.format(tenant=tenant, url=issuer))
    stack.qb("tenant", "apply", str(file), "--by", "ci")
    assert "repository acme/chem" in stack.qb("tenant", "history", tenant)

    proof = ISSUER.token(GITHUB, datetime.now(UTC), audience=f"queuebit:{tenant}", iss=issuer)
    status, issued = http.exchange(proof)
    assert (status, issued["scope"], issued["project"], issued["tenant"]) == (200, "submit", "main", tenant)
    token, delegation = issued["access_token"], issued["delegation"]
    assert http.exchange(proof)[1]["reasons"][0]["code"] == "proof_used"
    pull = ISSUER.token(GITHUB, datetime.now(UTC), audience=f"queuebit:{tenant}", iss=issuer, ref="refs/pull/7/merge")
    assert http.exchange(pull)[1]["reasons"][0]["code"] == "claims_do_not_match"
    assert http.ask("/v1/backends", token=token)[0] == 200

    status, done = http.submit(token, "first")
    assert (status, done["state"], done["sealed"], done["delegation"]) == (200, "completed", True, delegation)
    job = done["job"]
    receipt = tmp_path / "receipt.json"
    stack.qb("receipt", "get", job, "--tenant", tenant, "--output", str(receipt))
    verified = stack.ask("receipt", "verify", str(receipt), "--trust", str(stack.home / "trust.json"))
    assert (verified["verified"], verified["actor"], verified["delegation"]) == (True, "me", delegation)
    shown = stack.ask("job", "show", job, "--tenant", tenant)
    assert shown["delegation"] == delegation
    (row,) = stack.ask("token", "list", "--tenant", tenant)
    assert (row["delegation"], row["issuer"], row["subject"]) == (delegation, "local", GITHUB["sub"])

    stack.qb("token", "revoke", delegation, "--tenant", tenant)
    assert http.submit(token, "second")[1]["code"] == "delegation_revoked"
    logs = "".join(it.read_text(errors="replace") for it in (stack.home / "logs").rglob("*") if it.is_file())
    assert all(part not in logs for part in (*proof.split("."), token))

    made = stack.ask("token", "--for", "5m", "--scope", "read", "--tenant", tenant)
    opened = stack.ask("console", "--no-open", "--tenant", tenant)
    for bearer in (made["access_token"], opened["url"].partition("#token=")[2]):
        assert http.ask("/v1/backends", token=bearer)[0] == 200
