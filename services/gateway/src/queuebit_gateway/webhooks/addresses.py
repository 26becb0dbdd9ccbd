"""Where a webhook may go. A tenant chooses the URL, so it must not lead into the network of the platform."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import urlsplit

__all__ = ["ALLOW", "BadTarget", "Target", "permitted", "target_of", "why_forbidden"]

ALLOW: Final = "QUEUEBIT_GATEWAY_WEBHOOK_PRIVATE_HOSTS"
"""The setting by which the operator allows hosts with private addresses."""

_LONGEST: Final = 2048
_METADATA: Final = (ip_network("168.63.129.16/32"), ip_network("192.0.0.0/24"))
"""Addresses of clouds' metadata services that are neither private nor link-local."""
_NAT64: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


class BadTarget(ValueError):
    """A URL to which no webhook is sent; the text says why and what to do."""


class Target(NamedTuple):
    """The parts of a URL that a request needs."""

    tls: bool
    host: str
    """As it is resolved, and as the certificate must name it."""
    port: int
    authority: str
    """The `Host` header."""
    path: str
    """With the query."""


def target_of(url: str, private_hosts: Collection[str]) -> Target:
    """Read the URL of an endpoint.

    Args:
        url: what the tenant gave.
        private_hosts: hosts that the operator allowed; only these may have plain `http`.

    Raises:
        BadTarget: it is no URL to which webhooks are sent.
    """
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise BadTarget(f"the URL must have at most {_LONGEST} printable ASCII characters, no space and no backslash")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise BadTarget(f"the URL cannot be read: {error}") from error
    if parts.scheme not in ("https", "http") or not host or "@" in parts.netloc or parts.fragment:
        raise BadTarget("the URL must be like https://example.com/path, without a user name and without a fragment")
    if parts.scheme == "http" and host not in private_hosts:
        raise BadTarget(f"the URL must begin with https://; the operator can allow http to {host} with {ALLOW}")
    tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(tls, host, port or (443 if tls else 80), parts.netloc, path)


def permitted(host: str, addresses: Sequence[str], private_hosts: Collection[str]) -> Sequence[str]:
    """The addresses of a host, if a webhook may go to all of them.

    Raises:
        BadTarget: at least one is forbidden; a name that has both kinds may lead to either.
    """
    if not addresses:
        raise BadTarget(f"{host} has no address")
    if host not in private_hosts:
        for address in addresses:
            if reason := why_forbidden(address):
                raise BadTarget(f"{host} has a {reason} address: the operator can allow the host with {ALLOW}")
    return addresses


def why_forbidden(address: str) -> str | None:
    """Why no webhook goes to an address; None if it may."""
    here = ip_address(address.partition("%")[0])
    if isinstance(here, IPv6Address) and (inner := _inner(here)) is not None:
        return why_forbidden(str(inner))
    if any(here in it for it in _METADATA):
        return "metadata service's"
    for name, found in (
        ("unspecified", here.is_unspecified),
        ("loopback", here.is_loopback),
        ("link-local", here.is_link_local),
        ("multicast", here.is_multicast),
    ):
        if found:
            return name
    return None if here.is_global and not here.is_reserved else "private"


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address carries: mapped, compatible, translated (NAT64), 6to4 or Teredo."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in it for it in _NAT64) or (int(address) >> 32 == 0 and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
