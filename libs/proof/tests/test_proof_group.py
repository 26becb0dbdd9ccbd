"""The receipts of a group: whole; and with one that is missing, altered, foreign or there twice."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from queuebit_kernel import canonical
from queuebit_proof import (
    ChargeLine,
    GroupInvalid,
    JobRecord,
    KeyRing,
    Member,
    TileLog,
    TrustRoot,
    WitnessFolder,
    add_cosignatures,
    build_group,
    build_statement,
    entry_of,
    is_group,
    issue,
    request_for,
    seal,
    sign_checkpoint,
    verify_group,
)
from queuebit_proof.envelope import payload_of

from .conftest import BEGIN

Document = dict[str, list[object]]
JOBS = ("j1", "j2", "j3")


@pytest.fixture
def issued(record: JobRecord, tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """Receipts of these jobs in one log of a signer."""

    def issued(
        signer: KeyRing, *jobs: str, tenant: str = "acme", witness: WitnessFolder | None = None
    ) -> dict[str, bytes]:
        bill = (ChargeLine("shots", "1", "0.10", "0.10", "USD"), ChargeLine("shots", "1", "0.20", "0.20", "EUR"))
        records = [replace(record, job=job, tenant=tenant, charges=bill) for job in jobs]
        sealed = [seal(build_statement(it, salt=bytes(16)), signer) for it in records]
        log = TileLog(tmp_path / "unwritten")
        first = log.append([entry_of(payload_of(it)) for it in sealed])
        checkpoint = sign_checkpoint(log.head(signer.origin), signer, BEGIN + timedelta(seconds=1))
        if witness is not None:
            lines = witness.cosign(str(request_for(log, 0, checkpoint)), signer.trust, BEGIN + timedelta(minutes=1))
            checkpoint = add_cosignatures(checkpoint, lines, witness.witnesses, signer.trust)
        return {
            job: issue(it, leaf_index=first + n, inclusion=log.inclusion(first + n), checkpoint=checkpoint)
            for n, (job, it) in enumerate(zip(jobs, sealed, strict=True))
        }

    return issued


@pytest.fixture
def receipts(issued: Callable[..., dict[str, bytes]], ring: KeyRing) -> dict[str, bytes]:
    return issued(ring, *JOBS)


def made(receipts: dict[str, bytes], *more: Member) -> bytes:
    members = [Member(job, "completed", receipt) for job, receipt in receipts.items()]
    return build_group("acme", "tag", "h2", [*members, *more], made_at=BEGIN, as_of=7)


def test_a_group_verifies_with_its_totals_and_names_jobs_without_a_receipt(
    receipts: dict[str, bytes], trust: TrustRoot
) -> None:
    content = made(receipts, Member("j0", "started"))
    assert is_group(content)
    assert not is_group(receipts["j1"])
    found = verify_group(content, trust)
    assert (found.tenant, found.kind, found.name, found.without) == ("acme", "tag", "h2", ("j0",))
    assert found.charged == {"EUR": "0.60", "USD": "0.30"}
    assert [it.receipt.job for it in found.receipts] == list(JOBS)


def _without(document: Document, _: bytes) -> None:
    document["receipts"].pop()


def _altered(document: Document, _: bytes) -> None:
    document["receipts"][0] = str(document["receipts"][0]).replace('\\"leaf_index\\":', '\\"leaf_index\\": ', 1)
    document["receipts"][0] = str(document["receipts"][0]).replace('"leaf_index":0', '"leaf_index":1')


def _foreign(document: Document, other: bytes) -> None:
    document["receipts"].append(other.decode())


def _in_place_of(document: Document, other: bytes) -> None:
    document["receipts"][0] = other.decode()


def _twice(document: Document, _: bytes) -> None:
    document["receipts"].append(document["receipts"][0])


def _not_named(document: Document, _: bytes) -> None:
    document["jobs"].pop()


def _another_state(document: Document, _: bytes) -> None:
    document["jobs"][0] = {**document["jobs"][0], "state": "failed"}  # type: ignore[dict-item]  # a row is an object


def _another_total(document: Document, _: bytes) -> None:
    document["totals"]["charged"]["USD"] = "0.29"  # type: ignore[call-overload]  # totals are an object


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        pytest.param(_without, [("missing", "j3")], id="missing"),
        pytest.param(_altered, [("altered", "j1")], id="altered"),
        pytest.param(_foreign, [("foreign", "j9")], id="foreign"),
        pytest.param(_in_place_of, [("foreign", "j9"), ("missing", "j1")], id="exchanged"),
        pytest.param(_twice, [("doubled", "j1")], id="doubled"),
        pytest.param(_not_named, [("foreign", "j3")], id="not named"),
        pytest.param(_another_state, [("altered", "j1")], id="another state"),
        pytest.param(_another_total, [("totals", "")], id="another total"),
    ],
)
def test_a_document_that_is_not_whole_is_refused_with_the_jobs(
    receipts: dict[str, bytes],
    issued: Callable[..., dict[str, bytes]],
    ring: KeyRing,
    trust: TrustRoot,
    change: Callable[[Document, bytes], None],
    faults: list[tuple[str, str]],
) -> None:
    document = json.loads(made(receipts))
    change(document, issued(ring, "j9")["j9"])
    with pytest.raises(GroupInvalid) as caught:
        verify_group(canonical(document), trust)
    assert [(it.kind, it.job) for it in caught.value.faults] == faults


def test_receipts_of_another_tenant_or_signer_are_refused_though_the_manifest_names_them(
    issued: Callable[..., dict[str, bytes]], ring: KeyRing, other_ring: KeyRing, trust: TrustRoot
) -> None:
    for receipts, kind in ((issued(ring, "j1", tenant="rival"), "foreign"), (issued(other_ring, "j1"), "altered")):
        with pytest.raises(GroupInvalid) as caught:
            verify_group(made(receipts), trust)
        assert caught.value.faults[0].kind == kind


@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"as_of_seq":1}', b"\xff"])
def test_what_is_no_document_is_refused(content: bytes, trust: TrustRoot) -> None:
    with pytest.raises(GroupInvalid, match="this is not a group receipt"):
        verify_group(content, trust)


def test_a_job_that_is_named_twice_makes_no_document(receipts: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="named twice"):
        made(receipts, Member("j1", "completed"))


def test_each_receipt_must_have_the_lines_of_required_witnesses(
    receipts: dict[str, bytes], issued: Callable[..., dict[str, bytes]], ring: KeyRing, tmp_path: Path
) -> None:
    witness = WitnessFolder.open(tmp_path / "w1", "witness.example/w1")
    with pytest.raises(GroupInvalid) as refused:
        verify_group(made(receipts), ring.trust, witness.witnesses)
    assert [(it.kind, it.job) for it in refused.value.faults] == [("witnesses", it) for it in JOBS]
    cosigned = issued(ring, *JOBS, witness=witness)
    assert len(verify_group(made(cosigned), ring.trust, witness.witnesses).receipts) == len(JOBS)
    with pytest.raises(GroupInvalid) as refused:
        verify_group(made({**cosigned, "j2": receipts["j2"]}), ring.trust, witness.witnesses)
    assert [(it.kind, it.job) for it in refused.value.faults] == [("witnesses", "j2")]
