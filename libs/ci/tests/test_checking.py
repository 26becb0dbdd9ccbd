"""A change from its files to its report, on a platform in this process and in the offline child."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from queuebit import AsyncClient
from queuebit.errors import InvalidInput, Refused
from queuebit_ci.checking import Checking
from queuebit_ci.model import Check, CircuitReport, Plan, Report
from queuebit_ci.offline import OfflinePlatform
from queuebit_ci.platforms import StackPlatform, run_key
from queuebit_ci.policy import Policy, RunRule
from queuebit_ci.selection import read_candidate
from queuebit_contracts.wire import Reason
from queuebit_testing.local_platform import LocalPlatform, local_credential

BELL = "OPENQASM 3;\ninclude 'stdgates.inc';\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n"
FAIR = '[probabilities]\n"00" = 0.5\n"11" = 0.5\n'
ROW = {"fits": True, "reason": None, "currency": "USD", "qpu_us": 1, "two_qubit_gates": 1}
ROWS: list[dict[str, Any]] = [
    {"backend": "device", "cost": "0.001", "esp_ppm": 950_000, "depth": 7, **ROW},
    {"backend": "aer", "cost": "0.01", "esp_ppm": None, "depth": 3, **ROW},
    {"backend": "small", "fits": False, "reason": "has 1 qubit"},
]


@pytest.fixture
def circuit(tmp_path: Path) -> Callable[..., Path]:
    def write(expected: str | None = FAIR, source: str = BELL) -> Path:
        (tmp_path / "bell.qasm").write_text(source.replace("'", '"'))
        if expected:
            (tmp_path / "bell.expected.toml").write_text(expected)
        return tmp_path

    return write


def report(
    folder: Path, policy: Policy | None = None, platform: LocalPlatform | None = None, *, run: bool = True
) -> Report:
    transport = platform or LocalPlatform()
    transport.answers["plan"] = ROWS

    async def checked() -> Report:
        async with AsyncClient(local_credential(), transport=transport) as client:
            checking = Checking(StackPlatform(client, "team/repo"), policy or Policy(), run=run)
            return await checking.report([read_candidate(folder, "bell.qasm")])

    return asyncio.run(checked())


def states(found: CircuitReport) -> dict[str, str]:
    return {it.rule: it.state for it in found.checks}


def test_a_circuit_is_planned_run_and_compared(circuit: Callable[..., Path]) -> None:
    (found,) = report(circuit()).circuits
    assert states(found) == {"circuit": "passed", "distribution": "passed"}
    assert found.plan is not None
    assert found.plan.backend == "aer", "the cheapest simulator, not the cheapest backend"
    assert found.run is not None
    assert (found.run.shots, found.run.backend, str(found.run.charge)) == (4_000, "aer", "0.01 USD")


def test_a_wrong_distribution_fails(circuit: Callable[..., Path]) -> None:
    found = report(circuit('[probabilities]\n"00" = 0.45\n"11" = 0.55\n'))
    assert found.failed
    assert states(found.circuits[0])["distribution"] == "failed"


def test_another_width_is_said_in_words(circuit: Callable[..., Path]) -> None:
    (found,) = report(circuit('[probabilities]\n"000" = 1\n')).circuits
    assert "write as many bits" in found.checks[-1].text


def test_plan_only_runs_nothing(circuit: Callable[..., Path]) -> None:
    platform = LocalPlatform()
    (found,) = report(circuit(), platform=platform, run=False).circuits
    assert found.run is None
    assert platform.submissions == []


def test_a_second_run_is_the_same_job_and_pays_nothing(circuit: Callable[..., Path]) -> None:
    platform = LocalPlatform()
    transport_credential = local_credential()

    async def twice() -> list[Report]:
        found = []
        for _ in range(2):
            async with AsyncClient(transport_credential, transport=platform) as client:
                checking = Checking(StackPlatform(client, "team/repo"), Policy())
                found.append(await checking.report([read_candidate(circuit(), "bell.qasm")]))
        return found

    platform.answers["plan"] = ROWS
    first, second = asyncio.run(twice())
    assert len(platform.submissions) == 1
    assert str(first.charged) == "0.01 USD"
    assert second.charged is None
    one, other = first.circuits[0].run, second.circuits[0].run
    assert one is not None
    assert other is not None
    assert (one.job, one.counts) == (other.job, other.counts)


def test_the_key_follows_what_is_run_and_not_what_is_allowed() -> None:
    rule = RunRule()
    key = run_key("a/b", "sha256:1", rule, 100)
    assert key == run_key("a/b", "sha256:1", RunRule(alpha=0.01, timeout=5), 100)
    others = [
        run_key("a/c", "sha256:1", rule, 100),
        run_key("a/b", "sha256:2", rule, 100),
        run_key("a/b", "sha256:1", RunRule(seed=2), 100),
        run_key("a/b", "sha256:1", RunRule(max_cost="2.00"), 100),
        run_key("a/b", "sha256:1", rule, 101),
    ]
    assert len({key, *others}) == 6


def test_a_refused_run_is_a_failed_check_with_the_reason(circuit: Callable[..., Path]) -> None:
    platform = LocalPlatform(refuse=[Reason(code="over_budget", text="the budget has 0.00 USD left")])
    (found,) = report(circuit(), platform=platform).circuits
    assert found.checks[-1].rule == "run"
    assert "the budget has 0.00 USD left" in found.checks[-1].text


def test_a_named_backend_that_does_not_fit(circuit: Callable[..., Path]) -> None:
    (found,) = report(circuit(), Policy.model_validate({"plan": {"backend": "small"}})).circuits
    assert (found.checks[0].rule, found.checks[0].text) == ("circuit", "small: has 1 qubit")
    with pytest.raises(InvalidInput, match="the policy names the backend none"):
        report(circuit(), Policy.model_validate({"plan": {"backend": "none"}}))


def test_a_refusal_that_is_not_about_the_circuit_ends_the_run(circuit: Callable[..., Path]) -> None:
    class Refusing:
        async def plan(self, program: object, rule: object) -> Plan | Check:
            raise Refused([])

        async def run(self, *args: object) -> Check:
            raise AssertionError

    checking = Checking(Refusing(), Policy())
    with pytest.raises(Refused):
        asyncio.run(checking.report([read_candidate(circuit(), "bell.qasm")]))


def test_without_a_stack_plans_and_counts_are_those_of_a_stack(circuit: Callable[..., Path]) -> None:
    """One child: a device's plan, a run, an error with its line, a batch, a wrong backend."""
    folder = circuit()
    (folder / "wrong.qasm").write_text("OPENQASM 3;\nqubit[2 q;\n")
    (folder / "batch.json").write_text('{"items": [{"circuit": "bell.qasm"}]}')
    policy = Policy.model_validate({"plan": {"backend": "emulated-ibm-torino"}, "gates": {"max_cost": "1.00"}})

    async def offline() -> Report:
        candidates = [read_candidate(folder, it) for it in ("bell.qasm", "wrong.qasm", "batch.json")]
        async with OfflinePlatform() as platform:
            with pytest.raises(InvalidInput, match="there is no backend"):
                await platform.counts(BELL.replace("'", '"'), 10, 1, "none")
            return await Checking(platform, policy).report(candidates, offline=True)

    bell, wrong, batch = asyncio.run(offline()).circuits
    assert bell.plan is not None
    assert bell.run is not None
    assert states(bell) == {"circuit": "passed", "cost": "skipped", "distribution": "passed"}
    assert (bell.plan.depth, bell.plan.two_qubit_gates, bell.plan.cost) == (7, 1, None)
    assert bell.plan.esp == pytest.approx(0.9777, abs=1e-4)
    assert (wrong.checks[0].line, wrong.failed) == (2, True)
    assert states(batch) == {"circuit": "skipped"}
    stack = report(folder).circuits[0].run
    assert stack is not None
    assert bell.run.counts == stack.counts


async def test_a_circuit_that_takes_too_long_here_is_a_failed_check(circuit: Callable[..., Path]) -> None:
    async with OfflinePlatform(timeout=0.05) as platform:
        found = await Checking(platform, Policy()).report([read_candidate(circuit(), "bell.qasm")], offline=True)
    assert "took longer than 0.05 s" in found.circuits[0].checks[0].text
