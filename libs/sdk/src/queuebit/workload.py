"""Logs in to the bus with a token instead of a key file: a delegated key, or a token of an issuer such as a CI system.

A token of an issuer is exchanged once, for a key that signs. If the token is given (`QUEUEBIT_TOKEN`), the key follows
from it, so that each process of a pipeline gets the same one, and it ends with the token. A token that GitHub Actions
issues on request is new for each process, and so is the key.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from queuebit.credentials import Credential
from queuebit.errors import InvalidInput, Reason, Refused, Unreachable
from queuebit.loop import Loop
from queuebit.nats_transport import NatsTransport
from queuebit.queries import ask
from queuebit_contracts.delegation import (
    DEFAULT_LIFETIME_S,
    PREFIX,
    AccessToken,
    DelegateRequest,
    Delegation,
    DelegationAnswer,
    audience_of,
    delegation_id,
    tenant_in,
)
from queuebit_contracts.subjects import identity
from queuebit_kernel import Malformed, SystemClock, from_base64url
from queuebit_runtime.keys import new_seed, public_key, seed_of

__all__ = ["given_token", "logged_in"]

_JWT = re.compile(r"([A-Za-z0-9_-]+\.([A-Za-z0-9_-]+))\.[A-Za-z0-9_-]+")
_ASK_S = 15.0
_FETCH_S = 15


@dataclass(frozen=True, slots=True)
class _Workload:
    """A token of an issuer, and the key that it is exchanged for."""

    tenant: str
    delegation: str
    token: str = field(repr=False)
    seed: str = field(repr=False)
    lifetime_s: int | None = None


def given_token(environ: Mapping[str, str] = os.environ) -> str:
    """The token in `QUEUEBIT_TOKEN`, or in the file that `QUEUEBIT_TOKEN_FILE` names; else empty.

    Raises:
        InvalidInput: the file cannot be read.
    """
    if (named := environ.get("QUEUEBIT_TOKEN_FILE")) and not environ.get("QUEUEBIT_TOKEN"):
        try:
            return Path(named).expanduser().read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{named}, which QUEUEBIT_TOKEN_FILE names, cannot be read: {error}") from error
    return environ.get("QUEUEBIT_TOKEN", "").strip()


def logged_in(url: str, ca_file: Path | None, environ: Mapping[str, str] = os.environ) -> Credential | None:
    """The credential of a token, for the bus; None if the environment has no token.

    Raises:
        InvalidInput: the token is none, or does not say its tenant.
        Refused: the platform does not accept it.
        Unreachable: the platform, or the issuer, does not answer.
    """
    token = given_token(environ)
    if token.startswith(PREFIX):
        try:
            read = AccessToken.read(token)
        except Malformed as error:
            raise InvalidInput(str(error)) from error
        plain = Credential(url, read.tenant, "", read.seed, "", ca_file, token, read.delegation)
        return _run(_named(plain))
    now = SystemClock().now().timestamp()
    if token:
        return _run(_exchanged(url, ca_file, _of_token(token, environ, now)))
    if environ.get("ACTIONS_ID_TOKEN_REQUEST_URL") and environ.get("QUEUEBIT_TENANT"):
        token = _from_github(environ)
        return _run(_exchanged(url, ca_file, replace(_of_token(token, environ, now), seed=new_seed(), lifetime_s=None)))
    return None


def _run(work: Any) -> Credential:  # a coroutine that returns a credential
    loop = Loop()
    try:
        found: Credential = loop.run(work)
    finally:
        loop.close()
    return found


def _of_token(token: str, environ: Mapping[str, str], now: float) -> _Workload:
    try:
        if (parts := _JWT.fullmatch(token)) is None:
            raise ValueError("no JSON Web Token")
        claims = json.loads(from_base64url(parts[2]))
        issuer, ends = str(claims["iss"]), float(claims["exp"])
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput("the token is neither one of `qb token` nor an ID token of an issuer") from error
    named = [found for it in audiences if (found := tenant_in(str(it)))]
    tenant = environ.get("QUEUEBIT_TENANT") or (named[0] if len(named) == 1 else "")
    if not tenant:
        raise InvalidInput(
            "the token does not say its tenant: ask for the audience queuebit:TENANT, or set QUEUEBIT_TENANT"
        )
    if ends <= now:
        raise Refused([Reason("proof_expired", "the token has expired: get a new one from its issuer")])
    seed = seed_of(hashlib.sha256(f"key of a workload\n{token}".encode()).digest())
    proof = str(claims.get("jti") or parts[1])
    lifetime = max(1, min(int(ends - now), DEFAULT_LIFETIME_S))
    return _Workload(tenant, delegation_id(tenant, issuer, proof), token, seed, lifetime)


def _from_github(environ: Mapping[str, str]) -> str:
    """A token of GitHub Actions for this run.

    Raises:
        Unreachable: GitHub does not issue one.
    """
    url = environ["ACTIONS_ID_TOKEN_REQUEST_URL"]
    if not url.startswith("https://"):
        raise InvalidInput("ACTIONS_ID_TOKEN_REQUEST_URL does not begin with https://")
    address = f"{url}&audience={quote(audience_of(environ['QUEUEBIT_TENANT']))}"
    headers = {"authorization": f"Bearer {environ.get('ACTIONS_ID_TOKEN_REQUEST_TOKEN', '')}"}
    try:
        asked = urllib.request.Request(address, headers=headers)  # noqa: S310  # https, see above
        with urllib.request.urlopen(asked, timeout=_FETCH_S) as answer:  # noqa: S310  # https, see above
            return str(json.loads(answer.read())["value"])
    except (OSError, ValueError, KeyError) as error:
        text = "GitHub issues no token: does the job have `permissions: { id-token: write }`?"
        raise Unreachable(text) from error


async def _exchanged(url: str, ca_file: Path | None, workload: _Workload) -> Credential:
    """The key that a token gives, with the user and project that the tenant's entry names."""
    inbox = Credential(url, workload.tenant, "", "", token=workload.token, delegation=workload.delegation).inbox
    transport = NatsTransport(url, "", inbox, ca_file=ca_file, token=workload.token)
    key = public_key(workload.seed)
    asked = DelegateRequest(key=key, proof=workload.token, lifetime_s=workload.lifetime_s)
    try:
        body = asked.model_dump_json(exclude_none=True).encode()
        reply = await transport.request(identity("delegate", workload.tenant), body, timeout=_ASK_S)
    finally:
        await transport.close()
    answer = DelegationAnswer.model_validate_json(reply.body)
    if answer.delegation is None:
        raise Refused([Reason(it.code, it.text) for it in answer.errors])
    return _credential(url, ca_file, answer.delegation, workload.seed)


def _credential(url: str, ca_file: Path | None, it: Delegation, seed: str) -> Credential:
    token = AccessToken(it.tenant, it.delegation, seed).text()
    return Credential(url, it.tenant, it.user, seed, it.project or "", ca_file, token, it.delegation)


async def _named(plain: Credential) -> Credential:
    """The same credential with the user and project of its delegation."""
    transport = NatsTransport(plain.url, "", plain.inbox, ca_file=plain.ca_file, token=plain.token)
    try:
        found = await ask(transport, plain.tenant, "delegations", limit=10_000)
    finally:
        await transport.close()
    own = next((it for it in found if it["delegation"] == plain.delegation), {"user": "", "project": None})
    return replace(plain, user=str(own["user"]), project=str(own["project"] or ""))
