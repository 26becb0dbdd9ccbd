"""Where requests to hosts of tenants may go: not into the network of the platform, unless the operator says so."""

from __future__ import annotations

import socket
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from queuebit_contracts.issuers import LOOPBACK

__all__ = ["BadTarget", "Rules", "Target", "why_forbidden"]

_LONGEST: Final = 2048
_METADATA: Final = tuple(
    map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "100.100.100.200/32", "169.254.0.0/16", "fd00:ec2::/32"))
)
"""Addresses of clouds' metadata services, which give secrets to whatever asks."""
_NAT64: Final = ip_network("64:ff9b::/96")
_LOCAL_NAT64: Final = ip_network("64:ff9b:1::/48")
"""Carries IPv4 addresses at places that only its network knows."""
_NEVER: Final = frozenset({"metadata service's", "unspecified", "link-local", "multicast"})
"""Kinds of addresses that no name may have, even that of an allowed host."""


class BadTarget(ValueError):
    """A URL to which no request is sent; the text says why and what to do."""


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


class Rules:
    """What is allowed, for one kind of request."""

    def __init__(self, setting: str, private_hosts: Collection[str], plain_hosts: Collection[str]) -> None:
        """Prepare.

        Args:
            setting: by which the operator allows hosts with private addresses.
            private_hosts: those hosts.
            plain_hosts: the only hosts that are asked without TLS.
        """
        self._setting = setting
        self._private = frozenset(it.lower() for it in private_hosts)
        self._plain = frozenset(it.lower() for it in plain_hosts)

    def target(self, url: str) -> Target:
        """Read a URL. A host that is itself an address is checked here, before any request.

        Raises:
            BadTarget: it is no URL to which requests are sent.
        """
        if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise BadTarget(
                f"the URL must have at most {_LONGEST} printable ASCII characters, no space and no backslash; write a "
                "name with other letters as xn--…"
            )
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise BadTarget(f"the URL cannot be read: {error}") from error
        wrong = not host or "%" in host or "@" in parts.netloc or parts.fragment or port == 0
        if parts.scheme not in ("https", "http") or wrong:
            raise BadTarget("the URL must be like https://example.com/path, without a user name and without a fragment")
        tls = parts.scheme == "https"
        if not tls and host not in self._plain:
            raise BadTarget(f"the URL must begin with https://; plain http to {host} needs {self._setting}")
        if (said := _said(host)) is not None:
            self.permitted(host, [said])
        usual = 443 if tls else 80
        name = f"[{host}]" if ":" in host else host
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(tls, host, port or usual, name if port in (None, usual) else f"{name}:{port}", path)

    def permitted(self, host: str, addresses: Sequence[str]) -> Sequence[str]:
        """The addresses of a host, if a request may go to all of them.

        Raises:
            BadTarget: at least one is forbidden; a name that has both kinds may lead to either.
        """
        if not addresses:
            raise BadTarget(f"{host} has no address")
        for address in addresses:
            reason = why_forbidden(address)
            if host in LOOPBACK and reason != "loopback":
                raise BadTarget(f"{host} has the address {address}, which is not of this machine")
            if reason is None or (host in self._private and (reason not in _NEVER or host == address)):
                continue
            hint = "" if host in self._private else f": the operator can allow the host with {self._setting}"
            raise BadTarget(f"{host} has a {reason} address{hint}")
        return addresses


def _said(host: str) -> str | None:
    """The address that a host is itself, in any form that resolvers read; None if its name must be looked up."""
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3
        return "127.0.0.1"
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(name))  # decimal, octal, hexadecimal and with fewer than four parts
    except OSError:
        return None


def why_forbidden(address: str) -> str | None:
    """Why no request goes to an address without permission; None if it may."""
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
    return None if here.is_global and not here.is_reserved and here not in _LOCAL_NAT64 else "private"


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address carries: mapped, compatible, NAT64, 6to4, Teredo or ISATAP."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    number = int(address)
    isatap = (number >> 32) & 0xFDFF_FFFF == 0x5EFE  # RFC 5214, section 6.1
    if address in _NAT64 or isatap or (number >> 32 == 0 and number > 1):
        return IPv4Address(number & 0xFFFFFFFF)
    return None
