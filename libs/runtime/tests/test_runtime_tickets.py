"""Tickets to the warehouse: made by a token's owner, for one user, for a short time."""

from __future__ import annotations

import pytest

from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.tickets import LONGEST_S, is_valid, ticket

NOW = 1_800_000_000
SEED = new_seed()


def test_a_ticket_is_good_for_its_user_until_it_expires() -> None:
    password = ticket(SEED, "acme", "ann", NOW + 60)
    keys = [public_key(new_seed()), public_key(SEED)]
    assert is_valid(password, "acme", "ann", keys, NOW)
    assert not is_valid(password, "acme", "ann", keys, NOW + 60)
    assert not is_valid(password, "acme", "bob", keys, NOW)
    assert not is_valid(password, "beta", "ann", keys, NOW)
    assert not is_valid(password, "acme", "ann", keys[:1], NOW)


def test_a_ticket_cannot_be_made_longer_or_for_ever() -> None:
    keys = [public_key(SEED)]
    expires, _, signature = ticket(SEED, "acme", "ann", NOW + 60).partition(".")
    assert not is_valid(f"{int(expires) + 1}.{signature}", "acme", "ann", keys, NOW)
    assert not is_valid(ticket(SEED, "acme", "ann", NOW + LONGEST_S + 1), "acme", "ann", keys, NOW)


@pytest.mark.parametrize("password", ["", ".", "x.y", f"{NOW + 60}.", f"{NOW + 60}", f"{NOW + 60}.é", "9" * 99 + ".a"])
def test_what_is_no_ticket_opens_nothing(password: str) -> None:
    assert not is_valid(password, "acme", "ann", [public_key(SEED)], NOW)
