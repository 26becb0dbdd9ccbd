"""A child is not believed: it may be a process whose memory a circuit has corrupted."""

from __future__ import annotations

from typing import cast

from queuebit_executor.answers import Refused
from queuebit_executor.child_answers import read_body
from queuebit_executor.worker_pool import Borrowed
from queuebit_executor.zygote_client import Child, ZygoteClient
from queuebit_runtime.frames import Frame


class Talkative:
    """A child and its zygote: each answer says that another one follows."""

    def __init__(self) -> None:
        self.ended = False

    async def send(self, head: object, body: bytes) -> None:
        """Take any request."""

    async def receive(self) -> Frame:
        return {"more": True}, b"answer"

    async def end(self, child: object) -> str:
        self.ended = child is self
        return "by SIGKILL"


async def test_a_child_with_more_answers_than_requests_is_ended() -> None:
    child, taken = Talkative(), list[bytes | Refused]()
    borrowed = Borrowed(cast("Child", child), "run", 20, cast("ZygoteClient", child))
    refused = await borrowed.ask_each({"op": "runs"}, read_body, b"", taken.append, 2)
    assert isinstance(refused, Refused)
    assert refused.error.code == "crashed"
    assert taken == [b"answer"] * 2
    assert (borrowed.idle, child.ended) == (False, True)
