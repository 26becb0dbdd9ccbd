"""I3 and I4: every event is inside its tenant's subjects, and every ended job has a receipt in one consistent log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from queuebit_audit.job_state import Job
from queuebit_audit.lifecycle import Outstanding
from queuebit_audit.records import Head, Leaf, Root
from queuebit_audit.report import Verdict
from queuebit_audit.state import History
from queuebit_contracts.job import Seal, SealV1
from queuebit_contracts.transparency import Rotation
from queuebit_proof import (
    CheckpointInvalid,
    EnvelopeInvalid,
    Receipt,
    ReceiptInvalid,
    Tree,
    TrustRoot,
    entry_of,
    job_of,
    leaf_hash,
    open_envelope,
    read_statement,
    supersession_of,
    unb64,
    verify,
    verify_head,
)

__all__ = ["Proofs", "proven", "walls_hold"]


def walls_hold(history: History) -> Verdict:
    """Check that every event names the tenant, job and account of its subject, and that each job is a member's."""
    verdict = Verdict("I3", len(history.sequences), "events")
    accepted_submission = {job.accepted_submission for job in history.jobs.values()}
    claims = 0
    for stray in history.strays:
        if stray.by_client and stray.sequence not in accepted_submission:
            claims += 1
        else:
            verdict.add(stray.subject, stray.text)
    for subject, text in history.unauthorised:
        verdict.add(subject, text)
    for subject, text in history.sharing.faults_of_walls(knows_projects=history.knows_tenants and not history.given_up):
        verdict.add(subject, text)
    for subject, text in () if history.given_up else history.residency.faults:
        verdict.add(subject, text)
    if history.residency.placements:
        verdict.notes.append(
            f"{history.residency.placements} placements of tenants with a rule of residency were checked"
        )
    if claims:
        verdict.notes.append(f"{claims} messages of tenants break their contract and were ignored: see qb doctor")
    return verdict


@dataclass(frozen=True, slots=True)
class Proofs:
    """Verifies like an auditor: from the bytes in the log and the trust document alone."""

    trust: TrustRoot

    def seal(self, tenant: str, job: str, seal: Seal | SealV1) -> str | None:
        """Verify the seal of a tenant's job; return the fault, if there is one.

        A statement without signatures must be about the job, and be the leaf; `proven` compares the leaves with the
        signed heads. A seal of version 0.1 is a receipt, which is verified as one.
        """
        try:
            content = unb64(seal.envelope) if isinstance(seal, SealV1) else seal.text.encode()
            if f"sha256:{entry_of(content).hex()}" != seal.statement:
                return "the statement does not match its digest"
            if isinstance(seal, SealV1):
                supersedes = _verified(tenant, job, seal, content, self.trust)
            else:
                supersedes = _read(tenant, job, content)
            if supersedes != seal.supersedes:
                return "its statement supersedes another one than its seal says"
        except (ReceiptInvalid, ValueError) as error:
            return f"its receipt does not verify: {error}"
        return None

    def rotation(self, rotation: Rotation) -> str | None:
        """Verify that trusted keys signed the statement about a change of keys; return the fault, if there is one."""
        try:
            opened = open_envelope(rotation.envelope.encode(), self.trust)
        except EnvelopeInvalid as error:
            return f"the change of keys does not verify: {error}"
        matches = f"sha256:{entry_of(opened.payload).hex()}" == rotation.statement
        return None if matches else "the statement does not match its digest"

    def head(self, checkpoint: str) -> Root | str:
        """Verify the signatures of a head; return what it signs, or the fault."""
        try:
            signed = verify_head(checkpoint, self.trust).head
        except CheckpointInvalid as error:
            return str(error)
        return Root(signed.size, signed.root)


def _verified(tenant: str, job: str, seal: SealV1, envelope: bytes, trust: TrustRoot) -> str | None:
    """Verify a receipt of version 0.1; return what it supersedes."""
    inclusion = tuple(unb64(node) for node in seal.inclusion)
    receipt = Receipt(tenant, job, envelope, seal.leaf_index, seal.tree_size, inclusion, seal.checkpoint, version=1)
    return verify(receipt.to_bytes(), trust, tenant=tenant, job=job).supersedes


def _read(tenant: str, job: str, content: bytes) -> str | None:
    """Read a statement about a job; return what it supersedes.

    Raises:
        ValueError: it is about another one.
    """
    statement = read_statement(content)
    about = job_of(statement)
    if (about.get("tenant"), about.get("id")) != (tenant, job):
        raise ValueError(f"its statement is about {about.get('tenant')}/{about.get('id')}")
    follows = supersession_of(statement)
    return follows[1] if follows else None


def proven(history: History, outstanding: Outstanding, published: Root | None = None) -> Verdict:
    """Check every receipt, that the leaves are 0, 1, 2 …, and that every signed head is the tree as it was then.

    A log without its end, or signed again with other leaves, is whole in itself: what was `published` shows it.
    """
    verdict = Verdict("I4", sum(job is not None for job, _ in history.leaves), "receipts")
    receipts: defaultdict[tuple[str, str], list[Leaf]] = defaultdict(list)
    for job, leaf in history.leaves:
        if job is not None:
            receipts[job.tenant, job.job].append(leaf)
    for key, job in history.jobs.items():
        for wrong in _receipts(job, receipts[key], outstanding):
            verdict.add("/".join(key), wrong)
    tree = Tree()
    for position, (job, leaf) in enumerate(history.leaves):
        if leaf.leaf_index != position:
            verdict.add(_subject(job), f"it claims leaf {leaf.leaf_index}, but is leaf {position} of the log")
        if leaf.trouble:
            verdict.add(_subject(job), leaf.trouble)
    tree.extend(leaf_hash(leaf.entry) for _, leaf in history.leaves)
    for name, fault in (*_misplaced(history), *_heads(history, tree, published)):
        verdict.add(name, fault)
    return verdict


def _heads(history: History, tree: Tree, published: Root | None) -> Iterator[tuple[str, str]]:
    """Heads that are not the tree as it was then, or do not continue the one before or what was published."""
    for head in history.heads:
        if fault := _unlike(head, tree):
            yield f"checkpoint {head.tree_size}", fault
    for earlier, later in pairwise(history.heads):
        if later.tree_size <= earlier.tree_size:
            yield f"checkpoint {later.tree_size}", f"it follows a checkpoint of {earlier.tree_size} leaves"
    last = history.heads[-1].tree_size if history.heads else 0
    if last != len(history.leaves):
        yield f"checkpoint {last}", f"it is the last, but there are {len(history.leaves)} leaves"
    if published is not None and not history.given_up and (fault := _unlike_published(published, tree)):
        yield f"published checkpoint {published.size}", fault


def _unlike_published(published: Root, tree: Tree) -> str | None:
    """How the log differs from what was published of it."""
    if published.size > tree.size:
        return f"rolled back: the log has {tree.size} leaves, and published that it had {published.size}"
    if tree.root(published.size) != published.root:
        return f"forked: the first {published.size} leaves are not those that were published"
    return None


def _subject(job: Job | None) -> str:
    """Whose leaf it is."""
    return "a change of keys or a statement of a user" if job is None else job.subject


def _receipts(job: Job, leaves: Sequence[Leaf], outstanding: Outstanding) -> Iterator[str]:
    """A bill has one receipt, and so has each correction of it, which names the one before."""
    found = Counter(leaf.revision for leaf in leaves)
    for revision in ([0] if job.bills else []) + [it.revision for it in job.corrections]:
        consumer = "provenance-corrected" if revision else "provenance-metered"
        if not found[revision] and not outstanding.owes(consumer, job.last):
            yield (
                f"correction {revision} of its bill has no receipt"
                if revision
                else "it was metered, but has no receipt"
            )
    yield from (f"it has {times} receipts" for times in found.values() if times > 1)
    for earlier, later in pairwise(sorted(leaves, key=lambda it: it.revision)):
        if later.revision and later.supersedes != earlier.statement:
            yield f"receipt {later.revision} does not supersede the one before it"


def _misplaced(history: History) -> Iterator[tuple[str, str]]:
    """Leaves whose seal names another head than the one that was stored with it."""
    first = 0
    for head in history.heads:
        for job, leaf in history.leaves[first : head.leaves]:
            if leaf.tree_size != head.tree_size:
                text = f"its seal names the head of {leaf.tree_size} leaves, but that of {head.tree_size} follows it"
                yield _subject(job), text
        first = max(first, head.leaves)


def _unlike(head: Head, tree: Tree) -> str | None:
    """How a signed head differs from the tree of the log's leaves."""
    signed = head.signed
    if isinstance(signed, str):
        return signed
    if not signed.size == head.tree_size == head.leaves:
        return f"it signs {signed.size} leaves and claims {head.tree_size}, but {head.leaves} lay before it"
    if tree.root(signed.size) != signed.root:
        return "its root is not that of the leaves before it: the log was forked or altered"
    return None
