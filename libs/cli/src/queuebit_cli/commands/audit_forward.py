"""`qb audit forward`: delivers records to a SIEM, and continues where it ended."""

from __future__ import annotations

import asyncio
import ssl
import sys
from argparse import Namespace
from collections.abc import Awaitable
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from queuebit.text import visible
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit_audit import Target
    from queuebit_audit_trail.forwarding import Forwarder
    from queuebit_audit_trail.receivers import Receiver
    from queuebit_runtime.view import Raw

__all__ = ["forward"]

_TRIES_ONCE: Final = 3
_FORMS: Final = "--to is jsonl:FILE, syslog:HOST:PORT or hec:URL"
_COLLECTOR: Final = "/services/collector/event"


def forward(args: Namespace, out: Output) -> Exit:
    """Deliver until Ctrl-C, or with `--once` what there is.

    Raises:
        Stop: the stack does not answer, the cursor is of another log, or the receiver takes nothing.
    """
    quick_start()
    from queuebit_audit import target_of
    from queuebit_audit_trail import subjects
    from queuebit_audit_trail.forwarding import BadCursor, Cursor, Forwarder
    from queuebit_audit_trail.receivers import NotDelivered
    from queuebit_kernel import InvalidId, Unavailable
    from queuebit_pricing import BadPriceBook

    receiver = _receiver(args)
    path = Path(args.cursor) if args.cursor else Home(args.home).root / f"audit-{args.to.partition(':')[0]}.cursor"
    try:
        wanted = subjects(args.tenant)
        target = target_of(args.home)
        cursor = Cursor(path, target.trust.origin, args.to if args.tenant is None else f"{args.to} of {args.tenant}")
        forwarder = Forwarder(receiver, cursor, _warn, _TRIES_ONCE if args.once else None)
        run(_forwarded(target, wanted, forwarder, once=args.once), out, "delivering")
    except InvalidId as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except BadCursor as error:
        raise Stop(Exit.REFUSED, str(error)) from error
    except NotDelivered as error:
        raise Stop(Exit.UNREACHABLE, f"not delivered: {error}") from error
    except (Unavailable, BadPriceBook) as error:
        raise Stop(Exit.UNREACHABLE, f"cannot read the log: {error}") from error
    out.document({"delivered": forwarder.delivered, "cursor": str(path)})
    out.say(f"{forwarder.delivered:,} records delivered; {path} says how far")
    return Exit.DONE


async def _forwarded(target: Target, wanted: list[str], forwarder: Forwarder, *, once: bool) -> None:
    from queuebit_audit import follow_events, last_sequence, read_events
    from queuebit_audit_trail import record_of
    from queuebit_audit_trail.forwarding import BadCursor
    from queuebit_contracts.catalog import decode

    after = forwarder.cursor.read()
    if after > (end := await last_sequence(target)):
        raise BadCursor(f"{forwarder.cursor.path} is at {after}, and the log ends at {end}: it is of another log")

    def fold(raw: Raw) -> Awaitable[None] | None:
        record = record_of(decode(raw.body, raw.subject), raw.sequence, raw.stored_at)
        return None if record is None else forwarder.take(record)

    async def read() -> None:
        if once:
            await read_events(target, wanted, fold, after=after)
            await forwarder.empty()
        else:
            await follow_events(target, wanted, fold, after=after)

    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(read()), loop.create_task(forwarder.run())]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _receiver(args: Namespace) -> Receiver:
    from queuebit_audit_trail.receivers import JsonLinesFile, SyslogServer

    kind, _, where = args.to.partition(":")
    if kind != "hec" and (args.token_file or args.ca_file):
        args.misused("--token-file and --ca-file belong to hec:URL")
    if kind == "jsonl" and where:
        return JsonLinesFile(Path(where))
    if kind == "syslog":
        host, _, port = where.rpartition(":")
        if host and port.isdigit() and 0 < int(port) < 65_536:
            return SyslogServer(host.strip("[]"), int(port))
    if kind == "hec" and where:
        return _collector(args, where)
    raise Stop(Exit.USAGE, _FORMS)


def _collector(args: Namespace, url: str) -> Receiver:
    from queuebit_audit_trail.receivers import HecReceiver
    from queuebit_runtime.secrets import read_secret

    if not args.token_file:
        args.misused("give --token-file FILE: the token of the event collector")
    parts = urlsplit(url)
    if parts.hostname is None or not (parts.scheme == "https" or (parts.scheme == "http" and _here(parts.hostname))):
        raise Stop(Exit.USAGE, f"{url} must begin with https://, so that no other machine can read the token")
    address = url if parts.path.strip("/") else url.rstrip("/") + _COLLECTOR
    try:
        tls = ssl.create_default_context(cafile=args.ca_file) if parts.scheme == "https" else None
        return HecReceiver(address, read_secret(Path(args.token_file)), tls)
    except (OSError, ValueError) as error:
        raise Stop(Exit.USAGE, f"the token or the authority cannot be read: {error}") from error


def _here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _warn(text: str) -> None:
    print(visible(f"qb: not delivered yet: {text}"), file=sys.stderr, flush=True)
