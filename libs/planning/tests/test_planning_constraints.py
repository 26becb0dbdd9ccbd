"""Hard limits: what they exclude, and the nearest plan where they exclude every backend."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel import Money
from queuebit_planning.constraints import LIMITS, PPM, Limits, Offer, impossible, probability, violations

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def offer(backend: str, vendor: str, region: str | None, esp_ppm: int, cost: str, runs_s: float) -> Offer:
    at = NOW + timedelta(seconds=runs_s)
    return Offer(backend=backend, vendor=vendor, region=region, esp_ppm=esp_ppm, cost=Money.of(cost), ready_at=at)


AER = offer("aer", "qiskit", None, PPM, "0.01", 0)
GARNET = offer("garnet", "iqm", "eu-north-1", 912_345, "1.50", 20)
TORINO = offer("torino", "ibm", "us-east-1", 951_230, "4.00", 60)
DEVICES = (GARNET, TORINO)


@pytest.mark.parametrize(
    ("limits", "offered", "broken", "says"),
    [
        (Limits(), TORINO, [], ""),
        (Limits(backends=("garnet", "aer")), TORINO, ["backends"], "is not one of garnet or aer"),
        (Limits(vendors=("iqm",)), TORINO, ["vendors"], "is of ibm, and allowed is iqm"),
        (Limits(regions=("eu-north-1",)), TORINO, ["regions"], "is in us-east-1, and allowed is eu-north-1"),
        (Limits(regions=("eu-north-1",)), AER, ["regions"], "has no known region"),
        (Limits(residency=("eu-north-1",)), TORINO, ["residency"], "data of the tenant stay in eu-north-1"),
        (Limits(processors=("iqm",)), TORINO, ["processors"], "is of ibm, and data of the tenant go to iqm alone"),
        (Limits(min_esp_ppm=960_000), TORINO, ["min_fidelity"], "of 0.9512, and at least 0.96 is demanded"),
        (Limits(min_esp_ppm=PPM), AER, [], ""),
        (Limits(deadline=NOW + timedelta(seconds=60)), TORINO, [], ""),
        (Limits(deadline=NOW + timedelta(seconds=59)), TORINO, ["deadline"], "at 2026-11-01T09:31:00Z at the earliest"),
        (Limits(max_cost=Money.of("3.99")), TORINO, ["max_cost"], "may cost up to 4.00 USD, more than 3.99 USD"),
        (Limits(max_cost=Money.of("0.01", "EUR")), TORINO, [], ""),
    ],
)
def test_each_limit_excludes_what_it_says(limits: Limits, offered: Offer, broken: list[str], says: str) -> None:
    found = violations(limits, offered)
    assert [*found] == broken
    assert says in "".join(found.values())


def test_what_only_the_executor_knows_excludes_nothing_before_it_answers() -> None:
    silent = Offer(backend="garnet", vendor="iqm", region="eu-north-1")
    demanding = Limits(min_esp_ppm=999_999, deadline=NOW, max_cost=Money.of(0), vendors=("iqm",))
    assert violations(demanding, silent) == {}
    assert impossible(demanding, (silent, TORINO), NOW) is None


@pytest.mark.parametrize(
    ("limits", "last", "removed", "changed", "says"),
    [
        pytest.param(
            Limits(min_esp_ppm=990_000),
            "min_fidelity",
            ("garnet", "torino"),
            ("torino", ("min_fidelity",)),
            "lower the minimum fidelity to 0.9512, and it can run on torino (expected fidelity 0.9512; up to 4.00",
            id="the best of the devices is nearest to the floor",
        ),
        pytest.param(
            Limits(min_esp_ppm=950_000, max_cost=Money.of(2)),
            "max_cost",
            ("torino",),
            ("garnet", ("min_fidelity",)),
            "lower the minimum fidelity to 0.9123",
            id="each limit leaves one, both leave none: four percent of fidelity is less than twice the cost",
        ),
        pytest.param(
            Limits(min_esp_ppm=950_000, max_cost=Money.of("3.90")),
            "max_cost",
            ("torino",),
            ("torino", ("max_cost",)),
            "raise the maximum cost to 4.00 USD",
            id="three percent of cost are less than four of fidelity",
        ),
        pytest.param(
            Limits(deadline=NOW + timedelta(seconds=10)),
            "deadline",
            ("garnet", "torino"),
            ("garnet", ("deadline",)),
            "move the deadline to 2026-11-01T09:30:20Z",
            id="the quickest needs the least time",
        ),
        pytest.param(
            Limits(vendors=("ibm",), regions=("eu-north-1",)),
            "regions",
            ("torino",),
            ("garnet", ("vendors",)),
            "allow the vendor iqm too",
            id="of two lists, the one whose backend is cheaper",
        ),
        pytest.param(
            Limits(residency=("ap-south-1",), min_esp_ppm=950_000),
            "residency",
            ("garnet", "torino"),
            ("torino", ("residency",)),
            "the operator would have to allow data of the tenant in us-east-1",
            id="what the author cannot change is said last",
        ),
        pytest.param(
            Limits(vendors=("ionq",), min_esp_ppm=990_000, max_cost=Money.of(1)),
            "vendors",
            ("garnet", "torino"),
            ("garnet", ("vendors", "min_fidelity", "max_cost")),
            "no single change is enough; allow the vendor iqm too, lower the minimum fidelity to 0.9123 and raise",
            id="all that has to change",
        ),
    ],
)
def test_the_nearest_plan_is_the_smallest_change(
    limits: Limits, last: str, removed: tuple[str, ...], changed: tuple[str, tuple[str, ...]], says: str
) -> None:
    found = impossible(limits, DEVICES, NOW)
    assert found is not None
    assert (found.last, found.removed) == (last, removed)
    assert (found.nearest.offer.backend, found.nearest.limits) == changed
    assert says in found.text


_OFFERS = st.lists(
    st.builds(
        offer,
        st.sampled_from(("a", "b", "c", "d")),
        st.sampled_from(("ibm", "iqm")),
        st.sampled_from((None, "eu", "us")),
        st.integers(1, PPM),
        st.integers(0, 10_000).map(lambda cents: f"{cents / 100:.2f}"),
        st.integers(0, 100),
    ),
    max_size=4,
    unique_by=lambda it: it.backend,
)
_LISTS = st.none() | st.lists(st.sampled_from(("a", "b", "ibm", "iqm", "eu", "us")), min_size=1, max_size=3).map(tuple)
_LIMITS = st.builds(
    Limits,
    backends=_LISTS,
    vendors=_LISTS,
    regions=_LISTS,
    residency=_LISTS,
    processors=_LISTS,
    min_esp_ppm=st.none() | st.integers(1, PPM),
    deadline=st.none() | st.integers(1, 100).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    max_cost=st.none() | st.integers(0, 100).map(Money.of),
)


@given(_LIMITS, _OFFERS)
def test_the_proposed_changes_are_enough_and_needed(limits: Limits, offers: list[Offer]) -> None:
    found = impossible(limits, offers, NOW)
    if found is None:
        assert not offers or any(not violations(limits, it) for it in offers)
        return
    nearest = found.nearest.offer
    changes = {
        "backends": None, "vendors": None, "regions": None, "residency": None, "processors": None,
        "min_fidelity": int(float(probability(nearest.esp_ppm or 0)) * PPM), "deadline": nearest.ready_at,
        "max_cost": nearest.cost,
    }  # fmt: skip
    fields = {"min_fidelity": "min_esp_ppm"}
    given = {fields.get(it, it): changes[it] for it in found.nearest.limits}
    assert violations(replace(limits, **given), nearest) == {}  # type: ignore[arg-type]  # fields by name
    assert all(violations(limits, it) for it in offers)
    assert found.last in LIMITS
    assert (
        not any(len(violations(limits, it)) == 1 for it in offers)
        or len(found.nearest.limits) == 1
        or any({"residency", "processors"} & {*violations(limits, it)} for it in offers)
    )
