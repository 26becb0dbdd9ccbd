"""What drift needs of the world: a file for its state, and calibrations that are too large for their fact."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.wire import Payload
from queuebit_kernel import Unavailable
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["StateFile", "StoredSnapshots"]


class StateFile:
    """A file that is replaced as a whole. Without a path, nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def read(self) -> bytes | None:
        """What was written last; None if nothing was, or if it cannot be read."""
        return await asyncio.to_thread(self._read)

    async def write(self, encode: Callable[[], bytes]) -> None:
        """Encode and write in another thread, while the caller waits and changes nothing.

        Raises:
            Unavailable: it cannot be written, such as on a full disk; what was written last is still there.
        """
        if self._path is not None:
            await asyncio.to_thread(self._write, self._path, encode)

    def _read(self) -> bytes | None:
        try:
            return None if self._path is None else self._path.read_bytes()
        except OSError:
            return None

    def _write(self, path: Path, encode: Callable[[], bytes]) -> None:
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            draft.write_bytes(encode())
            draft.replace(path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise Unavailable(f"{path} cannot be written: {error.strerror}") from error


class StoredSnapshots:
    """Calibrations in the store of payloads."""

    def __init__(self, payloads: PayloadStore) -> None:
        self._payloads = payloads

    async def snapshot(self, payload: Payload) -> Mapping[str, object] | None:
        """The values of a calibration; None if they are missing, or are no JSON object.

        Raises:
            Unavailable: the store does not answer.
        """
        try:
            found = json.loads(await self._payloads.get(PLATFORM, payload))
        except (Missing, ValueError):
            return None
        return found if isinstance(found, dict) else None
