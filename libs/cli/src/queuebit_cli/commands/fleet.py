"""`qb backend`: backends that are isolated, as the operator."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from queuebit_cli.output import Output
from queuebit_cli.render_fleet import fleet_rows
from queuebit_contracts.fleet import FleetAnswer, FleetRequest, ManualOrder
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.fleet import ask_fleet
from queuebit_stack.home import Home
from queuebit_stack.tenant_facts import author

__all__ = ["check", "isolate", "readmit", "status"]


def isolate(args: Namespace, out: Output) -> Exit:
    """Isolate a backend."""
    answer = _asked(args, FleetRequest(isolate=_order(args)))
    out.document({"backend": args.backend, "sequence": answer.sequence})
    out.say(f"{args.backend} is isolated: it gets no jobs until `qb backend readmit {args.backend}`")
    return Exit.DONE


def readmit(args: Namespace, out: Output) -> Exit:
    """Readmit a backend."""
    answer = _asked(args, FleetRequest(readmit=_order(args)))
    out.document({"backend": args.backend, "sequence": answer.sequence})
    out.say(f"{args.backend} is in service again")
    return Exit.DONE


def status(args: Namespace, out: Output) -> Exit:
    """Show the state of every backend, and who changed it."""
    found = _asked(args, FleetRequest()).rows
    rows = [it.model_dump(mode="json") for it in found]
    out.rows(rows, none="no backend is registered yet: see `qb status`", shown=lambda _: fleet_rows(found))
    return Exit.DONE


def check(args: Namespace, out: Output) -> Exit:
    """Check a document of limits."""
    from queuebit_isolation import parse_fleet

    file = Path(args.file) if args.file else Home(args.home).fleet_file
    try:
        document = parse_fleet(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Stop(Exit.USAGE, f"there is no {file}: the limits of the library are in force") from None
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{file}: {error}") from error
    limits = document.of("").model_dump(mode="json")
    out.document({"document": str(file), "limits": limits, "backend": document.backend})
    out.say(f"{file} is good: the fleet service reads it when it starts")
    return Exit.DONE


def _order(args: Namespace) -> ManualOrder:
    return ManualOrder(backend=args.backend, reason=args.reason, by=args.by or author())


def _asked(args: Namespace, request: FleetRequest) -> FleetAnswer:
    return ask_fleet(Home(args.home), request)
