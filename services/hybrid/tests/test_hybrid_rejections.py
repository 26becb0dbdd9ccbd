"""What was made for a hybrid job that was refused ends at once: its own key and cap, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.hybrid import HybridAcceptance, HybridRejected, HybridSubmission, HybridSubmitted, cap_key
from queuebit_contracts.session import session_id
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import UnknownEvent
from queuebit_hybrid.adapters import ChildRuns
from queuebit_hybrid.keys import JobKeys
from queuebit_hybrid.rejections import EndRejected
from queuebit_hybrid.running import Attempt, Runner
from queuebit_hybrid.usage_file import Progress
from queuebit_kernel import Superseded
from queuebit_testing.memory import MemoryLog

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"


def example(name: str) -> AnyEvent:
    (path,) = (EXAMPLES / f"qb.hybrid.{name}.v1").glob("*.json")
    event = decode(path.read_bytes())
    assert not isinstance(event, UnknownEvent)
    return event


def pair() -> tuple[HybridSubmitted, HybridRejected]:
    """A submission and its refusal."""
    asked, refused = example("submitted"), example("rejected")
    assert isinstance(asked, HybridSubmitted)
    assert isinstance(refused, HybridRejected)
    of = {"tenant": asked.data.tenant, "hybrid": asked.data.hybrid}
    return asked, refused.model_copy(update={"data": refused.data.model_copy(update=of)})


class Ends:
    """Remembers what was ended."""

    def __init__(self) -> None:
        self.ended: list[HybridAcceptance | HybridSubmission] = []

    def attempt(self, job: HybridAcceptance, before: Progress) -> Attempt:
        raise AssertionError

    async def finish(self, job: HybridAcceptance | HybridSubmission) -> None:
        self.ended.append(job)


async def test_what_the_submission_named_ends_also_if_it_is_delivered_again() -> None:
    log, ends = MemoryLog(), Ends()
    asked, refused = pair()
    end = EndRejected(log, ends)
    with pytest.raises(Superseded):
        await end(refused, 0)
    for event in (asked, refused):
        await log.append(event)
    for _ in range(2):
        await end(refused, 2)
    assert ends.ended == [asked.data] * 2


@pytest.mark.parametrize("of", [{"tenant": "globex"}, {"hybrid": "hother"}])
async def test_a_submission_that_names_another_hybrid_job_ends_nothing_there(of: dict[str, str]) -> None:
    log, ends = MemoryLog(), Ends()
    asked, refused = pair()
    forged = asked.model_copy(update={"data": asked.data.model_copy(update=of)})
    log.publish(subject_of(asked), forged.to_bytes())  # the intake guards the subject, not the data
    await log.append(refused)
    with pytest.raises(Superseded, match="names another one"):
        await EndRejected(log, ends)(refused, 2)
    assert ends.ended == []


class Asked:
    """Requests that a test reads."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    async def ask(self, subject: str, body: bytes) -> None:
        self.sent.append((subject, body))


@pytest.mark.parametrize("own", [True, False])
async def test_a_session_that_the_job_only_belongs_to_stays_open(own: bool) -> None:
    asked, _ = pair()
    it = asked.data
    session = session_id(it.tenant, cap_key(it.hybrid)) if own else "sother"
    nothing, requests = cast("Any", None), Asked()  # no bus, no files, no topology are needed to end a job
    runs = ChildRuns(nothing, Runner(nothing, JobKeys("a secret"), nothing, nothing, nothing))
    runs._requests = cast("Any", requests)
    await runs.finish(it.model_copy(update={"session": session}))
    subjects = [subject for subject, _ in requests.sent]
    closed = [f"qb.sessions.{it.tenant}.close"] if own else []
    assert subjects == [*closed, f"qb.identity.{it.tenant}.revoke"]
