"""How often logins may fail from one address before further ones are refused unread. No clock, no I/O."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from typing import Final

__all__ = ["TOO_MANY", "WINDOW_S", "FailedLogins", "place_of"]

TOO_MANY: Final = "too_many_failed_logins"
"""The code of a login that is refused unread."""
WINDOW_S: Final = 60.0
"""The time in which failures are counted."""
_MOST: Final = 10_000
"""Addresses, and credentials that were valid, which are remembered; the ones of longest ago are forgotten."""
_PREFIX: Final = 64
"""Bits of an IPv6 address that count: one customer has all addresses that follow."""


def place_of(address: str) -> str:
    """What an address counts as: an IPv4 address as itself, an IPv6 address as its network; other texts as they are."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> _PREFIX << _PREFIX)}/{_PREFIX}"


class FailedLogins:
    """Counts failures by address.

    After so many failures in a minute, logins from the address wait until the minute has passed. A credential that was
    valid there before does not wait, so that a broken program stops no other users behind the same address.
    """

    def __init__(self, most: int) -> None:
        """Let `most` logins of an address fail in a minute."""
        self._most = most
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """By address: when its minute began, and how many failed in it."""
        self._valid: OrderedDict[bytes, None] = OrderedDict()

    def wait(self, address: str, credential: str, now: float) -> float:
        """For how many seconds a login must not be tried; 0 if it may be tried now."""
        begun, number = self._failures.get(place_of(address), (now, 0))
        if number < self._most or _mark(address, credential) in self._valid:
            return 0.0
        return max(0.0, begun + WINDOW_S - now)

    def failed(self, address: str, credential: str, now: float) -> None:
        """Count a login that failed."""
        place = place_of(address)
        begun, number = self._failures.pop(place, (now, 0))
        self._failures[place] = (now, 1) if now - begun >= WINDOW_S else (begun, number + 1)
        self._valid.pop(_mark(address, credential), None)
        if len(self._failures) > _MOST:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, credential: str) -> None:
        """Remember that a credential is valid."""
        mark = _mark(address, credential)
        self._valid[mark] = None
        self._valid.move_to_end(mark)
        if len(self._valid) > _MOST:
            self._valid.popitem(last=False)

    def __len__(self) -> int:
        """How many addresses and credentials are remembered."""
        return len(self._failures) + len(self._valid)


def _mark(address: str, credential: str) -> bytes:
    """A digest: no credential is kept."""
    return blake2b(f"{place_of(address)}\n{credential}".encode(errors="replace"), digest_size=16).digest()
