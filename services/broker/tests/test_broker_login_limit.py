"""Too many failed logins of one address on the bus are refused before their token is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from queuebit_broker.login_limit import LoginLimit
from queuebit_contracts.topology import Permissions
from queuebit_runtime.callout import LoginRequest, UserLogin

ANN = UserLogin("acme/ann/d1", "acme", Permissions(publish=(), subscribe=()), datetime(2030, 1, 1, tzinfo=UTC))


class World:
    """A broker to which one token is valid."""

    def __init__(self) -> None:
        self.now, self.asked, self.counted = 0.0, 0, list[tuple[str, str]]()
        self.limit = LoginLimit(self._decide, 2, lambda: self.now, lambda *it: self.counted.append(it))

    async def _decide(self, request: LoginRequest) -> UserLogin | str:
        self.asked += 1
        return ANN if request.token == "good" else "the token is unknown or damaged"

    async def login(self, token: str, address: str = "192.0.2.1") -> UserLogin | str:
        return await self.limit(LoginRequest("N", "U", token, "the name it gives", address))


@pytest.fixture
def world() -> World:
    return World()


async def test_after_the_last_failure_no_token_of_the_address_is_read_until_the_minute_has_passed(world: World) -> None:
    assert [await world.login(f"guess {it}") for it in range(2)] == ["the token is unknown or damaged"] * 2
    world.now = 20.0
    refused = await world.login("good")
    assert refused == "more than 2 logins from 192.0.2.1 failed in 60 s: 40 s left"
    assert (world.asked, world.counted) == (2, [("the name it gives", "too_many_failed_logins")])
    world.now = 60.0
    assert await world.login("good") == ANN


async def test_another_address_and_a_token_that_was_valid_log_in(world: World) -> None:
    assert await world.login("good") == ANN
    for it in range(5):
        await world.login(f"guess {it}")
    assert await world.login("good", "192.0.2.2") == ANN
    assert await world.login("good") == ANN
    assert isinstance(await world.login("other"), str)
