"""Where a service waits that was started before the bus is prepared."""

from __future__ import annotations

import asyncio
import os

import pytest

from queuebit_kernel import Unavailable
from queuebit_runtime.gate import opened


async def test_each_service_takes_one_byte_and_goes_on() -> None:
    theirs, ours = os.pipe()
    first, second = (asyncio.ensure_future(opened(os.dup(theirs))) for _ in range(2))
    await asyncio.sleep(0)
    assert not first.done()
    os.write(ours, bytes(3))
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert os.read(theirs, 9) == bytes(1)
    os.close(theirs)
    os.close(ours)


async def test_no_service_goes_on_when_its_supervisor_has_ended() -> None:
    theirs, ours = os.pipe()
    os.close(ours)
    with pytest.raises(Unavailable, match="the supervisor ended"):
        await asyncio.wait_for(opened(theirs), 5)
