"""Asks witnesses to cosign heads of the log (C2SP tlog-witness), and keeps the newest head that one of them signed."""

from __future__ import annotations

import asyncio
import logging
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from queuebit_kernel import Fault
from queuebit_proof import (
    CheckpointInvalid,
    ProofFault,
    SignedCheckpoint,
    TileLog,
    TrustRoot,
    Witness,
    add_cosignatures,
    cosignatures,
    read_checkpoint,
    read_witness_addresses,
    request_for,
    verify_checkpoint,
)
from queuebit_proof.keys import replace_file
from queuebit_provenance.ledger import Ledger

__all__ = ["AskWitnesses", "Post", "addresses_in", "post"]

_logger = logging.getLogger(__name__)
_ANSWER_BYTES = 64 * 1024
_TIMEOUT_S = 10.0
_WITHIN_S = 30.0
"""How long the others wait for a witness: one that sends a byte now and then never times out."""

Post = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""Sends a body to an address, and returns the status and the content of the answer."""


class _Refused(Exception):
    """A witness gave another answer than its lines."""


class AskWitnesses:
    """Posts the newest head to each witness, with the proof that it continues the last one that the witness signed.

    A witness that does not answer is asked again with a later head. A head counts once one witness signed it: verifiers
    say which they require.
    """

    def __init__(
        self,
        ledger: Ledger,
        witnesses: Mapping[str, Sequence[Witness]],
        *,
        trust: TrustRoot,
        file: Path,
        every_s: float,
        post: Post,
    ) -> None:
        """Create it.

        Args:
            ledger: has the heads.
            witnesses: the keys of each witness, by its address.
            trust: the keys of the log.
            file: where the newest cosigned head is kept over restarts.
            every_s: the time between two heads.
            post: sends requests.
        """
        self._ledger = ledger
        self._witnesses = witnesses
        self._trust = trust
        self._file = file
        self._every_s = every_s
        self._post = post
        self._known: dict[str, int] = {}
        """How many entries each witness signed last, as far as this process knows."""
        self._asked: str | None = None
        self._newest = _kept(file, trust)

    @property
    def newest(self) -> tuple[str, SignedCheckpoint] | None:
        """The newest head with the lines of witnesses, and what the log signed in it."""
        return self._newest

    async def run(self) -> None:
        """Ask at a pace until cancelled; nothing to do without witnesses."""
        while self._witnesses:
            try:
                await self.ask()
            except Fault as error:
                _logger.warning("witnesses are asked later: %s", error)
            await asyncio.sleep(self._every_s)

    async def ask(self) -> None:
        """Have the newest head cosigned, unless it was asked for.

        Raises:
            LogRefused: the log cannot be read.
            Unavailable: the log did not answer.
        """
        checkpoint, _ = await self._ledger.newest_head()
        if checkpoint is None or checkpoint == self._asked:
            return
        tree = await self._ledger.tree(read_checkpoint(checkpoint).size)
        answers = await asyncio.gather(*(self._cosigned(it, tree, checkpoint) for it in self._witnesses))
        self._asked = checkpoint if all(answers) else None
        if lines := "".join(filter(None, answers)):
            known = [it for keys in self._witnesses.values() for it in keys]
            cosigned = add_cosignatures(checkpoint, lines, known, self._trust)
            found = cosigned, verify_checkpoint(cosigned, self._trust)
            if self._newest is None or _rank(found, known) >= _rank(self._newest, known):
                await asyncio.to_thread(replace_file, self._file, cosigned.encode())
                self._newest = found

    async def _cosigned(self, address: str, tree: TileLog, checkpoint: str) -> str | None:
        """The lines of a witness, verified; None: it has to be asked again."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                lines = await self._lines(address, tree, checkpoint)
            add_cosignatures(checkpoint, lines, self._witnesses[address], self._trust)
        except (OSError, HTTPException, ValueError, ProofFault, _Refused) as error:
            _logger.warning("the witness at %s did not cosign: %s", address, error)
            return None
        return lines

    async def _lines(self, address: str, tree: TileLog, checkpoint: str) -> str:
        size = read_checkpoint(checkpoint).size
        for _ in range(2):
            old = self._known.get(address, 0)
            status, answer = await self._post(
                f"{address}/add-checkpoint", str(request_for(tree, old, checkpoint)).encode()
            )
            if status == HTTPStatus.OK:
                self._known[address] = size
                return answer.decode()
            if status != HTTPStatus.CONFLICT:
                break
            known = answer.decode().removesuffix("\n")
            if not (known.isascii() and known.isdigit()) or int(known) > size:
                raise _Refused(f"it knows {known[:20]} entries of this log, which has {size}: see `qb verify`")
            self._known[address] = int(known)
        raise _Refused(f"it answered {status}: {answer[:200].decode(errors='replace')}")


def _rank(found: tuple[str, SignedCheckpoint], witnesses: Sequence[Witness]) -> tuple[int, int]:
    """By which a head replaces another one: its size, and for equal sizes how many keys of witnesses signed it."""
    text, signed = found
    return signed.head.size, len({it.witness for it in cosignatures(text, witnesses)})


def addresses_in(file: Path | None) -> Mapping[str, Sequence[Witness]]:
    """Read the file of witnesses: in each line a verifier key and the address of its witness.

    Raises:
        TrustInvalid: a line is not the key of a witness, or has no address.
        OSError: it cannot be read.
    """
    return {} if file is None else read_witness_addresses(file.read_text(encoding="utf-8"))


async def post(address: str, body: bytes) -> tuple[int, bytes]:
    """Send a request over HTTP; as `Post`. It follows no redirect, and uses no proxy."""
    return await asyncio.to_thread(_posted, address, body)


def _posted(address: str, body: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(address, body, {"Content-Type": "text/plain"}, method="POST")  # noqa: S310  # http(s), by the file
    try:
        with _DIRECT.open(request, timeout=_TIMEOUT_S) as answer:
            return answer.status, answer.read(_ANSWER_BYTES)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read(_ANSWER_BYTES)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        """Take the redirect for the answer."""


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def _kept(file: Path, trust: TrustRoot) -> tuple[str, SignedCheckpoint] | None:
    try:
        text = file.read_text(encoding="utf-8")
        return text, verify_checkpoint(text, trust)
    except (OSError, ValueError, CheckpointInvalid):
        return None
