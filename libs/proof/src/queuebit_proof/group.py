"""The receipts of all jobs of a group in one document: a manifest, what the jobs cost, and the receipts.

The manifest names each job with its state and the digest of its receipt, so that a receipt that is missing, altered or
of another group is found. Each receipt is signed; the manifest is not: it is what its maker found at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from queuebit_kernel import Money, canonical, digest, rfc3339
from queuebit_proof.encoding import exactly, parse_json, text
from queuebit_proof.envelope import payload_of
from queuebit_proof.errors import EnvelopeInvalid, GroupFault, GroupInvalid, ReceiptInvalid
from queuebit_proof.receipt import Receipt
from queuebit_proof.statement import read_statement
from queuebit_proof.trust import TrustRoot
from queuebit_proof.verifier import Verified, verify
from queuebit_proof.witness import Witness

__all__ = ["MAX_GROUP_JOBS", "Member", "VerifiedGroup", "build_group", "is_group", "verify_group"]

MAX_GROUP_JOBS: Final = 10_000
"""The most jobs of one document: a receipt has about 11 KB."""

_VERSION: Final = 1
_FIELDS: Final = frozenset({"as_of_seq", "group", "jobs", "made_at", "receipts", "tenant", "totals", "version"})
_HEAD: Final = b'{"as_of_seq":'


@dataclass(frozen=True, slots=True)
class Member:
    """A job of a group."""

    job: str
    state: str
    """When the document was made, such as `completed`."""
    receipt: bytes | None = None
    """Its newest receipt; None if the job had none yet."""


@dataclass(frozen=True, slots=True)
class VerifiedGroup:
    """A valid document; the statements of its receipts can be trusted."""

    tenant: str
    kind: str
    """`tag`, `session` or `workflow`."""
    name: str
    made_at: str
    receipts: tuple[Verified, ...]
    without: tuple[str, ...]
    """Jobs that had no receipt when it was made."""
    charged: Mapping[str, str]
    """By currency, from the signed statements."""


def build_group(
    tenant: str, kind: str, name: str, members: Sequence[Member], *, made_at: datetime, as_of: int | None
) -> bytes:
    """Return the document.

    Args:
        tenant: the tenant of all jobs.
        kind: `tag`, `session` or `workflow`.
        name: of the tag, session or workflow.
        members: all jobs of the group.
        made_at: an aware time.
        as_of: the sequence of the log up to which the group is complete, if that is known.

    Raises:
        ReceiptInvalid: a receipt cannot be read.
        ValueError: there are more than `MAX_GROUP_JOBS` jobs, or one is there twice.
    """
    if len(members) > MAX_GROUP_JOBS:
        raise ValueError(f"a group receipt has at most {MAX_GROUP_JOBS:,} jobs, and the group has more")
    if len({it.job for it in members}) < len(members):
        raise ValueError("a job is named twice")
    ordered = sorted(members, key=lambda it: it.job)
    present = [it.receipt for it in ordered if it.receipt is not None]
    return canonical(
        {
            "version": _VERSION,
            "tenant": tenant,
            "group": {"kind": kind, "name": name},
            "made_at": rfc3339(made_at),
            "as_of_seq": as_of,
            "jobs": [_entry(it) for it in ordered],
            "totals": {"jobs": len(ordered), "charged": _charged(_stated(Receipt.parse(it)) for it in present)},
            "receipts": [it.decode() for it in present],
        }
    )


def is_group(content: bytes) -> bool:
    """Whether a file is such a document and not a single receipt."""
    return content.startswith(_HEAD)


def verify_group(content: bytes, trust: TrustRoot, witnesses: Sequence[Witness] = ()) -> VerifiedGroup:
    """Verify a document and all its receipts, with only the trust document.

    Args:
        content: the document.
        trust: the keys of the log.
        witnesses: keys that must have cosigned the head of each receipt, too.

    Raises:
        GroupInvalid: with every fault that was found.
    """
    try:
        fields = exactly(parse_json(content), _FIELDS, "the document")
        if fields["version"] != _VERSION:
            raise ValueError(f"this program reads group receipts of version {_VERSION}")
        tenant, made_at = text(fields["tenant"], "tenant"), text(fields["made_at"], "made_at")
        group = exactly(fields["group"], frozenset({"kind", "name"}), "group")
        kind, name = text(group["kind"], "kind"), text(group["name"], "name")
        manifest = _manifest(fields["jobs"])
        totals = exactly(fields["totals"], frozenset({"jobs", "charged"}), "totals")
        receipts = [text(it, "receipt").encode() for it in _list(fields["receipts"], "receipts")]
    except ValueError as error:
        raise GroupInvalid((GroupFault("form", "", f"this is not a group receipt: {error}"),)) from error
    faults, verified = list[GroupFault](), dict[str, Verified]()
    for receipt in receipts:
        found = _verified(receipt, tenant, manifest, verified, trust, witnesses)
        if isinstance(found, GroupFault):
            faults.append(found)
        else:
            verified[found.receipt.job] = found
    named = {it.job for it in faults}
    faults += [
        GroupFault("missing", job, "the manifest names its receipt, and the document does not have it")
        for job, (_, wanted) in manifest.items()
        if wanted is not None and job not in verified and job not in named
    ]
    charged = _charged(it.statement for it in verified.values())
    if not faults and totals != {"jobs": len(manifest), "charged": charged}:
        faults.append(GroupFault("totals", "", "the totals are not the sums over the signed statements"))
    if faults:
        raise GroupInvalid(tuple(faults))
    without = tuple(job for job, (_, wanted) in manifest.items() if wanted is None)
    return VerifiedGroup(tenant, kind, name, made_at, tuple(verified.values()), without, charged)


def _entry(member: Member) -> dict[str, str | None]:
    receipt = None if member.receipt is None else digest(member.receipt)
    return {"job": member.job, "state": member.state, "receipt": receipt}


def _verified(
    content: bytes,
    tenant: str,
    manifest: Mapping[str, tuple[str, str | None]],
    known: Mapping[str, Verified],
    trust: TrustRoot,
    witnesses: Sequence[Witness],
) -> Verified | GroupFault:
    try:
        receipt = Receipt.parse(content)
    except ReceiptInvalid as error:
        return GroupFault("altered", "", str(error))
    job = receipt.job
    state, wanted = manifest.get(job, ("", None))
    if wanted is None or receipt.tenant != tenant:
        return GroupFault("foreign", job, f"the manifest does not name this receipt of tenant {receipt.tenant}")
    if job in known:
        return GroupFault("doubled", job, "its receipt is there twice")
    if digest(content) != wanted:
        return GroupFault("altered", job, "its receipt is not the one that the manifest names")
    try:
        found = verify(content, trust, tenant=tenant, job=job, witnesses=witnesses)
    except ReceiptInvalid as error:
        return GroupFault("witnesses" if error.check == "witnesses" else "altered", job, str(error))
    if (stated := _outcome(found.statement)) != state:
        return GroupFault("altered", job, f"the manifest says {state}, and its signed statement {stated}")
    return found


def _manifest(rows: object) -> dict[str, tuple[str, str | None]]:
    """State and digest of the receipt, by job."""
    manifest: dict[str, tuple[str, str | None]] = {}
    for row in _list(rows, "jobs"):
        fields = exactly(row, frozenset({"job", "state", "receipt"}), "a job")
        job, wanted = text(fields["job"], "job"), fields["receipt"]
        if job in manifest:
            raise ValueError(f"the manifest names job {job!r} twice")
        manifest[job] = text(fields["state"], "state"), None if wanted is None else text(wanted, "receipt")
    if len(manifest) > MAX_GROUP_JOBS:
        raise ValueError(f"it has more than {MAX_GROUP_JOBS:,} jobs")
    return manifest


def _charged(statements: Iterable[Mapping[str, object]]) -> dict[str, str]:
    sums: dict[str, Money] = {}
    for amount in (it for statement in statements for it in _amounts(statement)):
        sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
    return {currency: sums[currency].text() for currency in sorted(sums)}


def _amounts(statement: Mapping[str, object]) -> Iterator[Money]:
    predicate = statement["predicate"]
    charges = predicate.get("charges", []) if isinstance(predicate, dict) else []
    for line in _list(charges, "charges"):
        if isinstance(line, dict):
            yield Money.of(text(line.get("amount"), "amount"), text(line.get("currency"), "currency"))


def _outcome(statement: Mapping[str, object]) -> object:
    predicate = statement["predicate"]
    outcome = predicate.get("outcome") if isinstance(predicate, dict) else None
    return outcome.get("state") if isinstance(outcome, dict) else None


def _stated(receipt: Receipt) -> Mapping[str, object]:
    try:
        return read_statement(payload_of(receipt.envelope))
    except (EnvelopeInvalid, ValueError) as error:
        raise ReceiptInvalid("statement", f"the receipt of {receipt.job} cannot be read: {error}") from error


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{what} is not a list")
    return value
