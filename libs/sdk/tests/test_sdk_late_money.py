"""A charge that may still change, its correction, and the receipt that supersedes the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from queuebit import Credential
from queuebit.errors import InvalidInput
from queuebit.log_client import Entry, LogClient
from queuebit.status import status_of, waiting_for
from queuebit.submission import submission
from queuebit.transport import Reply
from queuebit_contracts.admission import Submission
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import Charge, Correction, JobCorrected, JobMetered, JobSealed, Metering, Seal, Usage
from queuebit_contracts.subjects import subject_of
from queuebit_kernel import Money
from queuebit_runtime.payloads import describe
from queuebit_testing.build import BELL, submitted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64


def charge(amount: str) -> Charge:
    return Charge(amount=amount, currency="USD", jbu="0")


def metered(*, final: bool) -> JobMetered:
    data = Metering(
        tenant="acme", project="main", job="j1", state="completed", usage=Usage(final=final), charge=charge("0.00"),
        price_book=DIGEST, final=None if final else False, submitted_at=NOW, ended_at=NOW,
    )  # fmt: skip
    return JobMetered(source="qb/metering", time=NOW, data=data)


def corrected(amount: str, delta: str) -> JobCorrected:
    data = Correction(
        tenant="acme", project="main", job="j1", revision=1, report=1, usage=Usage(), charge=charge(amount),
        delta=charge(delta), reason="late", final=True, price_book=DIGEST,
    )  # fmt: skip
    return JobCorrected(source="qb/metering", time=NOW, data=data)


def sealed(revision: int | None) -> JobSealed:
    data = Seal(
        tenant="acme", job="j1", statement=DIGEST, text="{}", leaf_index=revision or 0, tree_size=9,
        revision=revision, supersedes=DIGEST if revision else None,
    )  # fmt: skip
    return JobSealed(source="qb/provenance", time=NOW, data=data)


def entries(*events: AnyEvent) -> list[Entry]:
    return [Entry(event, number) for number, event in enumerate(events, start=1)]


def test_a_status_says_that_its_charge_may_change() -> None:
    asked = submitted(job="j1")
    status = status_of(asked.data, entries(asked, metered(final=False), sealed(None)))
    assert (status.provisional, status.charge) == (True, Money.zero())
    assert "waits for final usage" in waiting_for(replace(status, state="completed"))
    assert status.steps[1].detail == "0.00 USD, until its usage is final"


def test_a_correction_is_the_charge_from_then_on() -> None:
    asked = submitted(job="j1")
    status = status_of(asked.data, entries(asked, metered(final=False), corrected("1.50", "1.50"), sealed(1)))
    assert (status.provisional, status.charge) == (False, Money.of("1.50"))
    assert [it.detail for it in status.steps[2:]] == [
        "1.50 USD (+1.50): late",
        "entry 1 of the transparency log, supersedes the receipt before",
    ]
    less = status_of(asked.data, entries(asked, metered(final=True), corrected("1.00", "-0.50")))
    assert less.steps[2].detail == "1.00 USD (-0.50): late"


class Stored:
    """A transport that answers direct gets."""

    def __init__(self, *events: AnyEvent) -> None:
        self.stored = {subject_of(it): (number, it.to_bytes()) for number, it in enumerate(events, start=1)}

    async def request(self, subject: str, body: bytes = b"", headers: object = None, *, timeout: float = 5.0) -> Reply:
        del body, headers, timeout
        found = self.stored.get(subject.removeprefix("$JS.API.DIRECT.GET.LOG."))
        return Reply(found[1], {"Nats-Sequence": str(found[0])}) if found else Reply(b"", {"Status": "404"})


async def test_the_newest_receipt_is_the_one_that_nothing_supersedes() -> None:
    log = LogClient(Stored(sealed(None), sealed(1), sealed(2)), "acme")  # type: ignore[arg-type]  # all it needs
    assert (await log.newest_seal(sealed(None).data)).revision == 2
    alone = LogClient(Stored(sealed(None)), "acme")  # type: ignore[arg-type]  # all it needs
    assert (await alone.newest_seal(sealed(None).data)).revision is None


async def test_a_history_has_every_correction_and_receipt() -> None:
    events = (submitted(job="j1"), metered(final=True), sealed(None), corrected("1", "1"), sealed(1))
    log = LogClient(Stored(*events), "acme")  # type: ignore[arg-type]  # all it needs
    assert [it.event for it in await log.history("j1")] == [*events]


def test_the_workload_class_is_a_signed_name(ann: Credential) -> None:
    def of(workload_class: str | None) -> Submission:
        return submission(
            ann,
            describe(b"OPENQASM 3.0;", "text/x-openqasm"),
            shots=1,
            project="main",
            backend=None,
            purpose="test",
            label="",
            key="k",
            max_cost=None,
            seed=None,
            workload_class=workload_class,
        ).data

    assert of("batch").workload_class == "batch"
    assert of("batch").proof != of(None).proof
    with pytest.raises(InvalidInput, match="class"):
        of("Big Batch")


def test_tags_are_signed_names(ann: Credential) -> None:
    def tagged(*tags: str) -> tuple[str, ...] | None:
        return submission(
            ann,
            describe(BELL.encode(), "text/x-openqasm"),
            shots=1,
            project=None,
            backend=None,
            purpose="test",
            label="",
            key=None,
            max_cost=None,
            seed=None,
            tags=tags,
        ).data.tags

    assert tagged("thesis", "thesis", "x") == ("thesis", "x")
    assert tagged() is None
    for wrong in (["A tag"], [f"t{number}" for number in range(9)]):
        with pytest.raises(InvalidInput, match="tag"):
            tagged(*wrong)
