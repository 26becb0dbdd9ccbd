"""The ports on JetStream and on files."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

from queuebit_contracts.catalog import Decoded, decode
from queuebit_contracts.job import JobSealed, JobSealedV1, Seal, SealV1
from queuebit_contracts.topology import LOG
from queuebit_contracts.transparency import KeysRotated, LogCheckpointed, LoggedStatement, Rotation, StatementLogged
from queuebit_contracts.wildcards import every, named
from queuebit_kernel import Malformed
from queuebit_proof import TrustInvalid, TrustRoot
from queuebit_runtime.connection import Connection
from queuebit_runtime.requests import Requests
from queuebit_runtime.stored import Message, message_of

__all__ = ["JetStreamSeals", "names_losses", "publish_trust"]

_SUBJECTS = (*named("job.sealed"), every(KeysRotated), every(StatementLogged))
"""First receipts, those that supersede them, changes of keys, and statements of users: all that has a leaf."""
_HEADS = every(LogCheckpointed)
"""There is one log a stream."""


_WITH_LEAF = (JobSealed, JobSealedV1, KeysRotated, StatementLogged)
_Leaf: TypeAlias = Seal | SealV1 | Rotation | LoggedStatement
_Place: TypeAlias = tuple[int, _Leaf | None]


class JetStreamSeals:
    """Reads seals and heads without a consumer, so that processes do not compete for one."""

    def __init__(self, connection: Connection, *, batch: int = 256, timeout_s: float = 30.0) -> None:
        self._requests = Requests(connection, timeout_s)
        self._batch = batch

    async def read(self, leaf: int, *, until: int) -> AsyncIterator[_Leaf]:
        """Yield what has a leaf, from `leaf` on, up to sequence `until`."""
        after = await self._before(leaf, until)
        while found := await self._next(after + 1, self._batch):
            for sequence, seal in found:
                if sequence > until:
                    return
                if seal is not None and seal.leaf_index >= leaf:
                    yield seal
            after = found[-1][0]

    async def head(self, after: int) -> str | None:
        """The first checkpoint after a sequence."""
        found = [_event(it) for it in await self._messages(_HEADS, after + 1, 1)]
        return next((it.data.checkpoint for it in found if isinstance(it, LogCheckpointed)), None)

    async def _before(self, leaf: int, until: int) -> int:
        """A sequence shortly before a leaf: indices rise with sequences, so bisection finds it in a large log."""
        low, high = 0, until if leaf else 0
        while high - low > self._batch:
            middle = (low + high) // 2
            found = await self._next(middle, 1)
            if found and found[0][1] is not None and found[0][1].leaf_index < leaf:
                low = found[0][0]
            else:
                high = middle
        return low

    async def _next(self, sequence: int, count: int) -> list[_Place]:
        """Some messages at or after a sequence, with their seals, none left out; none means that there are none."""
        pages = [page for page in await asyncio.gather(*(self._page(it, sequence, count) for it in _SUBJECTS)) if page]
        known = min((page[-1][0] for page in pages), default=0)  # behind it, the shorter page may lack some
        return sorted((it for page in pages for it in page if it[0] <= known), key=lambda it: it[0])

    async def _page(self, subject: str, sequence: int, count: int) -> list[_Place]:
        """Sequence and seal of up to `count` messages of one subject; None for what is not a seal.

        A seal of an unknown later version is none either: its leaf is missing, so that the log is not continued.
        """
        found = [(it.sequence, _event(it)) for it in await self._messages(subject, sequence, count)]
        return [(place, it.data if isinstance(it, _WITH_LEAF) else None) for place, it in found]

    async def _messages(self, subject: str, sequence: int, count: int) -> list[Message]:
        request = {"seq": sequence, "next_by_subj": subject, "batch": count}
        replies = await self._requests.ask_all(f"$JS.API.DIRECT.GET.{LOG}", json.dumps(request).encode())
        return [message_of(reply) for reply in replies]


def _event(message: Message) -> Decoded | None:
    try:
        return decode(message.body)
    except Malformed:
        return None


def names_losses(recovered: Path | None) -> bool:
    """Whether a recovery recorded lost events.

    Raises:
        ValueError: the file is not a record of recoveries.
    """
    if recovered is None or not recovered.exists():
        return False
    try:
        return any(it["lost"] for it in json.loads(recovered.read_bytes())["recoveries"])
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{recovered} is damaged: restore it from a backup, or move it away; without it receipts wait where "
            "events are lost"
        ) from error


def publish_trust(own: TrustRoot, path: Path | None) -> TrustRoot:
    """Publish the trust document for verifiers, and return the one that this process uses.

    An existing document is kept, because it may list keys of another place too; but after `qb keys rotate` the own one
    replaces it.

    Raises:
        TrustInvalid: the existing file is no trust document, or does not list the keys in use.
    """
    if path is None:
        return own
    if not path.exists():
        _create(path, own.to_bytes())
        return own
    published = TrustRoot.parse(path.read_bytes())
    if own.succeeds(published):
        _create(path, own.to_bytes())
        return own
    if published.origin != own.origin or not set(own.keys) <= set(published.keys):
        raise TrustInvalid(
            f"{path} does not list the keys in use for {own.origin}: restore the keys it lists, or publish one that "
            "lists old and new under a higher version"
        )
    return published


def _create(path: Path, content: bytes) -> None:
    """Write a file in one step: a partial trust document would prevent the service from starting."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())
    Path(draft).replace(path)
