"""Several requests or answers in frames: circuits of one request, and answers that follow one another."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from queuebit_runtime.frames import Frame

__all__ = ["by_source", "counted", "joined", "parts", "with_sources"]

_TOGETHER_BYTES = 4 << 20
"""Sources that one request for several circuits contains."""


def joined(requests: Iterable[tuple[Mapping[str, Any], bytes]]) -> tuple[list[dict[str, Any]], bytes]:  # plain JSON
    """The first of several requests as one, at least one of them; content that follows its like is sent once."""
    heads: list[dict[str, Any]] = []  # plain JSON
    content, last = bytearray(), b""
    for head, body in requests:
        if heads and len(content) + len(body) > _TOGETHER_BYTES:
            break
        if heads and body == last:
            heads.append({**head})
            continue
        heads.append({**head, "size": len(body)})
        content += body
        last = body
    return heads, bytes(content)


def parts(heads: Sequence[Mapping[str, Any]], content: bytes) -> Iterator[tuple[Mapping[str, Any], bytes]]:
    """The requests that were `joined`."""
    end, body = 0, b""
    for head in heads:
        if "size" in head:
            body = content[end : end + head["size"]]
            end += head["size"]
        yield head, body


def with_sources(requests: Iterable[tuple[Mapping[str, Any], bytes]]) -> tuple[dict[str, Any], bytes]:  # plain JSON
    """Requests as one, with every different source once."""
    places: dict[bytes, int] = {}
    items = [{**head, "source": places.setdefault(source, len(places))} for head, source in requests]
    return {"items": items, "sizes": [len(it) for it in places]}, b"".join(places)


def by_source(head: Mapping[str, Any], content: bytes) -> Iterator[tuple[Mapping[str, Any], bytes]]:  # plain JSON
    """The requests of `with_sources`."""
    sources, begin = [], 0
    for size in head["sizes"]:
        sources.append(content[begin : begin + size])
        begin += size
    return ((it, sources[it["source"]]) for it in head["items"])


def counted(frames: Iterable[Frame], count: int, most_bytes: int = sys.maxsize) -> Iterator[Frame]:
    """The answers to a request that has `count` of them: each but the last says that more follow.

    One that brings them to more than `most_bytes` is the last.
    """
    for number, (head, body) in enumerate(frames, start=1):
        most_bytes -= len(body)
        more = number < count and most_bytes >= 0
        yield ({**head, "more": True} if more else head), body
        if not more:
            return
