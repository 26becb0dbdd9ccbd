"""Reads the warehouse, for services that need rows of all tenants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from queuebit_kernel import Unavailable
from queuebit_runtime.addresses import BadTarget, Rules
from queuebit_runtime.outbound import Outbound

__all__ = ["Warehouse"]


class Warehouse:
    """ClickHouse over HTTP, read-only."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Name it, and a user who reads all rows."""
        host = {urlsplit(url).hostname or ""}
        self._url = url.rstrip("/")
        self._headers = {
            "X-ClickHouse-User": user,
            "X-ClickHouse-Key": password,
            "X-ClickHouse-Format": "JSONCompact",
        }
        self._outbound = Outbound(Rules("the address of the warehouse", host, host), _QUERY_S)

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:  # values as JSON
        """The rows of a query, by column.

        Raises:
            Unavailable: it does not answer, or refuses the query.
        """
        fields = urlencode({f"param_{name}": value.translate(_ESCAPES) for name, value in parameters.items()})
        try:
            answer = await self._outbound.send(
                "POST", f"{self._url}/?{fields}", self._headers, sql.encode(), most=_MOST_BYTES
            )
            if answer.status != 200:
                raise Unavailable(f"the warehouse answers with {answer.status}: {answer.body[:300]!r}")
            document = json.loads(answer.body)
            names = [str(it["name"]) for it in document["meta"]]
            return [dict(zip(names, row, strict=True)) for row in document["data"]]
        except (OSError, BadTarget, ValueError, LookupError, TypeError) as error:
            raise Unavailable(f"the warehouse cannot be asked: {error}") from error


_QUERY_S: Final = 8.0
"""How long one query may take: below the time between two evaluations."""
_MOST_BYTES: Final = 8 << 20
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n"})
"""ClickHouse reads each parameter as one field of TSV."""
