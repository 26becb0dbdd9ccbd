"""Asking the warehouse of a home, as its operator."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.home import Home
from queuebit_cli.stack import Stack

__all__ = ["query"]

_PATIENCE_S = 300


def query(home: Home, stack: Stack, sql: str) -> tuple[int, bytes]:
    """Its status and what it answers; rows as JSON, unless the statement wants another format.

    Raises:
        Stop: it does not answer.
    """
    password = home.warehouse_password.read_text().strip()
    headers = {"X-ClickHouse-User": "queuebit", "X-ClickHouse-Key": password, "X-ClickHouse-Format": "JSONCompact"}
    address = urlsplit(stack.listens["warehouse"])
    connection = HTTPConnection(str(address.hostname), address.port, timeout=_PATIENCE_S)
    try:
        connection.request("POST", "/", sql.encode(), headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException) as error:
        raise Stop(
            Exit.UNREACHABLE, f"the warehouse does not answer ({error}): see {stack.overview_command}"
        ) from error
    finally:
        connection.close()
