"""Requests to run a Python file as a hybrid job: its session, the key for its jobs, and the submission."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from queuebit.amounts import Amount, money_of
from queuebit.credentials import Credential
from queuebit.errors import Conflict, InvalidInput, Reason, Refused, Unreachable
from queuebit.hybrid_jobs import AsyncHybridJob
from queuebit.inputs import one_line, plain_name, whole_number
from queuebit.permissions import permitted
from queuebit.queries import ask
from queuebit.session_requests import opening
from queuebit.signing import UNSIGNED, proof_of
from queuebit_contracts import subjects
from queuebit_contracts.delegation import MAX_LIFETIME_S, DelegateRequest, DelegationAnswer
from queuebit_contracts.hybrid import (
    MAX_TIME_S,
    PYTHON,
    SIGNS_FOR_S,
    HybridSubmission,
    HybridSubmitted,
    hybrid_id,
)
from queuebit_contracts.session import OpenSession, session_id
from queuebit_contracts.wire import Amount as WireAmount
from queuebit_kernel import Stale, SystemClock, digest_of, event_id, new_key
from queuebit_runtime.payloads import describe
from queuebit_runtime.trace_context import current_traceparent

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["run_hybrid"]

_ASK_S: Final = 15.0
_SESSION_KEY: Final = "hybrid-"
"""What the key of the session of a hybrid job with a cap begins with; its id follows."""


async def run_hybrid(
    client: AsyncClient,
    file: Path | str,
    *,
    parameters: Mapping[str, Any] | None,
    max_time: float,
    max_cost: Amount | None,
    project: str | None,
    purpose: str,
    label: str | None,
    key: str | None,
    retries: int,
    tags: Sequence[str],
) -> AsyncHybridJob:
    """As `AsyncClient.run_hybrid`."""
    credential = client.credential
    if credential.delegation is not None:
        text = "a hybrid job, or another holder of a delegated key, starts no hybrid jobs: submit it as yourself"
        raise Refused([Reason("delegated", text)])
    source, name = await asyncio.to_thread(_read, file)
    draft = _draft(
        credential,
        source,
        name if label is None else label,
        parameters=parameters or {},
        max_time=max_time,
        max_cost=max_cost,
        project=project,
        purpose=purpose,
        key=key,
        retries=retries,
        tags=tags,
    )
    hybrid = draft.hybrid
    if await _is_known(client, draft):
        return AsyncHybridJob(hybrid, client)
    with permitted(credential, "submit hybrid jobs"):
        (row,) = await ask(client._transport, credential.tenant, "hybrid", job=hybrid)  # first: it may be refused
        await client._payloads().keep(draft.file, source)
        if draft.session is not None:
            await client._access.open_session(_session(client, draft))
        delegation = await _delegate(client, str(row["key"]), draft.project, draft.max_time_s)
        try:
            await client._log_client().append(
                _signed(client, draft, delegation), guard=subjects.hybrid(credential.tenant, hybrid).everything
            )
        except Stale:
            if not await _is_known(client, draft):
                raise Unreachable(f"the log does not show hybrid job {hybrid} yet: submit again") from None
    return AsyncHybridJob(hybrid, client)


def _draft(
    credential: Credential,
    source: bytes,
    label: str,
    *,
    parameters: Mapping[str, Any],
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
        parameters=_parameters(parameters),
        delegation="none",
        max_time_s=whole_number("max_time", _whole(max_time), 1, MAX_TIME_S),
        retries=whole_number("retries", retries, 0, 5) or None,
        max_cost=None if max_cost is None else WireAmount.of(money_of(max_cost)),
        session=None if max_cost is None else session_id(credential.tenant, _SESSION_KEY + hybrid),
        tags=tuple(dict.fromkeys(plain_name("tag", it) for it in tags)) or None,
        proof=UNSIGNED,
    )


def _read(file: Path | str) -> tuple[bytes, str]:
    path = Path(file).expanduser()
    try:
        source = path.read_bytes()
        compile(source, str(path), "exec", dont_inherit=True)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}; name a Python file") from error
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(f"{path} is no Python: {error}") from error
    return source, path.name


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
        key=_SESSION_KEY + draft.hybrid,
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
    if _content(known.event.data) != _content(draft):
        raise Conflict(f"key {draft.key!r} already names hybrid job {draft.hybrid} with other content: use a new key")
    return True


def _content(asked: HybridSubmission) -> str:
    without = {"proof", "label", "delegation"}
    return digest_of(asked.model_dump(mode="json", exclude_none=True, exclude=without))


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


async def _delegate(client: AsyncClient, key: str, project: str, max_time_s: int) -> str:
    """Let the key of the hybrid job act for the user, in one project; the service alone has its secret half."""
    from queuebit.delegating import proof_for

    credential, now = client.credential, SystemClock().now().timestamp()
    asked = DelegateRequest(
        key=key,
        proof=proof_for(credential, key, scope="submit", project=project, now=now),
        scope="submit",
        project=project,
        lifetime_s=min(max_time_s + SIGNS_FOR_S, MAX_LIFETIME_S),
    )
    subject, body = subjects.identity("delegate", credential.tenant), asked.model_dump_json(exclude_none=True)
    reply = await client._transport.request(subject, body.encode(), timeout=_ASK_S)
    answer = DelegationAnswer.model_validate_json(reply.body)
    if answer.delegation is None:
        raise Refused([Reason(it.code, it.text) for it in answer.errors])
    return answer.delegation.delegation
