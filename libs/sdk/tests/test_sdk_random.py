"""Random bits from a platform in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from queuebit import AsyncClient, Client, InvalidInput, JobFailed, NotFound, RandomBits
from queuebit_kernel import digest
from queuebit_quantum import Outcome, open_backend
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""


class Altered:
    """The ideal simulator with another description and other outcomes, shot by shot."""

    def __init__(
        self, outcomes: Callable[[Sequence[str]], Sequence[str] | None] = lambda it: it, **described: Any
    ) -> None:
        self._aer, self._outcomes, self._described = open_backend("aer"), outcomes, described

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aer, name)

    def describe(self) -> Any:
        return replace(self._aer.describe(), **self._described)

    def collect(self, *args: Any) -> list[Any]:
        return [self._altered(it) if isinstance(it, Outcome) else it for it in self._aer.collect(*args)]

    def _altered(self, outcome: Outcome) -> Outcome:
        memory = self._outcomes(outcome.memory or ())
        return replace(outcome, memory=None if memory is None else tuple(memory))


def platform(backend: object = None) -> LocalPlatform:
    return LocalPlatform(backend, seals=True)  # type: ignore[arg-type]  # it has all that is used of one


async def random(local: LocalPlatform, bits: int = 256, **options: Any) -> RandomBits:
    async with AsyncClient(local_credential(), transport=local) as client:
        return await client.random(bits, **options)


async def test_bits_of_a_simulator_say_that_they_are_pseudo_random() -> None:
    local = platform()
    found = await random(local, 250)
    assert (len(found.bits), len(found.hex), int(found.hex, 16)) == (250, 63, int(found.bits, 2))
    assert (found.pseudo_random, found.backend) == (True, "aer")
    record: Any = found.record
    assert "without any claim of security" in record["claim"]
    assert found.bits not in repr(found)
    assert found.hex not in str(record)


async def test_the_record_names_the_job_its_receipt_the_backend_and_every_number() -> None:
    local = platform(Altered(kind="qpu", id="device", vendor="acme"))
    found = await random(local, backend="device", tags=["keys"], project="p", max_cost="0.50")
    (sent,) = local.submissions
    assert (sent.data.job, sent.data.tags, sent.data.label) == (found.job, ("keys",), "random 256 bits")
    record: Any = found.record
    assert found.pseudo_random is record["pseudo_random"] is False
    assert record["backend"] == {"name": "device", "kind": "qpu", "vendor": "acme", "calibration": None}
    (job,) = record["jobs"]
    assert (job["job"], job["backend"], job["leaf_index"]) == (found.job, "device", 0)
    assert job["statement"] == digest(f'{{"job":"{found.job}"}}'.encode())
    assert record["raw"]["bits"] == 20_000
    assert len(record["min_entropy"]["estimates"]) == 10
    assert 0.5 < record["min_entropy"]["per_bit"] == min(record["min_entropy"]["estimates"].values()) < 1
    assert all(it["passed"] for it in record["health_tests"])
    assert record["extraction"]["security"] == 64


async def test_the_same_key_is_one_job_and_other_bits() -> None:
    local = platform()
    one, other = await random(local, key="k"), await random(local, key="k")
    assert len(local.submissions) == 1
    assert one.job == other.job
    assert one.record == other.record
    assert one.bits != other.bits, "the seed of the extraction is a new one"


async def test_a_backend_with_few_shots_runs_several_items_with_different_bits() -> None:
    found = await random(platform(Altered(max_shots=1_000)), backend="aer", qubits=4)
    record: Any = found.record
    assert record["raw"]["shots"] == 5_000
    assert record["min_entropy"]["estimates"]["longest repeated substring"] > 0.9, "no item repeats another"


async def test_raw_bits_are_in_the_order_of_shots_and_of_qubits() -> None:
    """The first of four qubits is stuck: every fourth raw bit, which is found."""
    stuck = Altered(lambda memory: [f"{it[:3]}0" for it in memory])
    record: Any = (await random(platform(stuck), qubits=4)).record
    estimates = record["min_entropy"]["estimates"]
    assert estimates["multi markov model with counting"] < 0.9
    assert record["min_entropy"]["per_bit"] < 0.7


def biased(memory: Sequence[str]) -> list[str]:
    draw = Random(3)
    return ["".join("01"[draw.random() < 0.66] for _ in it) for it in memory]


@pytest.mark.parametrize(
    ("outcomes", "code", "text"),
    [
        (lambda memory: ["1" * 8] * len(memory), "health_test", "fail the health test of repetition count"),
        (lambda memory: ["01010110"] * len(memory), "low_entropy", "is enough for 0 bits"),
        (lambda _: None, "no_memory", "the order of shots is lost in counts"),
    ],
)
async def test_a_source_that_is_not_good_enough_gives_no_bits(
    outcomes: Callable[[Sequence[str]], Sequence[str] | None], code: str, text: str
) -> None:
    with pytest.raises(JobFailed, match=f"(?i){text}") as caught:
        await random(platform(Altered(outcomes)))
    assert caught.value.reason.code == code


async def test_less_entropy_than_expected_gives_fewer_bits() -> None:
    source = Altered(biased)
    with pytest.raises(JobFailed, match=r"which is enough for [1-9],\d+ bits: ask for fewer"):
        await random(platform(source), 9_800)
    assert len((await random(platform(source), 4_000)).bits) == 4_000


@pytest.mark.parametrize(
    "options",
    [{"bits": 0}, {"bits": 100_001}, {"bits": True}, {"qubits": 0}, {"qubits": 33}, {"security": 8}],
)
async def test_numbers_have_ranges(options: dict[str, Any]) -> None:
    local = platform()
    with pytest.raises(InvalidInput, match="must be a whole number from"):
        await random(local, **options)
    assert not local.submissions


async def test_a_backend_that_is_too_small_or_unknown_is_refused_before_anything_is_paid() -> None:
    local = platform(Altered(num_qubits=4))
    with pytest.raises(InvalidInput, match="aer has 4 qubits, and 8 are to be measured: ask for fewer"):
        await random(local, backend="aer")
    with pytest.raises(NotFound, match="there is no backend other"):
        await random(local, backend="other")
    assert not local.submissions


def test_programs_without_a_loop_have_them_too() -> None:
    with Client(local_credential(), transport=platform()) as client:
        assert len(client.random(8).hex) == 2
