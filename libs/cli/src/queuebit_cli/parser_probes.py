"""The grammar of `qb probe`, `qb smoke` and `qb gameday`."""

from __future__ import annotations

from queuebit_cli.grammar import Group, number, share

__all__ = ["gameday_commands", "probe_commands", "smoke_commands"]


def probe_commands(probe: Group) -> None:
    """Jobs with known results on a schedule."""
    setup = probe.command("setup", "probes:setup", "make the tenant of probes, and probes.toml")
    setup.add_argument("--budget", default="100", metavar="N", help="all that probes may ever spend (100)")
    setup.add_argument("--currency", default="USD", metavar="C", help="of the budget (USD)")
    probe.command("list", "probes:list_", "the newest run of each probe on each backend")
    run = probe.command("run", "probes:run", "run probes of probes.toml now; exit code 1 if one is bad", client=True)
    run.add_argument("names", nargs="*", metavar="PROBE", help="only these (all)")
    run.add_argument("--backend", action="append", default=[], metavar="B", help="only on these, or a pattern (all)")


def smoke_commands(words: Group) -> None:
    """The smoke test of backends."""
    smoke = words.command(
        "smoke", "probes:smoke", "run three small circuits with known results on each backend", client=True
    )
    smoke.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="B",
        help="test these, such as emulated-*; may be repeated (simulators)",
    )
    smoke.add_argument("--shots", type=number(1, 1_000_000), default=1000, metavar="N", help="of each circuit (1000)")
    smoke.add_argument("--floor", type=share, metavar="F", help="least fidelity (simulators 0.99, devices 0.7)")
    smoke.add_argument("--max-cost", default="0.10", metavar="M", help="refuse a circuit that could cost more (0.10)")
    smoke.add_argument("--timeout", type=number(1, 86_400), default=600, metavar="S", help="wait so long (600)")
    smoke.add_argument("--key", metavar="K", help="idempotency key: the same key is the same jobs (new ones)")
    smoke.add_argument("--junit", metavar="FILE", help="also write a report in JUnit's XML there")


def gameday_commands(words: Group) -> None:
    """Faults on a scratch stack."""
    text = "one fault on a scratch stack, and whether it is detected, contained and repaired"
    gameday = words.command("gameday", "gameday:gameday", text)
    gameday.add_argument("name", nargs="?", metavar="NAME", help="which one; without it, or with `list`: all names")
    gameday.add_argument("--keep", action="store_true", help="keep the home of the scratch stack")
