"""Plan, broker and executor apply the same rule: a job that fits in a plan is admitted, and an admitted job runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_broker.answers import Answers
from queuebit_broker.budgets import Budgets
from queuebit_broker.eligibility import Tariff
from queuebit_broker.policy import Admit, admit
from queuebit_broker.profiles import Profiles
from queuebit_broker.snapshot import Request, Snapshot
from queuebit_broker.state import Profiled, World
from queuebit_contracts.backend import BackendRegistered
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import Profile
from queuebit_contracts.query import ProfileAnswer, ProfileRequest, Question
from queuebit_contracts.tenants import Project, Tenant, Tenants, User
from queuebit_contracts.wire import Reason
from queuebit_executor import events
from queuebit_executor.answers import Described, Estimate
from queuebit_executor.instance import Instance
from queuebit_executor.policy import Allowance, quoted
from queuebit_kernel import FixedClock, Money, digest
from queuebit_planning.limits import MAX_BUSY_US, state_bytes
from queuebit_planning.timing import Method, device_us
from queuebit_pricing import parse
from queuebit_quantum import DoesNotFit, require_fit
from queuebit_quantum.backends import Description
from queuebit_testing.build import submission

CLOCK = FixedClock()
FREE = """
version = "2026-01-01"
currency = "USD"

[[price]]
id = "free"
backend = "device"
valid_from = 2020-01-01T00:00:00Z
source = "a test"
as_of = "2020-01-01"
confidence = "high"
per_task = "0"
"""


@dataclass(frozen=True)
class Case:
    """A compiled circuit, a backend, and the limits of a run there."""

    simulator: bool
    qubits: int
    has_qubits: int
    features: frozenset[str]
    has_features: frozenset[str]
    shots: int
    max_shots: int
    memory_bytes: int
    once_ns: int
    duration_ns: int
    memory_mb: int
    run_s: float

    @property
    def method(self) -> Method:
        return Method("statevector", self.once_ns, 1_000, self.memory_bytes)

    @property
    def runs(self) -> bool:
        """An independent implementation of the rule."""
        computes_us = self.method.microseconds(self.shots)
        busy_us = computes_us if self.simulator else device_us(self.shots, self.duration_ns, 0, 0)
        return (
            self.qubits <= self.has_qubits
            and self.features <= self.has_features
            and self.shots <= self.max_shots
            and self.memory_bytes <= state_bytes(self.memory_mb)
            and computes_us <= self.run_s * 1_000_000
            and busy_us <= MAX_BUSY_US
        )


features = st.frozensets(st.sampled_from(["loop", "reset"]))
cases = st.builds(
    Case,
    simulator=st.booleans(),
    qubits=st.integers(1, 30),
    has_qubits=st.integers(10, 30),
    features=features,
    has_features=st.just(frozenset({"loop", "reset"})) | features,
    shots=st.integers(1, 12_000),
    max_shots=st.integers(5_000, 20_000),
    memory_bytes=st.integers(0, 33).map(lambda power: 1 << power),
    once_ns=st.integers(0, 80 * 10**9),
    duration_ns=st.integers(0, 10**8),
    memory_mb=st.sampled_from([512, 1_536, 16_384]),
    run_s=st.sampled_from([60.0, 600.0, 86_400.0]),
)


class Executors:
    """Compiles like a child, and answers like an executor."""

    def __init__(self, case: Case) -> None:
        self.case = case
        kind = "simulator" if case.simulator else "emulated"
        self.offer = Described(
            backend="device",
            vendor="Test",
            kind=kind,
            qubits=case.has_qubits,
            max_shots=case.max_shots,
            features=tuple(sorted(case.has_features)),
            gates=(),
            rep_delay_ns=0,
            overhead_ns=0,
            target=digest(b"target"),
        )

    def registered(self) -> BackendRegistered:
        me = Instance("test", "executor-test@here", slots=1, memory_mb=self.case.memory_mb)
        return events.registered(me, self.offer, CLOCK.now())

    def estimate(self) -> Estimate:
        case, offer = self.case, self.offer
        description = Description(
            id="device",
            vendor="Test",
            kind="simulator" if case.simulator else "emulated",
            num_qubits=case.has_qubits,
            basis_gates=(),
            max_shots=case.max_shots,
            target_digest=offer.target,
            features=case.has_features,
        )
        circuit = SimpleNamespace(touched=range(case.qubits), needs=case.features, places={})
        try:
            require_fit(description, circuit)  # type: ignore[arg-type]  # all that it looks at
        except DoesNotFit as error:
            return Estimate(backend="device", unfit=Reason(code="does_not_fit", text=str(error)))
        return Estimate(backend="device", duration_ns=case.duration_ns, methods=(case.method,))

    async def profile(self, stack: str, request: ProfileRequest) -> ProfileAnswer:
        profile = Profile(
            qubits=self.case.qubits,
            clbits=1,
            depth=1,
            two_qubit_gates=0,
            simulation_bytes=self.case.memory_bytes,
            features=tuple(sorted(self.case.features)),
        )
        allowance = Allowance(self.case.memory_mb, self.case.run_s)
        answer = quoted(self.estimate(), self.offer, request.shots, allowance)
        return ProfileAnswer(profile=profile, estimates=(answer,))


def plan_says_it_fits(world: World, executors: Executors, tariff: Tariff) -> bool:
    asked = submission(shots=executors.case.shots, backend="device")
    answers = Answers(world, Profiles(executors, world), tariff, CLOCK, max_source_bytes=10_000)
    answer = asyncio.run(answers.plan("acme", Question(circuit=asked.circuit, shots=asked.shots)))
    (row,) = answer.rows
    return bool(row["fits"])


def broker_admits(world: World, executors: Executors, tariff: Tariff) -> bool:
    asked = submission(shots=executors.case.shots, backend="device")
    answer = asyncio.run(
        executors.profile("test", ProfileRequest(tenant="acme", circuit=asked.circuit, shots=asked.shots))
    )
    snapshot = Snapshot(
        now=CLOCK.now(),
        directory=world.directory,
        tariff=tariff,
        backends=world.registered(),
        profiled=Profiled(answer.profile, {it.backend: it for it in answer.estimates}),
        others_active=0,
        available=Money.of(10),
        existing_hold=None,
        hold_closed=False,
        budgets=Budgets(),
        max_source_bytes=10_000,
    )
    return isinstance(
        admit(Request("acme", asked.job, asked, signed=True, known_algorithm=True, provenance=None), snapshot), Admit
    )


@settings(deadline=None, max_examples=200)
@given(case=cases)
def test_plan_admission_and_run_agree(case: Case) -> None:
    executors, tariff, world = Executors(case), Tariff(parse(FREE)), World()
    world.take(executors.registered(), 1)
    key = submission().proof.key
    tenant = Tenant(
        max_shots=10**6, project={"main": Project(budget="10")}, user={"ann": User(role="submitter", keys=(key,))}
    )
    world.directory = Directory(Tenants(tenant={"acme": tenant}))
    assert plan_says_it_fits(world, executors, tariff) == case.runs
    assert broker_admits(world, executors, tariff) == case.runs
