"""`qb sidecar`: a gateway on a Unix socket."""

from __future__ import annotations

import asyncio
import signal
from argparse import Namespace
from pathlib import Path

from queuebit.credentials import Credential, choose, is_http
from queuebit.sidecar import Sidecar
from queuebit_cli.output import Output
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.stack import running_stack

__all__ = ["sidecar"]


def sidecar(args: Namespace, out: Output) -> Exit:
    """Serve until Ctrl-C or SIGTERM."""
    path = Path(args.socket).expanduser().absolute() if args.socket else args.home / "sidecar.sock"
    asyncio.run(_serve(Sidecar(_credential(args), path, key=args.key, scope=args.scope), path, out))
    return Exit.DONE


def _credential(args: Namespace) -> Credential:
    """Who asks, with the address of a gateway: by default that of the home's stack."""
    credential = choose(args.home if args.home_named else None, args.tenant, args.user, url=args.url)
    if is_http(credential.url):
        return credential
    gateway = f"http://127.0.0.1:{running_stack(Home(args.home)).ports['http']}"
    return choose(args.home, args.tenant, args.user, url=args.url or gateway)


async def _serve(sidecar: Sidecar, path: Path, out: Output) -> None:
    end, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    try:
        await sidecar.start()
        out.document({"socket": str(path), "url": f"unix://{path}"})
        out.say(f"export QUEUEBIT_URL=unix://{path}")
        await end.wait()
    finally:
        await sidecar.close()
