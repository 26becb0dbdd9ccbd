"""The examples of the page about prices do what the page says."""

import doctest
import re
import tomllib
from pathlib import Path

from queuebit_pricing import check

PAGE = Path(__file__).parents[3] / "docs" / "prices.md"


def test_the_worked_examples_are_right() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert found.attempted > 10
    assert found.failed == 0


def test_the_agreement_is_one() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    row = {"valid_from": "2026-01-01T00:00:00Z", "source": "t", "as_of": "2026-01-01", "confidence": "low"}
    prices = [
        {**row, "id": "ibm-1", "backend": "ibm-1", "per_second": {"amount": "1"}},
        {**row, "id": "braket-1", "backend": "braket-1", "per_shot": "1"},
        {
            **row,
            "id": "azure-quantinuum-1",
            "backend": "q",
            "per_task": "1",
            "credits": {"unit": "HQC", "price": "275"},
        },
    ]
    book = check({"version": "2026-11-01", "currency": "USD", "price": prices, **tomllib.loads(text)})
    assert len(book.agreements[0].rules) == 4
