"""HighwayHash with 64 bits (Alakuijala, Cox, Wassenberg: arXiv:1612.06257): the checksum of nats-server's store."""

from __future__ import annotations

import struct

__all__ = ["highway_hash"]

_MASK = (1 << 64) - 1
_PACKET = 32

_INIT_0 = (0xDBE6D5D5FE4CCE2F, 0xA4093822299F31D0, 0x13198A2E03707344, 0x243F6A8885A308D3)
_INIT_1 = (0x3BD39E10CB0EF593, 0xC0ACF169B5F18A8C, 0xBE5466CF34E90C6C, 0x452821E638D01377)


def highway_hash(key: bytes, content: bytes) -> bytes:
    """The hash of some content under a key of 32 bytes, in the order in which the store writes it."""
    state = _State(struct.unpack("<4Q", key))
    whole = len(content) // _PACKET * _PACKET
    for at in range(0, whole, _PACKET):
        state.update(struct.unpack_from("<4Q", content, at))
    if whole < len(content):
        state.update_last(content[whole:])
    return struct.pack("<Q", state.finish())


class _State:
    """Four lanes of four accumulators."""

    def __init__(self, key: tuple[int, ...]) -> None:
        self.mul0, self.mul1 = list(_INIT_0), list(_INIT_1)
        self.v0 = [_INIT_0[lane] ^ key[lane] for lane in range(4)]
        self.v1 = [_INIT_1[lane] ^ _swap(key[lane]) for lane in range(4)]

    def update(self, lanes: tuple[int, ...]) -> None:
        """Take in one packet."""
        v0, v1, mul0, mul1 = self.v0, self.v1, self.mul0, self.mul1
        for lane in range(4):
            v1[lane] = (v1[lane] + mul0[lane] + lanes[lane]) & _MASK
            mul0[lane] ^= (v1[lane] & 0xFFFFFFFF) * (v0[lane] >> 32)
            v0[lane] = (v0[lane] + mul1[lane]) & _MASK
            mul1[lane] ^= (v0[lane] & 0xFFFFFFFF) * (v1[lane] >> 32)
        for lane in (0, 2):
            _zipper_merge(v1[lane + 1], v1[lane], v0, lane)
        for lane in (0, 2):
            _zipper_merge(v0[lane + 1], v0[lane], v1, lane)

    def update_last(self, rest: bytes) -> None:
        """Take in what is left after the last whole packet."""
        size = len(rest)
        for lane in range(4):
            self.v0[lane] = (self.v0[lane] + (size << 32) + size) & _MASK
            low, high = self.v1[lane] & 0xFFFFFFFF, self.v1[lane] >> 32
            self.v1[lane] = _rotated(low, size) | _rotated(high, size) << 32
        whole = size & ~3
        packet = bytearray(_PACKET)
        packet[:whole] = rest[:whole]
        if size & 16:
            packet[28:32] = rest[size - 4 : size]
        elif left := size & 3:
            packet[16] = rest[whole]
            packet[17] = rest[whole + (left >> 1)]
            packet[18] = rest[whole + left - 1]
        self.update(struct.unpack("<4Q", packet))

    def finish(self) -> int:
        """Permute, and return the hash."""
        for _ in range(4):
            v0 = self.v0
            self.update((_swap(v0[2]), _swap(v0[3]), _swap(v0[0]), _swap(v0[1])))
        return (self.v0[0] + self.v1[0] + self.mul0[0] + self.mul1[0]) & _MASK


def _swap(lane: int) -> int:
    return lane >> 32 | (lane & 0xFFFFFFFF) << 32


def _rotated(half: int, by: int) -> int:
    return ((half << by) | (half >> (32 - by))) & 0xFFFFFFFF


def _zipper_merge(high: int, low: int, target: list[int], lane: int) -> None:
    """Mix the bytes of two lanes, and add them to two others."""
    target[lane] = (
        target[lane]
        + (
            ((low & 0xFF000000) | (high & 0xFF00000000)) >> 24
            | ((low & 0xFF0000000000) | (high & 0xFF000000000000)) >> 16
            | low & 0xFF0000
            | (low & 0xFF00) << 32
            | (high & 0xFF00000000000000) >> 8
            | (low << 56) & _MASK
        )
    ) & _MASK
    target[lane + 1] = (
        target[lane + 1]
        + (
            ((high & 0xFF000000) | (low & 0xFF00000000)) >> 24
            | high & 0xFF0000
            | (high & 0xFF0000000000) >> 16
            | (high & 0xFF00) << 24
            | (low & 0xFF000000000000) >> 8
            | (high & 0xFF) << 48
            | low & 0xFF00000000000000
        )
    ) & _MASK
