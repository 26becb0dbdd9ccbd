"""One route for each address, so that a refusal of a method names every method that the address has.

Query parameters that an address does not have are refused here, for all of them, and the address of a request is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_gateway.access import note_path
from queuebit_gateway.addresses import require_known
from queuebit_gateway.verbs import mark_verb

__all__ = ["by_path"]

_Endpoint = Callable[..., Any]  # as Starlette types it


def by_path(routes: Iterable[Route]) -> list[Route]:
    """Join the routes of an address, in the order of their first ones."""
    found: dict[str, dict[str, _Endpoint]] = {}
    for it in routes:
        for method in it.methods or ():
            found.setdefault(it.path, {}).setdefault(method, it.endpoint)
    return [Route(path, partial(_by_method, path, methods), methods=sorted(methods)) for path, methods in found.items()]


async def _by_method(path: str, methods: Mapping[str, _Endpoint], request: Request) -> Response:
    note_path(request.scope, path)
    if request.url.query:
        require_known(request.method, path, request.query_params)
    mark_verb(request, path)
    answer: Response = await methods[request.method](request)
    return answer
