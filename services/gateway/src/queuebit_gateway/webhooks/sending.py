"""Sends one signed request to an endpoint; whatever goes wrong is an outcome, not an error."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Final, NamedTuple

from queuebit_gateway.webhooks.records import Outcome
from queuebit_kernel import Clock
from queuebit_runtime.addresses import BadTarget, Rules
from queuebit_runtime.outbound import Outbound, Resolve, resolved
from queuebit_runtime.retries import Verdict, retry_after_s, verdict_of

__all__ = ["ALLOW", "Permission", "Sender"]

ALLOW: Final = "QUEUEBIT_GATEWAY_WEBHOOK_PRIVATE_HOSTS"
"""The setting by which the operator allows hosts with private addresses and plain `http`."""

_WHOLE_S: Final = 10.0
"""How long a request may take, from the look-up of the name to the head of the answer."""


class Permission(NamedTuple):
    """What an endpoint answered to the handshake."""

    refusal: str | None = None
    """Why it wants no requests; None if it does."""
    per_minute: int | None = None
    """How many requests in a minute it wants at most; None for any number."""


class Sender:
    """Posts to receivers. Each request looks the address up, checks it, and connects to no other."""

    def __init__(
        self,
        private_hosts: Collection[str],
        clock: Clock,
        resolve: Resolve = resolved,
        tls: ssl.SSLContext | None = None,
        whole_s: float = _WHOLE_S,
    ) -> None:
        """Prepare.

        Args:
            private_hosts: hosts that may have private addresses and plain `http`.
            clock: for `Retry-After`.
            resolve: finds the addresses of a host.
            tls: verifies certificates; by default with the authorities that the machine trusts.
            whole_s: how long a request may take.
        """
        self.outbound = Outbound(Rules(ALLOW, private_hosts, private_hosts), whole_s, resolve, tls)
        """Its requests; those to buckets have the same rules."""
        self._clock = clock

    def check(self, url: str) -> None:
        """Raise `BadTarget` if the form of a URL is not allowed; its address is checked when something is sent."""
        self.outbound.rules.target(url)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, owner: str = "") -> Outcome:
        """Send a request of an owner, the tenant: one whose names are not resolved delays no other's."""
        begun = monotonic()
        try:
            answer = await self.outbound.send("POST", url, headers, body, owner=owner)
        except (BadTarget, OSError) as error:
            return Outcome(verdict=Verdict.FAILED, error=str(error)[:300], took_ms=_ms_since(begun))
        verdict, status = verdict_of(answer.status), answer.status
        outcome = Outcome(verdict=verdict, status=status, took_ms=_ms_since(begun))
        if verdict is not Verdict.FAILED:
            return outcome
        why = "redirects are not followed" if 300 <= status < 400 else None
        wait = retry_after_s(answer.headers.get("retry-after"), self._clock.now())
        return outcome.model_copy(update={"error": why, "retry_after_s": wait})

    async def permission(self, url: str, origin: str, owner: str = "") -> Permission:
        """Ask an endpoint of an owner, the tenant, whether it wants requests of an origin.

        The handshake is that of CloudEvents: HTTP 1.1 Web Hooks for Event Delivery, section 4.
        """
        try:
            answer = await self.outbound.send("OPTIONS", url, {"WebHook-Request-Origin": origin}, owner=owner)
        except (BadTarget, OSError) as error:
            return Permission(str(error)[:300])
        if not 200 <= answer.status < 300:
            return Permission(f"it answers OPTIONS with {answer.status}")
        allowed = answer.headers.get("webhook-allowed-origin", "").strip().lower()
        if allowed not in ("*", origin.lower()):
            return Permission(f"its WebHook-Allowed-Origin is {allowed[:100] or 'missing'}, not {origin} or *")
        rate = answer.headers.get("webhook-allowed-rate", "*").strip()
        if rate == "*":
            return Permission()
        if not rate.isascii() or not rate.isdigit() or not int(rate[:9]) > 0:
            return Permission(
                f"its WebHook-Allowed-Rate is {rate[:20]}, neither * nor a number of requests in a minute"
            )
        return Permission(per_minute=int(rate[:9]))


def _ms_since(begun: float) -> int:
    return int((monotonic() - begun) * 1000)
