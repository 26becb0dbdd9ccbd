"""The files of an exported incident: a post-mortem, its evidence, and the digests of all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from queuebit_incidents.postmortem import EvidenceFile, postmortem
from queuebit_incidents.timeline import Entry, Gathered, Record, entries

__all__ = ["POSTMORTEM", "SUMS", "as_zip", "files_of", "lines_of"]

POSTMORTEM: Final = "postmortem.md"
SUMS: Final = "SHA256SUMS"

_SAME_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The time of each file in an archive: the same facts give the same bytes."""


def files_of(found: Gathered) -> dict[str, bytes]:
    """All files by name; the digests are last."""
    evidence = {
        "incident.jsonl": (found.facts, "the facts of the incident: who did what"),
        "timeline.jsonl": ([_entry(it) for it in entries(found)], "what happened, in order"),
        "response.jsonl": (found.response, "alerts, notifications and silences"),
        "tenants.jsonl": (found.tenants, "tenants that were hit, and how many of their jobs"),
        "jobs.jsonl": (found.jobs, f"{len(found.jobs):,} of {found.hit:,} jobs that were hit"),
        "lifecycles.jsonl": (found.lifecycles, "all events of the first jobs, by provenance id"),
        "decisions.jsonl": (found.placements, "where the scheduler placed these jobs, by policy"),
        "calibrations.jsonl": (found.calibrations, "calibrations of the backends, from a day before"),
        "changes.jsonl": (found.changes, "what was put in force, from an hour before"),
        "charges.jsonl": (found.charges, "what these jobs were charged"),
    }
    files = {name: lines_of(records) for name, (records, _) in evidence.items()}
    listed = [
        EvidenceFile(name, len(records), sha256(files[name]).hexdigest(), what)
        for name, (records, what) in evidence.items()
    ]
    files = {POSTMORTEM: postmortem(found, listed).encode(), **files}
    sums = "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    return {**files, SUMS: sums.encode()}


def as_zip(files: Mapping[str, bytes], folder: str) -> bytes:
    """An archive with one folder; the same files give the same bytes."""
    target = BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            about = ZipInfo(f"{folder}/{name}", _SAME_TIME)
            about.compress_type = ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            archive.writestr(about, content)
    return target.getvalue()


def lines_of(records: Sequence[Record]) -> bytes:
    """JSON lines; of a fact, its data are an object and no text."""
    return b"".join(json.dumps(_open(it), ensure_ascii=False, default=str).encode() + b"\n" for it in records)


def _open(record: Record) -> dict[str, Any]:
    found = dict(record)
    if isinstance(data := found.get("data"), str):
        found["data"] = json.loads(data)
    return found


def _entry(it: Entry) -> Record:
    return {"at": it.at.isoformat(), "seq": it.sequence, "kind": it.kind, "what": it.text, "by": it.by}
