"""Reads, replays and drops dead letters: messages that no handler could process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from queuebit.errors import Unreachable
from queuebit.transport import Transport
from queuebit_contracts import subjects
from queuebit_contracts.topology import topology
from queuebit_runtime.dead_letters import HEADERS

__all__ = ["DeadLetter", "dead_letters", "drop", "replay"]

_REPLAY_S = 30.0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message with the reason for its failure."""

    sequence: int
    owner: str
    """The consumer or view that could not process it."""
    headers: Mapping[str, str]
    body: bytes

    @property
    def subject(self) -> str:
        """The subject of the message."""
        return self.headers.get(HEADERS["subject"], "")

    def document(self) -> dict[str, object]:
        """A printable form; the body is left out, because its content is arbitrary."""
        return {
            "id": self.sequence,
            "owner": self.owner,
            "fault": self.headers.get(HEADERS["code"], ""),
            "reason": self.headers.get(HEADERS["text"], ""),
            "subject": self.subject,
            "sequence": int(self.headers.get(HEADERS["sequence"], "0")),
            "bytes": len(self.body),
        }


async def dead_letters(transport: Transport) -> AsyncIterator[DeadLetter]:
    """All dead letters, oldest first."""
    after = 1
    while True:
        question = json.dumps({"seq": after, "next_by_subj": subjects.DEAD}).encode()
        reply = await transport.request("$JS.API.DIRECT.GET.DEAD", question)
        status = reply.headers.get("Status")
        if status == "404":
            return
        if status is not None:
            raise Unreachable(f"dead letters cannot be read ({status}): see `qb status`")
        sequence = int(reply.headers["Nats-Sequence"])
        owner = subjects.parse(reply.headers["Nats-Subject"]).id
        yield DeadLetter(sequence, owner, reply.headers, reply.body)
        after = sequence + 1


async def replay(transport: Transport, letter: DeadLetter) -> tuple[bool, str]:
    """Send the message to its consumer again; delete the dead letter on success; return success and a text."""
    if letter.owner in (f"{name}-view" for name, party in topology().service.items() if party.view):
        return (
            False,
            f"{letter.owner} reads the log in order and cannot repeat one message: qb doctor --drop",
        )
    headers = {name: value for name, value in letter.headers.items() if name.startswith(("Qb-", "traceparent"))}
    reply = await transport.request(subjects.replay(letter.owner), letter.body, headers, timeout=_REPLAY_S)
    verdict = json.loads(reply.body)
    if not verdict["settled"]:
        return False, f"{verdict['code']}: {verdict['text']}"
    await drop(transport, letter)
    return True, "settled"


async def drop(transport: Transport, letter: DeadLetter) -> tuple[bool, str]:
    """Delete a dead letter."""
    reply = await transport.request("$JS.API.STREAM.MSG.DELETE.DEAD", json.dumps({"seq": letter.sequence}).encode())
    answer = json.loads(reply.body)
    if answer.get("success"):
        return True, "dropped"
    return False, str(answer.get("error", {}).get("description", "not dropped"))
