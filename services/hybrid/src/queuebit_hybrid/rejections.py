"""Ends what was made for a hybrid job that the broker refused: its key, and the session with its cap."""

from __future__ import annotations

from queuebit_contracts import subjects
from queuebit_contracts.hybrid import HybridRejected, HybridSubmitted
from queuebit_hybrid.ports import EventLog, Runs
from queuebit_kernel import Superseded
from queuebit_runtime.stored import known_events

__all__ = ["EndRejected"]


class EndRejected:
    """Ends both at once: otherwise the cap stays on hold, and the key valid, until they end by themselves."""

    def __init__(self, log: EventLog, runs: Runs) -> None:
        self._log = log
        self._runs = runs

    async def __call__(self, event: HybridRejected, sequence: int) -> None:
        """End what the submission named, if it was made for this hybrid job. A repeat changes nothing.

        The server guarantees the subject alone. A submission whose data name another hybrid job, perhaps of another
        tenant, was refused for that, and must end nothing there.

        Raises:
            Superseded: there is no submission to read, or it names another hybrid job than its subject.
            Unavailable: the broker does not answer now.
        """
        found = await self._log.history(subjects.hybrid(event.data.tenant, event.data.hybrid), reaching=sequence)
        submitted = next((it for it in known_events(found) if isinstance(it, HybridSubmitted)), None)
        if submitted is None:
            raise Superseded(f"hybrid job {event.data.hybrid} of tenant {event.data.tenant} was never submitted")
        if (submitted.data.tenant, submitted.data.hybrid) != (event.data.tenant, event.data.hybrid):
            raise Superseded(f"the submission of hybrid job {event.data.hybrid} names another one, which goes on")
        await self._runs.finish(submitted.data)
