"""`qb sidecar`: a gateway on a Unix socket."""

from __future__ import annotations

import asyncio
import signal
from argparse import Namespace
from pathlib import Path

from queuebit.sidecar import Sidecar
from queuebit_cli.connecting import gateway_credential
from queuebit_cli.output import Output
from queuebit_stack.errors import Exit

__all__ = ["sidecar"]


def sidecar(args: Namespace, out: Output) -> Exit:
    """Serve until Ctrl-C or SIGTERM."""
    path = Path(args.socket).expanduser().absolute() if args.socket else args.home / "sidecar.sock"
    asyncio.run(_serve(Sidecar(gateway_credential(args), path, key=args.key, scope=args.scope), path, out))
    return Exit.DONE


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
