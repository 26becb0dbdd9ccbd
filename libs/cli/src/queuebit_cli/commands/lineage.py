"""`qb lineage`: what results came from."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queuebit.lineage import Lineage, lineage_of
from queuebit.receipt_files import read_receipt, read_trust
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_lineage import NoExport, openlineage_events, prov_json, qlprov_run, ro_crate
from queuebit_lineage.ro_crate import METADATA
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.devices import Device
    from queuebit.records import Result

__all__ = ["lineage"]


def lineage(args: Namespace, out: Output) -> Exit:
    """Show a lineage; write it as a picture or in a format of others, if wanted."""
    if (args.format is None) is not (args.output is None):
        args.misused("--format and --output belong together")
    if args.svg:
        require_place(Path(args.svg), "--svg")
    found, content = _from_receipt(args) if Path(args.name).is_file() else (_from_log(args, out), None)
    written = []
    if args.svg:
        written.append(_written(Path(args.svg), found.svg()))
    if args.format:
        written += _exported(args, out, found, content)
    out.document(_document(found) | {"files": written})
    for line in found.text.split("\n"):
        out.say(line)
    for name in written:
        out.say(f"written: {name}")
    return Exit.DONE


def _from_log(args: Namespace, out: Output) -> Lineage:
    return ask(args, out, "reading the statements", lambda client: client.lineage(args.name, limit=args.limit))


def _from_receipt(args: Namespace) -> tuple[Lineage, bytes]:
    """The lineage that a receipt states, and the receipt; offline.

    Raises:
        Stop: it does not verify.
    """
    from queuebit_proof import ReceiptInvalid, TrustInvalid, TrustRoot, verify

    trust = read_trust(Path(args.trust) if args.trust else Home(args.home).trust_file)
    content = read_receipt(Path(args.name))
    try:
        verified = verify(content, TrustRoot.parse(trust))
    except (ReceiptInvalid, TrustInvalid) as error:
        raise Stop(Exit.JOB_FAILED, f"{args.name} is not verified: {error}") from error
    predicate = verified.statement["predicate"]
    assert isinstance(predicate, dict)  # the verifier has read it
    return lineage_of(verified.receipt.job, [predicate]), content


def _document(found: Lineage) -> dict[str, Any]:  # JSON
    graph = found.graph
    return {
        "root": found.root,
        "nodes": [{**asdict(it), "facts": dict(it.facts)} for it in graph.nodes.values()],
        "edges": [asdict(it) for it in graph.edges],
    }


def _exported(args: Namespace, out: Output, found: Lineage, receipt: bytes | None) -> list[str]:
    target = Path(args.output)
    match args.format:
        case "prov-json":
            return [_written(target, _json(prov_json(found.graph)))]
        case "openlineage":
            events = [it for stated in found.statements.values() for it in openlineage_events(stated)]
            return [_written(target, "".join(f"{json.dumps(it)}\n" for it in events))]
        case "ro-crate":
            return _crate(target, found, receipt)
        case _:
            return [_written(target, _json(_qlprov(args, out, found)))]


def _crate(folder: Path, found: Lineage, receipt: bytes | None) -> list[str]:
    """A folder with the metadata, the picture and, if there is one, the receipt."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"lineage.svg": ("image/svg+xml", found.svg())}
    if receipt is not None:
        content["receipt.json"] = ("application/json", receipt.decode())
    name = f"Lineage of {found.root.replace(':', ' ', 1)}"
    media = {file: kind for file, (kind, _) in content.items()}
    metadata = _json(ro_crate(found.graph, name, datetime.now(UTC).date().isoformat(), media))
    return [
        _written(folder / METADATA, metadata),
        *(_written(folder / file, text) for file, (_, text) in content.items()),
    ]


def _qlprov(args: Namespace, out: Output, found: Lineage) -> dict[str, Any]:  # JSON
    kind, _, job = found.root.partition(":")
    if kind != "job":
        raise Stop(Exit.USAGE, f"qlprov describes one run: give a job, not a {kind}")
    stated = found.statements.get(job)
    if stated is None or stated["outcome"]["state"] != "completed":
        raise Stop(Exit.USAGE, f"qlprov describes a run with counts, and job {job} has none")

    async def asked(client: AsyncClient) -> tuple[Result, Device]:
        return await client.job(job).result(0), await client.device(str(stated["run"]["backend"]))

    result, device = ask(args, out, "reading its result", asked)
    if result.digest != stated["result_digest"]:
        raise Stop(Exit.JOB_FAILED, f"the statement of job {job} is about another result than the one that is stored")
    counts = [it.counts for it in result.items if it.counts]
    try:
        return qlprov_run(stated, counts, vendor=device.vendor, kind=device.kind)
    except NoExport as error:
        raise Stop(Exit.USAGE, str(error)) from error


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _written(path: Path, text: str) -> str:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Stop(Exit.USAGE, f"{path} cannot be written: {error.strerror}") from error
    return str(path)
