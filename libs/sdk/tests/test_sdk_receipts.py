"""The document of a receipt: from an old seal itself, otherwise from the service that signs it."""

from __future__ import annotations

import base64
import json

import pytest

from queuebit.errors import Refused, Unreachable
from queuebit.receipts import document_of
from queuebit.transport import Reply
from queuebit.wait_budget import WaitBudget
from queuebit_contracts.job import Seal, SealV1

DIGEST = "sha256:" + "0" * 64
PLACE = {"tenant": "acme", "job": "j1", "statement": DIGEST, "leaf_index": 0, "tree_size": 1}
SEAL = Seal.model_validate({**PLACE, "text": "{}", "revision": 2})


def refused(code: str) -> Reply:
    return Reply(json.dumps({"rows": [], "error": {"code": code, "text": f"it is {code}"}}).encode())


SIGNED = Reply(b'{"rows": [{"receipt": "the document"}]}')


class Answers:
    """A transport that gives one answer after the other, and remembers the requests."""

    def __init__(self, *answers: Reply | Exception) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[str, dict[str, object]]] = []

    async def request(self, subject: str, body: bytes = b"", headers: object = None, *, timeout: float = 5.0) -> Reply:
        del headers, timeout
        self.asked.append((subject, json.loads(body)))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def budget(*, over: bool = False) -> WaitBudget:
    """Of ten seconds, which are just beginning or over."""
    times = iter((0.0,))
    return WaitBudget(lambda: next(times, 10.0 if over else 0.0), 10.0)


async def test_the_receipt_of_a_correction_is_asked_for_by_its_revision() -> None:
    answers = Answers(SIGNED)
    assert await document_of(SEAL, answers, budget()) == b"the document"  # type: ignore[arg-type]  # all it needs
    assert answers.asked == [("qb.query.acme.receipt", {"job": "j1", "revision": 2})]


@pytest.mark.parametrize("first", [Unreachable("no service answers"), refused("unavailable"), refused("busy")])
async def test_a_service_that_is_restarted_delays_a_receipt(
    first: Reply | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit.receipts._PAUSE_S", 0.0)
    answers = Answers(first, SIGNED)
    assert await document_of(SEAL, answers, budget()) == b"the document"  # type: ignore[arg-type]  # all it needs


@pytest.mark.parametrize("first", [Unreachable("it is unavailable"), refused("unavailable")])
async def test_the_wait_for_a_service_ends_with_the_timeout(first: Reply | Exception) -> None:
    with pytest.raises(Unreachable, match="it is unavailable"):
        await document_of(SEAL, Answers(first), budget(over=True))  # type: ignore[arg-type]  # all it needs


async def test_what_is_not_signed_is_explained_at_once() -> None:
    with pytest.raises(Refused, match="it is log_refused"):
        await document_of(SEAL, Answers(refused("log_refused")), budget())  # type: ignore[arg-type]  # all it needs


async def test_a_seal_of_version_0_1_needs_no_service() -> None:
    envelope = base64.b64encode(b"signed").decode()
    seal = SealV1.model_validate({**PLACE, "envelope": envelope, "inclusion": (), "checkpoint": "head"})
    document = json.loads(await document_of(seal, Answers(), budget()))  # type: ignore[arg-type]  # all it needs
    assert (document["version"], document["envelope"], document["checkpoint"]) == (1, "signed", "head")
