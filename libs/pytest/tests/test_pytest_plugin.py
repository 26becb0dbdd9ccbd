"""The plugin in sessions of its own, and its client on a platform in this process."""

import subprocess
import sys
from decimal import Decimal

import pytest

from queuebit import InvalidInput
from queuebit_kernel import Money
from queuebit_pytest.assertions import assert_distribution
from queuebit_pytest.clients import SessionClient, cap_of
from queuebit_pytest.ledger import Ledger
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytest_plugins = ["pytester"]

BELL = 'OPENQASM 3;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n'
TESTS = """
    import pytest

    def test_fair(assert_distribution):
        assert_distribution({"0": 520, "1": 480}, {"0": 0.5, "1": 0.5})

    def test_unfair(assert_distribution, qb_seed):
        assert_distribution({"0": 600, "1": 400}, {"0": 0.5, "1": 0.5}, alpha=0.01)

    def test_stack(qb_client):
        raise AssertionError("is not reached")
"""


@pytest.fixture
def session(pytester: pytest.Pytester) -> pytest.Pytester:
    options = "-p no:randomly -p no:unraisableexception -p no:threadexception"
    pytester.makeini(f"[pytest]\nasyncio_default_fixture_loop_scope = function\naddopts = {options}")
    return pytester


def test_a_session_states_its_rate_and_a_failure_its_numbers(session: pytest.Pytester) -> None:
    session.makepyfile(TESTS)
    done = session.runpytest_inprocess("-m", "not qb_stack")
    done.assert_outcomes(passed=1, failed=1, deselected=1)
    done.stdout.fnmatch_lines(
        [
            "*1,000 shots do not fit the expected distribution: p = *",
            "*the test fails at p = 0.01 or less, which a correct program reaches in 0.01 of cases at most",
            "*distance 0.1000, method *, seed *",
            "*0 * 0.6000 * 0.5000",
            "queuebit: 2 distributions compared; false alarms in at most 0.01 of sessions",
        ]
    )


def test_a_seed_follows_from_the_name_of_its_test(qb_seed: int) -> None:
    assert qb_seed == 1093458824, "other seeds would change the counts of all tests"


def test_a_session_that_does_not_use_it_reads_nothing_of_it() -> None:
    assert [*Ledger().lines()] == []


def test_a_rate_that_is_none(session: pytest.Pytester) -> None:
    session.makepyfile(TESTS)
    done = session.runpytest_inprocess("--qb-alpha", "2")
    assert done.ret == pytest.ExitCode.USAGE_ERROR


def test_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import pytest, sys; before = {*sys.modules}; import queuebit_pytest.plugin; print(*({*sys.modules} - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "qiskit", "queuebit", "pydantic", "asyncio", "nats"} & {*loaded}


def test_workers_are_added() -> None:
    one, other = Ledger(), Ledger()
    for it in (one, other):
        it.jobs = 2
        it.charged(Decimal("0.0050"), "USD")
        it.tested(0.001)
    one.unbilled = 1
    other.add(one.document())
    assert [*other.lines()] == [
        "4 jobs, 0.01 USD, and 1 not billed yet",
        "2 distributions compared; false alarms in at most 0.002 of sessions",
    ]


def client(platform: LocalPlatform, ledger: Ledger, cap: str | None) -> SessionClient:
    return SessionClient(local_credential(), transport=platform, ledger=ledger, cap=cap_of(cap))


def test_each_job_may_cost_what_is_left_of_the_cap(platform: LocalPlatform) -> None:
    ledger = Ledger()
    with client(platform, ledger, "0.025") as it:
        for _ in range(3):
            it.submit(BELL, shots=10).result()
        with pytest.raises(InvalidInput, match="used up"):
            it.submit(BELL, shots=10)
    limits = [found.data.max_cost.amount for found in platform.submissions if found.data.max_cost]
    assert limits == ["0.025", "0.015", "0.005"], "the platform of this test charges 0.01, and refuses nothing"
    assert (ledger.jobs, ledger.charges) == (3, {"USD": Decimal("0.03")})


def test_a_limit_of_its_own_stays_as_it_is(platform: LocalPlatform) -> None:
    with client(platform, Ledger(), "0.05") as it:
        it.submit(BELL, shots=10, key="mine", max_cost="0.02")
        it.submit(BELL, shots=10, key="mine", max_cost="0.02")
        assert len(platform.submissions) == 1
        with pytest.raises(InvalidInput, match="a job with a key needs a max_cost"):
            it.submit(BELL, shots=10, key="other")
        with pytest.raises(InvalidInput, match=r"0\.06 USD, and 0\.04 USD of --qb-max-cost 0\.05 USD are left"):
            it.submit(BELL, shots=10, max_cost=0.06)


def test_without_a_cap_nothing_is_limited(platform: LocalPlatform) -> None:
    ledger = Ledger()
    with client(platform, ledger, None) as it:
        it.submit(BELL, shots=10)
        it.settle()
    assert platform.submissions[0].data.max_cost is None
    assert ledger.charges == {"USD": Decimal("0.01")}


def test_processes_share_a_cap() -> None:
    assert cap_of("1.00", 4) == Money.of("0.25")
    with pytest.raises(InvalidInput, match="--qb-max-cost"):
        cap_of("much")


def test_an_assertion_without_the_plugin() -> None:
    assert_distribution({"00": 480, "11": 520}, {"00": 0.5, "11": 0.5})
    with pytest.raises(AssertionError, match=r"total variation of 0\.02"):
        assert_distribution({"00": 900, "11": 100}, {"00": 0.5, "11": 0.5}, tolerance=0.02)
    with pytest.raises(ValueError, match="alpha is 0"):
        assert_distribution({"0": 1}, {"0": 1.0}, alpha=0)
    with pytest.raises(AssertionError, match="and 8 more outcomes"):
        assert_distribution({"0000": 100}, {format(it, "04b"): 1 / 16 for it in range(16)})
