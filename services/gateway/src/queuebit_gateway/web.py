"""The web application: every address, behind the guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from types import MappingProxyType
from typing import NamedTuple

from starlette.middleware import Middleware
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from queuebit_contracts.tenants import Tenant
from queuebit_gateway import console, reference
from queuebit_gateway.access import Counting, Door
from queuebit_gateway.activity import Activity
from queuebit_gateway.audit import Audit
from queuebit_gateway.backends import Backends
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.circuits import NamedCircuits
from queuebit_gateway.delegations import DelegatedKeys
from queuebit_gateway.explanations import Explanations
from queuebit_gateway.exports import Exports
from queuebit_gateway.groups import Groups
from queuebit_gateway.guard import Guard
from queuebit_gateway.hub import Hub
from queuebit_gateway.hybrid_jobs import HybridJobs
from queuebit_gateway.hybrid_starts import HybridStarts
from queuebit_gateway.invoices import Invoices
from queuebit_gateway.jobs import Jobs
from queuebit_gateway.limits import Limited
from queuebit_gateway.login_limit import LoginLimit
from queuebit_gateway.money import Money
from queuebit_gateway.paths import by_path
from queuebit_gateway.plans import Plans
from queuebit_gateway.platform import Platform
from queuebit_gateway.qrmi import Qrmi
from queuebit_gateway.reservations import Reservations
from queuebit_gateway.sessions import Sessions
from queuebit_gateway.settings import Settings
from queuebit_gateway.streams import Past, Streams
from queuebit_gateway.submissions import Submissions
from queuebit_gateway.tenants import Tenants
from queuebit_gateway.trust import Trust
from queuebit_gateway.webhooks.routes import WebhookRoutes
from queuebit_kernel import SystemClock

__all__ = ["Streaming", "web_app"]


class Streaming(NamedTuple):
    """Where streams come from."""

    hub: Hub
    past: Past


def web_app(
    settings: Settings,
    platform: Platform,
    caller_of: CallerOf,
    tenants: Mapping[str, Tenant] = MappingProxyType({}),
    further: Sequence[Route] = (),
    streaming: Streaming | None = None,
    webhooks: Callable[[CallerOf], WebhookRoutes] | None = None,
    door: Door | None = None,
) -> ASGIApp:
    """Build the application.

    Args:
        settings: names and limits.
        platform: what is read and asked.
        caller_of: who sends a request; tests give their own.
        tenants: the tenants in force, by name.
        further: routes that need no caller, such as those of token exchange.
        streaming: live and past events; without it there are no streams.
        webhooks: makes the routes of webhooks; without it there are none.
        door: where reads and refusals are counted; without it they are not.
    """
    limited = Limited(caller_of, settings.rate_per_s, settings.max_connections // 2)
    streams = Streams(streaming.hub, streaming.past, platform, limited).routes() if streaming else []
    hooks = webhooks(limited).routes() if webhooks else []
    routes = [
        *_reads_and_requests(settings, platform, limited, tenants),
        *streams,
        *hooks,
        *further,
        *reference.routes(),
        *console.routes(),
    ]
    router = Router(by_path(routes), redirect_slashes=False, middleware=[Middleware(limited.counted)])
    limit = LoginLimit(router, settings.failed_logins_per_min, monotonic)
    guarded = Guard(limit, hosts=settings.hosts, body_s=settings.head_s)
    return guarded if door is None else Counting(guarded, door)


def _reads_and_requests(
    settings: Settings, platform: Platform, limited: Limited, tenants: Mapping[str, Tenant]
) -> Iterator[Route]:
    jobs, clock = Jobs(platform, limited), SystemClock()
    submissions, sessions = Submissions(platform, jobs, limited, tenants), Sessions(platform, limited, tenants)
    for it in (
        jobs,
        submissions,
        sessions,
        Reservations(platform, limited, tenants),
        Qrmi(platform, submissions, sessions, limited, clock),
        Explanations(platform, limited),
        Plans(platform, limited),
        Backends(platform, limited),
        NamedCircuits(platform, limited),
        Money(platform, limited),
        Exports(platform, limited),
        Invoices(platform, limited),
        Activity(platform, limited),
        Groups(platform, limited, clock),
        Tenants(tenants, limited),
        Audit(platform, limited),
        DelegatedKeys(platform, limited),
        HybridJobs(platform, limited),
        HybridStarts(platform, limited),
        Trust(settings.trust_file, limited),
    ):
        yield from it.routes()
