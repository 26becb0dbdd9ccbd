"""Usage is a list of measures, also where version 0.1 wrote three fields; and one module reads it."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from queuebit_contracts.usage import Measure, Usage, is_final, measures_of, prevailing, quantities, usage_of

ROOT = Path(__file__).parents[2]
SHOTS = Measure(metric="shots", quantity="1000", unit="shot")
TIME = Measure(metric="qpu-time", quantity="1500", unit="microsecond")
LATE = TIME.model_copy(update={"final": False})
CREDITS = Measure(metric="hqc", quantity="12.5", unit="hqc")


def test_what_version_0_1_wrote_reads_as_measures() -> None:
    old = Usage.model_validate_json('{"shots": 1000, "qpu_us": 1500, "qubits": 2, "final": true}')
    assert measures_of(old) == (SHOTS, TIME, Measure(metric="qubits", quantity="2", unit="qubit"))
    assert is_final(old)
    late = Usage.model_validate_json('{"qpu_us": 0, "final": false}')
    assert not is_final(late)


def test_what_the_old_fields_can_say_is_written_as_before() -> None:
    usage = usage_of(SHOTS, TIME)
    assert usage.model_dump(exclude_none=True) == {"shots": 1000, "qpu_us": 1500, "qubits": 0, "final": True}


@pytest.mark.parametrize("measures", [(SHOTS, LATE), (SHOTS, TIME, CREDITS), (LATE, CREDITS)])
def test_what_they_cannot_say_is_a_list_and_older_readers_still_see_the_rest(measures: tuple[Measure, ...]) -> None:
    usage = Usage.model_validate_json(usage_of(*measures).model_dump_json(exclude_none=True))
    assert measures_of(usage) == measures
    assert usage.qpu_us == 1500
    assert usage.final is is_final(usage) is all(it.final for it in measures)


def test_the_list_counts_where_both_are_there() -> None:
    usage = Usage(shots=7, final=True, measures=(SHOTS, LATE))
    assert quantities(usage) == {"shots": Decimal(1000), "qpu-time": Decimal(1500)}
    assert not is_final(usage)


def test_metrics_of_a_vendor_or_in_another_unit_have_no_price_component() -> None:
    seconds = TIME.model_copy(update={"unit": "second"})
    assert quantities(usage_of(CREDITS, seconds)) == {}


def test_the_newest_final_report_prevails() -> None:
    final, late = usage_of(TIME), usage_of(LATE)
    assert prevailing({}) is None
    assert prevailing({1: late, 2: late}) == 2
    assert prevailing({1: final, 2: late}) == 1
    assert prevailing({3: final, 1: final, 2: late}) == 3


@pytest.mark.parametrize("quantity", ["-1", "1e3", "", "1.", ".5", "NaN"])
def test_a_quantity_is_a_plain_decimal_not_below_zero(quantity: str) -> None:
    with pytest.raises(ValidationError):
        Measure(metric="shots", quantity=quantity, unit="shot")


def test_no_other_module_reads_the_fields_of_version_0_1() -> None:
    reads = re.compile(r"\busage\.(shots|qpu_us|qubits|final)\b")
    sources = [it for folder in ("libs", "services") for it in (ROOT / folder).glob("*/src/**/*.py")]
    assert len(sources) > 100
    found = [str(it.relative_to(ROOT)) for it in sources if reads.search(it.read_text())]
    assert [it for it in found if not it.startswith("libs/pricing/")] == [], "read with queuebit_contracts.usage"
