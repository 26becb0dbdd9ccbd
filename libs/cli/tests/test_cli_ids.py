"""Which session or hybrid job the words of a person mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from queuebit.errors import NotFound
from queuebit_cli.commands import hybrid
from queuebit_cli.commands.sessions import full_id

if TYPE_CHECKING:
    from queuebit.client import AsyncClient


class _Client:
    async def sessions(self, *, limit: int) -> list[Any]:
        return [{"session": "sbbb"}, {"session": "sabc"}, {"session": "sabd"}][:limit]

    async def hybrid_jobs(self, *, limit: int) -> list[Any]:
        return [{"hybrid": "hbbb"}, {"hybrid": "habc"}, {"hybrid": "habd"}][:limit]


@pytest.mark.parametrize(("words", "session"), [("latest", "sbbb"), ("sb", "sbbb"), ("sabd", "sabd"), ("s" * 21,) * 2])
async def test_a_session_is_meant_by_its_id_a_prefix_or_latest(words: str, session: str) -> None:
    assert await full_id(cast("AsyncClient", _Client()), words) == session


@pytest.mark.parametrize(("words", "says"), [("sab", "2 sessions begin with 'sab'"), ("x", "no session x")])
async def test_words_that_mean_no_single_session_say_what_to_do(words: str, says: str) -> None:
    with pytest.raises(NotFound, match=says):
        await full_id(cast("AsyncClient", _Client()), words)


@pytest.mark.parametrize(("words", "job"), [("latest", "hbbb"), ("hb", "hbbb"), ("habd", "habd"), ("h" * 21,) * 2])
async def test_a_hybrid_job_is_meant_by_its_id_a_prefix_or_latest(words: str, job: str) -> None:
    assert await hybrid.full_id(cast("AsyncClient", _Client()), words) == job


@pytest.mark.parametrize(("words", "says"), [("hab", "2 hybrid jobs begin with 'hab'"), ("x", "qb hybrid list")])
async def test_words_that_mean_no_single_hybrid_job_say_what_to_do(words: str, says: str) -> None:
    with pytest.raises(NotFound, match=says):
        await hybrid.full_id(cast("AsyncClient", _Client()), words)
