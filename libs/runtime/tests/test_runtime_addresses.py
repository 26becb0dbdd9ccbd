"""Where requests to hosts of tenants may go: every way to write an address inside is found."""

from __future__ import annotations

import pytest

from queuebit_runtime.addresses import BadTarget, Rules, why_forbidden

PUBLIC = "93.184.215.14"
RULES = Rules("QUEUEBIT_ALLOW", ("Inside", "localhost", "10.1.2.3", "169.254.169.254"), ("inside",))

PRIVATE = (
    "127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "240.0.0.1",
    "255.255.255.255", "::1", "fc00::1", "2001:db8::1", "64:ff9b:1::808:808", "64:ff9b:1:a00:0:100::",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "2002:a00:1::1", "2001:0:a00:1:0:0:f5ff:fffe", "2606:2800:21f:cb07:0:5efe:a00:1",
    "2606:2800:21f:cb07:200:5efe:a00:1",
)  # fmt: skip
NEVER = (
    "0.0.0.0", "::", "::ffff:0.0.0.0", "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::", "168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
    "224.0.0.1", "ff02::1",
)  # fmt: skip


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER])
def test_no_request_goes_inwards(address: str) -> None:
    assert why_forbidden(address)
    with pytest.raises(BadTarget, match="the operator can allow the host with QUEUEBIT_ALLOW"):
        RULES.permitted("example.com", [PUBLIC, address])


@pytest.mark.parametrize("address", PRIVATE)
def test_a_host_that_is_named_may_be_inside(address: str) -> None:
    assert RULES.permitted("inside", [PUBLIC, address]) == [PUBLIC, address]


@pytest.mark.parametrize("address", NEVER)
def test_not_even_such_a_host_leads_to_a_metadata_service(address: str) -> None:
    with pytest.raises(BadTarget, match="inside has a"):
        RULES.permitted("inside", [PUBLIC, address])


def test_an_address_is_permitted_if_it_is_named_itself() -> None:
    assert RULES.permitted("169.254.169.254", ["169.254.169.254"])


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "2606:2800:21f:cb07::1", f"::ffff:{PUBLIC}", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1", "8.8.8.8"],
)
def test_public_addresses_are_permitted(address: str) -> None:
    assert why_forbidden(address) is None
    assert RULES.permitted("example.com", [address]) == [address]


@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1", "0.0.0.0"])  # nothing binds to it
def test_names_of_this_machine_lead_nowhere_else(address: str) -> None:
    with pytest.raises(BadTarget, match="not of this machine"):
        RULES.permitted("localhost", ["127.0.0.1", address])
    assert RULES.permitted("localhost", ["127.0.0.1", "::1"])


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(BadTarget, match="has no address"):
        RULES.permitted("inside", [])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "http://localhost/", "ftp://example.com/", "https:///path", "https://user:pw@example.com/",
        "https://@example.com/", "example.com", "https://example.com/#f", "https://example.com/a b",
        "https://example.com/\r\nX: y", "https://exämple.com/", "https://example.com:99999/", "https://example.com:0/",
        "https://example.com:-1/", "https://example.com:x/", "https://[::1/", "https://[fe80::1%25eth0]/",
        "https://example.com\\@inside/", "file:///etc/passwd", "https://example.com/" + "p" * 2048,
        "https://\uff11\uff12\uff17.0.0.1/", "https://\u24dbocalhost/", "",
    ],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(BadTarget):
        RULES.target(url)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://Example.com/a?b=c", (True, "example.com", 443, "example.com", "/a?b=c")),
        ("https://example.com:443", (True, "example.com", 443, "example.com", "/")),
        ("https://example.com:8443/", (True, "example.com", 8443, "example.com:8443", "/")),
        ("http://INSIDE:8080?q", (False, "inside", 8080, "inside:8080", "/?q")),
        ("https://[2606:2800:21f:cb07::1]:99/", (True, "2606:2800:21f:cb07::1", 99, "[2606:2800:21f:cb07::1]:99", "/")),
        ("https://xn--exmple-cua.com/", (True, "xn--exmple-cua.com", 443, "xn--exmple-cua.com", "/")),
    ],
)
def test_parts_of_a_url(url: str, parts: tuple[object, ...]) -> None:
    assert RULES.target(url) == parts


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1.", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
        "localhost.", "LOCALHOST", "a.localhost", "10.0.0.1", "192.168.0.1", "169.254.169.254", "2852039166", "0",
        "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]",
        "[fe80::1]", "[fd00::1]",
    ],
)  # fmt: skip
def test_a_host_that_is_an_address_inside_is_refused_before_any_request(host: str) -> None:
    with pytest.raises(BadTarget, match=r"has a .* address"):
        Rules("QUEUEBIT_ALLOW", (), ()).target(f"https://{host}/")


@pytest.mark.parametrize("host", ["localhost", "10.1.2.3", "169.254.169.254", "8.8.8.8", "134744072", "10.example.com"])
def test_other_hosts_are_looked_up_or_allowed(host: str) -> None:
    assert RULES.target(f"https://{host}/").host == host
