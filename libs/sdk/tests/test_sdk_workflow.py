"""Steps: what makes two calls the same step, what is kept of it, and which jobs it finds again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import queuebit
from queuebit import AsyncClient, Client, Credential, InvalidInput, Money, Workflow
from queuebit.step_values import decoded, encoded, encoded_input
from queuebit.steps import NOT_STORED, StepStore

from .fake_bus import BELL, FakeBus, runs, runs_and_bills

plain = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text() | some.binary()
    | some.complex_numbers(allow_nan=False),
    lambda it: some.lists(it) | some.lists(it).map(tuple) | some.dictionaries(some.text() | some.integers(), it),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=30)
@given(plain)
def test_plain_values_return_as_they_were(value: object) -> None:
    found = decoded(json.loads(json.dumps(encoded(value, "it"))))
    assert repr(found) == repr(value)


def test_numbers_of_numpy_and_money_return_as_they_were() -> None:
    values = np.array([[0.1, math.nan], [1e-300, -0.0]])
    found = decoded(encoded({"a": values, "b": np.float32(0.5), "c": Money.of("0.25", "EUR")}, "it"))
    assert (found["a"].dtype, found["a"].tobytes()) == (values.dtype, values.tobytes())
    assert (found["b"], found["c"]) == (0.5, Money(Decimal("0.25"), "EUR"))
    found["a"][0, 0] = 2  # a user may change what was returned


@pytest.mark.parametrize("value", [{1}, object(), [print], np.array([object()]), np.array(["x"])])
def test_other_values_are_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidInput, match="input x of step s holds a"):
        encoded_input([value], "input x of step s")


def test_a_file_counts_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.qasm").write_text(BELL)
    (tmp_path / "b.qasm").write_text(BELL)
    assert encoded_input(tmp_path / "a.qasm", "x") == encoded_input(tmp_path / "b.qasm", "x")


@pytest.mark.parametrize("document", [{"$code": "x"}, {"$array": "AA==", "dtype": "|O8", "shape": [1]}])
def test_nothing_else_is_read_from_a_file(document: object) -> None:
    with pytest.raises(ValueError, match="is no value of a step"):
        decoded(document)


def counting(workflow: Workflow, **options: str) -> tuple[Callable[..., Any], list[Any]]:
    calls: list[Any] = []

    @workflow.step(**options)
    def double(x: object, y: int = 2) -> tuple[object, int]:
        calls.append(x)
        return x, y

    return double, calls


def test_a_step_runs_once_for_the_same_inputs_in_any_form(tmp_path: Path) -> None:
    double, calls = counting(Workflow("w", store=tmp_path))
    assert [double(1), double(1, 2), double(y=2, x=1), double(2)] == [(1, 2)] * 3 + [(2, 2)]
    again, later = counting(Workflow("w", store=tmp_path))
    assert (again(1), calls, later) == ((1, 2), [1, 2], [])
    for workflow, options in ((Workflow("v", store=tmp_path), {}), (Workflow("w", store=tmp_path), {"version": "2"})):
        changed, seen = counting(workflow, **options)
        changed(1)
        assert seen == [1]


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"digest": "sha256:0", "value": 3}', b"\xff", b"[]"])
def test_a_damaged_file_is_as_none(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    store = StepStore(tmp_path)
    assert (store.write("k", "s", 3), store.read("k"), store.read("other")) == (3, 3, NOT_STORED)
    (tmp_path / "k.json").write_bytes(damage)
    assert store.read("k") is NOT_STORED
    assert "its step runs again" in caplog.text


def test_a_value_that_was_changed_is_not_used(tmp_path: Path) -> None:
    store = StepStore(tmp_path)
    store.write("k", "s", 3)
    path = tmp_path / "k.json"
    path.write_text(path.read_text().replace('"value":3', '"value":4'))
    assert store.read("k") is NOT_STORED


def test_a_step_without_a_workflow_and_a_name_taken_twice_are_refused(tmp_path: Path) -> None:
    @queuebit.step
    def alone() -> int:
        return 1

    with pytest.raises(InvalidInput, match="has no workflow"):
        alone()
    with Workflow("w", store=tmp_path) as workflow:
        assert alone() == 1
    other = workflow.step(name="alone")(lambda: 2)
    with pytest.raises(InvalidInput, match="are both called alone"):
        other()


def test_a_step_that_failed_runs_again_with_its_jobs(ann: Credential, tmp_path: Path) -> None:
    """Different jobs in another order, and two equal ones."""
    bus, workflow, whole = FakeBus(runs), Workflow("w", store=tmp_path), [False]

    @workflow.step
    def measure(client: Client, shots: list[int]) -> list[dict[str, int]]:
        jobs = [client.submit(BELL, shots=it) for it in (shots if whole[0] else shots[::-1])]
        found = [dict(it.result(2).counts) for it in jobs]
        if not whole[0]:
            raise RuntimeError("crashed")
        return found

    with Client(ann, transport=bus) as client:
        with pytest.raises(RuntimeError):
            measure(client, [10, 10, 20])
        whole[0], sent = True, len(bus.stored)
        first = measure(client, [10, 10, 20])
    assert (len(first), len(bus.stored)) == (3, sent)
    with Client(ann, transport=FakeBus()) as client:  # nothing is asked, also by another client
        assert measure(client, [10, 10, 20]) == first


async def test_an_asynchronous_step_has_its_keys_in_tasks(ann: Credential, tmp_path: Path) -> None:
    bus, workflow = FakeBus(runs_and_bills), Workflow("w", store=tmp_path)

    @workflow.step(name="outer")
    async def outer(client: AsyncClient) -> int:
        await client.map([BELL, BELL])
        return await inner(client, 1) + await inner(client, 2)

    @workflow.step
    async def inner(client: AsyncClient, number: int) -> int:
        return sum((await (await client.submit(BELL)).result()).counts.values()) * number

    async with AsyncClient(ann, transport=bus) as client:
        assert await outer(client) == 3000
        sent = len(bus.stored)
        for file in workflow.store.folder.iterdir():
            file.unlink()
        assert await outer(client) == 3000
        assert len(bus.stored) == sent == 12  # four jobs: submitted, completed, metered
