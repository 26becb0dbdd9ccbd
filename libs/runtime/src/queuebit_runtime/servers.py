"""Addresses and TLS of the bus's servers."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["servers_of", "tls_of"]


def servers_of(url: str) -> list[str]:
    """The addresses in a text such as `nats://a:4222,nats://b:4222`.

    A client uses any of them, and changes to another if its server fails.

    Raises:
        ValueError: the text names no server.
    """
    servers = [part for it in url.split(",") if (part := it.strip())]
    if not servers:
        raise ValueError("no server is named: give one or more addresses, such as nats://127.0.0.1:4222")
    return servers


def tls_of(ca_file: Path | None) -> ssl.SSLContext | None:
    """The TLS context for a CA certificate; None for a bus without TLS.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    return None if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
