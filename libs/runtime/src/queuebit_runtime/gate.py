"""Where a service waits that was started before the bus is prepared."""

from __future__ import annotations

import asyncio
import os

from queuebit_kernel import Unavailable

__all__ = ["opened"]


async def opened(descriptor: int) -> None:
    """Wait until the pipe has a byte for this process, and take it.

    Raises:
        Unavailable: the pipe has ended without one: nothing says that the bus may be used.
    """
    readable = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
    taken = os.read(descriptor, 1)
    os.close(descriptor)
    if not taken:
        raise Unavailable("the supervisor ended before the bus was prepared")
