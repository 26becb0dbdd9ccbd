"""Failed logins are limited by address, in bounded memory, and stop no credential that was valid there."""

from __future__ import annotations

import pytest

from queuebit_runtime.failed_logins import WINDOW_S, FailedLogins, place_of


def failing(logins: FailedLogins, address: str, times: int, at: float = 0.0) -> None:
    for number in range(times):
        logins.failed(address, f"guess {number}", at)


def test_an_address_waits_after_as_many_failures_as_are_allowed_until_its_minute_has_passed() -> None:
    logins = FailedLogins(3)
    failing(logins, "192.0.2.1", 2)
    assert logins.wait("192.0.2.1", "x", 1.0) == 0
    failing(logins, "192.0.2.1", 1, at=2.0)
    assert logins.wait("192.0.2.1", "x", 10.0) == WINDOW_S - 10
    assert logins.wait("192.0.2.1", "x", WINDOW_S) == 0


def test_failures_that_are_far_apart_are_not_added_up() -> None:
    logins = FailedLogins(2)
    for minute in range(5):
        failing(logins, "192.0.2.1", 1, at=minute * WINDOW_S)
        assert logins.wait("192.0.2.1", "x", minute * WINDOW_S) == 0


def test_the_next_minute_begins_with_its_first_failure() -> None:
    logins = FailedLogins(2)
    failing(logins, "192.0.2.1", 2)
    failing(logins, "192.0.2.1", 2, at=100.0)
    assert logins.wait("192.0.2.1", "x", 100.0) == WINDOW_S


def test_another_address_does_not_wait() -> None:
    logins = FailedLogins(1)
    failing(logins, "192.0.2.1", 5)
    assert logins.wait("192.0.2.2", "x", 0.0) == 0


def test_a_credential_that_was_valid_at_this_address_does_not_wait_until_it_fails() -> None:
    logins = FailedLogins(1)
    logins.succeeded("192.0.2.1", "good")
    failing(logins, "192.0.2.1", 5)
    assert logins.wait("192.0.2.1", "good", 0.0) == 0
    assert logins.wait("192.0.2.1", "other", 0.0) == WINDOW_S
    logins.failed("192.0.2.1", "good", 1.0)
    assert logins.wait("192.0.2.1", "good", 1.0) == WINDOW_S - 1


def test_valid_elsewhere_is_not_valid_here() -> None:
    logins = FailedLogins(1)
    logins.succeeded("192.0.2.9", "good")
    failing(logins, "192.0.2.1", 1)
    assert logins.wait("192.0.2.1", "good", 0.0) == WINDOW_S


def test_memory_is_bounded() -> None:
    logins = FailedLogins(1)
    for number in range(30_000):
        address = f"198.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        logins.failed(address, "x" * 100, 0.0)
        logins.succeeded(address, f"token {number}")
    assert len(logins) == 20_000


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("a socket " * 99, ("a socket " * 99)[:64]),
    ],
)
def test_an_address_counts_as(address: str, place: str) -> None:
    assert place_of(address) == place
