"""The published prices of vendors: worked examples of their pages, and the backends of the plugins."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit_pricing import Bounds, PriceBook, Unpriced, bill, gaps, load

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "contracts" / "pricebook"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
UNPRICED = {
    "braket-dm1": "AWS: no price was found",
    "ionq-simulator": "IonQ: prices are given by its interface only",
    "ionq-aria-1": "as above",
    "ionq-forte-1": "as above",
    "ionq-forte-enterprise-1": "as above",
    "azure-quantinuum-h2-1e": "Quantinuum: the price of credits of emulators was not found",
    "azure-quantinuum-h2-2e": "as above",
}
"""Backends of plugins without a public price: their jobs are refused."""


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return load(PUBLISHED / "vendors.toml")


@pytest.fixture(scope="module")
def euros() -> PriceBook:
    return load(PUBLISHED / "vendors-eur.toml")


def cost(
    book: PriceBook, backend: str, *, shots: int = 1, qpu_us: int = 0, gates: tuple[int, int, int] = (0, 0, 0)
) -> Decimal:
    one, two, measured = (it * shots for it in gates)
    bounds = Bounds(shots=shots, qpu_us=qpu_us, qubits=2, gates_1q=one, gates_2q=two, measurements=measured)
    used = {"shots": Decimal(shots), "qpu-time": Decimal(qpu_us)}
    return bill(book.price_for(backend, NOW), bounds, "completed", used, final=True).amount


@pytest.mark.parametrize(
    ("backend", "shots", "expected"),
    [
        ("braket-ionq-forte-1", 100, "8.30"),
        ("braket-ionq-aria-1", 1_000, "30.30"),
        ("braket-iqm-garnet", 1_000, "1.75"),
        ("braket-quera-aquila", 100, "1.30"),
        ("braket-rigetti-cepheus-1", 10_000, "4.55"),
        ("braket-aqt-ibex-q1", 1_000, "23.80"),
    ],
)
def test_tasks_at_braket(book: PriceBook, backend: str, shots: int, expected: str) -> None:
    assert cost(book, backend, shots=shots) == Decimal(expected)


@pytest.mark.parametrize(
    ("backend", "qpu_us", "expected"),
    [
        ("braket-sv1", 1_200_000, "0.00375"),
        ("ibm-torino", 60_000_000, "96"),
        ("azure-rigetti-cepheus-1-108q", 10_001, "0.04"),
        ("iqm-garnet", 1_000_000, "0.30"),
        ("ibm-open-plan", 10**9, "0"),
    ],
)
def test_time_at_vendors(book: PriceBook, backend: str, qpu_us: int, expected: str) -> None:
    assert cost(book, backend, qpu_us=qpu_us) == Decimal(expected)


def test_prices_by_the_hour_are_rounded_up_in_the_twelfth_place(book: PriceBook, euros: PriceBook) -> None:
    hour = 3_600_000_000
    for found, hourly in (
        (cost(book, "alice-bob-boson-4", qpu_us=hour), 5000),
        (cost(euros, "azure-pasqal-fresnel", qpu_us=hour), 3000),
        (cost(euros, "azure-pasqal-emu-sv", qpu_us=hour), 15),
        (cost(euros, "scaleway-aqt-emulator", qpu_us=hour), Decimal("0.75")),
    ):
        assert 0 <= found - hourly < Decimal("0.00000001")


def test_gates_at_azure(book: PriceBook) -> None:
    assert cost(book, "azure-ionq-forte-1-plain", shots=1000, gates=(10, 5, 2)) == Decimal("33.0399")
    assert cost(book, "azure-ionq-aria-1", shots=100, gates=(10, 5, 2)) == Decimal("97.50") + Decimal("0.22") + Decimal(
        "0.4875"
    )
    price = book.price_for("azure-quantinuum-h2-1", NOW)
    bounds = Bounds(shots=500, qpu_us=0, qubits=2, gates_1q=5000, gates_2q=2500, measurements=2000)
    charge = bill(price, bounds, "completed", {"shots": Decimal(500)}, final=True)
    assert (charge.credits, charge.amount) == (Decimal(13), Decimal(13 * 275))
    assert cost(book, "azure-quantinuum-h2-1sc", shots=500, gates=(10, 5, 4)) == 0


def test_aqt_at_scaleway_costs_euros(euros: PriceBook) -> None:
    assert euros.currency == "EUR"
    assert cost(euros, "scaleway-aqt-ibex-q1", shots=1000) == Decimal("21.30")


def test_each_backend_of_a_plugin_has_a_price_or_a_reason_why_not(book: PriceBook) -> None:
    plugins = ROOT / "libs" / "vendors"
    found = {
        name
        for vendor in ("azure", "braket", "ibm", "ionq", "iqm")
        for path in (plugins / vendor / "src").rglob("*.py")
        for name in re.findall(rf'"((?:{vendor})-[a-z0-9-]+)"', path.read_text())
        if not re.search(r"\.(sdk|com)$|^(azure-quantum|braket-sdk|ibm-quantum|iqm-client)$", name)
    }
    assert {"braket-sv1", "ionq-forte-1", "azure-quantinuum-h2-1", "ibm-fez", "iqm-garnet"} <= found
    without = set()
    for name in found:
        try:
            book.price_for(name, NOW)
        except Unpriced:
            without.add(name)
    assert without == UNPRICED.keys()


@pytest.mark.parametrize("name", ["default", "vendors", "vendors-eur"])
def test_each_price_has_a_source_and_none_of_a_vendor_is_of_high_confidence(name: str) -> None:
    prices = load(PUBLISHED / f"{name}.toml")
    assert gaps(prices) == []
    assert all(len(it.source) > 10 for it in prices.listings)
    if name != "default":
        assert {it.confidence for it in prices.listings} <= {"low", "medium"}
