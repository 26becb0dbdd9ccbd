"""`qb submit`: what is sent, and what a wait that ends too early tells."""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

import pytest

from queuebit import Sweep
from queuebit.errors import Reason, StillRunning
from queuebit.records import Result, Status, Table
from queuebit_cli import connecting
from queuebit_cli.commands import reservations, submit
from queuebit_cli.grammar import deadline
from queuebit_cli.main import main
from queuebit_kernel import Money


class OneJob:
    """A job that has ended whenever it is asked, though a wait for it was too short."""

    id = "j1"

    def __init__(self, state: str) -> None:
        self.state = state

    async def until(self, events: Collection[str], timeout: float | None = None) -> None:
        raise StillRunning(f"job j1 has not ended after {timeout:g} s")

    async def receipt(self, timeout: float | None = None) -> None:
        raise StillRunning("job j1 has not been sealed")

    async def status(self) -> Status:
        return Status("j1", self.state, "acme", "main", 10, "", "aer")

    async def result(self) -> Result:
        assert self.state == "completed"
        return Result("j1", "aer", 10, {"0": 10}, "sha256:0")


class Platform:
    """A client that keeps what it was asked for."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.asked: list[tuple[object, dict[str, object]]] = []
        self.planned: list[object] = []
        self.estimates: list[dict[str, object]] = []
        self.demanded: dict[str, object] = {}
        self.advice: Reason | None = None
        self.measured: list[dict[str, object]] = []
        self.newest: list[dict[str, object]] = []
        self.statuses: list[dict[str, object]] = []

    async def __aenter__(self) -> Platform:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def submit(self, circuit: object, **words: object) -> OneJob:
        self.asked.append((circuit, words))
        return OneJob(self.state)

    async def plan(self, circuit: object, **words: object) -> Table:
        self.planned.append(circuit)
        self.demanded = words
        table = Table(self.estimates)
        table.advice = self.advice
        return table

    async def backend_status(self) -> list[dict[str, object]]:
        return self.statuses

    async def fidelities(self) -> list[dict[str, object]]:
        return self.measured

    async def jobs(self, **_: object) -> list[dict[str, object]]:
        return self.newest

    async def waiting(self, **_: object) -> dict[str, str]:
        return {}


@pytest.fixture
def bell(tmp_path: Path) -> Path:
    path = tmp_path / "bell.qasm"
    path.write_text("OPENQASM 3.0; qubit q; bit c; c = measure q;")
    return path


def run(platform: Platform, words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(submit, "client_of", lambda _: platform)
    return main(["submit", *words])


@pytest.mark.parametrize(
    ("state", "counts", "code", "reasons"),
    [("completed", {"0": 10}, 0, []), ("started", None, 1, ["still_running"]), ("failed", None, 1, [])],
)
def test_a_wait_that_is_too_short_never_tells_a_completed_job_without_counts(
    state: str,
    counts: dict[str, int] | None,
    code: int,
    reasons: list[str],
    bell: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(Platform(state), [str(bell), "--wait", "--json", "--timeout", "0.014"], monkeypatch) == code
    output = json.loads(capsys.readouterr().out)
    assert (output["state"], output["counts"], [it["code"] for it in output["reasons"]]) == (state, counts, reasons)


def test_a_circuit_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch, bell: Path) -> None:
    platform = Platform("submitted")
    source = bell.read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(source)))
    assert run(platform, ["-", "--label", "mine", "--json"], monkeypatch) == 0
    ((circuit, words),) = platform.asked
    assert (circuit, words["label"]) == (source.decode(), "mine")


def test_what_comes_next_stands_on_one_line_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bell: Path
) -> None:
    monkeypatch.setattr(OneJob, "id", "j" + "x" * 20)
    assert run(Platform("submitted"), [str(bell)], monkeypatch) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(f"qb job watch {OneJob.id}")
    assert len(line) < 80


def test_a_plan_reads_standard_input_too(monkeypatch: pytest.MonkeyPatch, bell: Path) -> None:
    platform = Platform("submitted")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bell.read_bytes())))
    monkeypatch.setattr(connecting, "client_of", lambda _: platform)
    assert main(["plan", "-", "--json"]) == 0
    assert platform.planned == [bell.read_text()]


@pytest.mark.parametrize(("fits", "output"), [(True, "without --backend"), (False, "no backend here can run")])
def test_a_plan_ends_with_what_to_do(
    fits: bool, output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bell: Path
) -> None:
    platform = Platform("submitted")
    platform.estimates = [{"backend": "aer", "fits": fits, "reason": None if fits else "lacks the feature while_loop"}]
    monkeypatch.setattr(connecting, "client_of", lambda _: platform)
    assert main(["plan", str(bell)]) == 0
    assert output in capsys.readouterr().out


def test_a_plan_names_the_usual_wait_and_every_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bell: Path
) -> None:
    platform = Platform("submitted")
    platform.estimates = [
        {"backend": "aer", "fits": True, "reason": None, "cost": "0.01", "currency": "USD", "esp_ppm": 967_799},
        {"backend": "cirq", "fits": False, "reason": "has 24 qubits, the circuit needs 30; lacks the feature loop"},
    ]
    platform.newest = [{"backend": "aer", "queue_wait_ms": it} for it in range(10, 1_010, 100)]
    monkeypatch.setattr(connecting, "client_of", lambda _: platform)
    assert main(["plan", str(bell)]) == 0
    head, aer, cirq = capsys.readouterr().out.splitlines()[:3]
    assert head.split() == ["backend", "fits", "costs", "up", "to", "success", "usual", "wait", "reason"]
    assert aer.split() == ["aer", "yes", "0.01", "USD", "96.8%", "460", "ms", "(10-810", "ms)"]
    assert cirq.endswith("has 24 qubits, the circuit needs 30; lacks the feature loop")


@pytest.mark.parametrize(
    ("backend", "code", "output"),
    [("aer", 0, "aer"), ("cirq", 0, "without --backend the plan shows"), ("ear", 2, "there is no backend ear here")],
)
def test_a_plan_of_one_backend(
    backend: str,
    code: int,
    output: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bell: Path,
) -> None:
    platform = Platform("submitted")
    platform.estimates = [{"backend": "aer", "fits": True}, {"backend": "cirq", "fits": False, "reason": "too small"}]
    monkeypatch.setattr(connecting, "client_of", lambda _: platform)
    assert main(["plan", str(bell), "--backend", backend]) == code
    said = capsys.readouterr()
    assert output in said.out + said.err
    assert {it for it in ("aer", "cirq") if f"{it} " in said.out} <= {backend}


LIMITS = [
    *("--backend", "aer", "--backend", "cirq", "--min-fidelity", "0.9", "--deadline", "2h"),
    *("--vendor", "ibm", "--vendor", "iqm", "--region", "eu-de"),
]
DEMANDED = {
    "backend": ["aer", "cirq"],
    "min_fidelity": "0.9",
    "deadline": timedelta(hours=2),
    "vendors": ["ibm", "iqm"],
    "regions": ["eu-de"],
}


def test_limits_are_asked_of_a_job_and_of_its_plan(
    bell: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = Platform("submitted")
    assert run(platform, [str(bell), *LIMITS], monkeypatch) == 0
    ((_, words),) = platform.asked
    assert {name: words[name] for name in DEMANDED} == DEMANDED
    platform.estimates = [{"backend": "aer", "fits": False, "reason": "is of qiskit, and allowed is ibm or iqm"}]
    platform.advice = Reason("impossible_limits", "no backend has everything that is demanded")
    monkeypatch.setattr(connecting, "client_of", lambda _: platform)
    assert main(["plan", str(bell), *LIMITS, "--max-cost", "1.50"]) == 0
    assert platform.demanded | DEMANDED | {"max_cost": Money.of("1.50")} == platform.demanded
    assert "no backend has everything that is demanded" in capsys.readouterr().out
    assert main(["plan", str(bell), *LIMITS, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["advice"] == {"code": "impossible_limits", "text": "no backend has everything that is demanded"}


def test_a_plan_is_asked_for_a_spot_job_or_for_a_reservation(bell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full_id(_: object, words: str) -> str:
        return f"{words}234"

    platform = Platform("submitted")
    monkeypatch.setattr(connecting, "client_of", lambda _: platform)
    monkeypatch.setattr(reservations, "full_id", full_id)
    found = []
    for words in ([], ["--spot"], ["--reservation", "r1"]):
        assert main(["plan", str(bell), *words]) == 0
        found.append((platform.demanded["spot"], platform.demanded["reservation"]))
    assert found == [(False, None), (True, None), (False, "r1234")]


def test_a_plan_shows_the_success_that_earlier_jobs_correct(
    bell: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = Platform("submitted")
    platform.estimates = [
        {"backend": "torino", "fits": True, "esp_ppm": 900_000},
        {"backend": "perth", "fits": True, "esp_ppm": 800_000},
    ]
    platform.measured = [{"backend": "torino", "jobs": 10, "ratios_ppm": 8_000_000}]
    monkeypatch.setattr(connecting, "client_of", lambda _: platform)
    assert main(["plan", str(bell), "--json"]) == 0
    torino, perth = json.loads(capsys.readouterr().out)
    assert (torino["esp_ppm"], torino["corrected_ppm"], torino["measured_jobs"]) == (900_000, 810_000, 10)
    assert "corrected_ppm" not in perth
    assert main(["plan", str(bell)]) == 0
    assert "81.0%" in capsys.readouterr().out


def test_a_plan_says_how_long_the_queue_of_a_vendor_is_now(
    bell: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = Platform("submitted")
    platform.estimates = [{"backend": "fez", "fits": True}, {"backend": "forte", "fits": True}, {"backend": "aer"}]
    jobs = {"jobs": 41, "expected_ms": 1_080_000, "low_ms": 368_000, "high_ms": 4_560_000}
    stated = {"jobs": None, "expected_ms": 90_500, "low_ms": 90_500, "high_ms": 90_500}
    queues = {"fez": jobs, "forte": stated, "aer": None}
    platform.statuses = [{"backend": name, "queue": queue} for name, queue in queues.items()]
    monkeypatch.setattr(connecting, "client_of", lambda _: platform)
    assert main(["plan", str(bell), "--json"]) == 0
    fez, forte, aer = json.loads(capsys.readouterr().out)
    assert (fez["queue"], forte["queue"]) == (jobs, stated)
    assert "queue" not in aer
    assert main(["plan", str(bell)]) == 0
    shown = capsys.readouterr().out
    assert "queue now" in shown
    assert "18 min (6-76 min), 41 jobs" in shown
    assert "90 s" in shown


def test_a_deadline_is_a_duration_or_a_time(bell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert deadline("2026-11-01T12:00:00Z") == datetime(2026, 11, 1, 12, tzinfo=UTC)
    with pytest.raises(SystemExit):
        main(["submit", str(bell), "--deadline", "soon"])
    assert "'soon' is not a time" in capsys.readouterr().err


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Platform("submitted"), ["-", "-"], monkeypatch) == 2
    assert "give `-` once" in capsys.readouterr().err


def test_a_plan_takes_a_sweep_and_observables_as_a_submission_does(
    bell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings = tmp_path / "bindings.json"
    bindings.write_text('{"theta": [0, 0.5, 1]}')
    words = [str(bell), "--sweep", str(bindings), "--observable", "Z"]
    platform = Platform("submitted")
    assert run(platform, [*words, "--json"], monkeypatch) == 0
    monkeypatch.setattr("queuebit_cli.connecting.client_of", lambda _: platform)
    assert main(["plan", *words, "--json"]) == 0
    assert isinstance(platform.planned[0], Sweep)
    assert platform.planned == [circuit for circuit, _ in platform.asked]
