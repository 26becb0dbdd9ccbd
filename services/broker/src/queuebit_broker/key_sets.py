"""The public keys of issuers, fetched from their addresses and remembered.

The broker needs the network only to exchange tokens of issuers whose document does not hold their keys; jobs never
wait for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from queuebit_broker.proofs import MOST_KEYS
from queuebit_contracts.issuers import LOOPBACK
from queuebit_kernel import Unavailable
from queuebit_runtime.addresses import Rules
from queuebit_runtime.outbound import Outbound, Resolve, resolved

__all__ = ["FetchedKeySets"]

_log = logging.getLogger(__name__)

_Keys = Sequence[Mapping[str, Any]]  # JSON Web Keys

_FRESH_S: Final = 3600.0
"""How long keys are used without asking again."""
_STALE_S: Final = 86_400.0
"""How long they are used while the issuer does not answer."""
_PAUSE_S: Final = 30.0
"""The shortest time between two requests to one address: a token with an invented key id causes no more."""
_TIMEOUT_S: Final = 4.0
_LARGEST: Final = 262_144
_ALLOW: Final = "QUEUEBIT_BROKER_PRIVATE_ISSUER_HOSTS"
_MOST: Final = 256
"""Addresses whose keys are remembered."""


@dataclass(slots=True)
class _Entry:
    keys: _Keys = ()
    fetched: float = float("-inf")
    asked: float = float("-inf")

    def serves(self, key_id: str | None, now: float) -> bool:
        """Whether the keys are fresh, and one of them has this id."""
        known = key_id is None or any(it.get("kid") == key_id for it in self.keys)
        return known and now - self.fetched <= _FRESH_S


class FetchedKeySets:
    """Key sets by address. Concurrent requests for one of them are one request."""

    def __init__(
        self,
        private_hosts: Collection[str],
        now: Callable[[], float],
        resolve: Resolve = resolved,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        """Prepare.

        Args:
            private_hosts: hosts that may have private addresses, beside this machine.
            now: a clock in seconds that never goes back.
            resolve: finds the addresses of a host.
            timeout_s: how long a request may take.
        """
        rules = Rules(_ALLOW, [*private_hosts, *LOOPBACK], LOOPBACK)
        self._outbound = Outbound(rules, timeout_s, resolve)
        self._now = now
        self._known: OrderedDict[str, _Entry] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def keys(self, url: str, key_id: str | None) -> _Keys:
        entry = self._entry(url)
        if entry.serves(key_id, self._now()):  # without waiting for a request that an invented key id caused
            return entry.keys
        async with self._locks.setdefault(url, asyncio.Lock()):
            entry = self._entry(url)
            now = self._now()
            if not entry.serves(key_id, now) and now - entry.asked > _PAUSE_S:
                entry.asked = now
                try:
                    entry.keys, entry.fetched = await self._fetch(url), now
                except (OSError, ValueError) as error:
                    _log.warning("the keys at %s cannot be read: %s", url, error)
            if now - entry.fetched > _STALE_S:
                raise Unavailable(f"the issuer's public keys at {url} cannot be read now: try again in a minute")
            return entry.keys

    def _entry(self, url: str) -> _Entry:
        entry = self._known.setdefault(url, _Entry())
        self._known.move_to_end(url)
        while len(self._known) > _MOST:
            oldest, _ = self._known.popitem(last=False)
            self._locks.pop(oldest, None)
        return entry

    async def _fetch(self, url: str) -> _Keys:
        answer = await self._outbound.send("GET", url, {"Accept": "application/json"}, most=_LARGEST)
        if answer.status != 200:
            raise ValueError(f"it answers {answer.status}")
        try:
            keys = [it for it in json.loads(answer.body)["keys"] if isinstance(it, dict)]
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError("it is no JSON Web Key Set") from error
        if len(keys) > MOST_KEYS:
            raise ValueError(f"it has {len(keys):,} keys, and may have {MOST_KEYS}")
        return keys
