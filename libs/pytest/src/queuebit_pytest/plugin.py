"""The plugin: options, fixtures, a marker, and the costs of a session. Loads no quantum library, and no client before
a test asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from queuebit_pytest.ledger import Ledger

if TYPE_CHECKING:
    from queuebit_pytest.clients import SessionClient
    from queuebit_pytest.local import Local

__all__ = [
    "assert_distribution",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "qb_client",
    "qb_local",
    "qb_seed",
    "qb_stack",
]

_LEDGER = pytest.StashKey[Ledger]()
_MARKER = "qb_stack: uses a Queuebit stack, and may cost money; added to tests that use qb_client or qb_stack"
_OUTPUT = "queuebit"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("queuebit", "quantum programs on Queuebit")
    group.addoption("--qb-home", metavar="DIR", help="the stack's folder (QUEUEBIT_CREDENTIAL, else QUEUEBIT_HOME)")
    group.addoption("--qb-start", action="store_true", help="start a stack for this session, and stop it afterwards")
    group.addoption("--qb-max-cost", metavar="1.50", help="jobs that could bring the session above this are refused")
    group.addoption(
        "--qb-alpha", metavar="A", type=float, default=1e-4, help="false alarm rate of one assert_distribution (0.0001)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and begin to count."""
    config.addinivalue_line("markers", _MARKER)
    alpha: float = config.getoption("--qb-alpha")
    if not 0 < alpha < 1:
        raise pytest.UsageError(f"--qb-alpha {alpha:g} is no rate: give a number between 0 and 1")
    config.stash[_LEDGER] = Ledger()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a stack."""
    for item in items:
        if {"qb_client", "qb_stack"}.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("qb_stack")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send what this worker of pytest-xdist counted to the process that reports."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = session.config.stash[_LEDGER].document()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Add what a worker of pytest-xdist counted."""
    output = getattr(node, "workeroutput", {})
    config = getattr(node, "config", None)
    if config is not None and _OUTPUT in output:
        config.stash[_LEDGER].add(output[_OUTPUT])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the session cost, and how often its statistics raise a false alarm."""
    for line in config.stash[_LEDGER].lines():
        terminalreporter.write_line(f"queuebit: {line}")


@pytest.fixture(scope="session")
def qb_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """The folder of the stack that `qb_client` uses; None for the one that QUEUEBIT_CREDENTIAL or QUEUEBIT_HOME names.

    With `--qb-start`, a new stack that ends with the session.
    """
    home = request.config.getoption("--qb-home")
    if not request.config.getoption("--qb-start"):
        yield Path(home) if home else None
        return
    from queuebit_pytest.local import running_stack

    with running_stack(Path(home) if home else tmp_path_factory.mktemp("queuebit") / "home") as started:
        yield started


@pytest.fixture(scope="session")
def qb_client(request: pytest.FixtureRequest, qb_stack: Path | None) -> Iterator[SessionClient]:
    """A `queuebit.Client` of the stack; its jobs count against `--qb-max-cost`, and appear in the summary."""
    from queuebit_pytest.clients import SessionClient, cap_of

    config = request.config
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    cap = cap_of(config.getoption("--qb-max-cost"), workers)
    with SessionClient(home=qb_stack, ledger=config.stash[_LEDGER], cap=cap) as client:
        yield client
        client.settle()


@pytest.fixture(scope="session")
def qb_local() -> Iterator[Local]:
    """The simulators of this machine, without a stack: `qb_local.counts(circuit, shots=, seed=, backend=)`; free."""
    from queuebit_pytest.local import Local

    with Local() as local:
        yield local


@pytest.fixture
def qb_seed(request: pytest.FixtureRequest) -> int:
    """A seed that follows from the name of the test: the same in every session, and another in every test."""
    from hashlib import sha256

    return int.from_bytes(sha256(request.node.nodeid.encode()).digest()[:4])


@pytest.fixture
def assert_distribution(request: pytest.FixtureRequest, qb_seed: int) -> Callable[..., None]:
    """Call `assert_distribution(counts, expected, alpha=, tolerance=)`; a failure states the rate and the seed."""
    from queuebit_pytest import assertions

    config = request.config

    def check(
        counts: Mapping[str, int],
        expected: Mapping[str, float],
        *,
        alpha: float | None = None,
        tolerance: float = 0.0,
    ) -> None:
        __tracebackhide__ = True
        rate = config.getoption("--qb-alpha") if alpha is None else alpha
        config.stash[_LEDGER].tested(rate)
        assertions.assert_distribution(counts, expected, alpha=rate, tolerance=tolerance, seed=qb_seed)

    return check
