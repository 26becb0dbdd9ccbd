"""Users of tenants: they submit, submit again, submit other content under a used key, and cancel."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any, Final

from nats.errors import Error as NatsError

from queuebit import Credential
from queuebit.signing import UNSIGNED, proof_of
from queuebit.submission import submission
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.command import CancelJob, CancelRequest
from queuebit_contracts.intake import arrival_of
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.subjects import subject_of
from queuebit_runtime.keys import public_key, seed_of
from queuebit_runtime.payloads import describe
from queuebit_simulation.circuits import BACKENDS, source_of
from queuebit_simulation.network import Client, Network

__all__ = ["Member", "members", "tenants_document"]

_TENANTS: Final = {"acme": ("ann", "bob"), "globex": ("gil",), "initech": ("ida",)}
_BUDGETS: Final = {"acme": "5", "globex": "0.02", "initech": "0.05"}
"""Of the tenants' only projects: two are too small for all that their users submit."""


def members() -> list[Credential]:
    """All users; their keys follow from their names."""
    return [
        Credential("", tenant, user, seed_of(f"{tenant}/{user}".encode().ljust(32, b"-")), "main")
        for tenant, users in _TENANTS.items()
        for user in users
    ]


def tenants_document() -> str:
    """The tenants document with these users."""
    lines = []
    for tenant, budget in _BUDGETS.items():
        lines += [f"[tenant.{tenant}]", f"[tenant.{tenant}.project.main]", f'budget = "{budget}"']
    for it in members():
        lines += [f"[tenant.{it.tenant}.user.{it.user}]", f'keys = ["{public_key(it.seed)}"]']
    return "\n".join(lines)


class Member:
    """One user, who does what the seed says."""

    def __init__(self, credential: Credential, network: Network, random: Random, *, jobs: int, spread_s: float) -> None:
        """Prepare.

        Args:
            credential: who it is.
            network: connects it.
            random: of the seed.
            jobs: how many it submits.
            spread_s: in what time.
        """
        self._credential = credential
        self._network = network
        self._random = random
        self._salt = random.getrandbits(32)
        self._jobs = jobs
        self._spread_s = spread_s
        self._client: Client | None = None
        self.confirmed: set[tuple[str, str]] = set()
        """Tenant and job of every submission that was confirmed."""

    async def run(self) -> None:
        """Submit everything."""
        self._client = self._network.connect(self._credential.inbox)
        async with asyncio.TaskGroup() as group:
            for number in range(self._jobs):
                group.create_task(self._job(number, self._random.random() * self._spread_s))

    async def _job(self, number: int, begin_s: float) -> None:
        random = self._random
        await asyncio.sleep(begin_s)
        event = self._submission(number)
        await self._write(event)
        if random.random() < 0.25:  # by the same key
            await asyncio.sleep(random.random() * 5)
            await self._write(self._submission(number, changed=True) if random.random() < 0.3 else event)
        if random.random() < 0.25:
            await asyncio.sleep(random.random() * 4)
            await self._write(self._cancellation(event))

    def _submission(self, number: int, *, changed: bool = False) -> JobSubmitted:
        random = Random(f"{self._credential.tenant} {self._credential.user} {number} {self._salt}")
        lasts_ms = random.choice((5, 40, 200, 1_000, 1_000, 9_000))
        source = source_of(lasts_ms, fails=random.random() < 0.1)
        if random.random() < 0.05:
            source = f"nonsense lasts {lasts_ms} "
        return submission(
            self._credential,
            describe(source.encode(), "text/x-openqasm"),
            shots=1 + random.randrange(1_000) + changed,
            project=None,
            backend=random.choice((None, *BACKENDS)),
            purpose="simulation",
            label="",
            key=f"{self._credential.user}-{number}",
            max_cost=None,
            seed=random.randrange(1 << 30),
        )

    def _cancellation(self, event: JobSubmitted) -> CancelJob:
        draft = CancelRequest(tenant=event.data.tenant, job=event.data.job, reason="changed my mind", proof=UNSIGNED)
        proof = proof_of(draft.model_dump(mode="json", exclude={"proof"}), self._credential.seed)
        return CancelJob(source="qb/client", data=draft.model_copy(update={"proof": proof}))

    async def _write(self, event: AnyEvent) -> None:
        """Write until there is an answer, as the client library does."""
        subject, client = subject_of(event), self._client
        arrival = arrival_of(subject)
        assert client is not None
        assert arrival is not None
        while True:
            try:
                reply = await client.request(arrival, event.to_bytes(), timeout=3)
            except NatsError:
                await asyncio.sleep(0.2)
                continue
            answer: dict[str, Any] = json.loads(reply.data)  # the stream's form
            code = answer.get("error", {}).get("err_code")
            if isinstance(event, JobSubmitted) and (code is None or code == _EXISTS):
                self.confirmed.add((event.data.tenant, event.data.job))
            return


_EXISTS: Final = 10071
