"""Groups of jobs: what is asked, and one receipt of what has receipts."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit import AsyncGroup, Client, Credential, InvalidInput, NotFound, Receipt, StillRunning, Table, Workflow
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import JobSubmitted
from queuebit_testing.receipts import issued, new_ring

from .fake_bus import BELL, FakeBus, runs_and_bills


class _Job:
    """A job whose receipt is known, or not there yet."""

    def __init__(self, name: str, content: bytes | None) -> None:
        self._name = name
        self._content = content

    async def receipt(self, timeout: float | None) -> Receipt:
        if self._content is None:
            raise StillRunning(f"no receipt in {timeout} s")
        return Receipt(self._name, "sha256:" + "0" * 64, 0, 1, self._content)


def group(rows: list[tuple[str, str]], receipts: dict[str, bytes], kind: str = "tag") -> AsyncGroup:
    asked: list[object] = []

    async def ask(question: str, **more: object) -> Table:
        asked.append((question, more))
        return Table({"job": job, "state": state} for job, state in rows)

    made = AsyncGroup(kind, "h2", "acme", ask, lambda it: _Job(it, receipts.get(it)))
    made.asked = asked  # type: ignore[attr-defined]  # for the test alone
    return made


async def test_a_receipt_of_a_group_has_those_of_all_jobs_that_have_one(tmp_path: Path) -> None:
    ring = new_ring(tmp_path)
    rows = [("j1", "completed"), ("j2", "completed"), ("j3", "started"), ("j4", "failed")]
    found = await group(rows, issued(ring, "j1", "j2")).receipt()
    assert (found.jobs, found.without, found.charged) == (4, ("j3", "j4"), {"USD": "0.20"})
    assert [it.receipt.job for it in found.verify(ring.trust.to_bytes()).receipts] == ["j1", "j2"]


@pytest.mark.parametrize(("kind", "asked"), [("tag", "tag"), ("workflow", "tag"), ("session", "session")])
async def test_jobs_of_a_group_are_asked_by_its_kind(kind: str, asked: str) -> None:
    of = group([], {}, kind)
    with pytest.raises(NotFound, match=f"no job belongs to {kind} h2"):
        await of.receipt()
    assert of.asked == [("jobs", {"limit": 10_000, asked: "h2"})]  # type: ignore[attr-defined]  # as above


async def test_a_group_without_jobs_or_of_another_kind_is_refused() -> None:
    with pytest.raises(NotFound, match="no job of the last 7 days belongs to tag h2"):
        await group([], {}).summary(days=7)
    with pytest.raises(InvalidInput, match="a group is of kind tag, session, workflow"):
        group([], {}, "colour")
    with pytest.raises(InvalidInput, match="10,000 jobs or more"):
        await group([("j", "started")] * 10_000, {}).receipt()


def test_jobs_of_a_workflow_have_its_name_as_a_tag(ann: Credential, tmp_path: Path) -> None:
    bus = FakeBus(runs_and_bills)

    def tags() -> list[tuple[str, ...] | None]:
        events = (decode(body) for _, body in bus.stored.values())
        return [it.data.tags for it in events if isinstance(it, JobSubmitted)]

    with Client(ann, transport=bus) as client:
        work = Workflow("h2", store=tmp_path)

        @work.step
        def one(seed: int) -> None:
            client.submit(BELL, seed=seed, tags=["paper"])
            client.map([BELL], key="mapped", seed=seed)
            client.submit(BELL, seed=seed, tags=[f"t{n}" for n in range(8)])
            client.submit(BELL, key="own", seed=seed)

        one(1)
        client.submit(BELL)
    full = tuple(f"t{n}" for n in range(8))
    assert tags() == [("paper", "h2"), ("h2",), full, None, None]
