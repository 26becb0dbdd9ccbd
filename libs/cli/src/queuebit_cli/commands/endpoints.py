"""`qb webhooks add, list, show, remove, test, deliveries, replay, enable, rotate`: endpoints that a gateway keeps."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from queuebit_cli.connecting import gateway_credential
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.render_webhooks import delivery_rows, detail_rows, webhook_rows
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit

if TYPE_CHECKING:
    from queuebit.http_transport import HttpTransport

__all__ = ["add", "deliveries", "enable", "list_all", "remove", "replay", "rotate", "show", "test"]

_T = TypeVar("_T")
_Json = dict[str, Any]  # JSON


def add(args: Namespace, out: Output) -> Exit:
    """Create a webhook, and print its secret, which is shown this once."""
    about = {"description": args.description, "handshake": args.handshake, "keys": args.keys}
    wanted = {"url": args.to, "types": args.types, **{name: it for name, it in about.items() if it}}
    made = _ask(args, out, lambda http: _post(http, "/v1/webhooks", wanted))
    out.document(made)
    out.say(f"webhook {made['id']} gets what is stored from now on; `qb webhooks test {made['id']}` tries it")
    if "secret" in made:
        _say_secret(made, out)
    return Exit.DONE


def list_all(args: Namespace, out: Output) -> Exit:
    """List the webhooks of the tenant."""
    rows = _ask(args, out, _all)
    out.rows(rows, none="no webhooks: `qb webhooks add URL` creates one", shown=webhook_rows)
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """Print all about one webhook."""
    found = _ask(args, out, lambda http: _one(http, args.webhook))
    out.document(found)
    out.table(detail_rows(found))
    return Exit.DONE


def remove(args: Namespace, out: Output) -> Exit:
    """Remove a webhook."""

    async def asked(http: HttpTransport) -> str:
        it = await _one(http, args.webhook)
        await http.send("DELETE", f"/v1/webhooks/{it['id']}")
        return str(it["id"])

    removed = _ask(args, out, asked)
    out.document({"removed": removed})
    out.say(f"webhook {removed} is removed")
    return Exit.DONE


def test(args: Namespace, out: Output) -> Exit:
    """Have a test event sent now, and print what came of it."""
    found = _ask(args, out, lambda http: _act(http, args.webhook, ":test", {}))
    out.document(found)
    if not found["delivered"]:
        why = found["error"] or f"it answered {found['status']}"
        out.say(f"the test event was not delivered: {why}")
        return Exit.JOB_FAILED
    out.say(f"delivered in {found['took_ms']} ms: the receiver answered {found['status']}")
    return Exit.DONE


def deliveries(args: Namespace, out: Output) -> Exit:
    """List the newest deliveries of a webhook."""

    async def asked(http: HttpTransport) -> list[_Json]:
        it = await _one(http, args.webhook)
        rows: list[_Json] = (await http.get(f"/v1/webhooks/{it['id']}/deliveries"))["data"]
        return rows[: args.limit]

    out.rows(_ask(args, out, asked), none="nothing was sent yet", shown=delivery_rows)
    return Exit.DONE


def replay(args: Namespace, out: Output) -> Exit:
    """Have one event, or a range of events, sent again."""
    if (args.n is None) == (args.after is None):
        args.misused("give the N of one event, as `qb webhooks deliveries` shows it, or a range with --after")
    if args.n is not None:
        found = _ask(args, out, lambda http: _act(http, args.webhook, f"/deliveries/{args.n}:replay", {}))
        out.say(f"event {args.n} is sent again")
    else:
        wanted = {"after": args.after} | ({} if args.until is None else {"until": args.until})
        found = _ask(args, out, lambda http: _act(http, args.webhook, ":replay", wanted))
        out.say(f"events after {found['after']} up to {found['until']} are sent again, before newer ones")
    out.document(found)
    return Exit.DONE


def enable(args: Namespace, out: Output) -> Exit:
    """Use a disabled webhook again."""
    found = _ask(args, out, lambda http: _act(http, args.webhook, ":enable", {"missed": not args.skip_missed}))
    out.document(found)
    follows = "what is stored from now on follows" if args.skip_missed else "what it missed is sent first"
    out.say(f"webhook {found['id']} is used again: {follows}")
    return Exit.DONE


def rotate(args: Namespace, out: Output) -> Exit:
    """Give a webhook a new secret, and print it."""
    found = _ask(args, out, lambda http: _act(http, args.webhook, ":rotate", {"overlap_s": args.overlap}))
    out.document(found)
    _say_secret(found, out)
    return Exit.DONE


def _say_secret(found: _Json, out: Output) -> None:
    from queuebit_cli.render_tables import day_and_time

    out.say(f"secret, shown this once: {found['secret']}")
    out.say(f"public key of the gateway: {found['public_key']}")
    if found["former_until"] is not None:
        out.say(f"the secret before is good until {day_and_time(found['former_until'])}, too")


def _ask(args: Namespace, out: Output, question: Callable[[HttpTransport], Awaitable[_T]]) -> _T:
    quick_start()
    from queuebit.http_transport import HttpTransport

    credential = gateway_credential(args)

    async def asked() -> _T:
        http = HttpTransport(credential)
        try:
            return await question(http)
        finally:
            await http.close()

    return run(asked(), out, "asking the gateway")


async def _all(http: HttpTransport) -> list[_Json]:
    found: list[_Json] = (await http.get("/v1/webhooks"))["data"]
    return found


async def _one(http: HttpTransport, name: str) -> _Json:
    """The webhook with this id, or the only one whose id begins so."""
    from queuebit.errors import InvalidInput, NotFound

    found = [it for it in await _all(http) if it["id"].startswith((name, f"wh_{name}"))]
    if not found:
        raise NotFound(f"there is no webhook {name}: `qb webhooks list` shows them")
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} webhooks begin with {name}: give more of the id")
    return found[0]


async def _act(http: HttpTransport, name: str, what: str, body: _Json) -> _Json:
    return await _post(http, f"/v1/webhooks/{(await _one(http, name))['id']}{what}", body)


async def _post(http: HttpTransport, path: str, body: _Json) -> _Json:
    answer = await http.send("POST", path, json.dumps(body).encode(), {"content-type": "application/json"})
    found: _Json = json.loads(answer.body)
    return found
