"""`qb incident`: lists and shows incidents, changes them, and exports post-mortems, as the operator."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_incidents import document, gathered_document, gathered_lines, incident_rows
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place
from queuebit_stack.home import Home
from queuebit_stack.tenant_facts import author

if TYPE_CHECKING:
    from queuebit_contracts.incidents import IncidentRequest
    from queuebit_incidents import Incident

__all__ = ["ack", "export", "list_", "note", "reopen", "resolve", "show"]


def list_(args: Namespace, out: Output) -> Exit:
    """List incidents."""
    quick_start()
    from queuebit_kernel import SystemClock
    from queuebit_stack.incidents import incidents

    with Progress(out.as_json, "asking the warehouse"):
        found = [it for it in incidents(Home(args.home)) if args.all or not it.is_over]
    now = SystemClock().now()
    none = "no incident yet" if args.all else "no incident is open: --all lists those that are over"
    out.rows([document(it, now) for it in found], none=none, shown=lambda _: incident_rows(found, now))
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """Show one incident."""
    quick_start()
    from queuebit_stack.incidents import find, gathered

    home = Home(args.home)
    with Progress(out.as_json, "asking the warehouse"):
        found = gathered(home, find(home, args.incident))
    out.document(gathered_document(found))
    if not out.as_json:
        for line in gathered_lines(found, out):
            out.say(line)
    return Exit.DONE


def ack(args: Namespace, out: Output) -> Exit:
    """Acknowledge it."""
    return _changed(args, out, {"acknowledge": True}, "acknowledged")


def note(args: Namespace, out: Output) -> Exit:
    """Write a note."""
    if not args.text.strip() or len(args.text) > 4000:
        args.misused("a note has from 1 to 4,000 characters")
    return _changed(args, out, {"note": {"text": args.text, "cause_at": args.cause}}, "noted")


def resolve(args: Namespace, out: Output) -> Exit:
    """Say that it is over."""
    return _changed(args, out, {"resolve": {"text": args.reason and args.reason[:500]}}, "resolved")


def reopen(args: Namespace, out: Output) -> Exit:
    """Say that it is not over."""
    if not args.text.strip():
        args.misused("say why: TEXT is empty")
    return _changed(args, out, {"reopen": {"text": args.text[:500]}}, "reopened")


def export(args: Namespace, out: Output) -> Exit:
    """Write a post-mortem and its evidence."""
    quick_start()
    from queuebit_incidents.export import as_zip, files_of
    from queuebit_stack.incidents import find, gathered

    home = Home(args.home)
    if args.output:
        _require_new(Path(args.output))
    with Progress(out.as_json, "asking the warehouse"):
        incident = find(home, args.incident)
        target = Path(args.output or f"incident-{incident.id}")
        _require_new(target)
        files = files_of(gathered(home, incident))
    if target.suffix == ".zip":
        part = target.with_name(f"{target.name}.part")
        part.write_bytes(as_zip(files, target.stem))
        part.replace(target)  # a file with this name is whole
    else:
        part = target.with_name(f"{target.name}.part")
        part.mkdir(parents=True)
        for name, content in files.items():
            (part / name).write_bytes(content)
        part.rename(target)
    out.document({"incident": incident.id, "path": str(target), "files": list(files)})
    within = "in it" if target.suffix != ".zip" else "after unpacking it"
    out.say(f"{target}: postmortem.md and {len(files) - 2} files of evidence; check: sha256sum -c SHA256SUMS, {within}")
    return Exit.DONE


def _require_new(target: Path) -> None:
    if target.exists():
        raise Stop(Exit.USAGE, f"{target} is there already: give --output with a new name")
    require_place(target)
    if (part := target.with_name(f"{target.name}.part")).exists():
        raise Stop(Exit.USAGE, f"{part} is what an interrupted export left: remove it, then run it again")


def _changed(args: Namespace, out: Output, order: dict[str, object], done: str) -> Exit:
    quick_start()
    from queuebit_stack.incidents import change

    home = Home(args.home)
    incident = _find(home, args, out)
    answer = change(home, _request(incident, args, order))
    out.document({"incident": incident.id, "state": answer.state, "sequence": answer.sequence})
    already = "" if answer.sequence else " already"
    out.say(f"{incident.id} was {done}{already}; it is {answer.state}: {incident.title}")
    return Exit.DONE


def _find(home: Home, args: Namespace, out: Output) -> Incident:
    from queuebit_stack.incidents import find

    with Progress(out.as_json, "asking the warehouse"):
        return find(home, args.incident)


def _request(incident: Incident, args: Namespace, order: dict[str, object]) -> IncidentRequest:
    from queuebit_contracts.incidents import IncidentRequest

    return IncidentRequest.model_validate({"incident": incident.id, "by": args.by or author(), **order})
