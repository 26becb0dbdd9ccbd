"""The web application: every address, behind the guard."""

from __future__ import annotations

from starlette.routing import Router
from starlette.types import ASGIApp

from queuebit_gateway import console
from queuebit_gateway.backends import Backends
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.guard import Guard
from queuebit_gateway.jobs import Jobs
from queuebit_gateway.limits import Limited
from queuebit_gateway.platform import Platform
from queuebit_gateway.settings import Settings

__all__ = ["web_app"]


def web_app(settings: Settings, platform: Platform, caller_of: CallerOf) -> ASGIApp:
    """Build the application.

    Args:
        settings: names and limits.
        platform: what is read and asked.
        caller_of: who sends a request; tests give their own.
    """
    limited = Limited(caller_of, settings.rate_per_s)
    handlers = (Jobs(platform, limited), Backends(platform, limited))
    router = Router([*(route for it in handlers for route in it.routes()), *console.routes()], redirect_slashes=False)
    return Guard(router, hosts=settings.hosts, body_s=settings.head_s)
