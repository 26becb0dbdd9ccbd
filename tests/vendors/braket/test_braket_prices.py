"""The rating of Braket devices equals that of Amazon's own code, `braket.tracking.Tracker`, to the last digit.

The tracker reads our price book, served as the offer file of AWS. Its traps: it keeps the file for the whole process,
so its caches are emptied for each book; it counts requested shots; and a simulator's cost follows from its time alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from braket.tracking import Tracker, pricing
from braket.tracking.tracking_events import _TaskCompletionEvent, _TaskCreationEvent, _TaskStatusEvent
from tests.vendors.braket.offers import Offers, offers

from queuebit_pricing import Bounds, PriceBook, bill, check, load, quote
from queuebit_vendor_braket.stacks import DEVICES

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
REGION = "us-east-1"
PRICED = sorted(DEVICES.keys() - {"braket-dm1"})
"""All devices of the plugin that have a price."""

Serve = Callable[[PriceBook], None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve a price book to the tracker."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Offers)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("BRAKET_PRICE_OFFERS_URL", f"http://127.0.0.1:{server.server_port}/index.csv")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def publish(book: PriceBook) -> None:
        Offers.text = offers(book, DEVICES, NOW, REGION)
        pricing._pricing._price_list = []
        pricing.price_search.cache_clear()

    yield publish
    server.shutdown()
    thread.join()
    server.server_close()


class Case:
    """A random task: device, shots, end, time of simulation, reservation, and whether a hybrid job of AWS made it."""

    def __init__(self, draw: random.Random) -> None:
        self.backend = draw.choice(PRICED)
        self.arn = DEVICES[self.backend]
        self.is_simulator = "/quantum-simulator/" in self.arn
        self.shots = draw.choice([1, 100, draw.randint(1, 10_000), draw.randint(1, 1_000_000)])
        self.ms = draw.choice([1, 2_999, 3_000, 3_001, draw.randint(1, 10_000), draw.randint(1, 10**7)])
        self.status = draw.choice(["COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "CANCELLED"])
        self.is_reserved = draw.random() < 0.2
        self.is_of_job = draw.random() < 0.3

    def __repr__(self) -> str:
        return str(vars(self))

    def at_amazon(self) -> Decimal:
        """The cost that Amazon's tracker gives, with the events that Amazon's SDK sends."""
        region = self.arn.split(":")[3] or REGION
        task, tracker = f"arn:aws:braket:{region}:123456789012:quantum-task/one", Tracker()
        tracker.receive_event(_TaskCreationEvent(task, self.shots, self.is_of_job, self.arn))
        if self.status == "COMPLETED":
            ms = self.ms if self.is_simulator else None
            tracker.receive_event(_TaskCompletionEvent(task, ms, self.status, self.is_reserved))
        else:
            tracker.receive_event(_TaskStatusEvent(task, self.status))
        return Decimal(tracker.qpu_tasks_cost() + tracker.simulator_tasks_cost())

    def here(self, book: PriceBook) -> Decimal:
        """The charge that our rating gives for what the plugin measures."""
        state = self.status.lower()
        done = self.shots if self.status == "COMPLETED" else self.shots // 2
        used = {"shots": Decimal(done), "qpu-time": Decimal(self.ms * 1000), "reservation": Decimal(self.is_reserved)}
        bounds = Bounds(shots=self.shots, qpu_us=10**10, qubits=2)
        return bill(book.price_for(self.backend, NOW), bounds, state, used, final=True, at_limit=True).amount


def test_two_thousand_random_tasks_cost_what_amazons_code_says(serve: Serve) -> None:
    book = load(ROOT / "contracts" / "pricebook" / "vendors.toml")
    serve(book)
    draw, seen = random.Random(1), set()
    for _ in range(2_000):
        case = Case(draw)
        assert case.here(book) == case.at_amazon(), case
        seen.add((case.backend, case.status, case.is_reserved, case.is_of_job))
    assert len(seen) == len(PRICED) * 3 * 2 * 2, "each device, end and kind of task was compared"


def test_programs_of_many_tasks_cost_what_amazons_code_says(serve: Serve) -> None:
    """Each task has its fee; of simulators, all are below the least time, or all are above it."""
    book = load(ROOT / "contracts" / "pricebook" / "vendors.toml")
    serve(book)
    draw, most = random.Random(5), 0
    for _ in range(500):
        tasks, first = draw.choice([1, 2, draw.randint(2, 40)]), Case(draw)
        ms = draw.choice([range(1, 3_001), range(3_000, 10**6)])
        cases = []
        for _ in range(tasks):
            each = Case(draw)
            each.backend, each.arn, each.is_simulator = first.backend, first.arn, first.is_simulator
            each.is_reserved, each.is_of_job, each.ms = first.is_reserved, first.is_of_job, draw.choice(ms)
            each.status = draw.choice(["COMPLETED", "COMPLETED", "FAILED", "CANCELLED"])
            cases.append(each)
        done = [it for it in cases if it.status == "COMPLETED"]
        if not done:
            continue  # then the job fails, and failed jobs are free
        amazon = sum((it.at_amazon() for it in cases), Decimal(0))
        bounds = Bounds(tasks=tasks, shots=sum(it.shots for it in cases), qpu_us=10**12, qubits=2)
        used = {
            "tasks": Decimal(len(done)),
            "shots": Decimal(sum(it.shots for it in done)),
            "qpu-time": Decimal(sum(it.ms for it in done) * 1000),
            "reservation": Decimal(first.is_reserved),
        }
        price = book.price_for(first.backend, NOW)
        charge = bill(price, bounds, "completed", used, final=True)
        assert charge.amount == amazon, (first, tasks)
        assert charge.amount <= quote(price, bounds).amount
        most = max(most, len(done))
    assert most > 20


def test_random_prices_give_the_same_amounts(serve: Serve) -> None:
    draw = random.Random(2)
    for _ in range(20):
        book = random_book(draw)
        serve(book)
        for _ in range(50):
            case = Case(draw)
            assert case.here(book) == case.at_amazon(), (case, book)


def random_book(draw: random.Random) -> PriceBook:
    def amount(places: int) -> str:
        return format(Decimal(draw.randint(1, 10**6)).scaleb(-places), "f")

    def row(backend: str) -> dict[str, object]:
        simulator = {"per_second": {"amount": amount(8), "quantum": "0.001", "minimum": "3"}}
        device = {"per_task": amount(draw.randint(2, 8)), "per_shot": amount(draw.randint(2, 9))}
        return {
            "id": backend,
            "backend": backend,
            "valid_from": "2026-01-01T00:00:00Z",
            "source": "random",
            "as_of": "2026-01-01",
            "confidence": "low",
            "free_when": ["cancelled", "failed", "reserved"],
            **(simulator if "/quantum-simulator/" in DEVICES[backend] else device),
        }

    return check({"version": "2026-11-01", "currency": "USD", "price": [row(it) for it in PRICED]})


@pytest.mark.parametrize(
    ("backend", "shots", "ms", "cost"),
    [
        ("braket-rigetti-cepheus-1", 10_000, 1, "4.55"),
        ("braket-sv1", 1, 1_200, "0.00375"),
        ("braket-iqm-garnet", 1, 1, "0.30145"),
    ],
)
def test_known_amounts(serve: Serve, backend: str, shots: int, ms: int, cost: str) -> None:
    book = load(ROOT / "contracts" / "pricebook" / "vendors.toml")
    serve(book)
    case = Case(random.Random(3))
    case.backend, case.arn, case.shots, case.ms = backend, DEVICES[backend], shots, ms
    case.is_simulator, case.status, case.is_reserved, case.is_of_job = (
        backend == "braket-sv1",
        "COMPLETED",
        False,
        False,
    )
    assert case.at_amazon() == case.here(book) == Decimal(cost)


def test_the_tracker_counts_requested_shots_and_we_count_completed_ones(serve: Serve) -> None:
    """A difference that is meant: a device that completes fewer shots is charged for those."""
    book = load(ROOT / "contracts" / "pricebook" / "vendors.toml")
    serve(book)
    price, bounds = book.price_for("braket-quera-aquila", NOW), Bounds(shots=100, qpu_us=0, qubits=2)
    assert bill(price, bounds, "completed", {"shots": Decimal(90)}, final=True).amount == Decimal("1.20")


def test_a_device_without_a_price_has_no_offer_and_amazons_code_refuses_it(serve: Serve) -> None:
    serve(load(ROOT / "contracts" / "pricebook" / "vendors.toml"))
    case = Case(random.Random(4))
    case.backend, case.arn, case.is_simulator = "braket-dm1", DEVICES["braket-dm1"], True
    case.status, case.is_reserved = "COMPLETED", False
    with pytest.raises(ValueError, match="Found 0 products"):
        case.at_amazon()
