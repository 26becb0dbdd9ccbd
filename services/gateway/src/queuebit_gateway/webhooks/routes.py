"""`/v1/webhooks`, for admins of a tenant; and the public key that verifies `v1a` signatures."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_gateway.answers import listed, object_of, plain
from queuebit_gateway.bodies import Body, read
from queuebit_gateway.callers import Caller, CallerOf, require
from queuebit_gateway.problems import Problem
from queuebit_gateway.webhooks.buckets import KIND, SCHEME
from queuebit_gateway.webhooks.kinds import known_kind
from queuebit_gateway.webhooks.records import Delivery, Webhook
from queuebit_gateway.webhooks.service import Webhooks
from queuebit_gateway.webhooks.signing import Signing
from queuebit_kernel import rfc3339
from queuebit_runtime.addresses import BadTarget
from queuebit_runtime.retries import Verdict

__all__ = ["Enabling", "EventRange", "NewWebhook", "Rotation", "WebhookRoutes"]

_LARGEST: Final = 1 << 62
_Type = Annotated[str, StringConstraints(max_length=60), AfterValidator(known_kind)]
_NUMBER = re.compile(r"[0-9]{1,18}")


class NewWebhook(Body):
    """A webhook to create."""

    url: str = Field(min_length=1, max_length=2048)
    types: tuple[_Type, ...] = Field(default=(), max_length=32)
    """Short types of events; empty means all."""
    description: str = Field(default="", max_length=200)
    handshake: bool = False
    """Ask the endpoint for permission first, by `OPTIONS` with `WebHook-Request-Origin`, as CloudEvents has it."""
    keys: str = Field(default="", max_length=64)
    """For a bucket, `s3://BUCKET/FOLDER`: the name of the keys that the operator keeps for the tenant."""

    @model_validator(mode="after")
    def _a_bucket_gets_results(self) -> NewWebhook:
        bucket = self.url.startswith(SCHEME)
        if bucket and (self.types not in ((), (KIND,)) or self.handshake or not self.keys):
            raise ValueError(f"a bucket needs `keys`, gets {KIND} and nothing else, and is not asked first")
        if self.keys and not bucket:
            raise ValueError(f"`keys` are for a bucket, whose url begins with {SCHEME}")
        return self


class EventRange(Body):
    """Events to send again: those after a sequence, up to another one."""

    after: int = Field(ge=0, le=_LARGEST)
    until: int = Field(default=_LARGEST, ge=1, le=_LARGEST)


class Rotation(Body):
    """A new secret."""

    overlap_s: int = Field(default=86_400, ge=0, le=7 * 86_400)
    """How long the secret before signs, too, in seconds; 0 ends it, and all before it, at once."""


class Enabling(Body):
    """A webhook that was disabled is used again."""

    missed: bool = True
    """Send first what was stored meanwhile."""


class WebhookRoutes:
    """The addresses. Every one but that of the public key needs an admin: events show all that a tenant does."""

    def __init__(self, webhooks: Webhooks, signing: Signing, caller_of: CallerOf) -> None:
        self._webhooks = webhooks
        self._signing = signing
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        one = "/v1/webhooks/{webhook}"
        return [
            Route("/.well-known/queuebit-webhooks.json", self._keys),
            Route("/v1/webhooks", self._list),
            Route("/v1/webhooks", self._create, methods=["POST"]),
            Route("/v1/webhooks/{webhook}:test", self._test, methods=["POST"]),
            Route("/v1/webhooks/{webhook}:replay", self._replay, methods=["POST"]),
            Route("/v1/webhooks/{webhook}:enable", self._enable, methods=["POST"]),
            Route("/v1/webhooks/{webhook}:rotate", self._rotate, methods=["POST"]),
            Route(one, self._get),
            Route(one, self._delete, methods=["DELETE"]),
            Route(f"{one}/deliveries", self._deliveries),
            Route(f"{one}/deliveries/{{n}}:replay", self._replay_one, methods=["POST"]),
        ]

    async def _keys(self, request: Request) -> Response:
        del request
        return plain({"keys": [self._signing.jwk], "standard_webhooks": [self._signing.public]})

    async def _list(self, request: Request) -> Response:
        caller = await self._admin(request)
        return listed(request, [_shown(it) for it in await self._webhooks.of(caller.tenant)], as_of=None)

    async def _create(self, request: Request) -> Response:
        caller, new = await self._admin(request), await read(request, NewWebhook)
        types = (KIND,) if new.keys else tuple(dict.fromkeys(new.types))
        try:
            made = await self._webhooks.create(
                caller.tenant,
                caller.user,
                new.url,
                types,
                new.description,
                handshake=new.handshake,
                keys=new.keys,
            )
        except BadTarget as error:
            raise Problem(422, "bad_url", str(error)) from error
        location = {"location": f"/v1/webhooks/{made.id}"}
        return object_of({**_shown(made), **self._keys_of(made)}, as_of=made.position, status=201, headers=location)

    async def _get(self, request: Request) -> Response:
        webhook = (await self._found(request))[1]
        return object_of(_shown(webhook), as_of=webhook.position)

    async def _delete(self, request: Request) -> Response:
        caller = await self._admin(request)
        await self._webhooks.delete(caller.tenant, request.path_params["webhook"])
        return Response(status_code=204)

    async def _enable(self, request: Request) -> Response:
        caller, webhook = await self._found(request)
        asked = await read(request, Enabling)
        changed = await self._webhooks.enable(caller.tenant, webhook.id, missed=asked.missed)
        return object_of(_shown(changed), as_of=changed.position)

    async def _rotate(self, request: Request) -> Response:
        caller, webhook = await self._found(request)
        asked = await read(request, Rotation)
        changed = await self._webhooks.rotate(caller.tenant, webhook.id, asked.overlap_s)
        return object_of({**_shown(changed), **self._keys_of(changed)}, as_of=changed.position)

    async def _deliveries(self, request: Request) -> Response:
        webhook = (await self._found(request))[1]
        return listed(request, [_delivery(it) for it in reversed(webhook.recent)], as_of=webhook.position)

    async def _replay_one(self, request: Request) -> Response:
        caller, webhook = await self._found(request)
        number = request.path_params["n"]
        if not _NUMBER.fullmatch(number) or int(number) == 0:
            raise Problem(422, "bad_sequence", "a delivery is named by its `n`, the sequence of its event")
        await self._webhooks.replay_one(caller.tenant, webhook.id, int(number))
        return object_of({"webhook": webhook.id, "n": int(number)}, as_of=None, status=202)

    async def _replay(self, request: Request) -> Response:
        caller, webhook = await self._found(request)
        asked = await read(request, EventRange)
        if asked.until <= asked.after:
            raise Problem(422, "bad_range", f"until {asked.until} is not after {asked.after}")
        replay = await self._webhooks.replay(caller.tenant, webhook.id, asked.after, asked.until)
        return object_of({"webhook": webhook.id, **replay.model_dump()}, as_of=None, status=202)

    async def _test(self, request: Request) -> Response:
        caller, webhook = await self._found(request)
        identifier, outcome = await self._webhooks.test(caller.tenant, webhook.id)
        shown = {
            "webhook_id": identifier,
            "delivered": outcome.verdict is Verdict.DELIVERED,
            "status": outcome.status,
            "error": outcome.error,
            "took_ms": outcome.took_ms,
            "location": outcome.location,
        }
        return object_of(shown, as_of=None)

    async def _found(self, request: Request) -> tuple[Caller, Webhook]:
        caller = await self._admin(request)
        return caller, await self._webhooks.one(caller.tenant, request.path_params["webhook"])

    def _keys_of(self, webhook: Webhook) -> dict[str, str]:
        """What receivers check signatures with; the secret is shown once. A bucket checks none."""
        if webhook.keys:
            return {}
        return {"secret": self._signing.secret(webhook), "public_key": self._signing.public}

    async def _admin(self, request: Request) -> Caller:
        caller = await self._caller_of(request)
        require(caller, "manage", "see or change webhooks")
        return caller


def _shown(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "types": [*webhook.types],
        "description": webhook.description,
        "created_at": _moment(webhook.created_at),
        "created_by": webhook.created_by,
        "handshake": webhook.handshake,
        "keys": webhook.keys,
        "per_minute": webhook.per_minute,
        "former_until": None if webhook.former_until is None else _moment(webhook.former_until),
        "disabled": webhook.disabled,
        "position": webhook.position,
        "waiting": len(webhook.retries),
        "replay": None if webhook.replay is None else webhook.replay.model_dump(),
    }


def _delivery(delivery: Delivery) -> dict[str, object]:
    times = {"tried_at": _moment(delivery.tried_at), "next_try_at": None}
    if delivery.next_try_at is not None:
        times["next_try_at"] = _moment(delivery.next_try_at)
    return {**delivery.model_dump(), **times}


def _moment(seconds: float) -> str:
    return rfc3339(datetime.fromtimestamp(seconds, UTC))
