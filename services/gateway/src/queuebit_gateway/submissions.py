"""Submits and cancels jobs: relays the event that the user signed, or signs it with the key of the request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.credentials import Credential
from queuebit.signing import UNSIGNED
from queuebit.submission import content_digest, submission
from queuebit_contracts.catalog import decode
from queuebit_contracts.command import CancelJob, CancelRequest
from queuebit_contracts.job import MOST_PRIORITY, JobSubmitted
from queuebit_contracts.program import CIRCUIT, CIRCUITS
from queuebit_contracts.subjects import command, subject_of
from queuebit_contracts.tenants import Tenant
from queuebit_contracts.wire import Amount, Payload
from queuebit_gateway.access import note_result
from queuebit_gateway.answers import object_of
from queuebit_gateway.bodies import Body, document, media_type_of, read, validated
from queuebit_gateway.callers import Caller, CallerOf, paying_project
from queuebit_gateway.job_limits import LimitsBody
from queuebit_gateway.jobs import Jobs
from queuebit_gateway.pages import preference
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem
from queuebit_gateway.relaying import Relay, reference_of
from queuebit_gateway.waits import signals_of, target_of, wait_for
from queuebit_kernel import digest, job_id
from queuebit_planning import languages
from queuebit_planning.limits import MAX_SOURCE_BYTES
from queuebit_runtime.payloads import describe

__all__ = ["EVENT", "CancelBody", "SignedBody", "Submissions", "SubmitBody", "cancellation"]

EVENT: Final = "application/cloudevents+json"
"""The media type of an event that the user signed."""

_BYTES: Final = "application/octet-stream"


class SubmitBody(LimitsBody):
    """A job. It needs a delegated key (`Authorization: Bearer`), with which the gateway signs it for the user."""

    circuit: str | Payload = Field(union_mode="left_to_right")
    """Source in OpenQASM 2 or 3, or QIR as text; or the reference of a payload that is stored already."""
    shots: int = Field(default=1000, ge=1, lt=2**53)
    backend: str | None = None
    """Absent: that of the session, or else the cheapest that fits, of the project's default kind."""
    project: str | None = None
    """The project that pays; absent: that of the delegation, or the tenant's only one."""
    purpose: str = Field(default="interactive", max_length=200)
    label: str = Field(default="", max_length=200)
    max_cost: Amount | None = None
    """Refuse the job if it could cost more."""
    seed: int | None = Field(default=None, ge=0, lt=2**53)
    tags: tuple[str, ...] = Field(default=(), max_length=8)
    workload_class: str | None = None
    """What kind of work it is, such as `batch`; it counts against the budget of that class."""
    session: str | None = None
    """The open session that it belongs to."""
    fallback: bool = True
    """False: it waits for what it asks for, whatever the fallback rule of its project says."""
    alone: bool = False
    """True: no circuit of another job is on the device while it runs, whatever its project allows."""
    spot: bool = False
    """True: it runs only while no other job wants the backend, at the price of spot jobs."""
    objective: str | None = None
    """What it prefers of the backends that it may run on: `cost`, `time`, `fidelity` or `balanced`; absent: as its
    project says."""
    priority: int | None = Field(default=None, ge=-MOST_PRIORITY, le=MOST_PRIORITY)
    """Compared among the jobs of its project with the same class; the highest is first. Absent: 0."""
    reservation: str | None = None
    """The reservation of its project in whose slot it runs, and nowhere else; absent: it runs where and when it can."""


class SignedBody(Body):
    """A job as an event that the user signed, with the content of its payload."""

    event: dict[str, Any]  # read by the contracts' own classes
    content: str | None = Field(default=None, max_length=MAX_SOURCE_BYTES)
    """The circuit or program, unless the event includes it or it is stored already."""


class CancelBody(Body):
    """Why a job is to be stopped."""

    reason: str = Field(default="", max_length=200)


class Submissions:
    """The addresses that write."""

    def __init__(self, platform: Platform, jobs: Jobs, caller_of: CallerOf, tenants: Mapping[str, Tenant]) -> None:
        self._platform = platform
        self._jobs = jobs
        self._relay = Relay(platform.transport)
        self._caller_of = caller_of
        self._tenants = tenants

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/jobs", self._submit, methods=["POST"]),
            Route("/v1/jobs/{job}/cancel", self.cancel, methods=["POST"]),
            Route("/v1/payloads/{digest}", self._store, methods=["PUT"]),
            Route("/v1/payloads/{digest}", self._content),
        ]

    async def _submit(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        target, seconds = target_of(request), preference(request)
        event, body = await self._submission(request, caller)
        job = event.data.job
        async with signals_of(self._platform.transport, caller.tenant, job) as signals:
            new = await self._relay.event(subject_of(event), body) is not None
            if not new:
                await self._require_same(caller.tenant, event)
            history, reached = await wait_for(self._platform, caller.tenant, job, target, seconds, signals, new=new)
        reached = reached and seconds > 0  # a client that does not wait gets the same answer, however quick the job is
        headers = {"location": f"/v1/jobs/{job}", "idempotent-replayed": str(not new).lower()}
        if seconds:
            headers["preference-applied"] = f"wait={seconds:g}"
        content = await self._jobs.document(caller.tenant, history, with_result=reached)
        if reached and history.completed is not None:
            note_result(request.scope, job)
        return object_of(content, as_of=history.sequence, status=200 if reached else 202, headers=headers)

    async def submit(self, caller: Caller, asked: SubmitBody, content: bytes) -> JobSubmitted:
        """Submit a new job for the caller of a token, with the content of the payload that it refers to.

        Raises:
            Problem: it cannot be sent, or nothing confirmed it.
        """
        if caller.signer is None:
            raise _unsigned("the job")
        if isinstance(asked.circuit, Payload) and asked.circuit.inline is None:
            await self._relay.payload(caller.tenant, asked.circuit, content)
        event = await self._signed(asked, caller, None)
        await self._relay.event(subject_of(event), event.to_bytes())
        return event

    async def _submission(self, request: Request, caller: Caller) -> tuple[JobSubmitted, bytes]:
        """The event to relay, with its bytes; its payload is stored."""
        key = request.headers.get("idempotency-key")
        source = media_type_of(request) in CIRCUITS
        if not source:
            _require_no_fields(request)
        if media_type_of(request) == EVENT:
            body = await request.body()
            return _own(body, caller, key), body
        given = await self._source(request, caller) if source else await document(request)
        if not source and isinstance(given, dict) and "event" in given:
            signed = validated(SignedBody, given)
            body = json.dumps(signed.event).encode()
            event = _own(body, caller, key)
            if signed.content is not None:
                await self._relay.payload(caller.tenant, event.data.circuit, signed.content.encode())
            return event, body
        if caller.signer is None:
            raise _unsigned("the job")
        event = await self._signed(validated(SubmitBody, given), caller, key)
        return event, event.to_bytes()

    async def _source(self, request: Request, caller: Caller) -> dict[str, Any]:
        """The job of a body that is only a circuit: the query has the other fields. Bitcode is stored first."""
        fields: dict[str, Any] = {name: it for name, it in request.query_params.items() if name not in {"until", "tag"}}
        content = await request.body()
        if languages.is_bitcode(content):
            payload = describe(content, languages.media_type_of(content))
            await self._relay.payload(caller.tenant, payload, content)
            fields["circuit"] = payload.model_dump(mode="json", exclude_none=True)
        else:
            fields["circuit"] = _text(content)
        several = {"tags": "tag", "backends": "backend", "vendors": "vendor", "regions": "region"}
        lists = {field: request.query_params.getlist(name) for field, name in several.items()}
        if len(lists["backends"]) == 1:
            lists["backends"] = []
        else:
            fields.pop("backend", None)
        return {**{name: it for name, it in fields.items() if name not in ("vendor", "region")}, **lists}

    async def _signed(self, asked: SubmitBody, caller: Caller, key: str | None) -> JobSubmitted:
        payload, content = reference_of(asked.circuit)
        tenant, text = self._tenants.get(caller.tenant), payload.inline
        if text is not None and tenant is not None and tenant.erasable:
            payload, content = payload.model_copy(update={"inline": None}), text.encode()
        if content is not None:
            await self._relay.payload(caller.tenant, payload, content)
        return submission(
            Credential("", caller.tenant, caller.user, "", paying_project(caller, self._tenants)),
            payload,
            shots=asked.shots,
            project=asked.project,
            backend=asked.backend,
            purpose=asked.purpose,
            label=asked.label,
            key=key,
            max_cost=asked.max_cost.money if asked.max_cost else None,
            seed=asked.seed,
            tags=asked.tags,
            workload_class=asked.workload_class,
            session=asked.session,
            fallback=asked.fallback,
            alone=asked.alone,
            spot=asked.spot,
            objective=asked.objective,
            limits=asked.limits(),
            priority=asked.priority,
            reservation=asked.reservation,
            sign=caller.signer,
        )

    async def _require_same(self, tenant: str, event: JobSubmitted) -> None:
        """Raise a problem unless the job that has this key is the same."""
        first = (await self._platform.history(tenant, event.data.job)).submitted
        if content_digest(first.data) != content_digest(event.data):
            raise Problem(
                409,
                "key_used",
                f"key {event.data.key!r} already names job {event.data.job} with other content",
                "use a new key, or send exactly what was sent first",
                headers=(("link", f'</v1/jobs/{event.data.job}>; rel="related"'),),
            )

    async def cancel(self, request: Request) -> Response:
        """Cancel the job in the address of a request, which may wait for its end."""
        caller = await self._caller_of(request)
        job = request.path_params["job"]
        history = await self._platform.history(caller.tenant, job)
        owner = history.accepted.data.user if history.accepted else None
        if not caller.may("manage") and owner not in (None, caller.user):
            raise Problem(403, "not_yours", f"job {job} is {owner}'s", f"ask {owner}, or an admin of {caller.tenant}")
        body = await cancellation(request, caller, job)
        async with signals_of(self._platform.transport, caller.tenant, job) as signals:
            if not history.status.ended:
                await self._relay.event(command(caller.tenant, job).event("cancel"), body)
            history, ended = await wait_for(
                self._platform, caller.tenant, job, "completed", preference(request), signals
            )
        content = await self._jobs.document(caller.tenant, history)
        return object_of(content, as_of=history.sequence, status=200 if ended else 202)

    async def _content(self, request: Request) -> Response:
        """Content of the caller's tenant. A reference has its size too, so that no more is read than was stored."""
        caller, size = await self._caller_of(request), request.query_params.get("size", "")
        if not (size.isascii() and size.isdigit() and len(size) <= 12):
            raise Problem(422, "bad_size", "size is the number of bytes that the reference of the payload has")
        try:
            payload = Payload(digest=request.path_params["digest"], size=int(size), media_type=_BYTES)
        except ValidationError as error:
            raise Problem(422, "bad_digest", "a digest is sha256: and 64 digits of hexadecimal") from error
        content = await self._platform.content(caller.tenant, payload)
        return Response(
            content, media_type=_BYTES, headers={"cache-control": "no-store", "etag": f'"{payload.digest}"'}
        )

    async def _store(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        content = await request.body()
        media_type = media_type_of(request) or CIRCUIT
        payload = Payload(digest=digest(content), size=len(content), media_type=media_type)
        if payload.digest != request.path_params["digest"]:
            raise Problem(422, "other_content", f"the content is {payload.digest}", "put it under its own digest")
        await self._relay.payload(caller.tenant, payload, content)
        return object_of(payload.model_dump(mode="json", exclude_none=True), as_of=None, status=201)


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Problem(422, "bad_source", "the circuit is not UTF-8") from error


def _require_no_fields(request: Request) -> None:
    """Refuse fields of the job in the query of a body that has them itself: they would change nothing."""
    if fields := sorted({*request.query_params} - {"until"}):
        text = f"the query has {', '.join(fields)}, which only a body of {CIRCUIT} leaves to it"
        raise Problem(422, "field_in_query", text, "write it into the body")


def _own(body: bytes, caller: Caller, key: str | None) -> JobSubmitted:
    """The submission in a body; it has to be the caller's, and of the key that the request names."""
    event = decode(body)
    if not isinstance(event, JobSubmitted):
        raise Problem(422, "other_event", f"a {event.type} submits no job: send a qb.job.submitted.v1")
    if event.data.tenant != caller.tenant:
        raise Problem(403, "other_tenant", f"the job is of tenant {event.data.tenant}, the caller of {caller.tenant}")
    if event.data.job != job_id(event.data.tenant, event.data.key):
        raise Problem(422, "other_job", "the id of the job does not follow from its tenant and key")
    if key not in (None, event.data.key):
        raise Problem(422, "other_key", "Idempotency-Key and the key of the event differ: they are one thing")
    return event


async def cancellation(request: Request, caller: Caller, job: str) -> bytes:
    """The command to relay."""
    if media_type_of(request) == EVENT:
        body = await request.body()
        event = decode(body)
        if not isinstance(event, CancelJob) or (event.data.tenant, event.data.job) != (caller.tenant, job):
            raise Problem(422, "other_event", "the event does not cancel this job")
        return body
    asked = await read(request, CancelBody)
    if caller.signer is None:
        raise _unsigned("the command")
    draft = CancelRequest(tenant=caller.tenant, job=job, reason=asked.reason, proof=UNSIGNED)
    content = draft.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    signed = draft.model_copy(update={"proof": caller.signer(content)})
    return CancelJob(source="qb/client", data=signed).to_bytes()


def _unsigned(what: str) -> Problem:
    next_step = f"send the event that you signed as {EVENT}, or use a token of `qb token`"
    return Problem(422, "unsigned", f"the request is signed, {what} is not", next_step)
