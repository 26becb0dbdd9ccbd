"""`qb tls` and `qb hops`: certificates of servers, and how connections are encrypted."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_kernel import SystemClock, rfc3339
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import running_stack

__all__ = ["hops", "init"]

_HERE = ("localhost", "127.0.0.1", "::1")

_USE = """\
nats-server:  tls {{ cert_file: "{certificate}", key_file: "{key}", ca_file: "{authority}" }}
gateway:      QUEUEBIT_GATEWAY_CERTIFICATE={certificate} QUEUEBIT_GATEWAY_CERTIFICATE_KEY={key}
services:     QUEUEBIT_BUS_CA_FILE={authority}
clients:      ca_file = "{authority}" in the credential, or QUEUEBIT_CA_FILE
"""


def init(args: Namespace, out: Output) -> Exit:
    """Write the files, and say where each belongs."""
    from queuebit_stack.certificates import issue

    folder = Path(args.folder).absolute() if args.folder else Home(args.home).tls
    made = issue(folder, args.name or _HERE, SystemClock().now())
    fields = {name: str(path) for name, path in made._asdict().items() if isinstance(path, Path)}
    out.document({**fields, "valid_until": rfc3339(made.until)})
    out.say(f"{made.certificate} is valid until {made.until:%Y-%m-%d} for {', '.join(args.name or _HERE)}")
    out.say(f"keep {made.authority_key} away from the servers: who has it can make certificates that clients accept")
    out.say()
    for line in _USE.format(**fields).splitlines():
        out.say(line)
    return Exit.DONE


def hops(args: Namespace, out: Output) -> Exit:
    """Connect to each, and print what was chosen."""
    from queuebit_stack.hops import hops_of, look_at

    with Progress(out.as_json, "connecting"):
        try:
            found = [look_at(it) for it in args.addresses] or hops_of(running_stack(Home(args.home)))
        except ValueError as error:
            raise Stop(Exit.USAGE, str(error)) from error
    rows = [it.row() for it in found]
    out.document(rows)
    out.table([_shown(it) for it in rows], fit=True)
    if any("MLKEM" in it.group and not it.post_quantum for it in found):
        out.say()
        out.paragraph(
            "The servers offer the hybrid group, and Python here cannot use it. Use a Python with OpenSSL 3.5 or "
            "newer, or connect through a leaf node on this machine: see docs/secrecy.md."
        )
    return Exit.DONE


def _shown(row: Mapping[str, object]) -> dict[str, object]:
    shown = {
        "hop": row["hop"],
        "address": row["address"],
        "protocol": row["protocol"] or "-",
        "group": row["group"] or "-",
        "with this Python": row["python_group"] or "-",
        "certificate": row["certificate"] or "-",
        "post-quantum": "yes" if row["post_quantum"] else "no",
    }
    return {**shown, "note": row["note"]}
