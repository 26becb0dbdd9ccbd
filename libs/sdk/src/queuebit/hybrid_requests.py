"""Requests to run a Python file as a hybrid job: its session, the key for its jobs, and the submission."""

from __future__ import annotations

import asyncio
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from queuebit.amounts import Amount, money_of
from queuebit.credentials import Credential
from queuebit.errors import Conflict, InvalidInput, Reason, Refused, Unreachable
from queuebit.hybrid_jobs import AsyncHybridJob
from queuebit.inputs import one_line, plain_name, whole_number
from queuebit.permissions import permitted
from queuebit.session_requests import opening
from queuebit.signing import UNSIGNED, proof_of
from queuebit.writing import INSIDE_EVENT
from queuebit_contracts import subjects
from queuebit_contracts.delegation import MAX_LIFETIME_S, DelegateRequest, DelegationAnswer, delegation_id
from queuebit_contracts.hybrid import (
    MAX_TIME_S,
    PYTHON,
    SIGNS_FOR_S,
    HybridSubmission,
    HybridSubmitted,
    cap_key,
    hybrid_id,
)
from queuebit_contracts.session import OpenSession, session_id
from queuebit_contracts.wire import Amount as WireAmount
from queuebit_kernel import Stale, SystemClock, digest_of, event_id, new_key
from queuebit_runtime.keys import public_key
from queuebit_runtime.payloads import describe
from queuebit_runtime.trace_context import current_traceparent

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.log_client import LogClient
    from queuebit.transport import Transport

__all__ = ["hybrid_content", "require_python", "run_hybrid", "start_hybrid", "start_over_bus"]

_ASK_S: Final = 15.0


async def run_hybrid(
    client: AsyncClient,
    file: Path | str,
    *,
    label: str | None,
    **options: Any,  # as `AsyncClient.run_hybrid` names and types them
) -> AsyncHybridJob:
    """As `AsyncClient.run_hybrid`."""
    source, name = await asyncio.to_thread(_read, file)
    return await start_hybrid(client, source, label=name if label is None else label, **options)


async def start_hybrid(client: AsyncClient, source: bytes, *, label: str, **options: Any) -> AsyncHybridJob:
    """Start a hybrid job from the content of its file; the options are those of `AsyncClient.run_hybrid`.

    With the key of its user, all that is needed is signed here. Without one, a sidecar behind the address signs.
    """
    credential = client.credential
    if credential.delegation is not None:
        text = "a hybrid job, or another holder of a delegated key, starts no hybrid jobs: submit it as yourself"
        raise Refused([Reason("delegated", text)])
    draft = _draft(credential, source, label, **options)
    if not await _is_known(client, draft):
        with permitted(credential, "submit hybrid jobs"):
            grant = await _prepared(client, draft, source) if credential.seed else None
            event = _signed(client, draft, "none" if grant is None else grant.delegation)
            try:
                await _start(client, draft, event, grant, source)
            except Stale:
                if not await _is_known(client, draft):
                    raise Unreachable(f"the log does not show hybrid job {draft.hybrid} yet: submit again") from None
    return AsyncHybridJob(draft.hybrid, client)


async def _start(
    client: AsyncClient, draft: HybridSubmission, event: HybridSubmitted, grant: _Grant | None, source: bytes
) -> None:
    """Submit; the file is stored outside of the event if the platform asks for it."""
    request = None if grant is None else grant.request
    try:
        await client._access.start_hybrid(event, request, source)
    except Refused as refused:
        if draft.file.inline is None or refused.reasons[0].code != INSIDE_EVENT:
            raise
        outside = draft.file.model_copy(update={"inline": None})
        await client._payloads().keep(outside, source)
        again = _signed(client, draft.model_copy(update={"file": outside}), event.data.delegation)
        await client._access.start_hybrid(again, request, source)


def _draft(
    credential: Credential,
    source: bytes,
    label: str,
    *,
    parameters: Mapping[str, Any] | None,
    max_time: float,
    max_cost: Amount | None,
    project: str | None,
    purpose: str,
    key: str | None,
    retries: int,
    tags: Sequence[str],
) -> HybridSubmission:
    """The request, without the key that its jobs will be signed with, and without a signature."""
    key = new_key() if key is None else one_line("key", key, 128)
    hybrid = hybrid_id(credential.tenant, key)
    return HybridSubmission(
        tenant=credential.tenant,
        project=plain_name("project", project or credential.project or None),
        hybrid=hybrid,
        key=key,
        purpose=one_line("purpose", purpose, 200),
        label=one_line("label", label, 200),
        file=describe(source, PYTHON),
        parameters=_parameters(parameters or {}),
        delegation="none",
        max_time_s=whole_number("max_time", _whole(max_time), 1, MAX_TIME_S),
        retries=whole_number("retries", retries, 0, 5) or None,
        max_cost=None if max_cost is None else WireAmount.of(money_of(max_cost)),
        session=None if max_cost is None else session_id(credential.tenant, cap_key(hybrid)),
        tags=tuple(dict.fromkeys(plain_name("tag", it) for it in tags)) or None,
        proof=UNSIGNED,
    )


def _read(file: Path | str) -> tuple[bytes, str]:
    path = Path(file).expanduser()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}; name a Python file") from error
    require_python(source, str(path))
    return source, path.name


def require_python(source: bytes, name: str) -> None:
    """Raise `InvalidInput` unless the content of a file is UTF-8 that can be compiled."""
    try:
        compile(source.decode(), name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(f"{name} is no Python: {error}") from error
    except (RecursionError, MemoryError) as error:  # what CPython's compiler raises for deep nesting
        raise InvalidInput(f"{name} is nested too deeply to be compiled: split its longest expression") from error


def _parameters(given: Mapping[str, Any]) -> str:
    try:
        text = json.dumps({str(name): value for name, value in given.items()}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"parameters are not JSON: {error}; give numbers, texts, lists and mappings") from error
    if len(text) > 16_384:
        raise InvalidInput(f"parameters have {len(text):,} characters as JSON and may have 16,384: pass less")
    return text


def _session(client: AsyncClient, draft: HybridSubmission) -> OpenSession:
    """The request for the session whose cap pays for the hybrid job and its jobs, and for nothing else."""
    return opening(
        client.credential,
        key=cap_key(draft.hybrid),
        project=draft.project,
        label=draft.label,
        backend=None,
        max_cost=None if draft.max_cost is None else draft.max_cost.money,
        max_idle=None,
        max_age=draft.max_time_s + SIGNS_FOR_S,
    )


def _whole(seconds: float) -> float:
    """Whole seconds, at least as many."""
    return math.ceil(seconds) if isinstance(seconds, float) and math.isfinite(seconds) else seconds


async def _is_known(client: AsyncClient, draft: HybridSubmission) -> bool:
    """Whether it was submitted before; raises `Conflict` if its key names another one."""
    known = await client._log_client().last(subjects.hybrid(draft.tenant, draft.hybrid).event("submitted"))
    if known is None or not isinstance(known.event, HybridSubmitted):
        return False
    if hybrid_content(known.event.data) != hybrid_content(draft):
        raise Conflict(f"key {draft.key!r} already names hybrid job {draft.hybrid} with other content: use a new key")
    return True


def hybrid_content(asked: HybridSubmission) -> str:
    """The digest of what two submissions with one key have in common if they are the same hybrid job."""
    without = {"proof", "label", "delegation"}
    counted = asked.model_copy(update={"file": asked.file.model_copy(update={"inline": None})})
    return digest_of(counted.model_dump(mode="json", exclude_none=True, exclude=without))


def _signed(client: AsyncClient, draft: HybridSubmission, delegation: str) -> HybridSubmitted:
    asked, credential = draft.model_copy(update={"delegation": delegation}), client.credential
    content = asked.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    proof = proof_of(content, credential.seed, credential.delegation)
    return HybridSubmitted(
        id=event_id("qb.hybrid.submitted.v1", asked.tenant, asked.hybrid, digest_of(content)),
        source="qb/client",
        traceparent=current_traceparent(),
        provenanceid=digest_of(content),
        data=asked.model_copy(update={"proof": proof}),
    )


async def start_over_bus(
    transport: Transport, log: LogClient, event: HybridSubmitted, grant: DelegateRequest | None
) -> None:
    """As `Access.start_hybrid`."""
    tenant = event.data.tenant
    if grant is not None:
        subject, body = subjects.identity("delegate", tenant), grant.model_dump_json(exclude_none=True).encode()
        reply = await transport.request(subject, body, timeout=_ASK_S)
        answer = DelegationAnswer.model_validate_json(reply.body)
        if answer.delegation is None:
            raise Refused([Reason(it.code, it.text) for it in answer.errors])
    await log.append(event, guard=subjects.hybrid(tenant, event.data.hybrid).everything)


@dataclass(frozen=True, slots=True)
class _Grant:
    """The request that lets the key of a hybrid job act for the user; the service alone has its secret half."""

    request: DelegateRequest
    delegation: str
    """The id of the delegation that it gives."""


async def _prepared(client: AsyncClient, draft: HybridSubmission, source: bytes) -> _Grant:
    """Store the file, open the session with the cap, and sign the grant of the key."""
    (row,) = await client._access.ask("hybrid", job=draft.hybrid)  # first: it may be refused
    await client._payloads().keep(draft.file, source)
    if draft.session is not None:
        await client._access.open_session(_session(client, draft))
    return _grant(client.credential, str(row["key"]), draft.project, draft.max_time_s)


def _grant(credential: Credential, key: str, project: str, max_time_s: int) -> _Grant:
    from queuebit.delegating import proof_for

    name, now = secrets.token_hex(16), SystemClock().now().timestamp()
    request = DelegateRequest(
        key=key,
        proof=proof_for(credential, key, scope="submit", project=project, now=now, name=name),
        scope="submit",
        project=project,
        lifetime_s=min(max_time_s + SIGNS_FOR_S, MAX_LIFETIME_S),
    )
    return _Grant(request, delegation_id(credential.tenant, public_key(credential.seed), name))
