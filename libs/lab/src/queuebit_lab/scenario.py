"""What is simulated: devices, what others run there, and the jobs of tenants. A seed fixes all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from queuebit_kernel import Malformed
from queuebit_lab.devices import Device, circuit_names, devices
from queuebit_lab.trace import DAY_US, STAND_INS, Background, backgrounds

__all__ = [
    "FLEETS",
    "PLACES",
    "SCENARIOS",
    "Machine",
    "Scenario",
    "Slot",
    "Stream",
    "Work",
    "fleet",
    "jobs",
    "scenario",
]

_HOUR_US = 3_600_000_000
_SHOTS = (1_000, 2_000, 4_000, 8_000)
_LONG_SHOTS = (10_000, 20_000, 40_000)
_BURST = 40
"""Mean jobs of a burst."""
_BURST_GAP_S = 2.0
"""Mean time between two jobs of a burst."""
_BATCH, _INTERACTIVE = 1.5, 60
"""Of `classes`: the demand of batch jobs, of what the machines can run; and interactive jobs of a tenant in an hour."""
PLACES = 16
"""As `QUEUEBIT_SCHEDULER_PLACES_PER_SLOT` is by default."""
_DEDICATED = ("cairo", "hanoi", "kolkata")
FLEETS = ("traced", "all")
"""`traced`: the machines of the trace. `all`: every snapshot. The load of those that are not in the trace is that of a
traced machine some hours earlier, by turns."""
SCENARIOS = ("poisson", "bursty", "monopolist", "classes", "production", "reserved")
_SLOT_US = _HOUR_US // 2
_IN_SLOTS, _BESIDE = 0.6, 1.2
"""Of `reserved`: the demand of the holder in its slots, and that of the others, of what the machines can run."""


@dataclass(frozen=True, slots=True)
class Work:
    """A job of a tenant."""

    number: int
    tenant: str
    circuit: int
    """Index in `circuit_names`."""
    shots: int
    arrived_us: int
    workload_class: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """The jobs of one tenant."""

    tenant: str
    share: int
    """Its weight in fair share."""
    per_hour: float
    is_bursty: bool = False
    workload_class: str | None = None
    shots: tuple[int, ...] | None = None
    """Of its jobs; None: as the scenario says."""
    in_slots: bool = False
    """Whether its jobs arrive only during the slots that are reserved for it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that is reserved for the jobs of one tenant on a machine."""

    machine: int
    tenant: str
    starts_us: int
    ends_us: int


@dataclass(frozen=True, slots=True)
class Machine:
    """A device, and the queue of others in front of it."""

    name: str
    device: Device
    background: Background | None
    shift_us: int = 0
    """The load of the device at a moment is that of the trace so much later."""
    vendor: str = "ibm"
    """Whose calls are limited together."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The inputs of a simulation."""

    name: str
    fleet: str
    machines: tuple[Machine, ...]
    streams: tuple[Stream, ...]
    begins_us: int
    ends_us: int
    """Jobs arrive between these moments. Before them others have queued for a day, from which run times are learned."""
    shots: tuple[int, ...]
    seed: int
    places: int = PLACES
    """The most placed jobs of a machine, for the policy of the platform; the others have no limit."""
    slots: tuple[Slot, ...] = ()
    """Reserved times, in order. Only the policy of the platform knows them."""
    calls_per_minute: int | None = None
    """The most calls to each vendor; a placement is one. None: any number."""


def fleet(name: str) -> tuple[Machine, ...]:
    """Return machines with the queues of others.

    Raises:
        Malformed: no fleet has this name.
    """
    loads, known = backgrounds(), devices()
    traced = tuple(Machine(it, known[STAND_INS.get(it, it)], load) for it, load in loads.items())
    if name == "traced":
        return traced
    if name != "all":
        raise Malformed(f"no fleet is called {name!r}: take one of {', '.join(FLEETS)}")
    taken, names = {it.device.name for it in traced}, [*loads]
    others = [it for device, it in sorted(known.items()) if device not in taken]
    return (
        *traced,
        *(
            Machine(it.name, it, loads[names[number % len(names)]], -DAY_US * (1 + number // len(names)) // 6)
            for number, it in enumerate(others)
        ),
    )


def scenario(
    name: str,
    *,
    fleet_name: str = "traced",
    hours: int = 24,
    per_hour: float = 60,
    seed: int = 1,
    places: int = PLACES,
    calls_per_minute: int | None = None,
) -> Scenario:
    """Return a scenario.

    `poisson` and `bursty` have four tenants of equal weight that share a fleet with others. `monopolist` has three
    machines without other users, three tenants with weights 1, 2 and 4, each with 1.3 times the work of its
    entitlement, and one of weight 1 that submits a hundred times the jobs of the first. `classes` has these machines,
    two tenants whose batch jobs ask for 1.5 times what they can run, and 60 short interactive jobs an hour of each.
    `production` is the same with jobs of the class `production` instead of `batch`. `reserved` has half an hour of one
    machine reserved in each hour, and two tenants that ask for 1.2 times what these machines can run.

    Args:
        name: one of `SCENARIOS`.
        fleet_name: one of `FLEETS`; not for those with machines of their own.
        hours: how long jobs arrive, up to 120; at least 2 on machines without others, whose first hour does not count.
        per_hour: jobs of all tenants together; not for those with machines of their own.
        seed: of all random choices.
        places: the most placed jobs of a machine, for the policy of the platform.
        calls_per_minute: the most calls to each vendor; None: any number.

    Raises:
        Malformed: no scenario or fleet has this name, or the hours are too few.
    """
    if name not in SCENARIOS:
        raise Malformed(f"no scenario is called {name!r}: take one of {', '.join(SCENARIOS)}")
    if name in ("monopolist", "classes", "production", "reserved"):
        return replace(_dedicated(name, hours, seed, places), calls_per_minute=calls_per_minute)
    streams = tuple(Stream(it, 1, per_hour / 4, name == "bursty") for it in ("acme", "beta", "chem", "dyna"))
    ends_us = DAY_US + hours * _HOUR_US
    about = name, fleet_name, fleet(fleet_name), streams, DAY_US, ends_us, _SHOTS, seed, places
    return Scenario(*about, calls_per_minute=calls_per_minute)


def _dedicated(name: str, hours: int, seed: int, places: int) -> Scenario:
    if hours < 2:
        text = f"{name} needs at least 2 hours: the first one, in which the queue builds up, does not count"
        raise Malformed(text)
    machines = tuple(Machine(it, devices()[it], None) for it in _DEDICATED)
    per_hour, slots = _per_hour(machines), tuple(_slots(hours)) if name == "reserved" else ()
    match name:
        case "monopolist":
            streams = _monopolist(per_hour)
        case "reserved":
            streams = _reserved(per_hour)
        case _:
            streams = _classes(per_hour, "batch" if name == "classes" else name)
    return Scenario(name, "dedicated", machines, streams, 0, hours * _HOUR_US, _LONG_SHOTS, seed, places, slots)


def _slots(hours: int) -> Iterator[Slot]:
    """The second half of each hour but the first, on the first machine."""
    for hour in range(1, hours):
        ends_us = (hour + 1) * _HOUR_US
        yield Slot(0, "holder", ends_us - _SLOT_US, ends_us)


def _reserved(per_hour: float) -> tuple[Stream, ...]:
    holder = Stream("holder", 1, per_hour / len(_DEDICATED) * _IN_SLOTS, in_slots=True)
    return (holder, *(Stream(tenant, 1, per_hour * _BESIDE / 2) for tenant in ("acme", "beta")))


def _classes(per_hour: float, long: str) -> tuple[Stream, ...]:
    return tuple(
        stream
        for tenant in ("acme", "beta")
        for stream in (
            Stream(tenant, 1, per_hour * _BATCH / 2, workload_class=long),
            Stream(tenant, 1, _INTERACTIVE, workload_class="interactive", shots=_SHOTS[:2]),
        )
    )


def _monopolist(per_hour: float) -> tuple[Stream, ...]:
    entitled = per_hour / 8
    tenants = [("one", 1, 1.3), ("two", 2, 2.6), ("four", 4, 5.2), ("monopolist", 1, 130.0)]
    return tuple(Stream(tenant, share, entitled * times) for tenant, share, times in tenants)


def jobs(it: Scenario) -> list[Work]:
    """Return all jobs in order of arrival: each a circuit that some machine runs, with equal probability."""
    fitting = [
        number
        for number in range(len(circuit_names()))
        if any(machine.device.circuits[number] is not None for machine in it.machines)
    ]
    found = []
    for stream in it.streams:
        kind = stream.workload_class or ""
        draw, shots = Random(f"{it.seed}/{stream.tenant}{kind}"), stream.shots or it.shots
        arrivals = _arrivals(stream, draw, it.begins_us, it.ends_us)
        if stream.in_slots:
            own = [slot for slot in it.slots if slot.tenant == stream.tenant]
            arrivals = (at for at in arrivals if any(slot.starts_us <= at < slot.ends_us for slot in own))
        found += [(at, stream.tenant, draw.choice(fitting), draw.choice(shots), kind) for at in arrivals]
    rows = enumerate(sorted(found))
    return [
        Work(number, tenant, circuit, shots, at, kind or None) for number, (at, tenant, circuit, shots, kind) in rows
    ]


def _arrivals(stream: Stream, draw: Random, at_us: int, until_us: int) -> Iterator[int]:
    rate = stream.per_hour / _HOUR_US
    while True:
        at_us += max(1, round(draw.expovariate(rate / _BURST if stream.is_bursty else rate)))
        moment_us = at_us
        for _ in range(1 + int(draw.expovariate(1 / (_BURST - 0.5))) if stream.is_bursty else 1):
            if moment_us < until_us:
                yield moment_us
            moment_us += max(1, round(draw.expovariate(1 / _BURST_GAP_S) * 1e6))
        if at_us >= until_us:
            return


def _per_hour(machines: tuple[Machine, ...]) -> float:
    """How many jobs these machines end in an hour."""
    total = 0.0
    for machine in machines:
        compiled = [it for it in machine.device.circuits if it is not None]
        runs = [it.run_us(shots) for it in compiled for shots in _LONG_SHOTS]
        total += _HOUR_US * len(runs) / sum(runs)
    return total
