"""Ids as people give them: whole, by a prefix that only one has, or `latest`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from queuebit.records import Row

__all__ = ["MOST", "full_id"]

MOST: Final = 1000
"""How many of the newest are looked at."""

_ID_LENGTH: Final = 21


async def full_id(words: str, newest: Callable[[], Awaitable[Sequence[Row]]], noun: str, unknown: str) -> str:
    """The id that is meant.

    Args:
        words: the id itself, which sends no request; or a prefix, or `latest`.
        newest: asks for the newest rows, which have their id under `noun`.
        noun: `session` or `hybrid`.
        unknown: what to say if there is none, with the next command.

    Raises:
        NotFound: none is meant, or several are.
    """
    from queuebit.errors import NotFound
    from queuebit.finding import LATEST

    if len(words) == _ID_LENGTH:
        return words
    ids = [str(row[noun]) for row in await newest()]
    fitting = ids[:1] if words == LATEST else [it for it in ids if it.startswith(words)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        what = {"hybrid": "hybrid job"}.get(noun, noun)
        raise NotFound(f"{len(fitting)} {what}s begin with {words!r}: give more of the id, such as {fitting[0][:10]}")
    raise NotFound(unknown)
