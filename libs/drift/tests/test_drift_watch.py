"""Many streams of bounded size: restarts continue them, repeats change nothing, and old streams make room."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_drift import BadState, Finding, Sample, Stream, Watch

START = datetime(2026, 11, 2, tzinfo=UTC)
SUCCESS = Stream("success", "torino")


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


def successes(watch: Watch, first: int, last: int, share: float) -> list[Finding]:
    taken = (watch.take(SUCCESS, Sample(hour(at), share, 1000, evidence=f"j{at}")) for at in range(first, last))
    return [it for it in taken if it is not None]


def restarted(watch: Watch, room: int = 10_000) -> Watch:
    return Watch.restored(json.loads(json.dumps(watch.state())), room)


def bell(share: float) -> dict[str, int]:
    right = round(1000 * share / 2)
    return {"00": right, "11": right, "01": 500 - right, "10": 500 - right}


def test_a_loss_is_found_and_its_end_too() -> None:
    watch = Watch()
    assert successes(watch, 0, 100, 0.99) == []
    (begun,) = successes(watch, 100, 120, 0.9)
    assert (begun.stream, begun.drifts) == (SUCCESS, True)
    assert watch.drifts == (watch.drift(SUCCESS),) == (begun,)
    (over,) = successes(watch, 120, 140, 0.99)
    assert over.kind == "recovered"
    assert watch.drift(SUCCESS) is None
    assert not watch.drifts


def test_the_quality_of_a_circuit_is_watched_by_what_its_first_twenty_jobs_have() -> None:
    watch = Watch()
    for at in range(120):
        assert watch.ran("torino", "sha256:bell", bell(0.95), hour(at), "c1", [f"j{at}"]) is None
    found = [watch.ran("torino", "sha256:bell", bell(0.8), hour(at), "c1", [f"j{at}"]) for at in range(120, 140)]
    (begun,) = [it for it in found if it]
    assert begun.stream == Stream("quality", "torino", part="sha256:bell")
    assert begun.before == pytest.approx(0.95)
    assert begun.change.since == hour(120)
    assert set(begun.evidence) <= {f"j{it}" for it in range(120, 140)}


def test_jobs_may_be_added_up() -> None:
    watch = Watch()
    watch.ran("torino", "c", bell(0.95), hour(0), "c1", [f"j{it}" for it in range(20)])
    for at in range(1, 81):
        share = 0.95 if at <= 61 else 0.8
        watch.ran("torino", "c", {name: 6 * it for name, it in bell(share).items()}, hour(at), "c1", ["a", "b"])
    assert [it.before for it in watch.drifts] == [pytest.approx(0.95)]


def test_flat_and_very_wide_distributions_have_no_right_outcome() -> None:
    flat, wide = {f"{it:02b}": 250 for it in range(4)}, {f"{it:011b}": 1 for it in range(2000)}
    for counts in (flat, wide, {"": 1}):
        watch = Watch()
        for at in range(200):
            assert watch.ran("torino", "c", counts, hour(at), "c1", ["j"]) is None
        assert watch.state()[0]["monitor"]["reference"] is None  # type: ignore[index]


def test_what_is_repeated_older_or_not_finite_is_left_out() -> None:
    watch = Watch()
    successes(watch, 0, 80, 0.99)
    before = watch.state()
    successes(watch, 0, 80, 0.5)
    assert watch.take(SUCCESS, Sample(hour(200), float("nan"), 10)) is None
    assert watch.state() == before


def test_the_stream_without_samples_for_longest_makes_room() -> None:
    watch = Watch(room=100)
    for at in range(40):
        watch.take(Stream("t1", "torino", part=f"q{at % 4}"), Sample(hour(at), log(0.01)))
        watch.take(Stream("t2", "torino", part=f"q{at}"), Sample(hour(at), log(0.01)))
    kept = [it["stream"] for it in watch.state()]  # type: ignore[index]
    assert len(watch) == len(kept) < 10
    assert kept[-1] == ["t2", "torino", "", "q39"]
    assert len(restarted(watch, 100)) == len(watch)
    assert len(Watch(room=0)) == 0


def test_no_room_watches_nothing() -> None:
    watch = Watch(room=0)
    assert successes(watch, 0, 100, 0.99) + successes(watch, 100, 200, 0.1) == []
    assert len(watch) == 0


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sets(st.integers(1, 179), max_size=8))
def test_a_restart_at_any_sample_changes_nothing(seed: int, restarts: set[int]) -> None:
    """Random on purpose: hypothesis gives the seed, so that an example can be run again."""

    def through(stops: set[int]) -> tuple[list[Finding], list[object]]:
        draw, watch, found = Random(seed), Watch(10_000), list[Finding | None]()
        for at in range(180):
            share = draw.gauss(0.95 if at < 130 else 0.85, 0.01)
            found.append(watch.ran("torino", "c", bell(share), hour(at), f"c{at // 170}", [f"j{at}"]))
            found.append(watch.take(SUCCESS, Sample(hour(at), 1 - (1 - share) / 2, 1000)))
            found.append(watch.take(Stream("t1", "torino", part="q0"), Sample(hour(at), draw.gauss(-9, 0.1))))
            if at in stops:
                watch = restarted(watch)
        return [it for it in found if it], watch.state()

    assert through(restarts) == through(set())


@pytest.mark.parametrize(
    "state", [None, {}, [1], [{"stream": ["quality"]}], [{"stream": ["nonsense", "", "", ""], "last": None}]]
)
def test_a_state_of_another_form_is_refused(state: object) -> None:
    with pytest.raises(BadState):
        Watch.restored(state)


def test_a_part_of_a_state_of_another_form_is_refused() -> None:
    watch = Watch()
    watch.ran("torino", "c", bell(0.9), hour(0), "c1", ["j"])
    for name, value in (("outcomes", {"pool": 1}), ("outcomes", []), ("last", "noon"), ("monitor", {}), ("stream", 7)):
        (entry,) = watch.state()
        assert isinstance(entry, dict)
        with pytest.raises(BadState):
            Watch.restored([{**entry, name: value}])
