"""`qb charges --by`: the sums that it asks for, on the real engine."""

from __future__ import annotations

from decimal import Decimal

import pytest

from queuebit_cli.commands.charge_sums import FIELDS, sums_query
from queuebit_kernel.exact import total

from .histories import START, Bill, Charged, Line, messages
from .warehouse import Warehouse

pytestmark = pytest.mark.server

ALL = {"tenant": "sums", "project": "", "since": "0", "until": "0"}


def _bill(component: str, billed: str, price: str) -> Bill:
    return Bill((Line(component, Decimal(billed), Decimal(billed), Decimal(price)),))


@pytest.fixture(scope="module", autouse=True)
def history(warehouse: Warehouse) -> None:
    warehouse.fill(
        messages(
            "sums",
            [
                Charged(
                    "job",
                    "one",
                    "ann",
                    ("a", "b", "c"),
                    0,
                    (_bill("task", "1", "0.1"), _bill("task", "1", "1")),
                    again=True,
                    workload_class="batch",
                ),
                Charged("job", "two", "bob", (), 1, (_bill("shot", "100", "0.01"),)),
                Charged("session", "two", "bob", (), 1, (_bill("session_idle_second", "60", "0.001"),)),
                Charged("hybrid", "two", "ann", ("a",), 2, (_bill("classical_second", "2.5", "0.0001"),)),
            ],
        )
    )


def test_sums_by_project_have_idle_time_and_corrections(warehouse: Warehouse) -> None:
    rows = warehouse.ask(sums_query(["project"]), ALL)
    assert [(it["project"], it["currency"], it["jobs"], it["amount"]) for it in rows] == [
        ("one", "USD", 1, "1"),
        ("two", "USD", 1, "1.06025"),
    ]


def test_tags_share_a_charge_to_the_last_digit(warehouse: Warehouse) -> None:
    found = {it["tag"]: Decimal(it["amount"]) for it in warehouse.ask(sums_query(["tag"]), ALL)}
    third = Decimal("0." + "3" * 36)
    assert found["b"] == found["c"] == third
    assert found["(rounding)"] == Decimal("1E-36")
    assert total(found.values()) == Decimal("2.06025")


def test_ten_thousand_tags_share_their_charges_to_the_last_digit(warehouse: Warehouse) -> None:
    price = Decimal("0.000000000007")
    line = Line("shot", Decimal(1000), Decimal(1000), price)
    jobs = [
        Charged("job", "one", "ann", tuple(f"t{8 * number + it:05}" for it in range(8)), 0, (Bill((line,)),))
        for number in range(1_250)
    ]
    warehouse.fill(messages("many", jobs))
    rows = warehouse.ask(sums_query(["tag"]), {**ALL, "tenant": "many"})
    assert len(rows) == 10_000
    assert {Decimal(it["amount"]) for it in rows} == {1000 * price / 8}
    (whole,) = warehouse.ask(sums_query(["project"]), {**ALL, "tenant": "many"})
    assert total(Decimal(it["amount"]) for it in rows) == Decimal(whole["amount"]) == 1_250_000 * price


def test_the_class_of_a_job_is_that_of_the_submission_that_was_accepted(warehouse: Warehouse) -> None:
    rows = warehouse.ask(sums_query(["class"]), ALL)
    assert [(it["class"], it["jobs"], it["amount"]) for it in rows] == [("", 1, "1.06025"), ("batch", 1, "1")]
    shared = warehouse.ask(sums_query(["class", "tag"]), ALL)
    assert {it["tag"] for it in shared if it["class"] == "batch"} == {"a", "b", "c", "(rounding)"}


def test_a_period_is_half_open(warehouse: Warehouse) -> None:
    second_day = START.replace(day=2, hour=9).timestamp()
    for since, until, amount in ((second_day, 0, "1.06025"), (0, second_day, "1")):
        (row,) = warehouse.ask(sums_query(["tenant"]), ALL | {"since": f"{since:f}", "until": f"{until:f}"})
        assert row["amount"] == amount


def test_every_two_fields_sum_to_the_same_total(warehouse: Warehouse) -> None:
    for by in zip(FIELDS, [*FIELDS][1:], strict=False):
        rows = warehouse.ask(sums_query(by), ALL)
        assert total(Decimal(it["amount"]) for it in rows) == Decimal("2.06025"), by


def test_components_have_their_quantity(warehouse: Warehouse) -> None:
    rows = warehouse.ask(sums_query(["component"]), ALL | {"project": "two"})
    assert {it["component"]: it["billed"] for it in rows} == {
        "shot": "100", "session_idle_second": "60", "classical_second": "2.5",
    }  # fmt: skip
