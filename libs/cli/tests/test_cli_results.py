"""Results of jobs with steps after the run, as a terminal shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from queuebit.errors import Reason
from queuebit.records import Estimate, ItemResult, PostResult, Result, Status, Uncertainty
from queuebit_cli.commands import jobs
from queuebit_cli.main import main
from queuebit_cli.output import Output
from queuebit_cli.render_results import count_rows, result_lines

READOUT, ZNE = "readout-mitigation/1", "zne/1"
NOTHING: tuple[Any, ...] = ()
COUNTS = {"00": 490, "11": 470, "01": 40}
SHARES = PostResult(
    READOUT, quasi={"00": Estimate(0.502, 0.0168), "11": Estimate(0.4991, 0.0171), "01": Estimate(-0.0011, 0.004)}
)


def values(*found: tuple[float, float]) -> tuple[Estimate, ...]:
    return tuple(Estimate(*it, name) for it, name in zip(found, ("ZZ", "XX"), strict=False))


def estimated(number: int, **changes: Any) -> ItemResult:
    steps = (
        PostResult(READOUT, expectations=values((0.98, 0.011), (-0.97, 0.012))),
        PostResult(ZNE, expectations=values((1.003, 0.03), (-1.01, 0.04))),
    )
    fields = {"expectations": values((0.9, 0.01), (-0.875, 0.0125)), "post": steps, **changes}
    return ItemResult(number, "completed", **fields)


def printed(*items: ItemResult, counts: dict[str, int] | None = None) -> list[str]:
    result = Result("j", "device", 1_000, counts or {}, "sha256:0", items, Uncertainty("wilson", "0.95"))
    return result_lines(result, Output(as_json=False))


def test_corrected_shares_are_beside_the_counts_with_their_errors() -> None:
    head, *rows = printed(ItemResult(0, "completed", counts=COUNTS, post=(SHARES,)), counts=COUNTS)
    assert head.split() == ["bits", "count", "share", "95%", "wilson", READOUT]
    column = head.index(READOUT)
    assert [row[column : column + len(READOUT)].rstrip() for row in rows] == [
        "50.2% ± 1.7%",
        "49.9% ± 1.7%",
        "-0.1% ± 0.4%",
    ]
    assert all(str(count) in row for count, row in zip(COUNTS.values(), rows, strict=True))
    assert max(map(len, (head, *rows))) <= 80


def test_a_step_without_values_gives_its_reason_below_the_counts() -> None:
    failed = PostResult(READOUT, reason=Reason("too_many_outcomes", "2,049 outcomes are more than the 2,048"))
    head, *_, last = printed(ItemResult(0, "completed", counts=COUNTS, post=(failed,)), counts=COUNTS)
    assert READOUT not in head
    assert last == f"{READOUT}: 2,049 outcomes are more than the 2,048"


def test_values_of_steps_are_in_the_line_of_their_observable() -> None:
    head, first, second = printed(estimated(0))
    assert head.split() == ["observable", "measured", READOUT, ZNE]
    assert first.split() == ["ZZ", "0.9000", "±", "0.0100", "0.9800", "±", "0.0110", "1.0030", "±", "0.0300"]
    assert second.split() == ["XX", "-0.8750", "±", "0.0125", "-0.9700", "±", "0.0120", "-1.0100", "±", "0.0400"]
    assert first.index("1.0030") == second.index("-1.0100") == head.index(ZNE)


def test_items_of_a_program_are_numbered_and_each_failure_has_its_reason() -> None:
    lost = ItemResult(2, "failed", reason=Reason("out_of_memory", "it needs more memory"))
    nothing = PostResult(ZNE, reason=Reason("too_large", "a value is too large"))
    lines = printed(estimated(0), estimated(1, post=(nothing,)), lost)
    assert [line.split()[:2] for line in lines[1:6]] == [
        ["0", "ZZ"],
        ["0", "XX"],
        ["1", "ZZ"],
        ["1", "XX"],
        ["2", "it"],
    ]
    assert lines[6] == f"item 1: {ZNE}: a value is too large"


def test_sampled_items_have_the_corrected_shares_in_short() -> None:
    item = ItemResult(0, "completed", counts=COUNTS, post=(SHARES,))
    head, first, _ = printed(item, item)
    assert READOUT in head
    assert "00: 0.5020 ± 0.0168, 11: 0.4991 ± 0.0171" in first


def test_counts_without_steps_are_shown_as_before() -> None:
    assert [*count_rows(COUNTS)[0]] == ["bits", "count", "share", ""]
    assert count_rows(COUNTS)[0][""] == "█" * 15


class WatchedJob:
    """A job that completed, with a step after its run."""

    id = "j1"

    async def steps(self) -> AsyncIterator[Any]:
        for it in NOTHING:
            yield it

    async def status(self) -> Status:
        return Status("j1", "completed", "t", "p", 1, "")

    async def result(self) -> Result:
        items = (ItemResult(0, "completed", counts=COUNTS, post=(SHARES,)),)
        return Result("j1", "device", 1_000, COUNTS, "sha256:0", items)


class WatchingClient:
    async def __aenter__(self) -> WatchingClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def find(self, _: str) -> WatchedJob:
        return WatchedJob()

    async def follow_waiting(self, _: str) -> AsyncIterator[str]:
        for it in NOTHING:
            yield it


@pytest.mark.parametrize("as_json", [False, True])
def test_a_watched_job_ends_with_its_result_for_people_only(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jobs, "client_of", lambda _: WatchingClient())
    assert main(["job", "watch", "j1", *(["--json"] if as_json else [])]) == 0
    assert ("50.2% ± 1.7%" in capsys.readouterr().out) is not as_json
