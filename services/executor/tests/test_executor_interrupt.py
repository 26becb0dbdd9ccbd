"""A block of a task is ended from outside with an error, and with nothing else."""

from __future__ import annotations

import asyncio

import pytest

from queuebit_executor.interrupt import Interrupt
from queuebit_kernel import Stale, Superseded


async def _ended(block: Interrupt, *errors: Exception) -> None:
    """Enter a block that does not end by itself, and end it with each of these errors in one moment."""
    with block:
        for error in errors:
            asyncio.get_running_loop().call_soon(block.end, error)
        await asyncio.Event().wait()


async def test_a_block_ends_with_the_first_error_and_the_task_goes_on() -> None:
    with pytest.raises(Superseded, match="first"):
        await _ended(Interrupt(), Superseded("first"), Stale("second"))
    await asyncio.sleep(0)


async def test_a_block_that_was_left_is_not_ended() -> None:
    with Interrupt() as block:
        pass
    block.end(Superseded("too late"))
    await asyncio.sleep(0)


@pytest.mark.parametrize("outer_first", [True, False])
async def test_of_two_nested_blocks_that_are_ended_at_once_the_outer_one_counts(outer_first: bool) -> None:
    outer, inner = Interrupt(), Interrupt()

    async def nested() -> None:
        with outer, inner:
            ends = [(outer, Superseded("outer")), (inner, Stale("inner"))]
            for block, error in ends if outer_first else reversed(ends):
                asyncio.get_running_loop().call_soon(block.end, error)
            await asyncio.Event().wait()

    with pytest.raises(Superseded, match="outer"):
        await nested()
    await asyncio.sleep(0)


async def test_an_inner_block_leaves_the_outer_one_running() -> None:
    with Interrupt():
        with pytest.raises(Stale):
            await _ended(Interrupt(), Stale("inner"))
        await asyncio.sleep(0)


async def test_a_cancellation_by_others_stays_one() -> None:
    block = Interrupt()
    task = asyncio.ensure_future(_ended(block))
    await asyncio.sleep(0)
    task.cancel()
    block.end(Superseded("at the same moment"))
    with pytest.raises(asyncio.CancelledError):
        await task
