"""Masks output while it is written: what a rule finds is replaced by the rule's name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from queuebit_protection.detectors import Detector
from queuebit_protection.rules import Rules

__all__ = ["Masker", "mask_json"]

_HELD: Final = 16_384
"""The longest line, or private key, that is held back to see its end, in bytes."""

_BEGIN, _END = b"-----BEGIN ", b"-----END "


class Masker:
    """Masks one stream of output of one tenant.

    It holds back the last line until it ends, and the lines of a private key until the key ends, so that a match is
    found in whatever pieces the output comes. Of something longer than 16 KiB the pieces are masked one by one.
    """

    def __init__(self, rules: Rules, tenant: str) -> None:
        self._masks = rules.masks(tenant)
        self._held = bytearray()

    def write(self, content: bytes) -> bytes:
        """Take output, and return what may be stored now."""
        if not self._masks:
            return content
        self._held += content
        end = self._held.rfind(b"\n") + 1
        begun = self._held.rfind(_BEGIN, 0, end)
        if begun >= 0 and self._held.find(_END, begun, end) < 0:
            end = self._held.rfind(b"\n", 0, begun) + 1
        return self._release(end if len(self._held) - end <= _HELD else len(self._held))

    def end(self) -> bytes:
        """The rest, when nothing more comes."""
        return self._release(len(self._held))

    def _release(self, end: int) -> bytes:
        content = bytes(self._held[:end])
        del self._held[:end]
        return _masked(self._masks, content)


def mask_json(rules: Rules, tenant: str, content: bytes) -> bytes:
    """JSON with the texts and names in it masked; numbers stay, so that it is JSON of the same form."""
    masks = rules.masks(tenant)
    if not masks:
        return content

    def masked(value: object) -> object:
        match value:
            case str():
                return _masked(masks, value.encode(errors="replace")).decode(errors="replace")
            case list():
                return [masked(it) for it in value]
            case dict():
                return {masked(name): masked(it) for name, it in value.items()}
        return value

    return json.dumps(masked(json.loads(content))).encode()


def _masked(masks: Sequence[tuple[str, Detector]], content: bytes) -> bytes:
    for name, detector in masks:
        parts, at = list[bytes](), 0
        for begin, behind in detector.spans(content):
            parts += content[at:begin], f"[masked: {name}]".encode()
            at = behind
        content = b"".join([*parts, content[at:]])
    return content
