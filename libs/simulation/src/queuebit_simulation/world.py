"""What a program asks of the machine, by the seed: clocks, random numbers, ids, and its connection.

These are the only parts of the services that a simulation replaces, beside the processes that run circuits. Signatures
with ML-DSA contain random numbers of their own: here they are digests.
"""

from __future__ import annotations

import hashlib
import os
import random as globally
import secrets
import socket
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from random import Random
from typing import Any, Final
from unittest.mock import patch

import anyio.to_thread
import nats
from cryptography.exceptions import InvalidSignature
from faststream._internal.broker import registrator
from faststream._internal.testing import calls
from faststream._internal.utils import path
from faststream.nats.subscriber.usecases import ConcurrentCoreSubscriber, CoreSubscriber

import queuebit_broker.app
import queuebit_metering.app
from queuebit_contracts import wire
from queuebit_contracts.subjects import parse
from queuebit_kernel import SystemClock
from queuebit_pricing import load
from queuebit_proof import algorithms
from queuebit_proof.algorithms import Algorithm, SigningKey
from queuebit_runtime import service
from queuebit_simulation.loop import VirtualLoop, here
from queuebit_simulation.network import Client, Network
from queuebit_simulation.server import EPOCH

__all__ = ["simulated"]


_ASKED: Final = frozenset({"profile", "alive", "job"})
"""Nouns of what the nodes of a simulation ask or watch without a stream. Other subscribers would wait for nothing, and
to start one takes FastStream ten milliseconds."""


def _start_if_asked(start: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def start_if_asked(subscriber: Any) -> None:  # FastStream's
        if parse(subscriber.subject.broker_address).noun in _ASKED:
            await start(subscriber)

    return start_if_asked


class _InOrder(list[object]):
    """In place of FastStream's weak set of subscribers, which has the order of their addresses in memory."""

    add = list.append


class _Digests:
    """The public half of a key whose signatures are digests of the message, of the length that the algorithm has."""

    def __init__(self, algorithm: Algorithm, public: bytes) -> None:
        self._begin = public
        self._size = _SIZES[algorithm]

    def sign(self, message: bytes) -> bytes:
        return hashlib.shake_256(self._begin + message).digest(self._size)

    def verify(self, signature: bytes, message: bytes) -> None:
        if signature != self.sign(message):
            raise InvalidSignature


_SIZES: Final = {Algorithm.ML_DSA_44: 2420, Algorithm.ML_DSA_65: 3309, Algorithm.ML_DSA_87: 4627}
"""Bytes of signatures of FIPS 204, which contain random numbers that no seed of ours decides."""

_sign, _public = SigningKey.sign, algorithms._public


_FASTER: Final[list[tuple[object, str, object]]] = [
    (calls, "MagicMock", lambda: None),  # one for each handler, for tests with FastStream's test broker
    (path, "_escape_literal_braces", cache(path._escape_literal_braces)),
    *((it.app, "load", cache(load)) for it in (queuebit_broker, queuebit_metering)),
]
"""What processes do at each start, and would do a thousand times in one seed: once for the same input, or never."""


def _signed(key: SigningKey, message: bytes) -> bytes:
    if key.algorithm not in _SIZES:
        return _sign(key, message)
    return _Digests(key.algorithm, key.public).sign(message)


def _public_key(algorithm: Algorithm, public: bytes) -> Any:  # a protocol of that module
    return _Digests(algorithm, public) if algorithm in _SIZES else _public(algorithm, public)


@contextmanager
def simulated(loop: VirtualLoop, network: Network, random: Random) -> Iterator[None]:
    """Everything in this process has the time of a loop, the random numbers of a seed, and a network in memory."""

    def now() -> datetime:
        return EPOCH + timedelta(seconds=loop.time() + here().skew_s)

    class Datetime(datetime):
        """For the default of an event's time."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # no subclass is needed
            return now().astimezone(tz or UTC)

    async def connect(*_: object, inbox_prefix: str | bytes = b"_INBOX", **__: object) -> Client:
        return network.connect(inbox_prefix if isinstance(inbox_prefix, str) else inbox_prefix.decode())

    async def assured(*_: Any) -> None: ...

    async def run_sync(call: Callable[..., Any], *args: object, **_: object) -> Any:  # as anyio declares it
        return call(*args)

    def token_hex(size: int = 32) -> str:
        return random.randbytes(size).hex()

    replaced: list[tuple[object, str, object]] = [
        (SystemClock, "now", lambda _: now()),
        (SystemClock, "monotonic", lambda _: loop.time()),
        (wire, "datetime", Datetime),
        (uuid, "uuid4", lambda: uuid.UUID(bytes=random.randbytes(16), version=4)),
        (secrets, "token_hex", token_hex),
        (secrets, "token_bytes", random.randbytes),
        (os, "urandom", random.randbytes),
        (os, "getpid", lambda: 1),
        (socket, "gethostname", lambda: "simulation"),
        (SigningKey, "sign", _signed),
        (algorithms, "_public", _public_key),
        (nats, "connect", connect),
        (anyio.to_thread, "run_sync", run_sync),
        (registrator, "WeakSet", _InOrder),
        (service, "assert_topology", assured),
        (service, "_settle_memory", lambda: None),
    ]
    replaced += _FASTER
    replaced += [(it, "start", _start_if_asked(it.start)) for it in (CoreSubscriber, ConcurrentCoreSubscriber)]
    global_state = globally.getstate()
    globally.seed(random.getrandbits(64))  # the ids of spans
    with ExitStack() as stack:
        stack.callback(globally.setstate, global_state)
        for where, name, value in replaced:
            stack.enter_context(patch.object(where, name, value))
        yield
