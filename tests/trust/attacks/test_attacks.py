"""No attack of the list gets in, and each refusal is in the audit trail."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.trust.attacks.cases import ATTACKS, Attack
from tests.trust.attacks.table import PAGE, page
from tests.trust.attacks.world import World

from queuebit_testing.embedded import EmbeddedStack

_KINDS = {
    "bus publish": "publish",
    "bus subscribe": "subscribe",
    "bus login": "sign_in",
    "bus send": "publish",
    "bus request": "request",
}


def test_the_list_is_long_and_each_attack_has_its_name() -> None:
    assert len(ATTACKS) >= 60
    assert [name for name, count in Counter(it.name for it in ATTACKS).items() if count > 1] == []


def test_the_table_of_the_page_is_this_list() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.trust.attacks.table`"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with EmbeddedStack(tmp_path / "home") as stack, World.made(stack, tmp_path) as made:
        yield made


@pytest.mark.stack
@pytest.mark.timeout(180)
async def test_no_attack_gets_in_and_each_refusal_is_in_the_audit_trail(world: World) -> None:
    answers = {it.name: await world.tried(it) for it in ATTACKS}
    await world.close()
    wrong = [f"{it.name}: {answers[it.name]}, not {it.answer}" for it in ATTACKS if answers[it.name] != it.answer]
    assert not wrong, "; ".join(wrong)
    recorded = await _recorded(world.stack)
    wanted = Counter(_counted(it) for it in ATTACKS if not it.unseen)
    missing = [f"{what}: {recorded[what]} of {count}" for what, count in wanted.items() if recorded[what] < count]
    assert not missing, "; ".join(missing)


def _counted(attack: Attack) -> tuple[str, str, str]:
    """Door, kind and code, by which refusals are counted."""
    kind = _KINDS.get(attack.door)
    return ("gateway", "request", attack.code) if kind is None else ("bus", kind, attack.code)


async def _recorded(stack: EmbeddedStack) -> Counter[tuple[str, str, str]]:
    """How many refusals the audit trail has, by door, kind and code; the gateway ends, and so appends them all."""
    await asyncio.sleep(1.5)  # the log of nats-server is read once a second
    pid = stack.pid("gateway")
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    async with asyncio.timeout(30):
        while stack.pid("gateway") in (pid, None):
            await asyncio.sleep(0.1)
    found = Counter[tuple[str, str, str]]()
    for row in stack.ask("audit", "--action", "refusals", "--limit", "1000"):
        found[row["door"], row["object"].partition(" ")[0], row["reason"]] += row["count"]
    return found
